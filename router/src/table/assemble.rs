//! RouteAssembler: routes compiled and ranked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use waylay_template::{Node, Syntax, Template};

use crate::compile::compiler::{Compilation, compile};
use crate::compile::error::{BuildError, BuildErrorKind, BuildLint};
use crate::compile::pattern::{CompiledRoute, Pattern, PatternSet};
use crate::compile::rank::{RankKey, RankKeys, Ranked};
use crate::matcher::guard::Custom;
use crate::request::policy::Policy;
use crate::route::conditions::{Conditions, HostText};
use crate::route::lower::{Lowered, lower};
use crate::route::route::VariableRead;
use crate::route::scope_conditions::ScopeConditions;
use crate::route::to_rule::{condition_texts, expr};
use crate::rule::lint::RuleLint;
use crate::table::catalog::full_template;
use crate::table::conflict::{RankedRoute, literal_hash};
use crate::table::routes::{RouteEntry, RouteExtras, Routes, ScopeId};
use crate::template::constraint::{may_hold_separator, parse_again};
use crate::template::path::{PathEdges, PathEnd, PathPattern};

/// The metadata of a route: everything but its conditions.
#[derive(Debug, Clone)]
pub(crate) struct RouteMeta {
    pub(crate) name: Option<String>,
    pub(crate) scope: Option<ScopeId>,
    pub(crate) priority: i32,
    pub(crate) build_only: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    /// The variables that the value reads.
    pub(crate) reads: Vec<VariableRead>,
    /// The text of foreign rules.
    pub(crate) foreign: String,
    /// The whole route as a rule.
    pub(crate) rule: Option<Arc<String>>,
}

/// Compiles routes and their alternatives, and collects their errors.
pub(crate) struct RouteAssembler<'b> {
    scopes: &'b [(Option<ScopeId>, ScopeConditions)],
    compilation: &'b Compilation,
    patterns: PatternSet,
    /// The guards that rules name.
    guards: &'b HashMap<String, Custom>,
    routes: AssembledRoutes,
    errors: Vec<BuildError>,
    /// The texts of the errors.
    known: HashSet<String>,
    /// The alternatives of routes beyond the first, with the indices of the routes: they follow all routes.
    further: Vec<(usize, RouteMeta, Conditions)>,
}

/// Compiled routes.
#[derive(Default)]
pub(crate) struct AssembledRoutes {
    pub(crate) routes: Routes,
    /// The number of routes; further alternatives follow them.
    pub(crate) listed: usize,
    pub(crate) compiled: Vec<Compiled>,
    pub(crate) keys: RankKeys,
    /// Routes that only build URLs.
    pub(crate) idle: Vec<Compiled>,
    pub(crate) sealed: HashSet<usize>,
    pub(crate) lints: Vec<(usize, RuleLint)>,
    /// The same lints with their routes, those of routes with errors included.
    pub(crate) build_lints: Vec<BuildLint>,
}

impl<'b> RouteAssembler<'b> {
    pub(crate) fn new(
        scopes: &'b [(Option<ScopeId>, ScopeConditions)],
        compilation: &'b Compilation,
        guards: &'b HashMap<String, Custom>,
        routes: usize,
    ) -> Self {
        let routes = AssembledRoutes {
            routes: Routes::with_capacity(routes),
            compiled: Vec::with_capacity(routes),
            ..AssembledRoutes::default()
        };
        Self {
            scopes,
            compilation,
            patterns: PatternSet::default(),
            guards,
            routes,
            errors: Vec::new(),
            known: HashSet::new(),
            further: Vec::new(),
        }
    }

    /// Compiles a route; returns false after an error.
    pub(crate) fn route(&mut self, conditions: Conditions, mut meta: RouteMeta) -> bool {
        let index = self.routes.routes.len();
        if conditions.rules.is_empty() {
            return self.alternative(index, meta, &conditions);
        }
        let Lowered { alternatives, priority, foreign, lints } = match lower(&conditions, self.guards) {
            Ok(lowered) => lowered,
            Err(errors) => {
                let kinds = errors.into_iter().map(BuildErrorKind::Rule).collect();
                report(&mut self.errors, &conditions, meta.name.as_deref(), kinds);
                return false;
            }
        };
        meta.foreign = foreign;
        meta.rule = expr(&conditions).ok().map(|expr| Arc::new(expr.to_string()));
        self.routes.build_lints.extend(lints.iter().map(|lint| BuildLint {
            lint: lint.clone(),
            route: label(&conditions, meta.name.as_deref()),
            location: conditions.location,
        }));
        self.routes.lints.extend(lints.into_iter().map(|lint| (index, lint)));
        if meta.priority == 0 {
            meta.priority = priority.unwrap_or(0);
        }
        let mut alternatives = alternatives.into_iter();
        let Some(first) = alternatives.next() else { return false };
        self.further.extend(alternatives.map(|alternative| (index, meta.clone(), alternative)));
        self.alternative(index, meta, &first)
    }

    /// Compiles the further alternatives.
    pub(crate) fn finish(mut self, errors: &mut Vec<BuildError>) -> AssembledRoutes {
        self.routes.listed = self.routes.routes.len();
        for (of, meta, conditions) in std::mem::take(&mut self.further) {
            self.alternative(of, meta, &conditions);
        }
        errors.append(&mut self.errors);
        let last = self.routes.routes.iter().last().filter(|_| self.routes.routes.texts.is_full());
        errors.extend(last.map(|last| BuildError {
            kind: BuildErrorKind::TooMuchText,
            route: last.label(),
            location: last.location,
        }));
        self.routes
    }

    fn alternative(&mut self, of: usize, meta: RouteMeta, own: &Conditions) -> bool {
        let mut chain = chain(self.scopes, meta.scope);
        chain.push(own);
        match compile(&chain, self.compilation, false) {
            Ok(compiled) => {
                let missing = missing_variables(&meta, &compiled.pattern);
                if !missing.is_empty() {
                    self.report(own, &meta, missing);
                    return false;
                }
                self.push(of, meta, &chain, own, compiled);
            }
            Err(kinds) => {
                let kinds = innermost_errors(&chain, self.compilation, false, kinds);
                self.report(own, &meta, kinds);
                return false;
            }
        }
        true
    }

    /// Adds errors once: the alternatives of a route share them.
    fn report(&mut self, own: &Conditions, meta: &RouteMeta, kinds: Vec<BuildErrorKind>) {
        let mut errors = Vec::new();
        report(&mut errors, own, meta.name.as_deref(), kinds);
        errors.retain(|error| self.known.insert(error.to_string()));
        self.errors.extend(errors);
    }

    /// Adds a compiled alternative of the route at an index.
    fn push(
        &mut self,
        of: usize,
        meta: RouteMeta,
        chain: &[&Conditions],
        own: &Conditions,
        compiled: CompiledRoute,
    ) {
        let policy = self.compilation.policy;
        let index = self.routes.routes.len();
        let path = compiled.path.as_ref();
        let mut key = key(&compiled, meta.priority, of, policy);
        if !meta.foreign.is_empty() {
            key = key.with_text(&meta.foreign);
        }
        if own.sealed {
            self.routes.sealed.insert(index);
        }
        let end = if path.is_some() { compiled.pattern.path.end() } else { policy.prefix_end() };
        let texts = &mut self.routes.routes.texts;
        let path_text = path.map(|path| texts.add(&path.text));
        // Most paths are listed as they were written.
        let template = path_text.filter(|_| end == PathEnd::Exact);
        let entry = RouteEntry {
            of: of as u32,
            rank: 0,
            name: meta.name.as_deref().map(|name| texts.add(name)),
            template: template.unwrap_or_else(|| texts.add(&full_template(path, end))),
            path: path_text,
            scope: meta.scope,
            priority: meta.priority,
            mount_segments: path.map_or(0, |path| mount_segments(path, policy)),
            build_only: meta.build_only,
            sealed: own.sealed,
            location: own.location,
            extras: RouteExtras {
                conditions: chain.iter().flat_map(|conditions| condition_texts(conditions)).collect(),
                metadata: meta.metadata,
                supplies: chain.iter().flat_map(|outer| outer.supplies.clone()).collect(),
                rule: meta.rule,
                open_prefix: open_prefix(&compiled, self.compilation),
            }
            .boxed(),
        };
        self.routes.routes.push(entry);
        debug_assert!(path.is_none_or(|path| is_parsed_again(path, policy.syntax)), "{path:?}");
        let literals = literal_hash(path, &compiled.pattern);
        let variant = compiled.slash_variant(&self.compilation.regexes, policy.path_encoding());
        let list = if meta.build_only { &mut self.routes.idle } else { &mut self.routes.compiled };
        if let Some((pattern, edges)) = variant {
            let (pattern, key) = (self.patterns.share(pattern), self.routes.keys.add(key.slash_variant()));
            list.push(Compiled { index, slash_variant: true, pattern, edges, literals, key });
        }
        let (pattern, edges) = (self.patterns.share(compiled.pattern), compiled.edges);
        let key = self.routes.keys.add(key);
        list.push(Compiled { index, slash_variant: false, pattern, edges, literals, key });
    }
}

/// Tests whether the text of a path gives its nodes again; the spans of joined ones are those of their parts.
fn is_parsed_again(path: &Template, syntax: Syntax) -> bool {
    let without_spans = |template: &Template| {
        let mut template = template.clone();
        for node in &mut template.nodes {
            if let Node::Variable(variable) = node {
                variable.span = 0..0;
            }
        }
        template
    };
    parse_again(&path.text, syntax).is_some_and(|again| without_spans(&again) == without_spans(path))
}

/// Returns the path of a prefix that may end within a segment.
fn open_prefix(route: &CompiledRoute, compilation: &Compilation) -> Option<(PathPattern, PathEdges)> {
    let policy = compilation.policy;
    let path = route.path.as_ref().filter(|_| route.pattern.path.end() == PathEnd::Raw)?;
    let ends_whole = path.nodes.iter().any(|node| spans(node, policy))
        || matches!(path.nodes.last(), Some(Node::Text(text)) if text.ends_with('/'));
    let pattern = || PathPattern::compile(path, PathEnd::Exact, &compilation.regexes, policy.path_encoding());
    if ends_whole { None } else { pattern().ok() }
}

/// Tests whether a variable spans segments.
fn spans(node: &Node, policy: Policy) -> bool {
    match node {
        Node::Variable(variable) => may_hold_separator(&variable.kind, b'/', policy.syntax),
        Node::Text(_) | Node::Wildcard(_) => false,
    }
}

/// Returns the number of segments that precede a mounted service: a variable that spans segments belongs to the
/// path of the service.
fn mount_segments(path: &Template, policy: Policy) -> u16 {
    let slashes = |nodes: &[Node]| -> usize {
        let texts = nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.matches('/').count()),
            Node::Variable(_) | Node::Wildcard(_) => None,
        });
        texts.sum()
    };
    let segments = match path.nodes.iter().position(|node| spans(node, policy)) {
        // The slash before the variable is the first character of the inner path.
        Some(at) => slashes(&path.nodes[..at]).saturating_sub(1),
        None => path.segment_count(),
    };
    u16::try_from(segments).unwrap_or(u16::MAX)
}

/// Returns an error for each variable that a route reads and does not have.
fn missing_variables(meta: &RouteMeta, pattern: &Pattern) -> Vec<BuildErrorKind> {
    let has = |name: &String| pattern.vars.iter().any(|var| *var.name == **name);
    let missing = meta.reads.iter().filter(|read| !meta.build_only && !has(&read.name));
    missing
        .map(|read| BuildErrorKind::MissingVariable {
            name: read.name.clone(),
            reader: read.reader.clone(),
            variables: pattern.vars.iter().map(|var| var.name.to_string()).collect(),
        })
        .collect()
}

/// Returns the conditions of a scope and of its outer scopes, outermost first.
pub(crate) fn chain(
    scopes: &[(Option<ScopeId>, ScopeConditions)],
    scope: Option<ScopeId>,
) -> Vec<&Conditions> {
    let mut chain = Vec::new();
    let mut next = scope;
    while let Some((parent, scope)) = next.and_then(|id| scopes.get(id.index())) {
        chain.push(&scope.conditions);
        next = parent.filter(|parent| Some(*parent) < next);
    }
    chain.reverse();
    chain
}

pub(crate) fn full_name(
    scopes: &[(Option<ScopeId>, ScopeConditions)],
    scope: Option<ScopeId>,
    own: Option<&str>,
) -> Option<String> {
    let mut parts = vec![own?];
    let mut next = scope;
    while let Some((parent, scope)) = next.and_then(|id| scopes.get(id.index())) {
        parts.extend(scope.name.as_deref());
        next = parent.filter(|parent| Some(*parent) < next);
    }
    parts.reverse();
    Some(parts.join("."))
}

pub(crate) fn key(route: &CompiledRoute, priority: i32, order: usize, policy: Policy) -> RankKey {
    RankKey::new(&Ranked::of(priority, order, route.path.as_ref(), &route.pattern), policy.precedence)
}

/// Returns the errors of the innermost conditions; those of an outer scope are reported there.
pub(crate) fn innermost_errors(
    chain: &[&Conditions],
    compilation: &Compilation,
    is_scope: bool,
    kinds: Vec<BuildErrorKind>,
) -> Vec<BuildErrorKind> {
    let Some((own, outer)) = chain.split_last() else { return kinds };
    if outer.is_empty() || compile(outer, compilation, true).is_ok() {
        return kinds;
    }
    let mut own = compile(&[own], compilation, is_scope).err().unwrap_or_default();
    // A path may be empty in a scope.
    own.retain(|kind| !matches!(kind, BuildErrorKind::Template(error) if error.text.is_empty()));
    own
}

pub(crate) fn report(
    errors: &mut Vec<BuildError>,
    conditions: &Conditions,
    name: Option<&str>,
    kinds: Vec<BuildErrorKind>,
) {
    let route = label(conditions, name);
    errors.extend(kinds.into_iter().map(|kind| BuildError {
        kind,
        route: route.clone(),
        location: conditions.location,
    }));
}

/// Returns the name of a route or scope, else its path or host.
fn label(conditions: &Conditions, name: Option<&str>) -> String {
    let path = conditions.path.as_ref().map(|path| path.text.as_str());
    let host = conditions.hosts.first().map(|host| match host {
        HostText::Template(text) | HostText::Regex(text) => text.as_str(),
    });
    name.or(path).or(host).unwrap_or("*").to_owned()
}

/// A compiled route or scope with its rank.
pub(crate) struct Compiled {
    /// Its index in the order of addition.
    pub(crate) index: usize,
    pub(crate) slash_variant: bool,
    pub(crate) pattern: Arc<Pattern>,
    pub(crate) edges: PathEdges,
    /// The hash of the literal text.
    pub(crate) literals: u64,
    /// The place of its rank among all.
    pub(crate) key: u32,
}

impl Compiled {
    /// Returns what is compared with routes of the same rank.
    pub(crate) fn ranked(&self) -> RankedRoute<'_> {
        RankedRoute { index: self.index, pattern: &self.pattern, literals: self.literals }
    }
}

/// Sorts routes by rank, those of one rank in the order of addition; returns the ranks that the keys are the places of.
pub(crate) fn sort_by_rank(compiled: &mut [Compiled], keys: RankKeys) -> Vec<RankKey> {
    let (sorted, places) = keys.sort();
    compiled.iter_mut().for_each(|route| route.key = places[route.key as usize]);
    compiled.sort_by_key(|route| route.key);
    sorted
}

/// Returns for each rank the end of its route's seal: after all routes with the same ranks of host and path.
pub(crate) fn limits(compiled: &[Compiled], keys: &[RankKey], sealed: &HashSet<usize>) -> Vec<u32> {
    let mut limits = Vec::with_capacity(compiled.len());
    for group in compiled.chunk_by(|a, b| keys[a.key as usize].shares_location(&keys[b.key as usize])) {
        let end = u32::try_from(limits.len() + group.len()).unwrap_or(u32::MAX);
        let is_sealed = |route: &Compiled| sealed.contains(&route.index) && !route.slash_variant;
        limits.extend(group.iter().map(|route| if is_sealed(route) { end } else { u32::MAX }));
    }
    limits
}
