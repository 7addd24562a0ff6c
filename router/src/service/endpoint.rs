//! Next, HttpService, HttpLayer: endpoints and the services that layers wrap.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::IntoResponse;
use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::table::catalog::Catalog;
use crate::table::matched::FoundRoute;

/// The future of an endpoint.
pub(crate) type EndpointFuture = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Returns the response to a request; shared by all requests.
pub(crate) trait Endpoint: Send + Sync + 'static {
    fn answer(&self, request: Request<Body>) -> EndpointFuture;

    /// Answers a request whose extensions do not have the match yet.
    fn answer_found(
        &self,
        mut request: Request<Body>,
        found: FoundRoute,
        catalog: &Arc<Catalog>,
    ) -> EndpointFuture {
        let matched = found.into_matched(catalog, request.uri());
        request.extensions_mut().insert(matched);
        self.answer(request)
    }
}

/// The inner service that the layers of a route, scope or router wrap.
///
/// It is the single concrete type of every endpoint, always ready, and never fails.
///
/// ```
/// use tower::layer::layer_fn;
/// use waylay_router::{Next, Route, Router};
/// let nothing = layer_fn(|next: Next| next);
/// let router = Router::builder().layer(nothing).route(Route::get("/").to(async || "home")).build()?;
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Clone)]
pub struct Next {
    endpoint: Arc<dyn Endpoint>,
}

impl Next {
    pub(crate) fn new(endpoint: impl Endpoint) -> Self {
        Self { endpoint: Arc::new(endpoint) }
    }

    /// Erases the type of a service.
    pub(crate) fn service(service: impl HttpService) -> Self {
        Self::new(ServiceEndpoint { service })
    }

    pub(crate) fn answer(&self, request: Request<Body>) -> NextFuture {
        NextFuture { answer: self.endpoint.answer(request) }
    }

    pub(crate) fn answer_found(
        &self,
        request: Request<Body>,
        found: FoundRoute,
        catalog: &Arc<Catalog>,
    ) -> NextFuture {
        NextFuture { answer: self.endpoint.answer_found(request, found, catalog) }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").finish_non_exhaustive()
    }
}

impl Service<Request<Body>> for Next {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = NextFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> NextFuture {
        self.answer(request)
    }
}

/// The future of [`Next`].
#[must_use = "futures do nothing unless polled"]
pub struct NextFuture {
    answer: EndpointFuture,
}

impl NextFuture {
    pub(crate) fn into_answer(self) -> EndpointFuture {
        self.answer
    }
}

impl fmt::Debug for NextFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextFuture").finish_non_exhaustive()
    }
}

impl Future for NextFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.as_mut().poll(context).map(Ok)
    }
}

mod sealed {
    pub trait Sealed<RB> {}
}

/// A service that can be the endpoint of a route, or that a layer returns: a name for one long bound.
///
/// `Service<Request<Body>>` with any `http_body` of `Bytes` in its response, an error that is a response,
/// `Clone + Send + Sync + 'static`. It is implemented for every such service and cannot be implemented
/// manually.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an HTTP service that a route can end in",
    note = "needed: `Service<Request<waylay_router::Body>, Response = Response<impl http_body::Body>> + Clone + Send + Sync + 'static` whose error implements `IntoResponse`",
    note = "a service or layer that can fail (tower's timeout, load shed, buffer) fits behind `waylay_router::recover(|error| response)`"
)]
pub trait HttpService:
    Service<
        Request<Body>,
        Response = Response<Self::ResponseBody>,
        Error: IntoResponse,
        Future: Future<Output = Result<Response<Self::ResponseBody>, Self::Error>> + Send + 'static,
    > + Clone
    + Send
    + Sync
    + sealed::Sealed<Self::ResponseBody>
    + 'static
{
    /// The body of its responses.
    type ResponseBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<S, RB> sealed::Sealed<RB> for S where S: Service<Request<Body>, Response = Response<RB>> {}

#[diagnostic::do_not_recommend]
impl<S, RB> HttpService for S
where
    S: Service<Request<Body>, Response = Response<RB>> + Clone + Send + Sync + 'static,
    S::Error: IntoResponse,
    S::Future: Send + 'static,
    RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type ResponseBody = RB;
}

/// A layer that turns [`Next`] into an [`HttpService`]: a name for one long bound.
///
/// It is implemented for every such `tower::Layer<Next>` and cannot be implemented manually.
///
/// ```
/// use tower::ServiceBuilder;
/// use waylay_router::{HttpLayer, Route, Router};
/// fn guarded(layer: impl HttpLayer) -> Result<Router, waylay_router::BuildErrors> {
///     Router::builder().layer(layer).route(Route::get("/").to(async || "home")).build()
/// }
/// assert!(guarded(ServiceBuilder::new().concurrency_limit(9)).is_ok());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of HTTP services",
    note = "needed: a `tower::Layer<waylay_router::Next>` whose service is an `HttpService`",
    note = "a layer that can fail (tower's timeout, load shed, buffer) fits behind `waylay_router::recover(|error| response)`"
)]
pub trait HttpLayer: Layer<Next, Service: HttpService> + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<L> HttpLayer for L
where
    L: Layer<Next> + Send + 'static,
    L::Service: HttpService,
{
}

struct ServiceEndpoint<S> {
    service: S,
}

impl<S: HttpService> Endpoint for ServiceEndpoint<S> {
    /// A service that is ready, as most are, is called at once: a future that waits for it would have to
    /// hold the request. One that is not ready is polled again, with the waker of the task.
    fn answer(&self, request: Request<Body>) -> EndpointFuture {
        let mut service = self.service.clone();
        match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => boxed_once::<S>(service.call(request)),
            Poll::Ready(Err(error)) => Box::pin(future::ready(error.into_response())),
            Poll::Pending => Box::pin(Oneshot::Waiting { service, request: Some(request) }),
        }
    }
}

/// Boxes the future of a service. A layer that only looks at requests or edits them returns that of [`Next`],
/// which is in a box already.
fn boxed_once<S: HttpService>(future: S::Future) -> EndpointFuture {
    let mut future = Some(future);
    if let Some(next) = (&mut future as &mut dyn Any).downcast_mut::<Option<NextFuture>>()
        && let Some(next) = next.take()
    {
        return next.into_answer();
    }
    match future {
        Some(future) => Box::pin(Oneshot::<S>::Called { future }),
        // It was taken.
        None => Box::pin(future::pending()),
    }
}

pin_project! {
    /// Waits until a clone of a service is ready, then calls it once.
    #[project = OneshotProjection]
    enum Oneshot<S: Service<Request<Body>>> {
        Waiting { service: S, request: Option<Request<Body>> },
        Called { #[pin] future: S::Future },
    }
}

impl<S: HttpService> Future for Oneshot<S> {
    type Output = Response<Body>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response<Body>> {
        loop {
            let future = match self.as_mut().project() {
                OneshotProjection::Called { future } => {
                    return Poll::Ready(match ready!(future.poll(context)) {
                        Ok(response) => response.map(Body::new),
                        Err(error) => error.into_response(),
                    });
                }
                OneshotProjection::Waiting { service, request } => {
                    if let Err(error) = ready!(service.poll_ready(context)) {
                        return Poll::Ready(error.into_response());
                    }
                    match request.take() {
                        Some(request) => service.call(request),
                        None => return Poll::Pending,
                    }
                }
            };
            self.set(Self::Called { future });
        }
    }
}
