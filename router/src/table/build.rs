//! Routes and scopes to a table: compile, report, order, index.

use std::collections::HashMap;
use std::sync::Arc;

use super::index::{Draft, Index};
use super::lookup::{Place, Table};
use crate::catalog::ScopeId;
use crate::catalog::{Catalog, Facts, shown};
use crate::compile::compile;
use crate::conditions::{Bounds, Conditions, HeaderText, QueryText};
use crate::error::{BuildError, BuildErrorKind, BuildErrors};
use crate::pattern::{Pattern, Texts, detour, shape};
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
}

impl<T> Table<T> {
    /// An empty builder with the default policy.
    pub fn builder() -> TableBuilder<T> {
        TableBuilder { policy: Policy::default(), scopes: Vec::new(), routes: Vec::new() }
    }
}

struct Compiled {
    place: usize,
    detour: bool,
    pattern: Pattern,
    key: RankKey,
}

impl<T> TableBuilder<T> {
    /// Sets how requests are read.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
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
    pub fn build(self) -> Result<Table<T>, BuildErrors> {
        let mut errors = Vec::new();
        let mut facts: Vec<Facts> = Vec::with_capacity(self.routes.len());
        let mut compiled: Vec<Compiled> = Vec::with_capacity(self.routes.len());
        let mut idle = Vec::new();
        let mut values = Vec::with_capacity(self.routes.len());
        let mut scopes = self.compile_scopes(&mut errors);
        for (scope, route) in self.routes {
            let mut chain = chain(&self.scopes, scope);
            let name = full_name(&self.scopes, scope, route.name.as_deref());
            let methods_given =
                chain.iter().any(|outer| outer.methods.is_some()) || route.conditions.methods.is_some();
            chain.push(&route.conditions);
            match compile(&chain, self.policy, false) {
                Err(kinds) => {
                    let kinds = blame(&chain, self.policy, false, kinds);
                    report(&mut errors, &route.conditions, name.as_deref(), kinds);
                }
                Ok((pattern, texts)) => {
                    let place = facts.len();
                    let head_only = route
                        .conditions
                        .methods
                        .as_ref()
                        .is_some_and(|methods| methods.to_string() == "HEAD");
                    let key =
                        key(&pattern, &texts, route.priority, place, methods_given, head_only, self.policy);
                    facts.push(Facts {
                        rank: 0,
                        template: shown(&texts),
                        methods: pattern.methods.clone(),
                        conditions: chain.iter().flat_map(|conditions| words(conditions)).collect(),
                        name,
                        texts,
                        scope,
                        priority: route.priority,
                        build_only: route.build_only,
                        metadata: route.metadata,
                        site: route.conditions.site,
                    });
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
        if self.policy.precedence == Precedence::Specific {
            conflicts(&compiled, &facts, &mut errors);
        }
        BuildErrors::check(errors)?;
        let (mut patterns, mut places, index) = freeze(compiled);
        idle.retain(|route: &Compiled| !route.detour);
        places.extend(idle.iter().map(|route| Place { route: route.place as u32, detour: false }));
        patterns.extend(idle.into_iter().map(|route| route.pattern));
        for (rank, place) in places.iter().enumerate().filter(|(_, place)| !place.detour) {
            facts[place.route as usize].rank = rank;
        }
        scopes.sort_by(|a, b| a.key.cmp(&b.key));
        let (scope_patterns, scope_places, scope_index) = freeze(scopes);
        let hosts = index.hosts() || scope_index.hosts();
        let catalog = Arc::new(Catalog { routes: facts, patterns, names, policy: self.policy });
        Ok(Table {
            catalog,
            values,
            places,
            index,
            scopes: scope_patterns,
            scope_places: scope_places.into_iter().map(|place| ScopeId(place.route)).collect(),
            scope_index,
            hosts,
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
                    let key = key(&pattern, &texts, depth, place, false, false, self.policy);
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
        places.push(Place { route: route.place as u32, detour: route.detour });
    }
    (patterns, places, draft.freeze())
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

fn key(
    pattern: &Pattern,
    texts: &Texts,
    priority: i32,
    order: usize,
    has_methods: bool,
    head_only: bool,
    policy: Policy,
) -> RankKey {
    let ranked = Ranked {
        priority,
        order,
        path: texts.path.as_ref(),
        ending: texts.ending,
        hosts: &texts.hosts,
        host_is_regex: pattern.host.as_ref().is_some_and(|host| host.is_regex()),
        has_methods,
        head_only,
        guards: &pattern.guards,
    };
    RankKey::new(&ranked, policy.precedence)
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
    let host = conditions.hosts.first().map(String::as_str);
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

/// Routes of one rank and one shape that share a method.
fn conflicts(compiled: &[Compiled], facts: &[Facts], errors: &mut Vec<BuildError>) {
    // Detours repeat what is said of their routes.
    let own: Vec<&Compiled> = compiled.iter().filter(|route| !route.detour).collect();
    for group in own.chunk_by(|a, b| a.key == b.key) {
        if group.len() < 2 {
            continue;
        }
        let mut shapes: HashMap<String, Vec<&Compiled>> = HashMap::new();
        for &route in group {
            let Some(shape) = shape(&facts[route.place].texts, &route.pattern) else {
                continue;
            };
            let same = shapes.entry(shape).or_default();
            let methods = &route.pattern.methods;
            if let Some(other) = same.iter().find(|other| !methods.and(&other.pattern.methods).is_empty()) {
                errors.push(conflict(&facts[route.place], &facts[other.place]));
            }
            same.push(route);
        }
    }
}

fn conflict(route: &Facts, other: &Facts) -> BuildError {
    let label = |facts: &Facts| facts.name.clone().unwrap_or_else(|| facts.template.clone());
    BuildError {
        kind: BuildErrorKind::Conflict { with: label(other), other: other.site },
        route: label(route),
        site: route.site,
    }
}

/// The conditions that are neither path, host nor method, as they are listed.
fn words(conditions: &Conditions) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    if !conditions.schemes.is_empty() {
        words.push(format!("scheme {}", conditions.schemes.join("|")));
    }
    for (name, want) in &conditions.headers {
        words.push(match want {
            HeaderText::Present => format!("header {name}"),
            HeaderText::Absent => format!("no header {name}"),
            HeaderText::Exact(value) => format!("header {name}={value}"),
            HeaderText::Regex(regex) => format!("header {name}~{regex}"),
        });
    }
    for (key, template) in &conditions.queries {
        words.push(match template {
            QueryText::Present => format!("query {key}"),
            QueryText::Absent => format!("no query {key}"),
            QueryText::Template(template) => format!("query {key}={template}"),
        });
    }
    for (name, value) in &conditions.cookies {
        let value = value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
        words.push(format!("cookie {name}{value}"));
    }
    if !conditions.content_types.is_empty() {
        words.push(format!("content type {}", conditions.content_types.join("|")));
    }
    if !conditions.accepts.is_empty() {
        words.push(format!("accepts {}", conditions.accepts.join("|")));
    }
    if !conditions.clients.is_empty() {
        words.push(format!("client {}", conditions.clients.join("|")));
    }
    words.extend(conditions.custom.iter().map(|custom| format!("guard {}", custom.name)));
    words
}
