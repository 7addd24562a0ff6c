//! Routes to compiled ways: a route without rules has one, one with rules as many as its alternatives.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::order::Compiled;
use crate::catalog::{Facts, ScopeId, shown};
use crate::compile::compile;
use crate::conditions::{Bounds, Conditions, HostText};
use crate::error::{BuildError, BuildErrorKind};
use crate::matcher::guard::Custom;
use crate::pattern::{Pattern, Texts, detour};
use crate::policy::Policy;
use crate::rank::{RankKey, Ranked};
use crate::rule::lint::RuleLint;
use crate::rule::lower::{Lowered, lower};
use crate::rule::write::expr;
use crate::words::words;

/// What a route is, apart from its conditions.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) name: Option<String>,
    pub(super) scope: Option<ScopeId>,
    pub(super) priority: i32,
    pub(super) build_only: bool,
    pub(super) metadata: BTreeMap<String, String>,
    /// The text of foreign rules.
    pub(super) foreign: String,
    /// The whole route as a rule.
    pub(super) rule: Option<Arc<String>>,
}

/// Routes as they are laid out, with every fault of them.
pub(super) struct Lay<'b> {
    scopes: &'b [(Option<ScopeId>, Bounds)],
    policy: Policy,
    /// The guards that rules name.
    guards: &'b HashMap<String, Custom>,
    pub(super) facts: Vec<Facts>,
    pub(super) compiled: Vec<Compiled>,
    /// Routes that only build URLs.
    pub(super) idle: Vec<Compiled>,
    pub(super) sealed: HashSet<usize>,
    pub(super) lints: Vec<(usize, RuleLint)>,
    pub(super) errors: Vec<BuildError>,
    /// The ways of routes beyond the first, with the places of the routes: they stand behind all routes.
    further: Vec<(usize, About, Conditions)>,
}

impl<'b> Lay<'b> {
    pub(super) fn new(
        scopes: &'b [(Option<ScopeId>, Bounds)],
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
    pub(super) fn route(&mut self, conditions: Conditions, mut about: About) -> bool {
        let place = self.facts.len();
        if conditions.rules.is_empty() {
            return self.way(place, about, &conditions);
        }
        let Lowered { ways, priority, foreign, lints } = match lower(&conditions, self.guards) {
            Ok(lowered) => lowered,
            Err(errors) => {
                let kinds = errors.into_iter().map(BuildErrorKind::Rule).collect();
                report(&mut self.errors, &conditions, about.name.as_deref(), kinds);
                return false;
            }
        };
        about.foreign = foreign;
        about.rule = expr(&conditions).ok().map(|expr| Arc::new(expr.to_string()));
        self.lints.extend(lints.into_iter().map(|lint| (place, lint)));
        if about.priority == 0 {
            about.priority = priority.unwrap_or(0);
        }
        let mut ways = ways.into_iter();
        let Some(first) = ways.next() else { return false };
        self.further.extend(ways.map(|way| (place, about.clone(), way)));
        self.way(place, about, &first)
    }

    /// Lays out what is left, and says how many routes there are.
    pub(super) fn finish(&mut self) -> usize {
        let routes = self.facts.len();
        for (of, about, conditions) in std::mem::take(&mut self.further) {
            self.way(of, about, &conditions);
        }
        routes
    }

    fn way(&mut self, of: usize, about: About, own: &Conditions) -> bool {
        let mut chain = chain(self.scopes, about.scope);
        chain.push(own);
        let (pattern, texts) = match compile(&chain, self.policy, false) {
            Ok(compiled) => compiled,
            Err(kinds) => {
                let kinds = blame(&chain, self.policy, false, kinds);
                let mut errors = Vec::new();
                report(&mut errors, own, about.name.as_deref(), kinds);
                // The ways of a route share their faults.
                errors.retain(|error| !self.errors.contains(error));
                self.errors.extend(errors);
                return false;
            }
        };
        let place = self.facts.len();
        let mut key = key(&pattern, &texts, about.priority, of, self.policy);
        if !about.foreign.is_empty() {
            key = key.with_text(&about.foreign);
        }
        self.facts.push(Facts {
            of: of as u32,
            rank: 0,
            template: shown(&texts),
            methods: pattern.methods.clone(),
            conditions: chain.iter().flat_map(|conditions| words(conditions)).collect(),
            name: about.name,
            texts,
            scope: about.scope,
            priority: about.priority,
            build_only: about.build_only,
            sealed: own.sealed,
            metadata: about.metadata,
            supplies: chain.iter().flat_map(|outer| outer.supplies.clone()).collect(),
            rule: about.rule,
            site: own.site,
        });
        if own.sealed {
            self.sealed.insert(place);
        }
        let list = if about.build_only { &mut self.idle } else { &mut self.compiled };
        if let Some(pattern) = detour(&pattern, &self.facts[place].texts, self.policy) {
            let key = key.detour();
            list.push(Compiled { place, detour: true, pattern, key });
        }
        list.push(Compiled { place, detour: false, pattern, key });
        true
    }
}

/// The conditions of a scope and of all around it, outermost first.
pub(super) fn chain(scopes: &[(Option<ScopeId>, Bounds)], scope: Option<ScopeId>) -> Vec<&Conditions> {
    let mut chain = Vec::new();
    let mut next = scope;
    while let Some((parent, bounds)) = next.and_then(|id| scopes.get(id.index())) {
        chain.push(&bounds.conditions);
        next = parent.filter(|parent| Some(*parent) < next);
    }
    chain.reverse();
    chain
}

pub(super) fn full_name(
    scopes: &[(Option<ScopeId>, Bounds)],
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

pub(super) fn key(pattern: &Pattern, texts: &Texts, priority: i32, order: usize, policy: Policy) -> RankKey {
    RankKey::new(&Ranked::of(priority, order, texts, pattern), policy.precedence)
}

/// The faults of the innermost conditions; what an outer scope did wrong is reported there.
pub(super) fn blame(
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

pub(super) fn report(
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
        site: conditions.site,
    }));
}
