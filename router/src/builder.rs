//! Routes, scopes and layers to a router.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::catalog::ScopeId;
use crate::endpoint::{HttpLayer, HttpService, Next};
use crate::error::BuildErrors;
use crate::handler::{Handler, endpoint};
use crate::policy::Policy;
use crate::route::Route;
use crate::scope::{Item, Pending, Scope, Tree, Wrap, finish_route, finish_tree, wrap, wrapped};
use crate::service::{Room, Router, Shared, StageId, Stages, Step};
use crate::table::build::TableBuilder;
use crate::table::lookup::Table;
use crate::view::Head;

/// Collects routes, scopes and layers; [`build`](Self::build) reports every fault of all of them.
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
    /// An empty builder with the default policy and no state.
    #[track_caller]
    pub fn builder() -> Builder {
        Builder { table: Table::builder(), state: Arc::new(()), tree: Tree::new(), cors_methods: false }
    }
}

impl Builder {
    /// Sets the state of the handlers that are added from here on.
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
    /// Sets how requests are read.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.table = self.table.policy(policy);
        self
    }

    /// Trusts proxies at an address, or in a block of them (`10.0.0.0/8`): where the other end
    /// ([`Peer`](crate::Peer)) is one, `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` tell
    /// client, scheme and host: to conditions, and to handlers as [`Effective`](crate::Effective). From
    /// anybody else they are not read.
    ///
    /// The proxy has to set or to strip all three: one that hands its clients' `X-Forwarded-Host` on, as
    /// many do unless told otherwise, lets them choose their host.
    #[track_caller]
    pub fn trusted_proxy(mut self, network: impl Into<String>) -> Self {
        self.table = self.table.trusted_proxy(network);
        self
    }

    /// Tells in each answer, in `access-control-allow-methods`, the methods with which some route answers
    /// the request's path: what gorilla/mux's `CORSMethodMiddleware` does. Preflights are answered by a
    /// route for OPTIONS, by [`OptionsAnswer::Automatic`](crate::OptionsAnswer::Automatic) or, with
    /// origins, by tower-http's `CorsLayer`, which has the last word where it writes the field too.
    pub fn cors_methods(mut self) -> Self {
        self.cors_methods = true;
        self
    }

    /// Gives a condition a name for [rules](crate::rule), which ask for it as ``Guard(`name`)``.
    pub fn guard(
        mut self,
        name: impl Into<String>,
        holds: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.table = self.table.guard(name, holds);
        self
    }

    #[cfg(feature = "serde")]
    pub(crate) fn faulty(mut self, faults: Vec<crate::error::BuildError>) -> Self {
        self.table = self.table.faulty(faults);
        self
    }

    /// Adds a route.
    pub fn route(mut self, route: Route<Pending<S>>) -> Self {
        self.tree.items.push(Item::Route(finish_route(route, &self.state)));
        self
    }

    /// Adds a scope.
    pub fn scope(mut self, scope: Scope<S>) -> Self {
        self.tree.items.push(Item::Scope(finish_tree(scope.tree, &self.state)));
        self
    }

    /// Wraps everything, misses too; the first layer written is the outermost, as in `tower::ServiceBuilder`.
    pub fn layer(mut self, layer: impl HttpLayer) -> Self {
        self.tree.layers.push(wrap(layer));
        self
    }

    /// Wraps matched routes only, inside of [`layer`](Self::layer)s.
    pub fn route_layer(mut self, layer: impl HttpLayer) -> Self {
        self.tree.route_layers.push(wrap(layer));
        self
    }

    /// Wraps misses only, inside of [`layer`](Self::layer)s.
    pub fn miss_layer(mut self, layer: impl HttpLayer) -> Self {
        self.tree.miss_layers.push(wrap(layer));
        self
    }

    /// Answers what no route answers outside of scopes with a fallback of their own; a
    /// [`Miss`](crate::Miss) argument tells why, and the status is the handler's. Refused requests
    /// (400) and redirects do not come here.
    pub fn fallback<H: Handler<Args, S>, Args: 'static>(mut self, handler: H) -> Self {
        self.tree.fallback = Some(endpoint(handler, Arc::clone(&self.state)));
        self
    }

    /// The same, with a service.
    pub fn fallback_service(mut self, service: impl HttpService) -> Self {
        self.tree.fallback = Some(Next::service(service));
        self
    }

    /// Compiles the table and applies every layer once.
    ///
    /// # Errors
    /// All faults of all routes and scopes.
    pub fn build(self) -> Result<Router, BuildErrors> {
        let mut plan = Plan { table: self.table, rooms: Vec::new(), floors: Vec::new() };
        let root = plan.add(None, self.tree, None);
        let table = plan.table.build()?.check_hosts();
        let mut rooms: Vec<Room> = plan.rooms.into_iter().flatten().collect();
        rooms.push(root);
        let shared = Arc::new(Shared { table, rooms, cors_methods: self.cors_methods });
        let mut stages = BTreeMap::new();
        // Inner floors come first, so that each stage finds all that may follow it.
        for floor in plan.floors {
            floor.build(&shared, &mut stages);
        }
        Ok(Router { shared, stages: Arc::new(stages.into_iter().collect()) })
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("table", &self.table).finish_non_exhaustive()
    }
}

/// The tree laid out: routes in a table, scopes as rooms, layers as floors.
struct Plan {
    table: TableBuilder<Next>,
    rooms: Vec<Option<Room>>,
    floors: Vec<Floor>,
}

/// The layers of one scope.
struct Floor {
    number: StageId,
    /// The stages of the scopes inside end here: scopes are numbered from the outside in.
    end: StageId,
    layers: Vec<Wrap>,
    route_layers: Vec<Wrap>,
    miss_layers: Vec<Wrap>,
}

impl Plan {
    fn add(&mut self, own: Option<ScopeId>, tree: Tree<Next>, outer: Option<&Room>) -> Room {
        let number = own.map_or(0, |scope| 3 * (scope.index() as StageId + 1));
        let stage = |layers: &Vec<Wrap>, stage: StageId| (!layers.is_empty()).then_some(stage);
        let all = stage(&tree.layers, number);
        let way = |before: Option<&[StageId]>, last: Option<StageId>| {
            before.unwrap_or(&[]).iter().copied().chain(all).chain(last).collect()
        };
        let room = Room {
            hit: way(outer.map(|room| &*room.hit), stage(&tree.route_layers, number + 1)),
            miss: way(outer.map(|room| &*room.miss), stage(&tree.miss_layers, number + 2)),
            fallback: tree.fallback.or_else(|| outer?.fallback.clone()),
        };
        for item in tree.items {
            match item {
                Item::Route(route) => self.table.add(own, route),
                Item::Scope(inner) => {
                    let scope = self.table.open(own, inner.bounds.clone());
                    self.rooms.push(None);
                    let inner = self.add(Some(scope), inner, Some(&room));
                    if let Some(place) = self.rooms.get_mut(scope.index()) {
                        *place = Some(inner);
                    }
                }
            }
        }
        self.floors.push(Floor {
            number,
            end: 3 * (self.rooms.len() as StageId + 1),
            layers: tree.layers,
            route_layers: tree.route_layers,
            miss_layers: tree.miss_layers,
        });
        room
    }
}

impl Floor {
    fn build(self, shared: &Arc<Shared>, stages: &mut BTreeMap<StageId, Next>) {
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
            let step = Next::new(Step { shared: Arc::clone(shared), stages: inside, own: number });
            stages.insert(number, wrapped(layers, step));
        }
    }
}
