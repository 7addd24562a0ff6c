//! OverlapChecker: finds a request that several routes match, or proves there is none.

use std::collections::HashMap;
use std::rc::Rc;

use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, COOKIE, HOST, UPGRADE};
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use waylay_template::{Node, Template, Variable, VariableKind};

use crate::compile::automaton::{
    Budget, FAILED_COST, Intersection, RegexLanguage, constrained, host_regex, intersection, path_regex,
};
use crate::compile::guards::{Contradiction, Requirements, ValueConditions};
use crate::compile::pattern::{Pattern, RouteTemplates};
use crate::compile::shape::Shape;
use crate::compile::witness::Witness;
use crate::request::policy::Policy;
use crate::request::view::{NormalizedRequest, RequestView};
use crate::template::captures::SpanList;
use crate::template::encoding::escape;

/// A compiled route and its templates.
#[derive(Clone, Copy)]
pub(crate) struct RouteRef<'s> {
    pub(crate) pattern: &'s Pattern,
    pub(crate) templates: &'s RouteTemplates,
}

/// The overlap of several routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// A request that all of them match.
    At(Witness),
    /// No request matches all of them.
    Never,
    /// Unknown, because of a custom condition or a regex whose automaton is too large.
    Unknown,
}

/// Finds overlaps; each automaton is built once.
pub(crate) struct OverlapChecker<'p> {
    pub(crate) policy: &'p Policy,
    pub(crate) budget: Budget,
    languages: HashMap<String, Option<RegexLanguage>>,
    shapes: HashMap<String, Rc<Shape>>,
}

/// The most automata that are cached.
const MAX_KEPT: usize = 256;

/// The states that all comparisons of one checker may cost together: well below a second.
const MAX_COST: usize = 500_000;

/// The cost of a comparison without automata, in states, for each route.
pub(crate) const CHECK_COST: usize = 20;

/// The reason for not having a witness.
enum NoWitness {
    Never,
    Unknown,
}

impl From<Contradiction> for NoWitness {
    fn from(_: Contradiction) -> Self {
        Self::Never
    }
}

impl<'p> OverlapChecker<'p> {
    /// Creates a checker for a number of routes.
    pub(crate) fn new(policy: &'p Policy, routes: usize) -> Self {
        // Each route may be checked alone, whatever the size of the table.
        let budget = Budget::new(MAX_COST + routes * 2 * CHECK_COST);
        Self { policy, budget, languages: HashMap::new(), shapes: HashMap::new() }
    }

    /// Searches for a request that all routes match.
    pub(crate) fn check(&mut self, routes: &[RouteRef<'_>]) -> Overlap {
        if !self.budget.spend(routes.len() * CHECK_COST) {
            return Overlap::Unknown;
        }
        match self.witness(routes) {
            // The request is tried on the routes; if one does not match, the conditions are too complex for
            // this search.
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
        if self.budget.is_spent() {
            return None;
        }
        let language = RegexLanguage::of(regex);
        self.budget.spend(language.as_ref().map_or(FAILED_COST, RegexLanguage::cost));
        if self.languages.len() >= MAX_KEPT {
            self.languages.clear();
        }
        self.languages.insert(regex.to_owned(), language.clone());
        language
    }

    /// Returns the shape of a regex.
    pub(crate) fn shape(&mut self, regex: &str) -> Rc<Shape> {
        if let Some(known) = self.shapes.get(regex) {
            return Rc::clone(known);
        }
        let shape = Rc::new(Shape::of(regex));
        self.shapes.insert(regex.to_owned(), Rc::clone(&shape));
        shape
    }

    /// Returns a text that a template matches.
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

    /// Returns a short text that all regexes match.
    fn sample(&mut self, regexes: &[String]) -> Result<String, NoWitness> {
        let shapes: Vec<Rc<Shape>> = regexes.iter().map(|regex| self.shape(regex)).collect();
        let mut pairs =
            shapes.iter().enumerate().flat_map(|(i, one)| shapes[..i].iter().map(move |o| (one, o)));
        if pairs.any(|(one, other)| one.excludes(other)) {
            return Err(NoWitness::Never);
        }
        let is_one = regexes.iter().all(|regex| *regex == regexes[0]);
        if is_one && let Some(example) = shapes.first().and_then(|shape| shape.example()) {
            return Ok(example.to_owned());
        }
        let languages: Option<Vec<RegexLanguage>> =
            regexes.iter().map(|regex| self.language(regex)).collect();
        match intersection(&languages.ok_or(NoWitness::Unknown)?, &mut self.budget) {
            Intersection::Text(text) => Ok(text),
            Intersection::Nothing => Err(NoWitness::Never),
            Intersection::Unknown => Err(NoWitness::Unknown),
        }
    }

    fn witness(&mut self, routes: &[RouteRef<'_>]) -> Result<Witness, NoWitness> {
        let mut required = Requirements::default();
        for (i, route) in routes.iter().enumerate() {
            required.add_queries(i, &route.templates.queries, self.policy.syntax);
            route.pattern.guards.iter().for_each(|guard| required.add(i, guard));
        }
        let mut headers = self.headers(&required, routes.len())?;
        let method = method(routes)?;
        let (version, peer) = required.connection()?;
        let target = self.target(routes, &required)?;
        headers.extend(self.host(routes)?.map(|host| (HOST, host)));
        let values = headers.into_iter().map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?)));
        match (values.collect::<Option<Vec<_>>>(), target.parse()) {
            (Some(headers), Ok(target)) if !required.has_custom => {
                Ok(Witness { method, target, version, headers, peer })
            }
            _ => Err(NoWitness::Unknown),
        }
    }

    fn target(&mut self, routes: &[RouteRef<'_>], required: &Requirements<'_>) -> Result<String, NoWitness> {
        let mut paths: Vec<String> = required.path_regexes.clone();
        let is_rooted = paths.iter().any(|regex| self.shape(regex).is_rooted());
        // Beside a regex for paths, a route without a path requires nothing more.
        let templates = routes.iter().map(|route| route.templates);
        let own = templates.filter(|templates| templates.path.is_some() || !is_rooted);
        paths.extend(own.map(|templates| path_regex(templates, self.policy.syntax)));
        let path = match (routes, paths.as_slice()) {
            // A single route needs no automaton for its whole path.
            ([RouteRef { templates: RouteTemplates { path: Some(path), .. }, .. }], [_]) => {
                self.example(path)?
            }
            _ => self.sample(&paths)?,
        };
        // Every path starts with a slash; a route may have no path template.
        let mut target = if path.is_empty() { "/".to_owned() } else { escape(&path) };
        let mut separator = '?';
        for (key, values) in &required.queries {
            let key = utf8_percent_encode(key, NON_ALPHANUMERIC);
            for value in self.values(values)? {
                target
                    .push_str(&format!("{separator}{key}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC)));
                separator = '&';
            }
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

    fn headers(
        &mut self,
        required: &Requirements<'_>,
        routes: usize,
    ) -> Result<Vec<(HeaderName, String)>, NoWitness> {
        if required.accepts_differ() {
            return Err(NoWitness::Never);
        }
        let mut headers = Vec::new();
        for (name, values) in &required.headers {
            // Other conditions read these headers too; both together are not analyzed.
            if [COOKIE, CONTENT_TYPE, HOST, UPGRADE, CONNECTION, ACCEPT].contains(name)
                && routes > 1
                && (required.has_derived_headers() || *name == HOST)
            {
                return Err(NoWitness::Unknown);
            }
            headers.extend(self.values(values)?.into_iter().map(|value| (name.clone(), value)));
        }
        let mut cookies = Vec::new();
        for (name, values) in &required.cookies {
            cookies.extend(self.values(values)?.into_iter().map(|value| format!("{name}={value}")));
        }
        if !cookies.is_empty() {
            headers.push((COOKIE, cookies.join("; ")));
        }
        let protocols = required.protocols();
        if !protocols.is_empty() {
            headers.extend([(CONNECTION, "upgrade".to_owned()), (UPGRADE, protocols.join(", "))]);
        }
        headers.extend(required.content_type()?.map(|media| (CONTENT_TYPE, media)));
        Ok(headers)
    }

    /// Returns values that meet all conditions together. Where several routes have conditions, one value must
    /// meet all of them: a request with two values of a field is no conflict between routes that require one
    /// each.
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
        pattern.methods.contains(request.method()) && pattern.matches(&view, &mut SpanList::new())
    }
}

fn method(routes: &[RouteRef<'_>]) -> Result<Method, NoWitness> {
    let sets = routes.iter().map(|route| route.pattern.methods.clone());
    let common = sets.reduce(|all, set| all.and(&set)).unwrap_or_default();
    if common.is_all() { Ok(Method::GET) } else { common.iter().next().cloned().ok_or(NoWitness::Never) }
}
