//! The conditions of a route in layers: each is a conjunction that one route or scope can hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, Request};
use waylay_router::rule::RuleText;
use waylay_router::{Bounds, Head, Peer, Reason, Route, Scope, Table};

use crate::case::{Dialect, Entry};

/// The path of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spot {
    Whole(String),
    Prefix(String),
}

impl Spot {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Whole(text) | Self::Prefix(text) => text,
        }
    }
}

/// Conditions that stand side by side on one route or scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct Level {
    hosts: Vec<String>,
    pub(crate) spot: Option<Spot>,
    methods: Option<Vec<Method>>,
    schemes: Option<Vec<String>>,
    queries: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    headers_regexp: Vec<(String, String)>,
    /// Hosts that the target itself must name, whatever the header says.
    target_hosts: Vec<String>,
    /// Whether no request can meet the conditions.
    never: bool,
    /// A scope with a whole path: what the path must match, which a prefix cannot say.
    pub(crate) whole: Option<Arc<Table<()>>>,
    rules: Vec<RuleText>,
    pub(crate) sealed: bool,
    /// What is wrong, where it is not the router that tells it.
    pub(crate) fault: Option<String>,
    pub(crate) build_vars: BTreeMap<String, String>,
}

/// Routes, bounds and scopes have the same setters, but no trait of them.
macro_rules! conditions {
    ($item:expr, $level:expr) => {{
        let (mut item, level): (_, &Level) = ($item, $level);
        for method in level.methods.iter().flatten() {
            item = item.method(method.clone());
        }
        for host in &level.hosts {
            item = item.host(host);
        }
        for scheme in level.schemes.iter().flatten() {
            item = item.scheme(scheme);
        }
        for (name, value) in &level.headers {
            // In the format, as in gorilla/mux, an empty text asks for presence.
            item = if value.is_empty() { item.header_present(name) } else { item.header(name, value) };
        }
        for (name, regex) in &level.headers_regexp {
            item = item.header_regex(name, regex);
        }
        for (key, value) in &level.queries {
            item = if value.is_empty() { item.query_present(key) } else { item.query(key, value) };
        }
        for host in level.target_hosts.iter().cloned() {
            item = item.guard(format!("target host {host}"), move |head: &Head<'_>| {
                head.uri.authority().is_some_and(|authority| authority.as_str() == host)
            });
        }
        for rule in &level.rules {
            item = item.when(rule.clone());
        }
        if level.never {
            item = item.guard("never", |_: &Head<'_>| false);
        }
        if !level.build_vars.is_empty() {
            let own = level.build_vars.clone();
            item = item.url_variables(move |variables| variables.extend(own.clone()));
        }
        item
    }};
}

/// The same for bounds and scopes.
macro_rules! bounds {
    ($item:expr, $level:expr) => {{
        let (mut item, level): (_, &Level) = (conditions!($item, $level), $level);
        match &level.spot {
            Some(Spot::Prefix(prefix)) => item = item.prefix(prefix),
            Some(Spot::Whole(path)) if !path.trim_end_matches('/').is_empty() => {
                item = item.prefix(path.trim_end_matches('/'));
            }
            _ => {}
        }
        if let Some(whole) = level.whole.clone() {
            item = item.guard("whole path", move |head: &Head<'_>| is_whole(&whole, head));
        }
        if level.sealed { item.sealed() } else { item }
    }};
}

impl Level {
    /// The layers of an entry, outermost first; there is at least one. The last path comes innermost.
    pub(crate) fn all(entry: &Entry, dialect: Dialect) -> Result<Vec<Self>, String> {
        let mut own = Self {
            hosts: entry.host.iter().cloned().collect(),
            methods: entry.methods.as_deref().map(|texts| methods(texts, dialect)).transpose()?,
            schemes: Some(entry.schemes.clone()).filter(|schemes| !schemes.is_empty()),
            queries: entry.queries.clone(),
            headers: last_wins(&entry.headers, dialect),
            headers_regexp: last_wins(&entry.headers_regexp, dialect),
            rules: entry.rule.iter().map(|rule| dialect.rules().text(rule)).collect(),
            ..Self::default()
        };
        // gorilla/mux takes no methods for a list that none is on.
        own.never = own.methods.as_ref().is_some_and(Vec::is_empty);
        let path = entry.path.iter().cloned().map(Spot::Whole);
        let prefix = entry.prefix.iter().cloned().map(Spot::Prefix);
        let place = |word: &str| entry.order.iter().position(|other| other == word).unwrap_or(usize::MAX);
        let mut spots: Vec<Spot> = if place("prefix") < place("path") {
            prefix.chain(path).collect()
        } else {
            path.chain(prefix).collect()
        };
        let mut levels = vec![own];
        for words in entry.extra.iter().chain(&entry.after) {
            let mut more = Self::extra(words, dialect)?;
            spots.extend(more.spot.take());
            match levels.last_mut() {
                Some(last) if last.takes(&more) => last.add(more),
                _ => levels.push(more),
            }
        }
        let missing = spots.len().saturating_sub(levels.len());
        levels.extend(std::iter::repeat_n(Self::default(), missing));
        for (level, spot) in levels.iter_mut().rev().zip(spots.into_iter().rev()) {
            level.spot = Some(spot);
        }
        if dialect == Dialect::Gorilla {
            levels.iter_mut().for_each(Self::without_host_header);
        }
        if let Some(inner) = levels.last_mut() {
            inner.sealed = entry.sealed;
            inner.build_vars = entry.build_vars.clone();
        }
        Ok(levels)
    }

    /// Go takes `Host` out of the header fields, so that nothing is to be found there.
    fn without_host_header(&mut self) {
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
        let mut level = Self::default();
        let paired = matches!(word.as_str(), "queries" | "headers" | "headers_regexp");
        if paired && !odd.is_empty() {
            level.fault = Some(format!("`{word}` takes pairs of arguments"));
        }
        match word.as_str() {
            "host" => level.hosts.push(one()?),
            "path" => level.spot = Some(Spot::Whole(one()?)),
            "prefix" => level.spot = Some(Spot::Prefix(one()?)),
            "methods" => {
                level.never = args.is_empty();
                level.methods = Some(methods(args, dialect)?);
            }
            "schemes" => level.schemes = Some(args.to_vec()),
            "queries" => level.queries = pairs(),
            "headers" => level.headers = last_wins(&pairs(), dialect),
            "headers_regexp" => level.headers_regexp = last_wins(&pairs(), dialect),
            "custom_url_host_eq" => level.target_hosts.push(one()?),
            _ => return Err(format!("extra `{word}` is not known")),
        }
        Ok(level)
    }

    /// Whether more conditions can stand on this level: two lists of alternatives cannot.
    fn takes(&self, more: &Self) -> bool {
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
        self.fault = self.fault.take().or(more.fault);
    }

    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Bounds with these conditions.
    pub(crate) fn bounds(&self) -> Bounds {
        bounds!(Bounds::new(), self)
    }

    /// A scope with these conditions.
    pub(crate) fn scope(&self) -> Scope {
        bounds!(Scope::new(), self)
    }

    /// A route with these conditions.
    pub(crate) fn route(&self) -> Route {
        let route = match &self.spot {
            Some(Spot::Whole(path)) => Route::any(path),
            Some(Spot::Prefix(prefix)) => Route::prefix(prefix),
            None => Route::new(),
        };
        let route = conditions!(route, self);
        if self.sealed { route.sealed() } else { route }
    }
}

/// Whether a scope's whole path is met, up to a final slash that is to be redirected.
fn is_whole(path: &Table<()>, head: &Head<'_>) -> bool {
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
        Method::from_bytes(text.as_bytes()).map_err(|_| format!("`{text}` is no method"))
    };
    texts.iter().map(read).collect()
}

/// gorilla/mux keeps the pairs of one call in a map: the last of a name wins.
fn last_wins(pairs: &[(String, String)], dialect: Dialect) -> Vec<(String, String)> {
    let again =
        |i: usize, name: &str| pairs[i + 1..].iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let kept = pairs.iter().enumerate();
    kept.filter(|(i, (name, _))| dialect != Dialect::Gorilla || !again(*i, name))
        .map(|(_, pair)| pair.clone())
        .collect()
}
