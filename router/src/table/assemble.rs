//! Routes compiled and ranked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::compile::compiler::compile;
use crate::compile::error::{BuildError, BuildErrorKind};
use crate::compile::pattern::{Pattern, RouteTemplates, slash_variant};
use crate::compile::rank::{RankKey, Ranked};
use crate::matcher::guard::Custom;
use crate::request::policy::Policy;
use crate::route::conditions::{Conditions, HostText};
use crate::route::lower::{Lowered, lower};
use crate::route::scope_conditions::ScopeConditions;
use crate::route::to_rule::{condition_texts, expr};
use crate::rule::lint::RuleLint;
use crate::table::catalog::{RouteEntry, ScopeId, shown};

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

/// Routes as they are laid out, with every error of them.
pub(crate) struct RouteAssembler<'b> {
    scopes: &'b [(Option<ScopeId>, ScopeConditions)],
    policy: Policy,
    /// The guards that rules name.
    guards: &'b HashMap<String, Custom>,
    pub(crate) entries: Vec<RouteEntry>,
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
            entries: Vec::with_capacity(routes),
            compiled: Vec::with_capacity(routes),
            idle: Vec::new(),
            sealed: HashSet::new(),
            lints: Vec::new(),
            errors: Vec::new(),
            further: Vec::new(),
        }
    }

    /// Lays out a route; false if there is a error, which is told at the end.
    pub(crate) fn route(&mut self, conditions: Conditions, mut meta: RouteMeta) -> bool {
        let index = self.entries.len();
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
        let routes = self.entries.len();
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
                // The alternatives of a route share their errors.
                errors.retain(|error| !self.errors.contains(error));
                self.errors.extend(errors);
                return false;
            }
        };
        let index = self.entries.len();
        let mut key = key(&pattern, &templates, meta.priority, of, self.policy);
        if !meta.foreign.is_empty() {
            key = key.with_text(&meta.foreign);
        }
        self.entries.push(RouteEntry {
            of: of as u32,
            rank: 0,
            template: shown(&templates),
            methods: pattern.methods.clone(),
            conditions: chain.iter().flat_map(|conditions| condition_texts(conditions)).collect(),
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
        if let Some(pattern) = slash_variant(&pattern, &self.entries[index].templates, self.policy) {
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

/// The errors of the innermost conditions; what an outer scope did wrong is reported there.
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
