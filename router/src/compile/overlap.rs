//! OverlapChecker: finds a request that several routes match, or proves there is none.

use std::collections::HashMap;
use std::rc::Rc;

use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, COOKIE, HOST, UPGRADE};
use http::{HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use waylay_template::{Node, Template, Variable, VariableKind};

use crate::compile::automaton::{
    ANY_PATH, Budget, FAILED_COST, Intersection, RegexLanguage, constrained, host_regex, intersection,
    path_regex,
};
use crate::compile::guards::{Contradiction, Requirements, ValueConditions};
use crate::compile::pattern::{Pattern, RouteTemplates};
use crate::compile::shape::Shape;
use crate::compile::witness::Witness;
use crate::request::peer::TrustedProxies;
use crate::request::policy::{MissingHost, Policy};
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

/// The host of a witness whose routes require none.
const ANY_HOST: &str = r"(?:|[a-z]+\.)example\.com";

/// The reason for not having a witness.
pub(crate) enum NoWitness {
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
        let mut overlap = Overlap::Never;
        for required in self.requirements(routes).cases() {
            match self.witness(routes, &required) {
                // The request is tried on the routes; if one does not match, the conditions are too complex for
                // this search.
                Ok(witness) if routes.iter().all(|route| self.admits(route.pattern, &witness)) => {
                    return Overlap::At(witness);
                }
                Ok(_) | Err(NoWitness::Unknown) => overlap = Overlap::Unknown,
                Err(NoWitness::Never) => {}
            }
        }
        overlap
    }

    /// Returns what several routes require of one request.
    pub(crate) fn requirements<'g>(&self, routes: &[RouteRef<'g>]) -> Requirements<'g> {
        let syntax = self.policy.syntax;
        let mut required = Requirements::default();
        for (i, RouteRef { pattern, templates }) in routes.iter().enumerate() {
            required.methods.push(&pattern.methods);
            required.path_regexes.push(path_regex(templates, syntax));
            required.host_regexes.extend(templates.hosts.iter().map(|host| host_regex(host, syntax)));
            required.ports.extend(pattern.host.as_ref().and_then(|host| host.port()));
            required.add_queries(i, &templates.queries, syntax);
            pattern.guards.iter().for_each(|guard| required.add(i, guard));
        }
        required
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
                    text.push_str(&self.sample(&[constrained(pattern, self.policy.syntax)], &[])?);
                }
                Node::Variable(_) | Node::Wildcard(_) => text.push('a'),
            }
        }
        Ok(text)
    }

    /// Returns a short text that all regexes of the first list match, and none of the second.
    pub(crate) fn sample(&mut self, regexes: &[String], without: &[String]) -> Result<String, NoWitness> {
        let shapes: Vec<Rc<Shape>> = regexes.iter().map(|regex| self.shape(regex)).collect();
        let mut pairs =
            shapes.iter().enumerate().flat_map(|(i, one)| shapes[..i].iter().map(move |o| (one, o)));
        if pairs.any(|(one, other)| one.excludes(other)) {
            return Err(NoWitness::Never);
        }
        let is_near = |regex: &&String| {
            let shape = self.shape(regex);
            !shapes.iter().any(|own| own.excludes(&shape))
        };
        let without: Vec<&String> = without.iter().filter(is_near).collect();
        let is_one = without.is_empty() && regexes.iter().all(|regex| *regex == regexes[0]);
        if is_one && let Some(example) = shapes.first().and_then(|shape| shape.example()) {
            return Ok(example.to_owned());
        }
        let mut languages = |regexes: Vec<&String>| -> Result<Vec<RegexLanguage>, NoWitness> {
            regexes.into_iter().map(|regex| self.language(regex).ok_or(NoWitness::Unknown)).collect()
        };
        let (with, without) = (languages(regexes.iter().collect())?, languages(without)?);
        match intersection(&with, &without, &mut self.budget) {
            Intersection::Text(text) => Ok(text),
            Intersection::Nothing => Err(NoWitness::Never),
            Intersection::Unknown => Err(NoWitness::Unknown),
        }
    }

    fn witness(
        &mut self,
        routes: &[RouteRef<'_>],
        required: &Requirements<'_>,
    ) -> Result<Witness, NoWitness> {
        if required.negated.iter().any(|guard| required.imply_guard(guard, self)) {
            return Err(NoWitness::Never);
        }
        let mut headers = self.headers(required, routes.len())?;
        let method = required.method()?;
        let (version, peer) = required.connection()?;
        let target = self.target(routes, required)?;
        let has_host = headers.iter().any(|(name, _)| *name == HOST);
        headers.extend(self.host(required, has_host)?.map(|host| (HOST, host)));
        let values = headers.into_iter().map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?)));
        match (values.collect::<Option<Vec<_>>>(), target.parse()) {
            (Some(headers), Ok(target)) if !required.has_custom => {
                Ok(Witness { method, target, version, headers, peer })
            }
            _ => Err(NoWitness::Unknown),
        }
    }

    fn target(&mut self, routes: &[RouteRef<'_>], required: &Requirements<'_>) -> Result<String, NoWitness> {
        // Beside a regex for paths, a route without a path requires nothing more.
        let anywhere = |regex: &&String| !(regex.as_str() == ANY_PATH && required.path_regexes.len() > 1);
        let rooted: Vec<String> = required.path_regexes.iter().filter(anywhere).cloned().collect();
        let is_rooted = rooted.iter().any(|regex| self.shape(regex).is_rooted());
        let paths = if is_rooted { rooted } else { required.path_regexes.clone() };
        let without = required.negated_paths();
        let path = match (routes, paths.as_slice()) {
            // A single route needs no automaton for its whole path.
            ([RouteRef { templates: RouteTemplates { path: Some(path), .. }, .. }], [_])
                if without.is_empty() =>
            {
                self.example(path)?
            }
            _ => self.sample(&paths, &without)?,
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

    fn host(&mut self, required: &Requirements<'_>, has_host: bool) -> Result<Option<String>, NoWitness> {
        let port = required.ports.first().copied();
        if required.ports.iter().any(|other| Some(*other) != port) {
            return Err(NoWitness::Never);
        }
        let without = required.negated_hosts(port);
        if required.host_regexes.is_empty() {
            // A policy may reject requests without a host.
            let is_needed = self.policy.missing_host == MissingHost::Reject && !has_host;
            return is_needed.then(|| self.sample(&[ANY_HOST.to_owned()], &without)).transpose();
        }
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Some(format!("{}{port}", self.sample(&required.host_regexes, &without)?)))
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
        let ValueConditions { absent, exact, some, all, none, several, .. } = values;
        if *absent {
            return if values.needs_value() { Err(NoWitness::Never) } else { Ok(Vec::new()) };
        }
        if !values.needs_value() && all.is_empty() {
            return Ok(Vec::new());
        }
        let mut required: Vec<String> = exact.iter().map(|text| regex::escape(text)).collect();
        required.extend(some.iter().cloned());
        if *several {
            required.extend(all.iter().cloned());
            return Ok(vec![self.value(&required, none)?]);
        }
        if required.is_empty() {
            return Ok(vec![self.value(all, none)?]);
        }
        let one = |regex: String| self.sample(&[std::slice::from_ref(&regex), all.as_slice()].concat(), none);
        required.into_iter().map(one).collect()
    }

    /// Returns a value that all regexes match; `1` if there are none.
    fn value(&mut self, regexes: &[String], without: &[String]) -> Result<String, NoWitness> {
        match (regexes, without) {
            ([], []) => Ok("1".to_owned()),
            ([], without) => self.sample(&["[!-~]+".to_owned()], without),
            (regexes, without) => self.sample(regexes, without),
        }
    }

    fn admits(&self, pattern: &Pattern, witness: &Witness) -> bool {
        let request = witness.request();
        let Ok(read) =
            NormalizedRequest::new(&request, witness.peer(), self.policy, &TrustedProxies::default(), true)
        else {
            return false;
        };
        let view = RequestView::new(&request, &read, witness.peer(), self.policy);
        pattern.methods.contains(request.method()) && pattern.matches(&view, &mut SpanList::new())
    }
}
