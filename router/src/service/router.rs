//! Router: a table of endpoints as a tower::Service.

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::ACCESS_CONTROL_ALLOW_METHODS;
use http::{Extensions, HeaderValue, Method, Request, StatusCode};
use rustc_hash::FxBuildHasher;
use tower_service::Service;

use crate::request::peer::Peer;
use crate::service::endpoint::{Endpoint, EndpointFuture, Next, NextFuture};
use crate::service::mount::outer_path;
use crate::service::response::{HeadBody, RequiredHeader, default_answer};
use crate::table::catalog::RouteInfo;
use crate::table::explain::Explanation;
use crate::table::lint::Lint;
use crate::table::lookup::{Match, Table};
use crate::table::matched::{FoundRoute, Matched};
use crate::table::miss::{Miss, Reason};
use crate::table::routes::ScopeId;
use crate::table::url::Urls;

/// A table of endpoints as a `tower::Service`.
///
/// It accepts any request body, never fails, is always ready, and is cheap to clone. It fits into hyper
/// (`TowerToHyperService`), axum (`fallback_service`, `nest_service`, or with feature `axum`
/// `axum::serve(listener, router)`) and `lambda_http`. A HEAD request is served by the GET route, without
/// the body.
///
/// ```
/// use tower::ServiceExt;
/// use waylay_router::{Body, Matched, Route, Router};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::builder()
///     .route(Route::get("/hello/{name}").to(async |matched: Matched| {
///         format!("hello {}", matched.get("name").unwrap_or_default())
///     }))
///     .build()?;
/// let response = router.clone().oneshot(http::Request::get("/hello/you").body(Body::empty())?).await?;
/// assert_eq!(response.status(), 200);
/// let response = router.oneshot(http::Request::post("/hello/you").body(Body::empty())?).await?;
/// assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str()?), (405, "GET, HEAD"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Router {
    // One, since servers clone a service for each request.
    entry: Arc<Entry>,
}

/// Where requests enter a router.
struct Entry {
    inner: Arc<RouterInner>,
    /// The layered stages, which have the rest as well.
    stages: Stages,
}

/// The number of a layered stage.
pub(crate) type StageId = u32;

pub(crate) type Stages = HashMap<StageId, Next, FxBuildHasher>;

/// The data that all stages of a router share.
pub(crate) struct RouterInner {
    pub(crate) table: Table<Next>,
    /// By scope; the last one is the whole router.
    pub(crate) dispatch: Vec<ScopeDispatch>,
    /// Whether responses have the methods of their path.
    pub(crate) cors_methods: bool,
    /// Whether a condition or a trusted proxy depends on the peer.
    pub(crate) reads_peer: bool,
    /// Whether a request without a peer has been reported.
    pub(crate) reported: AtomicBool,
}

/// The stages of a scope, those of its outer scopes included.
pub(crate) struct ScopeDispatch {
    /// The stages of a matched request, outermost first.
    pub(crate) hit: Box<[StageId]>,
    /// The stages of a miss.
    pub(crate) miss: Box<[StageId]>,
    pub(crate) fallback: Option<Next>,
}

impl Router {
    pub(crate) fn new(inner: Arc<RouterInner>, stages: Stages) -> Self {
        Self { entry: Arc::new(Entry { inner, stages }) }
    }

    pub(crate) fn table(&self) -> &Table<Next> {
        &self.entry.inner.table
    }

    /// Returns the URL builders of the named routes.
    pub fn urls(&self) -> Urls {
        self.table().urls()
    }

    /// Returns the routes in the order of addition.
    pub fn routes(&self) -> impl Iterator<Item = RouteInfo<'_>> {
        self.table().routes()
    }

    /// Explains a request route by route, with the [`Peer`] of its extensions.
    pub fn explain<B>(&self, request: &Request<B>) -> Explanation {
        self.table().explain(request, &Peer::of(request.extensions()).unwrap_or_default())
    }

    /// Matches a request as the service would, with the [`Peer`] of its extensions, and calls nothing. The routes of a
    /// mounted router are not looked at: the match is that of the mount.
    ///
    /// ```
    /// use waylay_router::{Route, Router};
    ///
    /// let router = Router::builder().route(Route::get("/users/{id}").to(async || "a user")).build()?;
    /// let request = http::Request::get("/users/7").body(()).expect("it is valid");
    /// let matched = router.find(&request).expect("a route matches");
    /// assert_eq!((matched.template(), matched.get("id").as_deref()), ("/users/{id}", Some("7")));
    /// # Ok::<(), waylay_router::BuildErrors>(())
    /// ```
    ///
    /// # Errors
    /// No route matches the request.
    pub fn find<B>(&self, request: &Request<B>) -> Result<Matched, Miss> {
        let peer = Peer::of(request.extensions()).unwrap_or_default();
        self.table().find(request, &peer).map(Match::into_matched)
    }

    /// Returns the lints of the table, such as routes that are never reached.
    pub fn lints(&self) -> Vec<Lint> {
        self.table().lints()
    }
}

impl fmt::Display for Router {
    /// Prints the routes as an aligned table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("table", self.table()).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for Router
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RouterFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> RouterFuture {
        self.answer(request)
    }
}

impl Router {
    #[inline]
    pub(crate) fn answer<B>(&self, request: Request<B>) -> RouterFuture
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let Entry { inner, stages } = &*self.entry;
        let is_head = request.method() == Method::HEAD;
        let mut request = request.map(erased);
        if inner.reads_peer {
            inner.complete_peer(request.extensions_mut());
        }
        let mut completion = None;
        if is_head || inner.cors_methods {
            let methods = if inner.cors_methods { inner.cors_methods(&request) } else { None };
            completion = Some(Box::new(Completion { is_head, methods, required: None }));
        }
        // A router that is mounted in another one searches its own table.
        match inner.find(&mut request) {
            Ok(found) => RouterFuture { answer: inner.pass_found(found, stages, request), completion },
            Err(place) => {
                if let Some(required) = RequiredHeader::of(&request) {
                    completion.get_or_insert_default().required = Some(required);
                }
                RouterFuture { answer: inner.pass(place, None, stages, request), completion }
            }
        }
    }
}

/// Erases the type of a request's body. One that has ended, as for most requests, needs no box.
fn erased<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let is_erased = TypeId::of::<B>() == TypeId::of::<Body>();
    if !is_erased && body.is_end_stream() { Body::empty() } else { Body::new(body) }
}

/// The destination of a request: a route, or the misses of a scope.
#[derive(Clone, Copy)]
pub(crate) enum Destination {
    Hit(usize),
    Miss(Option<ScopeId>),
    /// A miss without a fallback: a rejected or redirected request.
    Settled(Option<ScopeId>),
}

impl Destination {
    fn of(miss: &Miss) -> Self {
        match miss.reason {
            Reason::Redirect(_) | Reason::BadRequest(_) | Reason::Options(_) => Self::Settled(miss.scope),
            _ => Self::Miss(miss.scope),
        }
    }
}

impl RouterInner {
    /// Inserts the peer that axum knows, and reports a missing one once.
    #[cold]
    fn complete_peer(&self, extensions: &mut Extensions) {
        if let Some(Cow::Owned(peer)) = Peer::of(extensions) {
            extensions.insert(peer);
        }
        if self.reported.load(Ordering::Relaxed) {
            return;
        }
        let unknown = Peer::default();
        let peer = extensions.get::<Peer>().unwrap_or(&unknown);
        if let Some(missing) = self.table.missing_peer(peer)
            && !self.reported.swap(true, Ordering::Relaxed)
        {
            #[cfg(feature = "tracing")]
            tracing::warn!(target: "waylay_router", "{}", waylay_template::OneLine(&missing));
            #[cfg(not(feature = "tracing"))]
            drop(missing);
        }
    }

    /// Returns the value of `access-control-allow-methods`.
    #[cold]
    fn cors_methods(&self, request: &Request<Body>) -> Option<HeaderValue> {
        let unknown = Peer::default();
        let peer = request.extensions().get::<Peer>().unwrap_or(&unknown);
        let methods = self.table.allowed(request, peer);
        let value = if methods.is_all() { "*".to_owned() } else { methods.to_string() };
        HeaderValue::from_str(&value).ok().filter(|value| !value.is_empty())
    }

    /// Searches the table, and inserts a miss into the request's extensions.
    fn find(&self, request: &mut Request<Body>) -> Result<FoundRoute, Destination> {
        if let Some(effective) = self.table.effective(request) {
            request.extensions_mut().insert(effective);
        }
        let unknown = Peer::default();
        let peer = request.extensions().get::<Peer>().unwrap_or(&unknown);
        match self.table.find(request, peer) {
            Ok(found) => {
                let found = found.into_found();
                // The miss of an outer router may have led here.
                request.extensions_mut().remove::<Miss>();
                Ok(found)
            }
            Err(mut miss) => {
                let place = Destination::of(&miss);
                if let Reason::Redirect(redirect) = &mut miss.reason {
                    redirect.target = outer_path(request, &redirect.target);
                }
                request.extensions_mut().remove::<Matched>();
                request.extensions_mut().insert(miss);
                request.extensions_mut().insert(self.table.urls());
                Err(place)
            }
        }
    }

    /// Inserts a match into the request's extensions.
    fn insert(&self, found: FoundRoute, request: &mut Request<Body>) -> Destination {
        let place = Destination::Hit(found.route);
        let matched = found.into_matched(self.table.catalog(), request.uri());
        request.extensions_mut().insert(matched);
        place
    }

    /// Returns the destination of a request that may have been looked up before.
    fn place(&self, request: &mut Request<Body>) -> Destination {
        let extensions = request.extensions();
        let matched = extensions.get::<Matched>();
        if let Some(matched) = matched.filter(|matched| matched.of(self.table.catalog())) {
            return Destination::Hit(matched.entry());
        }
        match extensions.get::<Miss>().filter(|_| matched.is_none()) {
            Some(miss) => Destination::of(miss),
            // A layer has rebuilt the request without its extensions.
            None => match self.find(request) {
                Ok(found) => self.insert(found, request),
                Err(place) => place,
            },
        }
    }

    /// Returns the stages and the fallback of a scope.
    fn dispatch_of(&self, scope: Option<ScopeId>) -> Option<&ScopeDispatch> {
        scope.and_then(|scope| self.dispatch.get(scope.index())).or(self.dispatch.last())
    }

    /// Passes a request to the first stage, or to its endpoint. An endpoint inserts the match into the
    /// extensions only if it reads it there.
    fn pass_found(&self, found: FoundRoute, stages: &Stages, mut request: Request<Body>) -> NextOrReady {
        let dispatch = self.dispatch_of(self.table.scope(found.route));
        let stage = dispatch.and_then(|dispatch| dispatch.hit.first()).and_then(|stage| stages.get(stage));
        let future = match (stage, self.table.value(found.route)) {
            (Some(stage), _) => {
                self.insert(found, &mut request);
                stage.answer(request)
            }
            (None, Some(endpoint)) => endpoint.answer_found(request, found, self.table.catalog()),
            // Each route has an endpoint.
            (None, None) => return NextOrReady::ready(default_answer(&request)),
        };
        NextOrReady::Next { future }
    }

    /// Passes a request to the stage after `done`, or to its endpoint.
    fn pass(
        &self,
        place: Destination,
        done: Option<StageId>,
        stages: &Stages,
        request: Request<Body>,
    ) -> NextOrReady {
        let (scope, is_hit) = match place {
            Destination::Hit(route) => (self.table.scope(route), true),
            Destination::Miss(scope) | Destination::Settled(scope) => (scope, false),
        };
        let dispatch = self.dispatch_of(scope);
        let stages_of =
            dispatch.map_or(&[][..], |dispatch| if is_hit { &dispatch.hit } else { &dispatch.miss });
        let next = match done {
            None => stages_of.first(),
            Some(done) => match stages_of.iter().position(|stage| *stage == done) {
                Some(place) => stages_of.get(place + 1),
                // A layer has rebuilt the request into one with a destination behind other layers.
                None => return NextOrReady::ready(StatusCode::NOT_FOUND.into_response()),
            },
        };
        if let Some(stage) = next.and_then(|stage| stages.get(stage)) {
            return NextOrReady::Next { future: stage.answer(request) };
        }
        let endpoint = match place {
            Destination::Hit(route) => self.table.value(route),
            Destination::Settled(_) => None,
            Destination::Miss(_) => dispatch.and_then(|dispatch| dispatch.fallback.as_ref()),
        };
        match endpoint {
            Some(endpoint) => NextOrReady::Next { future: endpoint.answer(request) },
            None => NextOrReady::ready(default_answer(&request)),
        }
    }
}

/// The innermost service of a layered stage: passes the request to the next stage.
pub(crate) struct StageEndpoint {
    pub(crate) inner: Arc<RouterInner>,
    pub(crate) stages: Stages,
    pub(crate) own: StageId,
}

impl Endpoint for StageEndpoint {
    fn answer(&self, mut request: Request<Body>) -> EndpointFuture {
        let place = self.inner.place(&mut request);
        match self.inner.pass(place, Some(self.own), &self.stages, request) {
            NextOrReady::Next { future } => future.into_answer(),
            NextOrReady::Ready { response } => {
                Box::pin(std::future::ready(response.map(|response| *response).unwrap_or_default()))
            }
        }
    }
}

enum NextOrReady {
    Next {
        future: NextFuture,
    },
    /// In a box, so that the other variant stays small.
    Ready {
        response: Option<Box<Response>>,
    },
}

impl NextOrReady {
    fn ready(response: Response) -> Self {
        Self::Ready { response: Some(Box::new(response)) }
    }
}

/// The future of [`Router`].
#[must_use = "futures do nothing unless polled"]
pub struct RouterFuture {
    answer: NextOrReady,
    /// Absent for most requests, and in a box, so that the future stays small.
    completion: Option<Box<Completion>>,
}

impl Future for RouterFuture {
    type Output = Result<Response, Infallible>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            // The response is not looked at here, so that it is not moved either.
            Self { answer: NextOrReady::Next { future }, completion: None } => Pin::new(future).poll(context),
            other => other.poll_completed(context),
        }
    }
}

impl RouterFuture {
    #[inline(never)]
    fn poll_completed(&mut self, context: &mut Context<'_>) -> Poll<Result<Response, Infallible>> {
        let response = match &mut self.answer {
            NextOrReady::Next { future } => match ready!(Pin::new(future).poll(context)) {
                Ok(response) => response,
                Err(never) => match never {},
            },
            NextOrReady::Ready { response } => match response.take() {
                Some(response) => *response,
                None => return Poll::Pending,
            },
        };
        Poll::Ready(Ok(match self.completion.take() {
            Some(completion) => completion.complete(response),
            None => response,
        }))
    }
}

/// What the response still lacks.
#[derive(Default)]
struct Completion {
    is_head: bool,
    methods: Option<HeaderValue>,
    required: Option<RequiredHeader>,
}

impl Completion {
    fn complete(self, mut response: Response) -> Response {
        if let Some(methods) = self.methods {
            response.headers_mut().entry(ACCESS_CONTROL_ALLOW_METHODS).or_insert(methods);
        }
        if let Some(required) = self.required {
            required.add_to(&mut response);
        }
        // hyper's HTTP/2 server sends the body of a HEAD response if there is one.
        if self.is_head { response.map(|body| Body::new(HeadBody::new(body))) } else { response }
    }
}

impl fmt::Debug for RouterFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterFuture").finish_non_exhaustive()
    }
}
