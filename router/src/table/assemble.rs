//! Routes compiled and ranked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::compile::compiler::compile;
use crate::compile::error::{BuildError, BuildErrorKind};
use crate::compile::pattern::{Pattern, RouteTemplates, slash_variant};
use crate::compile::rank::{RankKey, Ranked};
use crate::matcher::guard::{Custom, Guard};
use crate::request::policy::Policy;
use crate::route::conditions::{Conditions, HostText, ScopeConditions};
use crate::route::lower::{Lowered, lower};
use crate::route::to_rule::{expr, words};
use crate::rule::check::RuleLint;
use crate::table::catalog::{RouteEntry, ScopeId, UnknownOverlaps, shown};
use crate::table::conflict::Conflicts;

/// What a route is, apart from its conditions.
#[derive(Debug, Clone)]
pub(crate) struct RouteMeta {
    pub(crate) name: Option<String>,
    pub(crate) scope: Option<ScopeId>,
    pub(crate) priority: i32,
    pub(crate) build_only: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    /// The text of foreign rules.
    pub(crate) foreign: String,
    /// The whole route as a rule.
    pub(crate) rule: Option<Arc<String>>,
}

/// Routes as they are laid out, with every fault of them.
pub(crate) struct RouteAssembler<'b> {
    scopes: &'b [(Option<ScopeId>, ScopeConditions)],
    policy: Policy,
    /// The guards that rules name.
    guards: &'b HashMap<String, Custom>,
    pub(crate) facts: Vec<RouteEntry>,
    pub(crate) compiled: Vec<Compiled>,
    /// Routes that only build URLs.
    pub(crate) idle: Vec<Compiled>,
    pub(crate) sealed: HashSet<usize>,
    pub(crate) lints: Vec<(usize, RuleLint)>,
    pub(crate) errors: Vec<BuildError>,
    /// The alternatives of routes beyond the first, with the places of the routes: they stand behind all routes.
    further: Vec<(usize, RouteMeta, Conditions)>,
}

impl<'b> RouteAssembler<'b> {
    pub(crate) fn new(
        scopes: &'b [(Option<ScopeId>, ScopeConditions)],
        policy: Policy,
        guards: &'b HashMap<String, Custom>,
        routes: usize,
    ) -> Self {
        Self {
            scopes,
            policy,
            guards,
            facts: Vec::with_capacity(routes),
            compiled: Vec::with_capacity(routes),
            idle: Vec::new(),
            sealed: HashSet::new(),
            lints: Vec::new(),
            errors: Vec::new(),
            further: Vec::new(),
        }
    }

    /// Lays out a route; false if there is a fault, which is told at the end.
    pub(crate) fn route(&mut self, conditions: Conditions, mut meta: RouteMeta) -> bool {
        let index = self.facts.len();
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
        self.lints.extend(lints.into_iter().map(|lint| (index, lint)));
        if meta.priority == 0 {
            meta.priority = priority.unwrap_or(0);
        }
        let mut alternatives = alternatives.into_iter();
        let Some(first) = alternatives.next() else { return false };
        self.further.extend(alternatives.map(|alternative| (index, meta.clone(), alternative)));
        self.alternative(index, meta, &first)
    }

    /// Lays out what is left, and says how many routes there are.
    pub(crate) fn finish(&mut self) -> usize {
        let routes = self.facts.len();
        for (of, meta, conditions) in std::mem::take(&mut self.further) {
            self.alternative(of, meta, &conditions);
        }
        routes
    }

    fn alternative(&mut self, of: usize, meta: RouteMeta, own: &Conditions) -> bool {
        let mut chain = chain(self.scopes, meta.scope);
        chain.push(own);
        let (pattern, templates) = match compile(&chain, self.policy, false) {
            Ok(compiled) => compiled,
            Err(kinds) => {
                let kinds = blame(&chain, self.policy, false, kinds);
                let mut errors = Vec::new();
                report(&mut errors, own, meta.name.as_deref(), kinds);
                // The alternatives of a route share their faults.
                errors.retain(|error| !self.errors.contains(error));
                self.errors.extend(errors);
                return false;
            }
        };
        let index = self.facts.len();
        let mut key = key(&pattern, &templates, meta.priority, of, self.policy);
        if !meta.foreign.is_empty() {
            key = key.with_text(&meta.foreign);
        }
        self.facts.push(RouteEntry {
            of: of as u32,
            rank: 0,
            template: shown(&templates),
            methods: pattern.methods.clone(),
            conditions: chain.iter().flat_map(|conditions| words(conditions)).collect(),
            name: meta.name,
            templates,
            scope: meta.scope,
            priority: meta.priority,
            build_only: meta.build_only,
            sealed: own.sealed,
            metadata: meta.metadata,
            supplies: chain.iter().flat_map(|outer| outer.supplies.clone()).collect(),
            rule: meta.rule,
            location: own.location,
        });
        if own.sealed {
            self.sealed.insert(index);
        }
        let list = if meta.build_only { &mut self.idle } else { &mut self.compiled };
        if let Some(pattern) = slash_variant(&pattern, &self.facts[index].templates, self.policy) {
            let key = key.slash_variant();
            list.push(Compiled { index, slash_variant: true, pattern, key });
        }
        list.push(Compiled { index, slash_variant: false, pattern, key });
        true
    }
}

/// The conditions of a scope and of all around it, outermost first.
pub(crate) fn chain(
    scopes: &[(Option<ScopeId>, ScopeConditions)],
    scope: Option<ScopeId>,
) -> Vec<&Conditions> {
    let mut chain = Vec::new();
    let mut next = scope;
    while let Some((parent, bounds)) = next.and_then(|id| scopes.get(id.index())) {
        chain.push(&bounds.conditions);
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
    while let Some((parent, bounds)) = next.and_then(|id| scopes.get(id.index())) {
        parts.extend(bounds.name.as_deref());
        next = parent.filter(|parent| Some(*parent) < next);
    }
    parts.reverse();
    Some(parts.join("."))
}

pub(crate) fn key(
    pattern: &Pattern,
    templates: &RouteTemplates,
    priority: i32,
    order: usize,
    policy: Policy,
) -> RankKey {
    RankKey::new(&Ranked::of(priority, order, templates, pattern), policy.precedence)
}

/// The faults of the innermost conditions; what an outer scope did wrong is reported there.
pub(crate) fn blame(
    chain: &[&Conditions],
    policy: Policy,
    is_scope: bool,
    kinds: Vec<BuildErrorKind>,
) -> Vec<BuildErrorKind> {
    let Some((own, outer)) = chain.split_last() else { return kinds };
    if outer.is_empty() || compile(outer, policy, true).is_ok() {
        return kinds;
    }
    let mut own = compile(&[own], policy, is_scope).err().unwrap_or_default();
    // The path of what stands in a scope may be empty.
    own.retain(|kind| !matches!(kind, BuildErrorKind::Template(error) if error.text.is_empty()));
    own
}

pub(crate) fn report(
    errors: &mut Vec<BuildError>,
    conditions: &Conditions,
    name: Option<&str>,
    kinds: Vec<BuildErrorKind>,
) {
    let path = conditions.path.as_ref().map(|path| path.text.as_str());
    let host = conditions.hosts.first().map(|host| match host {
        HostText::Template(text) | HostText::Regex(text) => text.as_str(),
    });
    let route = name.or(path).or(host).unwrap_or("*");
    errors.extend(kinds.into_iter().map(|kind| BuildError {
        kind,
        route: route.to_owned(),
        location: conditions.location,
    }));
}

/// A route or scope with its rank.
pub(crate) struct Compiled {
    /// Its index in the order of writing.
    pub(crate) index: usize,
    pub(crate) slash_variant: bool,
    pub(crate) pattern: Pattern,
    pub(crate) key: RankKey,
}

/// Orders routes of one rank by what they ask for: a request that gives a field two values, each of
/// which a route asks for, is answered alike whatever the order of writing.
pub(crate) fn sort_equal_ranks(compiled: &mut [Compiled], facts: &[RouteEntry]) {
    for group in compiled.chunk_by_mut(|a, b| a.key == b.key) {
        if group.len() > 1 && group.iter().any(|route| !route.pattern.guards.is_empty()) {
            group.sort_by_cached_key(|route| call_conditions(&facts[route.index]));
        }
    }
}

/// What a route asks for, apart from what it gives: between types that a client wants alike, the order of
/// writing decides.
fn call_conditions(facts: &RouteEntry) -> (String, Vec<String>) {
    let conditions = facts.conditions.iter().filter(|words| !words.starts_with("accepts "));
    (facts.template.clone(), conditions.cloned().collect())
}

/// For each rank, the ranks of the routes that differ by what they give only; none for all others.
pub(crate) fn accept_groups(compiled: &[Compiled], facts: &[RouteEntry]) -> Vec<(u32, u32)> {
    let gives = |route: &Compiled| route.pattern.guards.iter().any(|guard| matches!(guard, Guard::Accept(_)));
    let beside = |a: &Compiled, b: &Compiled| {
        gives(a)
            && gives(b)
            && a.key == b.key
            && call_conditions(&facts[a.index]) == call_conditions(&facts[b.index])
    };
    let mut accept_groups = Vec::with_capacity(compiled.len());
    for group in compiled.chunk_by(beside) {
        let start = accept_groups.len() as u32;
        let range = if group.len() > 1 { (start, start + group.len() as u32) } else { (0, 0) };
        accept_groups.extend(group.iter().map(|_| range));
    }
    accept_groups
}

/// Refuses routes of one rank that meet, and gives back the pairs of which it is not known.
pub(crate) fn conflicts(
    compiled: &[Compiled],
    facts: &[RouteEntry],
    policy: &Policy,
    errors: &mut Vec<BuildError>,
) -> UnknownOverlaps {
    let mut conflicts = Conflicts::new(facts, policy);
    // Detours repeat what is said of their routes.
    let own: Vec<&Compiled> = compiled.iter().filter(|route| !route.slash_variant).collect();
    for group in own.chunk_by(|a, b| a.key == b.key).filter(|group| group.len() > 1) {
        let group: Vec<_> = group.iter().map(|route| (route.index, &route.pattern)).collect();
        conflicts.compare(&group);
    }
    errors.extend(conflicts.errors());
    conflicts.unknown_overlaps
}

/// For each rank, where the seal of its route begins: behind all routes of the same host and path ranks.
pub(crate) fn limits(compiled: &[Compiled], sealed: &HashSet<usize>) -> Vec<u32> {
    let mut limits = Vec::with_capacity(compiled.len());
    for group in compiled.chunk_by(|a, b| a.key.lies_with(&b.key)) {
        let end = u32::try_from(limits.len() + group.len()).unwrap_or(u32::MAX);
        let is_sealed = |route: &Compiled| sealed.contains(&route.index) && !route.slash_variant;
        limits.extend(group.iter().map(|route| if is_sealed(route) { end } else { u32::MAX }));
    }
    limits
}
