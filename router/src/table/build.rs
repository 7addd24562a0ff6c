//! Routes and scopes to a table: compile, report, order, index.

use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::sync::Arc;

use super::index::{Draft, Index};
use super::lookup::{Place, ScopeRules, Table};
use super::order::{Compiled, conflicts, limits, rivals, settle};
use crate::catalog::ScopeId;
use crate::catalog::{Catalog, Facts, ScopeFacts, shown};
use crate::checks::network;
use crate::compile::compile;
use crate::conditions::{Bounds, Conditions, HostText};
use crate::error::{BuildError, BuildErrorKind, BuildErrors};
use crate::matcher::client::Network;
use crate::pattern::{Pattern, Texts, detour};
use crate::policy::{Policy, Precedence};
use crate::rank::{RankKey, Ranked};
use crate::route::Route;

/// Collects routes and scopes; [`build`](Self::build) reports every fault of all of them.
///
/// ```
/// use waylay_router::{Bounds, Policy, Route, Table};
/// let mut builder = Table::builder().policy(Policy::strict()).route(Route::get("/").value("home"));
/// let admin = builder.open(None, Bounds::new().host("admin.example.com"));
/// builder.add(Some(admin), Route::get("/").value("admin"));
/// let table = builder.build()?;
/// assert_eq!(table.routes().count(), 2);
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct TableBuilder<T> {
    policy: Policy,
    scopes: Vec<(Option<ScopeId>, Bounds)>,
    routes: Vec<(Option<ScopeId>, Route<T>)>,
    proxies: Vec<(String, &'static Location<'static>)>,
}

impl<T> Table<T> {
    /// An empty builder with the default policy.
    pub fn builder() -> TableBuilder<T> {
        TableBuilder {
            policy: Policy::default(),
            scopes: Vec::new(),
            routes: Vec::new(),
            proxies: Vec::new(),
        }
    }
}

impl<T> TableBuilder<T> {
    /// Sets how requests are read.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Trusts proxies at an address, or in a block of them (`10.0.0.0/8`): where the other end is one,
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` tell client, scheme and host.
    /// From anybody else they are not read.
    #[track_caller]
    pub fn trusted_proxy(mut self, network: impl Into<String>) -> Self {
        self.proxies.push((network.into(), Location::caller()));
        self
    }

    /// Adds a route outside all scopes.
    pub fn route(mut self, route: Route<T>) -> Self {
        self.add(None, route);
        self
    }

    /// Adds a route inside a scope.
    pub fn add(&mut self, scope: Option<ScopeId>, route: Route<T>) {
        self.routes.push((scope, route));
    }

    /// Opens a scope inside another one.
    pub fn open(&mut self, parent: Option<ScopeId>, bounds: Bounds) -> ScopeId {
        self.scopes.push((parent, bounds));
        ScopeId(self.scopes.len() as u32 - 1)
    }

    /// Compiles everything.
    ///
    /// # Errors
    /// All faults of all routes and scopes.
    pub fn build(mut self) -> Result<Table<T>, BuildErrors> {
        let mut errors = Vec::new();
        let mut facts: Vec<Facts> = Vec::with_capacity(self.routes.len());
        let mut compiled: Vec<Compiled> = Vec::with_capacity(self.routes.len());
        let mut idle = Vec::new();
        let mut values = Vec::with_capacity(self.routes.len());
        let mut scopes = self.compile_scopes(&mut errors);
        let proxies = proxies(&self.proxies, &mut errors);
        let rules = rules(&self.scopes, self.policy);
        let mut sealed = HashSet::new();
        for (scope, route) in std::mem::take(&mut self.routes) {
            let mut chain = chain(&self.scopes, scope);
            let name = full_name(&self.scopes, scope, route.name.as_deref());
            chain.push(&route.conditions);
            match compile(&chain, self.policy, false) {
                Err(kinds) => {
                    let kinds = blame(&chain, self.policy, false, kinds);
                    report(&mut errors, &route.conditions, name.as_deref(), kinds);
                }
                Ok((pattern, texts)) => {
                    let place = facts.len();
                    let key = key(&pattern, &texts, route.priority, place, self.policy);
                    facts.push(Facts {
                        rank: 0,
                        template: shown(&texts),
                        methods: pattern.methods.clone(),
                        conditions: chain.iter().flat_map(|conditions| conditions.words()).collect(),
                        name,
                        texts,
                        scope,
                        priority: route.priority,
                        build_only: route.build_only,
                        sealed: route.conditions.sealed,
                        metadata: route.metadata,
                        supplies: chain.iter().flat_map(|outer| outer.supplies.clone()).collect(),
                        site: route.conditions.site,
                    });
                    if route.conditions.sealed {
                        sealed.insert(place);
                    }
                    let list = if route.build_only { &mut idle } else { &mut compiled };
                    if let Some(pattern) = detour(&pattern, &facts[place].texts, self.policy) {
                        let key = key.detour();
                        list.push(Compiled { place, detour: true, pattern, key });
                    }
                    list.push(Compiled { place, detour: false, pattern, key });
                    values.push(route.value);
                }
            }
        }
        let names = names(&facts, self.policy, &mut errors);
        compiled.sort_by(|a, b| a.key.cmp(&b.key));
        settle(&mut compiled, &facts);
        let undecided = if self.policy.precedence == Precedence::Specific {
            conflicts(&compiled, &facts, &self.policy, &mut errors)
        } else {
            Vec::new()
        };
        BuildErrors::check(errors)?;
        let limits = if sealed.is_empty() { Vec::new() } else { limits(&compiled, &sealed) };
        let rivals = rivals(&compiled, &facts);
        let (mut patterns, mut places, index) = freeze(compiled);
        for (place, rivals) in places.iter_mut().zip(rivals) {
            place.rivals = rivals;
        }
        idle.retain(|route: &Compiled| !route.detour);
        places.extend(idle.iter().map(|route| Place {
            route: route.place as u32,
            detour: false,
            rivals: (0, 0),
        }));
        patterns.extend(idle.into_iter().map(|route| route.pattern));
        for (rank, place) in places.iter().enumerate().filter(|(_, place)| !place.detour) {
            facts[place.route as usize].rank = rank;
        }
        scopes.sort_by(|a, b| a.key.cmp(&b.key));
        let (scope_patterns, scope_places, scope_index) = freeze(scopes);
        let hosts = index.hosts() || scope_index.hosts();
        let scope_facts = scope_facts(self.scopes);
        let catalog = Arc::new(Catalog {
            routes: facts,
            patterns,
            names,
            policy: self.policy,
            undecided,
            scopes: scope_facts,
        });
        Ok(Table {
            catalog,
            values,
            places,
            index,
            scopes: scope_patterns,
            scope_places: scope_places.into_iter().map(|place| ScopeId(place.route)).collect(),
            scope_index,
            hosts,
            seals: !limits.is_empty() || rules.iter().any(|rules| rules.sealed),
            rules,
            limits,
            proxies,
        })
    }

    /// Scopes stand in an index of their own, which only misses look at: the deepest comes first.
    fn compile_scopes(&self, errors: &mut Vec<BuildError>) -> Vec<Compiled> {
        let mut compiled = Vec::new();
        for (place, (parent, bounds)) in self.scopes.iter().enumerate() {
            let mut chain = chain(&self.scopes, *parent);
            chain.push(&bounds.conditions);
            let depth = i32::try_from(chain.len()).unwrap_or(i32::MAX);
            match compile(&chain, self.policy, true) {
                Err(kinds) => {
                    let kinds = blame(&chain, self.policy, true, kinds);
                    report(errors, &bounds.conditions, bounds.name.as_deref(), kinds);
                }
                Ok((pattern, texts)) => {
                    let key = key(&pattern, &texts, depth, place, self.policy);
                    compiled.push(Compiled { place, detour: false, pattern, key });
                }
            }
        }
        compiled
    }
}

fn freeze(compiled: Vec<Compiled>) -> (Vec<Pattern>, Vec<Place>, Index) {
    let mut draft = Draft::default();
    let mut patterns = Vec::with_capacity(compiled.len());
    let mut places = Vec::with_capacity(compiled.len());
    for (rank, route) in (0u32..).zip(compiled) {
        draft.add(&route.pattern, rank);
        patterns.push(route.pattern);
        places.push(Place { route: route.place as u32, detour: route.detour, rivals: (0, 0) });
    }
    (patterns, places, draft.freeze())
}

fn scope_facts(scopes: Vec<(Option<ScopeId>, Bounds)>) -> Vec<ScopeFacts> {
    let facts = scopes.into_iter().map(|(parent, bounds)| {
        let hosts = bounds.conditions.hosts.iter().map(|host| match host {
            HostText::Template(text) => text.clone(),
            HostText::Regex(regex) => format!("~{regex}"),
        });
        ScopeFacts {
            parent,
            hosts: hosts.collect(),
            conditions: bounds.conditions.words(),
            sealed: bounds.conditions.sealed,
            site: bounds.conditions.site,
            prefix: bounds.conditions.path.map(|path| path.text),
            name: bounds.name,
        }
    });
    facts.collect()
}

fn proxies(texts: &[(String, &'static Location<'static>)], errors: &mut Vec<BuildError>) -> Vec<Network> {
    let mut proxies = Vec::new();
    for (text, site) in texts {
        match network(text) {
            Ok(network) => proxies.push(network),
            Err(kind) => errors.push(BuildError { kind, route: "trusted_proxy".to_owned(), site }),
        }
    }
    proxies
}

/// What holds in each scope; scopes are opened after those around them.
fn rules(scopes: &[(Option<ScopeId>, Bounds)], policy: Policy) -> Vec<ScopeRules> {
    let mut rules: Vec<ScopeRules> = Vec::with_capacity(scopes.len());
    for (parent, bounds) in scopes {
        let parent = parent.filter(|parent| parent.index() < rules.len());
        let outer = parent.map(|parent| rules[parent.index()]);
        rules.push(ScopeRules {
            parent,
            sealed: bounds.conditions.sealed,
            method_miss: bounds.method_miss.or(outer.map(|o| o.method_miss)).unwrap_or(policy.method_miss),
            options: bounds.options.or(outer.map(|outer| outer.options)).unwrap_or(policy.options),
        });
    }
    rules
}

/// The conditions of a scope and of all around it, outermost first.
fn chain(scopes: &[(Option<ScopeId>, Bounds)], scope: Option<ScopeId>) -> Vec<&Conditions> {
    let mut chain = Vec::new();
    let mut next = scope;
    while let Some((parent, bounds)) = next.and_then(|id| scopes.get(id.index())) {
        chain.push(&bounds.conditions);
        next = parent.filter(|parent| Some(*parent) < next);
    }
    chain.reverse();
    chain
}

fn full_name(
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

fn key(pattern: &Pattern, texts: &Texts, priority: i32, order: usize, policy: Policy) -> RankKey {
    RankKey::new(&Ranked::of(priority, order, texts, pattern), policy.precedence)
}

/// The faults of the innermost conditions; what an outer scope did wrong is reported there.
fn blame(
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

fn report(
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

fn names(facts: &[Facts], policy: Policy, errors: &mut Vec<BuildError>) -> HashMap<String, usize> {
    let mut names = HashMap::new();
    for (place, route) in facts.iter().enumerate() {
        let Some(name) = &route.name else { continue };
        let before = names.insert(name.clone(), place);
        // gorilla/mux lets the last one win in silence.
        if let (Some(before), Precedence::Specific) = (before, policy.precedence) {
            errors.push(BuildError {
                kind: BuildErrorKind::DuplicateName { name: name.clone(), other: facts[before].site },
                route: name.clone(),
                site: route.site,
            });
        }
    }
    names
}
