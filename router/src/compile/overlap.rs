//! Do two routes match a common request?.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, COOKIE, HOST, UPGRADE};
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use waylay_template::{Node, Template, Variable, VariableKind};

use crate::compile::automaton::{
    Intersection, RegexLanguage, constrained, difference, host_regex, intersection, path_regex, query_regex,
};
use crate::compile::pattern::{Pattern, RouteTemplates};
use crate::compile::witness::Witness;
use crate::matcher::guard::{Guard, HeaderMatch};
use crate::matcher::query::QueryMatch;
use crate::request::peer::{Network, Peer};
use crate::request::policy::Policy;
use crate::request::view::{NormalizedRequest, RequestView};
use crate::template::captures::Captures;
use crate::template::encoding::escape;

/// A route, compiled and written.
#[derive(Clone, Copy)]
pub(crate) struct RouteRef<'s> {
    pub(crate) pattern: &'s Pattern,
    pub(crate) templates: &'s RouteTemplates,
}

/// What is known of routes that may check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// All of them match this request.
    At(Witness),
    /// No request matches all of them.
    Never,
    /// It cannot be told: a custom condition, or a regex too large for its automaton.
    Unknown,
}

/// Finds out where routes check; automata are built once.
pub(crate) struct OverlapChecker<'p> {
    pub(crate) policy: &'p Policy,
    languages: HashMap<String, Option<RegexLanguage>>,
}

/// How many automata are kept at once.
const MAX_KEPT: usize = 256;

/// Why there is no witness.
enum NoWitness {
    Never,
    Unknown,
}

/// The conditions on one header, query key or cookie: values that must be there, and what all must be like.
#[derive(Default)]
struct ValueConditions {
    present: bool,
    absent: bool,
    exact: Vec<String>,
    /// Regexes, each of which one value must match.
    some: Vec<String>,
    /// Regexes that every value must match.
    all: Vec<String>,
    /// The first route that asks, and whether another one asks too.
    route: Option<usize>,
    several: bool,
}

impl<'p> OverlapChecker<'p> {
    pub(crate) fn new(policy: &'p Policy) -> Self {
        Self { policy, languages: HashMap::new() }
    }

    /// A request that all routes match.
    pub(crate) fn check(&mut self, routes: &[RouteRef<'_>]) -> Overlap {
        match self.witness(routes) {
            // What was built is tried: where it does not hold, the reasoning was too coarse.
            Ok(witness) if routes.iter().all(|route| self.admits(route.pattern, &witness)) => {
                Overlap::At(witness)
            }
            Ok(_) | Err(NoWitness::Unknown) => Overlap::Unknown,
            Err(NoWitness::Never) => Overlap::Never,
        }
    }

    pub(crate) fn language(&mut self, regex: &str) -> Option<RegexLanguage> {
        if let Some(known) = self.languages.get(regex) {
            return known.clone();
        }
        let language = RegexLanguage::of(regex);
        if self.languages.len() >= MAX_KEPT {
            self.languages.clear();
        }
        self.languages.insert(regex.to_owned(), language.clone());
        language
    }

    /// A text that a template matches.
    fn example(&mut self, template: &Template) -> Result<String, NoWitness> {
        let mut text = String::new();
        for node in &template.nodes {
            match node {
                Node::Text(literal) => text.push_str(literal),
                Node::Variable(Variable { kind: VariableKind::Regex(pattern), .. }) => {
                    text.push_str(&self.sample(&[constrained(pattern, self.policy.syntax)])?);
                }
                Node::Variable(_) | Node::Wildcard(_) => text.push('a'),
            }
        }
        Ok(text)
    }

    /// The shortest text that all regexes match.
    fn sample(&mut self, regexes: &[String]) -> Result<String, NoWitness> {
        let languages: Option<Vec<RegexLanguage>> =
            regexes.iter().map(|regex| self.language(regex)).collect();
        match intersection(&languages.ok_or(NoWitness::Unknown)?) {
            Intersection::Text(text) => Ok(text),
            Intersection::Nothing => Err(NoWitness::Never),
            Intersection::Unknown => Err(NoWitness::Unknown),
        }
    }

    fn witness(&mut self, routes: &[RouteRef<'_>]) -> Result<Witness, NoWitness> {
        let guards: Vec<&Guard> = routes.iter().flat_map(|route| route.pattern.guards.iter()).collect();
        let mut headers = self.headers(routes)?;
        let method = method(routes)?;
        let peer = Peer { addr: client(&guards)?, scheme: scheme(&guards)? };
        let target = self.target(routes)?;
        headers.extend(self.host(routes)?.map(|host| (HOST, host)));
        let unknown = guards.iter().any(|guard| guard.is_custom());
        let values = headers.into_iter().map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?)));
        match (values.collect::<Option<Vec<_>>>(), target.parse()) {
            (Some(headers), Ok(target)) if !unknown => Ok(Witness { method, target, headers, peer }),
            _ => Err(NoWitness::Unknown),
        }
    }

    fn target(&mut self, routes: &[RouteRef<'_>]) -> Result<String, NoWitness> {
        let mut paths: Vec<String> =
            routes.iter().map(|route| path_regex(route.templates, self.policy.syntax)).collect();
        let guards = routes.iter().flat_map(|route| route.pattern.guards.iter());
        paths.extend(guards.filter_map(|guard| match guard {
            Guard::PathRegex(whole) => Some(whole.regex.as_str().to_owned()),
            _ => None,
        }));
        let path = match (routes, paths.as_slice()) {
            // One route alone needs no automaton of its whole path.
            ([RouteRef { templates: RouteTemplates { path: Some(path), .. }, .. }], [_]) => {
                self.example(path)?
            }
            _ => self.sample(&paths)?,
        };
        // A path template may be missing: every path starts with a slash.
        let mut target = if path.is_empty() { "/".to_owned() } else { escape(&path) };
        let mut keys: Vec<(String, ValueConditions)> = Vec::new();
        for (i, route) in routes.iter().enumerate() {
            for (key, template) in &route.templates.queries {
                let values = entry(&mut keys, key, i);
                match template {
                    None => values.present = true,
                    Some(template) => match template.literal() {
                        Some(text) => values.exact.push(text.to_owned()),
                        None => values.some.push(query_regex(template, self.policy.syntax)),
                    },
                }
            }
            for guard in &route.pattern.guards {
                let Guard::Query(query) = guard else { continue };
                match &query.want {
                    QueryMatch::Absent => entry(&mut keys, &query.key, i).absent = true,
                    QueryMatch::Regex(regex) => {
                        entry(&mut keys, &query.key, i).some.push(regex.as_str().to_owned());
                    }
                    _ => {}
                }
            }
        }
        let mut pairs = Vec::new();
        for (key, values) in &keys {
            let key = utf8_percent_encode(key, NON_ALPHANUMERIC);
            for value in self.values(values)? {
                pairs.push(format!("{key}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC)));
            }
        }
        if !pairs.is_empty() {
            target.push('?');
            target.push_str(&pairs.join("&"));
        }
        Ok(target)
    }

    fn host(&mut self, routes: &[RouteRef<'_>]) -> Result<Option<String>, NoWitness> {
        let hosts = routes.iter().flat_map(|route| &route.templates.hosts);
        let hosts: Vec<String> = hosts.map(|host| host_regex(host, self.policy.syntax)).collect();
        let mut ports = routes.iter().filter_map(|route| route.pattern.host.as_ref()?.port());
        let port = ports.next();
        if ports.any(|other| Some(other) != port) {
            return Err(NoWitness::Never);
        }
        if hosts.is_empty() {
            return Ok(None);
        }
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Some(format!("{}{port}", self.sample(&hosts)?)))
    }

    fn headers(&mut self, routes: &[RouteRef<'_>]) -> Result<Vec<(HeaderName, String)>, NoWitness> {
        // Between routes that give different types, the client's weights decide.
        let accepts = routes.iter().map(|route| accepted(route.pattern));
        let accepts: Vec<Vec<String>> = accepts.filter(|accepts| !accepts.is_empty()).collect();
        if accepts.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(NoWitness::Never);
        }
        let mut names: Vec<(HeaderName, ValueConditions)> = Vec::new();
        let mut cookies: Vec<(String, ValueConditions)> = Vec::new();
        let mut upgrades = Vec::new();
        let mut types = Vec::new();
        let guards =
            routes.iter().enumerate().flat_map(|(i, s)| s.pattern.guards.iter().map(move |g| (i, g)));
        for (i, guard) in guards {
            match guard {
                Guard::Header(name, want) => {
                    let values = entry(&mut names, name, i);
                    match want {
                        HeaderMatch::Present => values.present = true,
                        HeaderMatch::Absent => values.absent = true,
                        HeaderMatch::Exact(text) => values.exact.push(text.clone()),
                        HeaderMatch::Regex(regex) => values.some.push(regex.as_str().to_owned()),
                        HeaderMatch::All(regex) => {
                            values.present = true;
                            values.all.push(regex.as_str().to_owned());
                        }
                    }
                }
                Guard::Cookie(name, None) => entry(&mut cookies, name, i).present = true,
                Guard::Cookie(name, Some(value)) => entry(&mut cookies, name, i).exact.push(value.clone()),
                Guard::Upgrade(any) => upgrades.extend(any.first().cloned()),
                Guard::ContentType(any) => types.push(any),
                _ => {}
            }
        }
        let mut lines: Vec<(HeaderName, String)> = Vec::new();
        for (name, values) in &names {
            // These are required about elsewhere too; together they are too much to reason about.
            if [COOKIE, CONTENT_TYPE, HOST, UPGRADE, CONNECTION, ACCEPT].contains(name) && routes.len() > 1 {
                let elsewhere = !cookies.is_empty() || !upgrades.is_empty() || !types.is_empty();
                if elsewhere || *name == HOST {
                    return Err(NoWitness::Unknown);
                }
            }
            lines.extend(self.values(values)?.into_iter().map(|value| (name.clone(), value)));
        }
        let mut pairs = Vec::new();
        for (name, values) in &cookies {
            pairs.extend(self.values(values)?.into_iter().map(|value| format!("{name}={value}")));
        }
        if !pairs.is_empty() {
            lines.push((COOKIE, pairs.join("; ")));
        }
        if !upgrades.is_empty() {
            lines.extend([(CONNECTION, "upgrade".to_owned()), (UPGRADE, upgrades.join(", "))]);
        }
        if let [first, others @ ..] = types.as_slice() {
            let concrete = first.iter().flat_map(|media| media.examples(others));
            let intersection = concrete.into_iter().find(|text| {
                let media = text.parse();
                media.is_ok_and(|media| types.iter().all(|any| any.iter().any(|own| own.covers(&media))))
            });
            lines.push((CONTENT_TYPE, intersection.ok_or(NoWitness::Never)?));
        }
        Ok(lines)
    }

    /// Values that check all values together. Where several routes ask, one value must do for all: a
    /// request that gives two values of a field makes no conflict of routes that ask for one each.
    fn values(&mut self, values: &ValueConditions) -> Result<Vec<String>, NoWitness> {
        let ValueConditions { present, absent, exact, some, all, several, .. } = values;
        if *absent {
            let required = *present || !exact.is_empty() || !some.is_empty();
            return if required { Err(NoWitness::Never) } else { Ok(Vec::new()) };
        }
        let mut required: Vec<String> = exact.iter().map(|text| regex::escape(text)).collect();
        required.extend(some.iter().cloned());
        if *several {
            required.extend(all.iter().cloned());
            return Ok(vec![if required.is_empty() { "1".to_owned() } else { self.sample(&required)? }]);
        }
        if required.is_empty() {
            return Ok(vec![if all.is_empty() { "1".to_owned() } else { self.sample(all)? }]);
        }
        let one = |regex: String| self.sample(&[std::slice::from_ref(&regex), all.as_slice()].concat());
        required.into_iter().map(one).collect()
    }

    fn admits(&self, pattern: &Pattern, witness: &Witness) -> bool {
        let request = witness.request();
        let Ok(read) = NormalizedRequest::new(&request, witness.peer(), self.policy, &[], true) else {
            return false;
        };
        let view = RequestView::new(&request, &read, witness.peer(), self.policy);
        pattern.methods.contains(request.method()) && pattern.matches(&view, &mut Captures::new())
    }
}

fn entry<'e, K: Clone + PartialEq>(
    list: &'e mut Vec<(K, ValueConditions)>,
    key: &K,
    route: usize,
) -> &'e mut ValueConditions {
    let place = list.iter().position(|(known, _)| known == key).unwrap_or(list.len());
    if place == list.len() {
        list.push((key.clone(), ValueConditions::default()));
    }
    let values = &mut list[place].1;
    values.several |= values.route.is_some_and(|first| first != route);
    values.route.get_or_insert(route);
    values
}

fn accepted(pattern: &Pattern) -> Vec<String> {
    let accepts = pattern.guards.iter().filter(|guard| matches!(guard, Guard::Accept(_)));
    accepts.map(|guard| format!("{guard:?}")).collect()
}

fn method(routes: &[RouteRef<'_>]) -> Result<Method, NoWitness> {
    let sets = routes.iter().map(|route| route.pattern.methods.clone());
    let common = sets.reduce(|all, set| all.and(&set)).unwrap_or_default();
    if common.is_all() { Ok(Method::GET) } else { common.iter().next().cloned().ok_or(NoWitness::Never) }
}

fn scheme(guards: &[&Guard]) -> Result<Option<http::uri::Scheme>, NoWitness> {
    let mut sets = guards.iter().filter_map(|guard| match guard {
        Guard::Scheme(any) => Some(any),
        _ => None,
    });
    let Some(first) = sets.next() else { return Ok(None) };
    let others: Vec<_> = sets.collect();
    let common = first.iter().find(|scheme| others.iter().all(|any| any.contains(scheme)));
    common.cloned().map(Some).ok_or(NoWitness::Never)
}

/// An address in a network of each list: where blocks overlap, one holds the first address of the other.
fn client(guards: &[&Guard]) -> Result<Option<SocketAddr>, NoWitness> {
    let lists: Vec<&Vec<Network>> = guards
        .iter()
        .filter_map(|guard| match guard {
            Guard::Client(any) => Some(any),
            _ => None,
        })
        .collect();
    if lists.is_empty() {
        return Ok(None);
    }
    let mut addresses = lists.iter().flat_map(|any| any.iter().map(Network::first));
    let inside = |address: &std::net::IpAddr| {
        lists.iter().all(|any| any.iter().any(|network| network.contains(*address)))
    };
    let address = addresses.find(inside).ok_or(NoWitness::Never)?;
    Ok(Some(SocketAddr::new(address, 1)))
}

impl OverlapChecker<'_> {
    /// Whether each request that the inner route matches surely matches the outer one too.
    pub(crate) fn covers(&mut self, outer: RouteRef<'_>, inner: RouteRef<'_>) -> bool {
        let methods = outer.pattern.methods.and(&inner.pattern.methods) == inner.pattern.methods;
        let guards = outer.pattern.guards.iter().filter(|guard| !matches!(guard, Guard::Methods(_)));
        let implied = |guard: &Guard| inner.pattern.guards.iter().any(|own| own.implies(guard));
        methods
            && guards.clone().all(implied)
            && self.covers_path(outer, inner)
            && self.covers_host(outer, inner)
    }

    fn covers_path(&mut self, outer: RouteRef<'_>, inner: RouteRef<'_>) -> bool {
        self.within(
            &path_regex(inner.templates, self.policy.syntax),
            &path_regex(outer.templates, self.policy.syntax),
        )
    }

    fn covers_host(&mut self, outer: RouteRef<'_>, inner: RouteRef<'_>) -> bool {
        let port = |route: RouteRef<'_>| route.pattern.host.as_ref().and_then(|host| host.port());
        if port(outer).is_some() && port(outer) != port(inner) {
            return false;
        }
        let syntax = self.policy.syntax;
        outer.templates.hosts.iter().all(|outer| {
            let outer = host_regex(outer, syntax);
            inner.templates.hosts.iter().any(|inner| self.within(&host_regex(inner, syntax), &outer))
        })
    }

    fn within(&mut self, inner: &str, outer: &str) -> bool {
        inner == outer
            || match (self.language(inner), self.language(outer)) {
                (Some(inner), Some(outer)) => difference(&inner, &outer) == Intersection::Nothing,
                _ => false,
            }
    }
}

impl Guard {
    /// Whether every request that meets it surely meets another one.
    fn implies(&self, other: &Guard) -> bool {
        match (self, other) {
            (Self::Custom(own), Self::Custom(other)) => Arc::ptr_eq(&own.holds, &other.holds),
            // What rules put together is not looked into.
            (Self::Custom(_) | Self::Formula(_), _) | (_, Self::Custom(_) | Self::Formula(_)) => false,
            (Self::Header(own, want), Self::Header(name, HeaderMatch::Present)) => {
                own == name && !matches!(want, HeaderMatch::Absent)
            }
            (Self::Query(own), Self::Query(other)) if matches!(other.want, QueryMatch::Present) => {
                own.key == other.key && !matches!(own.want, QueryMatch::Absent)
            }
            (Self::Cookie(own, _), Self::Cookie(name, None)) => own == name,
            _ => format!("{self:?}") == format!("{other:?}"),
        }
    }
}
