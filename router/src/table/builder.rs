//! TableBuilder: collects routes and scopes, and builds the table.

use std::collections::HashMap;
use std::sync::Arc;

use crate::compile::compiler::{Compilation, compile};
use crate::compile::error::{BuildError, BuildErrorKind, BuildErrors};
use crate::compile::guards::network;
use crate::compile::pattern::{Pattern, PatternSet};
use crate::compile::rank::RankKeys;
#[cfg(feature = "serde")]
use crate::config::{RouteSpec, ScopeSpec, TableSpec};
use crate::matcher::guard::Custom;
use crate::request::peer::{Network, TrustedProxies};
use crate::request::policy::{EmptySegments, MissingHost, Policy, Precedence};
use crate::request::view::{PlainParts, RequestHead};
use crate::route::conditions::{HostText, SourceLocation};
use crate::route::lower::lower_as_one;
use crate::route::route::Route;
use crate::route::scope_conditions::{MAX_SCOPE_DEPTH, ScopeConditions};
use crate::route::to_rule::condition_texts;
#[cfg(feature = "serde")]
use crate::rule::dialect::Dialect;
use crate::table::assemble::{
    AssembledRoutes, Compiled, RouteAssembler, RouteMeta, chain, full_name, innermost_errors, key, limits,
    report, sort_by_rank,
};
use crate::table::catalog::{Catalog, ScopeEntry, UnknownOverlaps};
use crate::table::index::{Index, IndexBuilder};
use crate::table::lookup::{RankEntry, ScopeRules, Table};
use crate::table::order::{accept_groups, order_by_inclusion, sort_equal_ranks};
use crate::table::routes::{Routes, ScopeId};

/// Collects routes and scopes; [`build`](Self::build) reports the errors of all of them.
///
/// ```
/// use waylay_router::{ScopeConditions, Policy, Route, Table};
/// let mut builder = Table::builder().policy(Policy::strict()).route(Route::get("/").value("home"));
/// let admin = builder.scope(None, ScopeConditions::new().host("admin.example.com"));
/// builder.add(Some(admin), Route::get("/").value("admin"));
/// let table = builder.build()?;
/// assert_eq!(table.routes().count(), 2);
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct TableBuilder<T> {
    policy: Policy,
    scopes: Vec<(Option<ScopeId>, ScopeConditions)>,
    /// A route without a value has an error, and is compiled for its other errors.
    routes: Vec<(Option<ScopeId>, Route<Option<T>>)>,
    proxies: Vec<(String, SourceLocation)>,
    trusts_forwarded_host: bool,
    /// Errors found before compilation.
    errors: Vec<BuildError>,
    guards: HashMap<String, Custom>,
}

impl<T> Table<T> {
    /// Creates an empty builder with the default policy.
    pub fn builder() -> TableBuilder<T> {
        TableBuilder {
            policy: Policy::default(),
            scopes: Vec::new(),
            routes: Vec::new(),
            proxies: Vec::new(),
            trusts_forwarded_host: false,
            errors: Vec::new(),
            guards: HashMap::new(),
        }
    }
}

impl<T> TableBuilder<T> {
    /// Sets the policy.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Trusts proxies at an address or in a network (`10.0.0.0/8`): if the peer is one, `X-Forwarded-For` and
    /// `X-Forwarded-Proto` set client and scheme. From other peers they are ignored.
    #[track_caller]
    pub fn trusted_proxy(mut self, network: impl Into<String>) -> Self {
        self.proxies.push((network.into(), SourceLocation::caller()));
        self
    }

    /// Reads `X-Forwarded-Host` of trusted proxies too: it sets the host. All proxies must set or remove it: with one that
    /// passes it on, as many do by default, clients choose their host.
    pub fn trusted_forwarded_host(mut self) -> Self {
        self.trusts_forwarded_host = true;
        self
    }

    /// Names a condition for [rules](crate::rule), where it is ``Guard(`name`)``.
    ///
    /// ```
    /// use waylay_router::{RequestHead, Peer, Route, Table};
    /// let curl = |head: &RequestHead<'_>| head.headers.get("user-agent").is_some_and(|agent| agent == "curl");
    /// let table = Table::builder().guard("curl", curl).route(Route::rule("!Guard(`curl`)").value(1)).build()?;
    /// let request = http::Request::get("/").header("user-agent", "curl").body(())?;
    /// assert!(table.find(&request, &Peer::default()).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn guard(
        mut self,
        name: impl Into<String>,
        holds: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        self.guards.insert(name.clone(), Custom { name, holds: Arc::new(holds) });
        self
    }

    /// Adds an error to those that are reported.
    #[cfg(feature = "serde")]
    pub(crate) fn add_error(&mut self, error: BuildError) {
        self.errors.push(error);
    }

    #[cfg(feature = "serde")]
    pub(crate) fn add_errors(mut self, errors: Vec<BuildError>) -> Self {
        self.errors.extend(errors);
        self
    }

    /// Adds a route outside all scopes.
    pub fn route(mut self, route: Route<T>) -> Self {
        self.add(None, route);
        self
    }

    /// Adds a route inside a scope.
    pub fn add(&mut self, scope: Option<ScopeId>, route: Route<T>) {
        self.routes.push((scope, route.map(Some)));
    }

    /// Adds a scope, inside another one or outside all; up to [`MAX_SCOPE_DEPTH`] may be within each other.
    pub fn scope(&mut self, parent: Option<ScopeId>, scope: ScopeConditions) -> ScopeId {
        self.scopes.push((parent, scope));
        ScopeId(self.scopes.len() as u32 - 1)
    }

    /// Compiles the table.
    ///
    /// # Errors
    /// The errors of all routes and scopes.
    pub fn build(mut self) -> Result<Table<T>, BuildErrors> {
        let mut errors = std::mem::take(&mut self.errors);
        self.check_depth(&mut errors);
        self.lower_scopes(&mut errors);
        let compilation = Compilation::new(self.policy);
        let scopes = self.compile_scopes(&compilation, &mut errors);
        let networks = proxies(&self.proxies, &mut errors);
        let proxies = TrustedProxies { networks, name_host: self.trusts_forwarded_host };
        let (mut routes, values) = self.compile_routes(&compilation, &mut errors);
        drop(compilation);
        let names = names(&routes.routes, routes.listed, self.policy, &mut errors);
        let keys = sort_by_rank(&mut routes.compiled, std::mem::take(&mut routes.keys));
        let unknown_overlaps = self.rank(&mut routes, &mut errors);
        BuildErrors::check(errors, std::mem::take(&mut routes.build_lints))?;
        let limits = if routes.sealed.is_empty() {
            Vec::new()
        } else {
            limits(&routes.compiled, &keys, &routes.sealed)
        };
        drop(keys);
        let (patterns, ranks, index) = index_routes(&mut routes);
        routes.routes.freeze();
        let rules = rules(&self.scopes, self.policy);
        let (scope_patterns, scope_ranks, scope_index) = freeze(scopes, &[]);
        let catalog = Arc::new(Catalog {
            routes: routes.routes,
            listed: routes.listed,
            patterns,
            names,
            policy: self.policy,
            unknown_overlaps,
            scopes: scope_entries(self.scopes),
            lints: routes.lints,
        });
        let seals = !limits.is_empty() || rules.iter().any(|rules| rules.sealed);
        let hosts = index.hosts() || scope_index.hosts() || self.policy.missing_host == MissingHost::Reject;
        let is_plain = self.policy.is_plain() && !seals && proxies.is_empty();
        let reads_path = !hosts && self.policy.empty_segments == EmptySegments::Keep;
        let parts = if reads_path { PlainParts::Path } else { PlainParts::All };
        Ok(Table {
            catalog,
            values,
            ranks,
            hosts,
            plain: is_plain.then_some(parts),
            index,
            scopes: scope_patterns,
            scope_ranks: scope_ranks.into_iter().map(|entry| ScopeId(entry.route)).collect(),
            scope_index,
            seals,
            rules,
            limits,
            proxies,
        })
    }

    /// Compiles the routes, and separates their values.
    fn compile_routes(
        &mut self,
        compilation: &Compilation,
        errors: &mut Vec<BuildError>,
    ) -> (AssembledRoutes, Vec<T>) {
        let mut values = Vec::with_capacity(self.routes.len());
        let routes = std::mem::take(&mut self.routes);
        let mut assembler = RouteAssembler::new(&self.scopes, compilation, &self.guards, routes.len());
        for (scope, route) in routes {
            let meta = RouteMeta {
                name: full_name(&self.scopes, scope, route.name.as_deref()),
                scope,
                priority: route.priority,
                build_only: route.build_only,
                metadata: route.metadata,
                reads: route.reads,
                foreign: String::new(),
                rule: None,
            };
            if assembler.route(route.conditions, meta) {
                values.extend(route.value);
            }
        }
        (assembler.finish(errors), values)
    }

    /// Orders the routes of equal rank, and checks them for overlaps.
    fn rank(&self, routes: &mut AssembledRoutes, errors: &mut Vec<BuildError>) -> UnknownOverlaps {
        sort_equal_ranks(&mut routes.compiled, &routes.routes);
        if self.policy.precedence == Precedence::Specificity {
            order_by_inclusion(&mut routes.compiled, &routes.routes, &self.policy, errors)
        } else {
            UnknownOverlaps::default()
        }
    }

    /// Reports scopes that are too deep, and takes them out of their outer scopes.
    fn check_depth(&mut self, errors: &mut Vec<BuildError>) {
        let mut depths: Vec<usize> = Vec::with_capacity(self.scopes.len());
        for (parent, scope) in &mut self.scopes {
            let outer = parent.and_then(|parent| depths.get(parent.index()));
            let mut depth = outer.map_or(1, |outer| outer + 1);
            if depth > MAX_SCOPE_DEPTH || scope.is_too_deep {
                let kinds = vec![BuildErrorKind::ScopesTooDeep];
                report(errors, &scope.conditions, scope.name.as_deref(), kinds);
                (*parent, depth) = (None, 1);
            }
            depths.push(depth);
        }
    }

    /// Lowers the rules of scopes to conditions.
    fn lower_scopes(&mut self, errors: &mut Vec<BuildError>) {
        for (_, scope) in self.scopes.iter_mut().filter(|(_, scope)| !scope.conditions.rules.is_empty()) {
            match lower_as_one(&scope.conditions, &self.guards) {
                Ok(conditions) => scope.conditions = conditions,
                Err(found) => {
                    let kinds = found.into_iter().map(BuildErrorKind::Rule).collect();
                    report(errors, &scope.conditions, scope.name.as_deref(), kinds);
                    scope.conditions.rules.clear();
                }
            }
        }
    }

    /// Compiles the scopes. They have an index that is searched for misses only; the deepest ranks first.
    fn compile_scopes(&self, compilation: &Compilation, errors: &mut Vec<BuildError>) -> Vec<Compiled> {
        let (mut compiled, mut keys, mut patterns) = (Vec::new(), RankKeys::default(), PatternSet::default());
        for (index, (parent, scope)) in self.scopes.iter().enumerate() {
            let mut chain = chain(&self.scopes, *parent);
            chain.push(&scope.conditions);
            let depth = i32::try_from(chain.len()).unwrap_or(i32::MAX);
            match compile(&chain, compilation, true) {
                Err(kinds) => {
                    let kinds = innermost_errors(&chain, compilation, true, kinds);
                    report(errors, &scope.conditions, scope.name.as_deref(), kinds);
                }
                Ok(scope) => {
                    let key = keys.add(key(&scope, depth, index, self.policy));
                    let (pattern, edges) = (patterns.share(scope.pattern), scope.edges);
                    // Scopes are not compared.
                    let literals = 0;
                    compiled.push(Compiled { index, slash_variant: false, pattern, edges, literals, key });
                }
            }
        }
        sort_by_rank(&mut compiled, keys);
        compiled
    }
}

/// Builds the index of ranked routes; those that only build URLs get the last ranks and are not in it.
fn index_routes(routes: &mut AssembledRoutes) -> (Vec<Arc<Pattern>>, Vec<RankEntry>, Index) {
    let accept_groups = accept_groups(&routes.compiled, &routes.routes);
    let (mut patterns, mut ranks, index) = freeze(std::mem::take(&mut routes.compiled), &accept_groups);
    for route in std::mem::take(&mut routes.idle).into_iter().filter(|route| !route.slash_variant) {
        ranks.push(RankEntry { route: route.index as u32, slash_variant: false, accept_group: (0, 0) });
        patterns.push(route.pattern);
    }
    for (rank, entry) in (0..).zip(&ranks).filter(|(_, entry)| !entry.slash_variant) {
        routes.routes.set_rank(entry.route as usize, rank);
    }
    (patterns, ranks, index)
}

fn freeze(
    compiled: Vec<Compiled>,
    accept_groups: &[(u32, u32)],
) -> (Vec<Arc<Pattern>>, Vec<RankEntry>, Index) {
    let mut builder = IndexBuilder::default();
    let mut patterns = Vec::with_capacity(compiled.len());
    let mut ranks = Vec::with_capacity(compiled.len());
    for (rank, Compiled { index, slash_variant, pattern, edges, .. }) in (0u32..).zip(compiled) {
        let (route, accept_group) =
            (index as u32, accept_groups.get(rank as usize).copied().unwrap_or_default());
        let is_tentative = slash_variant || accept_group.0 < accept_group.1;
        builder.add(&pattern, &edges, rank, route, is_tentative);
        patterns.push(pattern);
        ranks.push(RankEntry { route, slash_variant, accept_group });
    }
    (patterns, ranks, builder.freeze())
}

fn scope_entries(scopes: Vec<(Option<ScopeId>, ScopeConditions)>) -> Vec<ScopeEntry> {
    let entries = scopes.into_iter().map(|(parent, scope)| {
        let hosts = scope.conditions.hosts.iter().map(|host| match host {
            HostText::Template(text) => text.clone(),
            HostText::Regex(regex) => format!("~{regex}"),
        });
        ScopeEntry {
            parent,
            hosts: hosts.collect(),
            conditions: condition_texts(&scope.conditions),
            sealed: scope.conditions.sealed,
            location: scope.conditions.location,
            prefix: scope.conditions.path.map(|path| path.text),
            name: scope.name,
        }
    });
    entries.collect()
}

fn proxies(texts: &[(String, SourceLocation)], errors: &mut Vec<BuildError>) -> Vec<Network> {
    let mut proxies = Vec::new();
    for (text, site) in texts {
        match network(text) {
            Ok(network) => proxies.push(network),
            Err(kind) => errors.push(BuildError { kind, route: "trusted_proxy".to_owned(), location: *site }),
        }
    }
    proxies
}

/// Returns the settings of each scope; outer scopes have lower indices.
fn rules(scopes: &[(Option<ScopeId>, ScopeConditions)], policy: Policy) -> Vec<ScopeRules> {
    let mut rules: Vec<ScopeRules> = Vec::with_capacity(scopes.len());
    for (parent, scope) in scopes {
        let parent = parent.filter(|parent| parent.index() < rules.len());
        let outer = parent.map(|parent| rules[parent.index()]);
        rules.push(ScopeRules {
            parent,
            sealed: scope.conditions.sealed,
            method_miss: scope.method_miss.or(outer.map(|o| o.method_miss)).unwrap_or(policy.method_miss),
            options: scope.options.or(outer.map(|outer| outer.options)).unwrap_or(policy.options),
        });
    }
    rules
}

/// Returns the routes with names, sorted by name.
fn names(routes: &Routes, listed: usize, policy: Policy, errors: &mut Vec<BuildError>) -> Vec<u32> {
    let name = |route: &u32| routes.at(*route as usize).name();
    let mut names: Vec<u32> = (0..listed as u32).filter(|route| name(route).is_some()).collect();
    names.sort_by(|a, b| name(a).cmp(&name(b)));
    // In gorilla/mux the last route of a name replaces the others.
    if policy.precedence == Precedence::Specificity {
        let same = names.windows(2).filter(|pair| name(&pair[0]) == name(&pair[1]));
        let mut same: Vec<(u32, u32)> = same.map(|pair| (pair[1], pair[0])).collect();
        same.sort_unstable();
        errors.extend(same.into_iter().map(|(route, before)| {
            let (route, before) = (routes.at(route as usize), routes.at(before as usize));
            let name = route.label();
            BuildError {
                kind: BuildErrorKind::DuplicateName { name: name.clone(), other: before.location },
                route: name,
                location: route.location,
            }
        }));
    }
    names.reverse();
    names.dedup_by(|a, b| name(a) == name(b));
    names.reverse();
    names.shrink_to_fit();
    names
}

#[cfg(feature = "serde")]
impl<T> TableBuilder<T> {
    /// Adds the routes and scopes of a table's file; `bind` returns the value of each route, or an error.
    ///
    /// [`build`](Self::build) reports the errors of the file, with their lines.
    #[track_caller]
    pub fn spec(mut self, spec: &TableSpec, mut bind: impl FnMut(&RouteSpec) -> Result<T, String>) -> Self {
        self = self.add_errors(spec.build_errors());
        for proxy in &spec.trusted_proxies {
            self = self.trusted_proxy(proxy);
        }
        self.trusts_forwarded_host |= spec.trusted_forwarded_host;
        self.add_route_specs(None, &spec.routes, spec.dialect, &mut bind);
        for scope in &spec.scopes {
            self.add_scope_spec((None, 1), scope, spec.dialect, &mut bind);
        }
        self
    }

    /// Adds a scope at a depth. What is inside of one that is too deep, which the build reports, is left out.
    fn add_scope_spec(
        &mut self,
        (parent, depth): (Option<ScopeId>, usize),
        spec: &ScopeSpec,
        dialect: Dialect,
        bind: &mut impl FnMut(&RouteSpec) -> Result<T, String>,
    ) {
        let scope = self.scope(parent, spec.scope_conditions(dialect));
        if depth > MAX_SCOPE_DEPTH {
            return;
        }
        self.add_route_specs(Some(scope), &spec.routes, dialect, bind);
        for inner in &spec.scopes {
            self.add_scope_spec((Some(scope), depth + 1), inner, dialect, bind);
        }
    }

    fn add_route_specs(
        &mut self,
        scope: Option<ScopeId>,
        specs: &[RouteSpec],
        dialect: Dialect,
        bind: &mut impl FnMut(&RouteSpec) -> Result<T, String>,
    ) {
        for spec in specs {
            match bind(spec) {
                Ok(value) => self.add(scope, spec.route(dialect).value(value)),
                Err(message) => {
                    self.add_error(spec.error(message));
                    self.routes.push((scope, spec.route(dialect).value(None)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::route::route::Route;
    use crate::table::lookup::Table;
    use crate::table::routes::RouteEntry;

    /// The bench `scale` measures the bytes of a route; these are the reasons why they are few.
    #[test]
    fn routes_share_what_is_equal() {
        assert!(size_of::<RouteEntry>() <= 96, "{}", size_of::<RouteEntry>());
        let mut builder = Table::builder();
        let mut text = 0;
        for host in ["a.test", "b.test"] {
            for action in 0..50 {
                let path = format!("/things/{{id:[0-9]+}}/{{name}}-{{x}}/{action}");
                text += path.len();
                builder.add(None, Route::get(path).host(host).value(()));
            }
        }
        let table = builder.build().unwrap();
        let catalog = table.catalog();
        let [a, b] = [0, 50].map(|route| catalog.routes.at(route).rank());
        for route in 0..100 {
            let entry = catalog.routes.at(route).entry();
            let first = if route < 50 { a } else { b };
            assert!(Arc::ptr_eq(&catalog.patterns[entry.rank()], &catalog.patterns[first]), "{route}");
            assert!(entry.extras.is_none());
            let twin = catalog.routes.at(route % 50).entry();
            assert_eq!((entry.template, entry.path), (twin.template, twin.path));
        }
        assert_eq!(catalog.routes.texts.len(), text / 2);
    }
}
