//! ConditionSet: conditions that one route or scope of the router can have.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, Request};
use waylay_router::rule::RuleText;
use waylay_router::{Peer, Reason, RequestHead, Route, Scope, ScopeConditions, Table};

use crate::input::{Dialect, RouteSpec};

/// Path of a condition set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathCondition {
    Exact(String),
    Prefix(String),
}

impl PathCondition {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix(text) => text,
        }
    }
}

/// A conjunction of conditions on one route or scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConditionSet {
    hosts: Vec<String>,
    pub(crate) path: Option<PathCondition>,
    methods: Option<Vec<Method>>,
    schemes: Option<Vec<String>>,
    queries: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    headers_regexp: Vec<(String, String)>,
    /// Hosts that the request target must contain, independent of the Host header.
    target_hosts: Vec<String>,
    /// Whether no request can match.
    never: bool,
    /// The exact path of a scope, which a prefix cannot express.
    pub(crate) exact_path: Option<Arc<Table<()>>>,
    rules: Vec<RuleText>,
    pub(crate) sealed: bool,
    /// An error that the router does not detect.
    pub(crate) error: Option<String>,
    pub(crate) build_vars: BTreeMap<String, String>,
}

/// Adds the conditions to a route, to bounds or to a scope: the same setters without a common trait.
macro_rules! conditions {
    ($item:expr, $set:expr) => {{
        let (mut item, set): (_, &ConditionSet) = ($item, $set);
        for method in set.methods.iter().flatten() {
            item = item.method(method.clone());
        }
        for host in &set.hosts {
            item = item.host(host);
        }
        for scheme in set.schemes.iter().flatten() {
            item = item.scheme(scheme);
        }
        for (name, value) in &set.headers {
            // In the format, as in gorilla/mux, an empty value requires the header, with any value.
            item = if value.is_empty() { item.header_present(name) } else { item.header(name, value) };
        }
        for (name, regex) in &set.headers_regexp {
            item = item.header_regex(name, regex);
        }
        for (key, value) in &set.queries {
            item = if value.is_empty() { item.query_present(key) } else { item.query(key, value) };
        }
        for host in set.target_hosts.iter().cloned() {
            item = item.guard(format!("target host {host}"), move |head: &RequestHead<'_>| {
                head.uri.authority().is_some_and(|authority| authority.as_str() == host)
            });
        }
        for rule in &set.rules {
            item = item.when(rule.clone());
        }
        if set.never {
            item = item.guard("never", |_: &RequestHead<'_>| false);
        }
        if !set.build_vars.is_empty() {
            let own = set.build_vars.clone();
            item = item.url_variables(move |variables| variables.extend(own.clone()));
        }
        item
    }};
}

/// Adds conditions and path to bounds or to a scope.
macro_rules! bounds {
    ($item:expr, $set:expr) => {{
        let (mut item, set): (_, &ConditionSet) = (conditions!($item, $set), $set);
        match &set.path {
            Some(PathCondition::Prefix(prefix)) => item = item.prefix(prefix),
            Some(PathCondition::Exact(path)) if !path.trim_end_matches('/').is_empty() => {
                item = item.prefix(path.trim_end_matches('/'));
            }
            _ => {}
        }
        if let Some(exact) = set.exact_path.clone() {
            item = item.guard("exact path", move |head: &RequestHead<'_>| has_exact_path(&exact, head));
        }
        if set.sealed { item.sealed() } else { item }
    }};
}

impl ConditionSet {
    /// Splits the conditions of a route, outermost set first; there is at least one. The last path is
    /// in the innermost set.
    pub(crate) fn from_spec(route: &RouteSpec, dialect: Dialect) -> Result<Vec<Self>, String> {
        let mut own = Self {
            hosts: route.host.iter().cloned().collect(),
            methods: route.methods.as_deref().map(|texts| methods(texts, dialect)).transpose()?,
            schemes: Some(route.schemes.clone()).filter(|schemes| !schemes.is_empty()),
            queries: route.queries.clone(),
            headers: last_wins(&route.headers, dialect),
            headers_regexp: last_wins(&route.headers_regexp, dialect),
            rules: route.rule.iter().map(|rule| dialect.rules().text(rule)).collect(),
            ..Self::default()
        };
        // In gorilla/mux an empty list of methods matches no method.
        own.never = own.methods.as_ref().is_some_and(Vec::is_empty);
        let path = route.path.iter().cloned().map(PathCondition::Exact);
        let prefix = route.prefix.iter().cloned().map(PathCondition::Prefix);
        let position = |word: &str| route.order.iter().position(|other| other == word).unwrap_or(usize::MAX);
        let mut paths: Vec<PathCondition> = if position("prefix") < position("path") {
            prefix.chain(path).collect()
        } else {
            path.chain(prefix).collect()
        };
        let mut levels = vec![own];
        for words in route.extra.iter().chain(&route.after) {
            let mut more = Self::extra(words, dialect)?;
            paths.extend(more.path.take());
            match levels.last_mut() {
                Some(last) if last.accepts(&more) => last.add(more),
                _ => levels.push(more),
            }
        }
        let missing = paths.len().saturating_sub(levels.len());
        levels.extend(std::iter::repeat_n(Self::default(), missing));
        for (set, path) in levels.iter_mut().rev().zip(paths.into_iter().rev()) {
            set.path = Some(path);
        }
        if dialect == Dialect::Gorilla {
            levels.iter_mut().for_each(Self::remove_host_header);
        }
        if let Some(inner) = levels.last_mut() {
            inner.sealed = route.sealed;
            inner.build_vars = route.build_vars.clone();
        }
        Ok(levels)
    }

    /// Removes conditions on the `Host` header: Go removes it from the header fields, so they never match.
    fn remove_host_header(&mut self) {
        let before = self.headers.len() + self.headers_regexp.len();
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
        self.headers_regexp.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
        self.never |= self.headers.len() + self.headers_regexp.len() < before;
    }

    fn extra(words: &[String], dialect: Dialect) -> Result<Self, String> {
        let (word, args) = words.split_first().ok_or("an `extra` condition is empty")?;
        let one = || match args {
            [arg] => Ok(arg.clone()),
            _ => Err(format!("extra `{word}` takes one argument")),
        };
        let (pairs, odd) = args.as_chunks::<2>();
        let pairs = || pairs.iter().cloned().map(<(String, String)>::from).collect::<Vec<_>>();
        let mut set = Self::default();
        let paired = matches!(word.as_str(), "queries" | "headers" | "headers_regexp");
        if paired && !odd.is_empty() {
            set.error = Some(format!("`{word}` takes pairs of arguments"));
        }
        match word.as_str() {
            "host" => set.hosts.push(one()?),
            "path" => set.path = Some(PathCondition::Exact(one()?)),
            "prefix" => set.path = Some(PathCondition::Prefix(one()?)),
            "methods" => {
                set.never = args.is_empty();
                set.methods = Some(methods(args, dialect)?);
            }
            "schemes" => set.schemes = Some(args.to_vec()),
            "queries" => set.queries = pairs(),
            "headers" => set.headers = last_wins(&pairs(), dialect),
            "headers_regexp" => set.headers_regexp = last_wins(&pairs(), dialect),
            "custom_url_host_eq" => set.target_hosts.push(one()?),
            _ => return Err(format!("extra `{word}` is unknown")),
        }
        Ok(set)
    }

    /// Tests whether further conditions fit into this set: a second list of alternatives does not.
    fn accepts(&self, more: &Self) -> bool {
        !(self.methods.is_some() && more.methods.is_some()
            || self.schemes.is_some() && more.schemes.is_some())
    }

    fn add(&mut self, more: Self) {
        self.hosts.extend(more.hosts);
        self.methods = self.methods.take().or(more.methods);
        self.schemes = self.schemes.take().or(more.schemes);
        self.queries.extend(more.queries);
        self.headers.extend(more.headers);
        self.headers_regexp.extend(more.headers_regexp);
        self.target_hosts.extend(more.target_hosts);
        self.rules.extend(more.rules);
        self.never |= more.never;
        self.error = self.error.take().or(more.error);
    }

    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Returns bounds with these conditions.
    pub(crate) fn bounds(&self) -> ScopeConditions {
        bounds!(ScopeConditions::new(), self)
    }

    /// Returns a scope with these conditions.
    pub(crate) fn scope(&self) -> Scope {
        bounds!(Scope::new(), self)
    }

    /// Returns a route with these conditions.
    pub(crate) fn route(&self) -> Route {
        let route = match &self.path {
            Some(PathCondition::Exact(path)) => Route::any(path),
            Some(PathCondition::Prefix(prefix)) => Route::prefix(prefix),
            None => Route::new(),
        };
        let route = conditions!(route, self);
        if self.sealed { route.sealed() } else { route }
    }
}

/// Tests a request for the exact path of a scope; a slash redirect counts as a match.
fn has_exact_path(path: &Table<()>, head: &RequestHead<'_>) -> bool {
    let mut request = Request::new(());
    *request.uri_mut() = head.uri.clone();
    match path.find(&request, &Peer::default()) {
        Ok(_) => true,
        Err(miss) => matches!(miss.reason, Reason::Redirect(redirect) if redirect.matched.is_some()),
    }
}

fn methods(texts: &[String], dialect: Dialect) -> Result<Vec<Method>, String> {
    let read = |text: &String| {
        let upper = (dialect == Dialect::Gorilla).then(|| text.to_ascii_uppercase());
        let text = upper.as_deref().unwrap_or(text);
        Method::from_bytes(text.as_bytes()).map_err(|_| format!("`{text}` is not a method"))
    };
    texts.iter().map(read).collect()
}

/// Keeps the last pair of each name in gorilla's dialect, where the pairs of one call are in a map.
fn last_wins(pairs: &[(String, String)], dialect: Dialect) -> Vec<(String, String)> {
    let is_repeated =
        |i: usize, name: &str| pairs[i + 1..].iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let kept = pairs.iter().enumerate();
    kept.filter(|(i, (name, _))| dialect != Dialect::Gorilla || !is_repeated(*i, name))
        .map(|(_, pair)| pair.clone())
        .collect()
}
