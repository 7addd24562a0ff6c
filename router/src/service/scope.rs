//! Scope: a subrouter with its own layers and fallback.

use std::fmt;
use std::sync::Arc;

use crate::route::conditions::condition_setters;
use crate::route::route::Route;
use crate::route::scope_conditions::{MAX_SCOPE_DEPTH, ScopeConditions, scope_setters};
use crate::service::endpoint::{HttpLayer, HttpService, Next};
use crate::service::handler::{Handler, endpoint};
use crate::service::mount::Mounted;

/// A layer; applied once when the router is built.
pub(crate) type Wrap = Box<dyn FnOnce(Next) -> Next + Send>;

/// Erases the type of a layer.
pub(crate) fn wrap(layer: impl HttpLayer) -> Wrap {
    Box::new(move |next| Next::service(layer.layer(next)))
}

/// Applies layers; the first one is the outermost.
pub(crate) fn wrapped(layers: Vec<Wrap>, inner: Next) -> Next {
    layers.into_iter().rev().fold(inner, |inner, wrap| wrap(inner))
}

/// An endpoint that needs the router's state.
pub struct PendingEndpoint<S> {
    make: Box<dyn FnOnce(Arc<S>) -> Next + Send>,
    layers: Vec<Wrap>,
}

impl<S: Send + Sync + 'static> PendingEndpoint<S> {
    fn handler<H: Handler<Args, S>, Args: 'static>(handler: H) -> Self {
        Self { make: Box::new(move |state| endpoint(handler, state)), layers: Vec::new() }
    }

    fn service(service: impl HttpService) -> Self {
        Self::next(Next::service(service))
    }

    fn next(next: Next) -> Self {
        Self { make: Box::new(move |_| next), layers: Vec::new() }
    }

    /// Sets the state, and applies the layers.
    pub(crate) fn finish(self, state: &Arc<S>) -> Next {
        wrapped(self.layers, (self.make)(Arc::clone(state)))
    }
}

impl<S> fmt::Debug for PendingEndpoint<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingEndpoint").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A route or scope that fits a router with state `S`: its handlers take that state. It cannot be implemented manually.
#[diagnostic::on_unimplemented(
    message = "the handlers take another state than the `{S}` of the router: `{Self}`",
    label = "the state of the router is `{S}`",
    note = "set the state with `Router::builder().state(…)` before the routes that take it",
    note = "for a `State<T>` that is a part of the state `{S}`, implement `FromRef<{S}>` for `T`"
)]
pub trait FitsState<S>: sealed::Sealed {
    /// The same type, with the state of the router.
    #[doc(hidden)]
    type Fitted;

    #[doc(hidden)]
    fn fitted(self) -> Self::Fitted;
}

impl<S> sealed::Sealed for Route<PendingEndpoint<S>> {}

impl<S> FitsState<S> for Route<PendingEndpoint<S>> {
    type Fitted = Self;

    fn fitted(self) -> Self {
        self
    }
}

impl<S> sealed::Sealed for Scope<S> {}

impl<S> FitsState<S> for Scope<S> {
    type Fitted = Self;

    fn fitted(self) -> Self {
        self
    }
}

impl Route {
    /// Sets the handler of the route.
    pub fn to<H, Args, S>(self, handler: H) -> Route<PendingEndpoint<S>>
    where
        H: Handler<Args, S>,
        Args: 'static,
        S: Send + Sync + 'static,
    {
        self.reads_variables(handler.variables().iter().copied()).value(PendingEndpoint::handler(handler))
    }

    /// Sets a tower service as the endpoint; each request is served by a clone of it.
    pub fn to_service<S: Send + Sync + 'static>(
        self,
        service: impl HttpService,
    ) -> Route<PendingEndpoint<S>> {
        self.value(PendingEndpoint::service(service))
    }
}

impl Route {
    /// Mounts a service: it does not see the prefix of the path, whole segments long. A prefix that ends within a segment
    /// ([`PrefixMatch::Raw`](crate::PrefixMatch::Raw): `/ap` of `/api/7`) leaves the service that segment. It may be a router, an
    /// axum router or a file server. [`Mount`](crate::Mount) has the original URI and the captures of the
    /// prefix.
    ///
    /// The prefix is the whole path of the route up to a variable that spans segments, such as `{*path}`: that
    /// variable is the path of the service, so `Route::get("/files/{*path}").mount(…)` and
    /// `Route::prefix("/files").mount(…)` serve the same files. The prefix is added to path-absolute references
    /// (`/site/`) in `Location` and `Content-Location` of the response, unless it has
    /// [`OuterLocation`](crate::OuterLocation).
    ///
    /// ```
    /// # use waylay_router::{Route, Router};
    /// let inner = Router::builder().route(Route::get("/7").to(async || "seven")).build()?;
    /// let outer = Router::builder().route(Route::prefix("/numbers").mount(inner)).build()?;
    /// # Ok::<(), waylay_router::BuildErrors>(())
    /// ```
    pub fn mount<S: Send + Sync + 'static>(self, service: impl HttpService) -> Route<PendingEndpoint<S>> {
        self.value(PendingEndpoint::next(Next::new(Mounted { service: Next::service(service) })))
    }
}

impl<S> Route<PendingEndpoint<S>> {
    /// Wraps the route's endpoint; the first layer written is the outermost.
    pub fn layer(mut self, layer: impl HttpLayer) -> Self {
        self.value.layers.push(wrap(layer));
        self
    }
}

/// An item of a scope.
pub(crate) enum Item<P> {
    Route(Route<P>),
    Scope(Tree<P>),
}

/// A scope and everything inside; `P` is an endpoint, with or without its state.
pub(crate) struct Tree<P> {
    pub(crate) scope: ScopeConditions,
    pub(crate) items: Vec<Item<P>>,
    pub(crate) layers: Vec<Wrap>,
    pub(crate) route_layers: Vec<Wrap>,
    pub(crate) miss_layers: Vec<Wrap>,
    pub(crate) fallback: Option<P>,
    /// The number of scopes within each other, including this one.
    depth: usize,
}

impl<P> Tree<P> {
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self {
            scope: ScopeConditions::new(),
            items: Vec::new(),
            layers: Vec::new(),
            route_layers: Vec::new(),
            miss_layers: Vec::new(),
            fallback: None,
            depth: 1,
        }
    }

    /// Adds an inner scope. One with too many scopes in it is left out and reported by the build: so no function that
    /// visits the tree goes too deep.
    pub(crate) fn push_scope(&mut self, inner: Self) {
        if inner.depth >= MAX_SCOPE_DEPTH {
            self.scope.is_too_deep = true;
        } else {
            self.depth = self.depth.max(inner.depth + 1);
            self.items.push(Item::Scope(inner));
        }
    }
}

/// Sets the state of a route.
pub(crate) fn finish_route<S: Send + Sync + 'static>(
    route: Route<PendingEndpoint<S>>,
    state: &Arc<S>,
) -> Route<Next> {
    route.map(|pending| pending.finish(state))
}

/// Sets the state of a scope and everything inside.
pub(crate) fn finish_tree<S: Send + Sync + 'static>(
    tree: Tree<PendingEndpoint<S>>,
    state: &Arc<S>,
) -> Tree<Next> {
    let finish = |item| match item {
        Item::Route(route) => Item::Route(finish_route(route, state)),
        Item::Scope(inner) => Item::Scope(finish_tree(inner, state)),
    };
    Tree {
        scope: tree.scope,
        items: tree.items.into_iter().map(finish).collect(),
        layers: tree.layers,
        route_layers: tree.route_layers,
        miss_layers: tree.miss_layers,
        fallback: tree.fallback.map(|pending| pending.finish(state)),
        depth: tree.depth,
    }
}

/// The setters of layers and of the fallback, for the router and its scopes.
macro_rules! layer_setters {
    () => {
        /// Wraps matched routes and misses; the first layer written is the outermost, as in
        /// `tower::ServiceBuilder`.
        pub fn layer(mut self, layer: impl HttpLayer) -> Self {
            self.tree.layers.push($crate::service::scope::wrap(layer));
            self
        }

        /// Wraps matched routes only, inside of each [`layer`](Self::layer).
        pub fn route_layer(mut self, layer: impl HttpLayer) -> Self {
            self.tree.route_layers.push($crate::service::scope::wrap(layer));
            self
        }

        /// Wraps misses only, inside of each [`layer`](Self::layer).
        pub fn miss_layer(mut self, layer: impl HttpLayer) -> Self {
            self.tree.miss_layers.push($crate::service::scope::wrap(layer));
            self
        }

        /// Sets the handler of misses, also in inner scopes without a fallback. Its [`Miss`](crate::Miss)
        /// argument has the reason; the handler sets the status. Rejected requests (400) and redirects do not
        /// reach it.
        pub fn fallback<H: Handler<Args, S>, Args: 'static>(mut self, handler: H) -> Self {
            self.tree.fallback = Some(self.fallback_handler(handler));
            self
        }

        /// Sets a service as the [`fallback`](Self::fallback).
        pub fn fallback_service(mut self, service: impl HttpService) -> Self {
            self.tree.fallback = Some(Self::fallback_next(Next::service(service)));
            self
        }
    };
}

pub(crate) use layer_setters;

/// A subrouter: its routes inherit its conditions, its prefix and its layers.
///
/// A request without a matching route here is tried on routes outside, unless the scope is
/// [sealed](Self::sealed).
///
/// ```
/// use waylay_router::{Route, Router, Scope};
/// let router = Router::builder()
///     .scope(
///         Scope::new().host("{tenant}.example.com").prefix("/api/{version:v[0-9]+}").name("api")
///             .route(Route::get("/stats").name("stats").to(async || "stats"))
///             .fallback(async || "no such API"),
///     )
///     .build()?;
/// let url = router.urls().builder("api.stats")?.set("tenant", "acme").set("version", "v1").scheme("https").absolute()?;
/// assert_eq!(url, "https://acme.example.com/api/v1/stats");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a scope does nothing until it is added to a builder"]
pub struct Scope<S = ()> {
    pub(crate) tree: Tree<PendingEndpoint<S>>,
}

impl<S: Send + Sync + 'static> Scope<S> {
    /// Creates a scope that every request is in.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "a default would have no call site to report")]
    pub fn new() -> Self {
        Self { tree: Tree::new() }
    }

    #[cfg(feature = "serde")]
    pub(crate) fn with_conditions(scope: ScopeConditions) -> Self {
        Self { tree: Tree { scope, ..Tree::new() } }
    }

    condition_setters!(tree.scope.conditions);
    scope_setters!(tree.scope.);

    /// Adds a route.
    pub fn route(mut self, route: impl FitsState<S, Fitted = Route<PendingEndpoint<S>>>) -> Self {
        self.tree.items.push(Item::Route(route.fitted()));
        self
    }

    /// Adds an inner scope; up to [`MAX_SCOPE_DEPTH`] scopes may be within each other.
    pub fn scope(mut self, scope: impl FitsState<S, Fitted = Scope<S>>) -> Self {
        self.tree.push_scope(scope.fitted().tree);
        self
    }

    layer_setters!();

    fn fallback_handler<H: Handler<Args, S>, Args: 'static>(&self, handler: H) -> PendingEndpoint<S> {
        PendingEndpoint::handler(handler)
    }

    fn fallback_next(next: Next) -> PendingEndpoint<S> {
        PendingEndpoint::next(next)
    }
}

impl<S> fmt::Debug for Scope<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("conditions", &self.tree.scope).finish_non_exhaustive()
    }
}
