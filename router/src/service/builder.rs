//! Builder: collects routes, scopes and layers, and assembles the router.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[cfg(feature = "serde")]
use crate::compile::error::BuildError;
use crate::compile::error::BuildErrors;
#[cfg(feature = "serde")]
use crate::config::{RouteSpec, ScopeSpec, TableSpec};
use crate::request::policy::Policy;
use crate::request::view::RequestHead;
use crate::route::route::Route;
#[cfg(feature = "serde")]
use crate::route::scope_conditions::MAX_SCOPE_DEPTH;
#[cfg(feature = "serde")]
use crate::rule::dialect::Dialect;
use crate::service::endpoint::{HttpLayer, HttpService, Next};
use crate::service::handler::{Handler, endpoint};
use crate::service::router::{Router, RouterInner, ScopeDispatch, StageEndpoint, StageId, Stages};
use crate::service::scope::{
    FitsState, Item, PendingEndpoint, Scope, Tree, Wrap, finish_route, finish_tree, layer_setters, wrapped,
};
use crate::table::builder::TableBuilder;
use crate::table::lookup::Table;
use crate::table::routes::ScopeId;

/// Collects routes, scopes and layers; [`build`](Self::build) reports the errors of all of them.
///
/// ```
/// use axum_core::extract::FromRef;
/// use tower::{ServiceBuilder, ServiceExt};
/// use waylay_router::{Body, Route, Router};
///
/// let router = Router::builder()
///     .state(String::from("hello"))
///     .layer(tower_http::set_header::SetResponseHeaderLayer::if_not_present(
///         http::header::SERVER,
///         http::HeaderValue::from_static("shop"),
///     ))
///     .route(Route::get("/").to(async |axum::extract::State(greeting): axum::extract::State<String>| greeting))
///     .build()?;
/// # let answer = tokio::runtime::Builder::new_current_thread().build()?.block_on(
/// #     router.oneshot(http::Request::get("/").body(Body::empty())?))?;
/// assert_eq!(answer.headers()["server"], "shop");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until it builds"]
pub struct Builder<S = ()> {
    table: TableBuilder<Next>,
    state: Arc<S>,
    tree: Tree<Next>,
    cors_methods: bool,
}

impl Router {
    /// Creates an empty builder with the default policy and no state.
    #[track_caller]
    pub fn builder() -> Builder {
        Builder { table: Table::builder(), state: Arc::new(()), tree: Tree::new(), cors_methods: false }
    }
}

impl Builder {
    /// Sets the state of the handlers that are added after it.
    pub fn state<S: Send + Sync + 'static>(self, state: S) -> Builder<S> {
        Builder {
            table: self.table,
            state: Arc::new(state),
            tree: self.tree,
            cors_methods: self.cors_methods,
        }
    }
}

impl<S: Send + Sync + 'static> Builder<S> {
    /// Sets the policy.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.table = self.table.policy(policy);
        self
    }

    /// Trusts proxies at an address or in a network (`10.0.0.0/8`): if the peer ([`Peer`](crate::Peer)) is
    /// one, `X-Forwarded-For` and `X-Forwarded-Proto` set client and scheme, for conditions, and for handlers as
    /// [`ConnectionInfo`](crate::ConnectionInfo). From other peers they are ignored.
    #[track_caller]
    pub fn trusted_proxy(mut self, network: impl Into<String>) -> Self {
        self.table = self.table.trusted_proxy(network);
        self
    }

    /// Reads `X-Forwarded-Host` of [trusted proxies](Self::trusted_proxy) too: it sets the host, for conditions and in
    /// [`ConnectionInfo`](crate::ConnectionInfo).
    ///
    /// All proxies must set or remove it: with one that passes it on, as many do by default, clients choose their
    /// host.
    pub fn trusted_forwarded_host(mut self) -> Self {
        self.table = self.table.trusted_forwarded_host();
        self
    }

    /// Adds `access-control-allow-methods` to every response, with the methods that routes accept for the
    /// request's path, as gorilla/mux's `CORSMethodMiddleware` does. The response to a preflight comes from a
    /// route for OPTIONS, from [`OptionsAnswer::Automatic`](crate::OptionsAnswer::Automatic) or, with
    /// origins, from tower-http's `CorsLayer`, which overrides the header if it sets it too.
    pub fn cors_methods(mut self) -> Self {
        self.cors_methods = true;
        self
    }

    /// Names a condition for [rules](crate::rule), where it is ``Guard(`name`)``.
    pub fn guard(
        mut self,
        name: impl Into<String>,
        holds: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.table = self.table.guard(name, holds);
        self
    }

    #[cfg(feature = "serde")]
    pub(crate) fn add_errors(mut self, errors: Vec<BuildError>) -> Self {
        self.table = self.table.add_errors(errors);
        self
    }

    /// Adds a route.
    pub fn route(mut self, route: impl FitsState<S, Fitted = Route<PendingEndpoint<S>>>) -> Self {
        self.tree.items.push(Item::Route(finish_route(route.fitted(), &self.state)));
        self
    }

    /// Adds a scope.
    pub fn scope(mut self, scope: impl FitsState<S, Fitted = Scope<S>>) -> Self {
        self.tree.items.push(Item::Scope(finish_tree(scope.fitted().tree, &self.state)));
        self
    }

    layer_setters!();

    fn fallback_handler<H: Handler<Args, S>, Args: 'static>(&self, handler: H) -> Next {
        endpoint(handler, Arc::clone(&self.state))
    }

    fn fallback_next(next: Next) -> Next {
        next
    }

    /// Compiles the table, and applies every layer once.
    ///
    /// # Errors
    /// The errors of all routes and scopes.
    pub fn build(self) -> Result<Router, BuildErrors> {
        let mut plan = RouterAssembler { table: self.table, dispatch: Vec::new(), scopes: Vec::new() };
        let root = plan.add(None, self.tree, None);
        let table = plan.table.build()?.check_hosts();
        let mut dispatch: Vec<ScopeDispatch> = plan.dispatch.into_iter().flatten().collect();
        dispatch.push(root);
        let inner = Arc::new(RouterInner {
            reads_peer: table.reads_peer(),
            reported: AtomicBool::new(false),
            table,
            dispatch,
            cors_methods: self.cors_methods,
        });
        let mut stages = BTreeMap::new();
        // Inner scopes come first, so that each stage has all stages that may follow it.
        for scope in plan.scopes {
            scope.build(&inner, &mut stages);
        }
        Ok(Router::new(inner, stages.into_iter().collect()))
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("table", &self.table).finish_non_exhaustive()
    }
}

/// Collects the routes in a table, the scopes by number, and the layers by scope.
struct RouterAssembler {
    table: TableBuilder<Next>,
    dispatch: Vec<Option<ScopeDispatch>>,
    scopes: Vec<ScopeLayers>,
}

/// The layers of one scope.
struct ScopeLayers {
    number: StageId,
    /// The end of the stages of inner scopes: scopes are numbered from the outside in.
    end: StageId,
    layers: Vec<Wrap>,
    route_layers: Vec<Wrap>,
    miss_layers: Vec<Wrap>,
}

impl RouterAssembler {
    fn add(
        &mut self,
        own: Option<ScopeId>,
        tree: Tree<Next>,
        outer: Option<&ScopeDispatch>,
    ) -> ScopeDispatch {
        let number = own.map_or(0, |scope| 3 * (scope.index() as StageId + 1));
        let stage = |layers: &Vec<Wrap>, stage: StageId| (!layers.is_empty()).then_some(stage);
        let all = stage(&tree.layers, number);
        let stages_of = |before: Option<&[StageId]>, last: Option<StageId>| {
            before.unwrap_or(&[]).iter().copied().chain(all).chain(last).collect()
        };
        let dispatch = ScopeDispatch {
            hit: stages_of(outer.map(|dispatch| &*dispatch.hit), stage(&tree.route_layers, number + 1)),
            miss: stages_of(outer.map(|dispatch| &*dispatch.miss), stage(&tree.miss_layers, number + 2)),
            fallback: tree.fallback.or_else(|| outer?.fallback.clone()),
        };
        for item in tree.items {
            match item {
                Item::Route(route) => self.table.add(own, route),
                Item::Scope(inner) => {
                    let scope = self.table.scope(own, inner.scope.clone());
                    self.dispatch.push(None);
                    let inner = self.add(Some(scope), inner, Some(&dispatch));
                    if let Some(place) = self.dispatch.get_mut(scope.index()) {
                        *place = Some(inner);
                    }
                }
            }
        }
        self.scopes.push(ScopeLayers {
            number,
            end: 3 * (self.dispatch.len() as StageId + 1),
            layers: tree.layers,
            route_layers: tree.route_layers,
            miss_layers: tree.miss_layers,
        });
        dispatch
    }
}

impl ScopeLayers {
    fn build(self, inner: &Arc<RouterInner>, stages: &mut BTreeMap<StageId, Next>) {
        let own = [
            (self.route_layers, self.number + 1),
            (self.miss_layers, self.number + 2),
            (self.layers, self.number),
        ];
        for (layers, number) in own {
            if layers.is_empty() {
                continue;
            }
            let inside = stages.range(self.number..self.end);
            let inside: Stages = inside.map(|(number, stage)| (*number, stage.clone())).collect();
            let step = Next::new(StageEndpoint { inner: Arc::clone(inner), stages: inside, own: number });
            stages.insert(number, wrapped(layers, step));
        }
    }
}

#[cfg(feature = "serde")]
impl<S: Send + Sync + 'static> Builder<S> {
    /// Adds the routes and scopes of a table's file; `bind` sets the handler of each route
    /// (`route.to(show)`), or returns an error. Routes for building URLs only have no handler, and `bind` is
    /// not called for them.
    ///
    /// [`build`](Self::build) reports the errors of the file, with their lines.
    ///
    /// ```
    /// use waylay_router::{Router, TableSpec};
    /// let spec = TableSpec::toml("[[routes]]\nrule = 'Path(`/`)'\nhandler = 'home'\n");
    /// let router = Router::builder()
    ///     .spec(&spec, |spec, route| match spec.handler.as_str() {
    ///         "home" => Ok(route.to(async || "home")),
    ///         other => Err(format!("there is no handler `{other}`")),
    ///     })
    ///     .build()?;
    /// # Ok::<(), waylay_router::BuildErrors>(())
    /// ```
    #[track_caller]
    pub fn spec(
        mut self,
        spec: &TableSpec,
        mut bind: impl FnMut(&RouteSpec, Route) -> Result<Route<PendingEndpoint<S>>, String>,
    ) -> Self {
        let mut errors = spec.build_errors();
        for proxy in &spec.trusted_proxies {
            self = self.trusted_proxy(proxy);
        }
        if spec.trusted_forwarded_host {
            self = self.trusted_forwarded_host();
        }
        for route in &spec.routes {
            self = self.route(route_of(route, spec.dialect, &mut bind, &mut errors));
        }
        for scope in &spec.scopes {
            self = self.scope(scope_of((scope, 1), spec.dialect, &mut bind, &mut errors));
        }
        self.add_errors(errors)
    }
}

/// Returns the route of a spec, with its handler. A route without a handler is compiled for its other errors.
#[cfg(feature = "serde")]
fn route_of<S: Send + Sync + 'static>(
    spec: &RouteSpec,
    dialect: Dialect,
    bind: &mut impl FnMut(&RouteSpec, Route) -> Result<Route<PendingEndpoint<S>>, String>,
    errors: &mut Vec<BuildError>,
) -> Route<PendingEndpoint<S>> {
    let unbound = || spec.route(dialect).to(async || http::StatusCode::NOT_FOUND);
    if spec.build_only {
        return unbound();
    }
    bind(spec, spec.route(dialect)).unwrap_or_else(|message| {
        errors.push(spec.error(message));
        unbound()
    })
}

/// Returns the scope of a spec at a depth, with the handlers of its routes. What is inside of one that is too deep, which the
/// build reports, is left out.
#[cfg(feature = "serde")]
fn scope_of<S: Send + Sync + 'static>(
    (spec, depth): (&ScopeSpec, usize),
    dialect: Dialect,
    bind: &mut impl FnMut(&RouteSpec, Route) -> Result<Route<PendingEndpoint<S>>, String>,
    errors: &mut Vec<BuildError>,
) -> Scope<S> {
    let mut scope = Scope::with_conditions(spec.scope_conditions(dialect));
    if depth > MAX_SCOPE_DEPTH {
        return scope;
    }
    for route in &spec.routes {
        scope = scope.route(route_of(route, dialect, bind, errors));
    }
    let inner = spec.scopes.iter().map(|inner| (inner, depth + 1));
    inner.fold(scope, |scope, inner| scope.scope(scope_of(inner, dialect, bind, errors)))
}
