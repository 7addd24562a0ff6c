//! FaultLayer, and BoxedLayer that keeps the body type.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::fault_body::FaultBody;
use crate::body::request_body::{BodyRebox, ReboxSlot};
use crate::fault::fault::Fault;
use crate::fault::set::FaultSet;
use crate::fault::source::FaultSource;
use crate::service::future::FaultFuture;
use crate::service::service::FaultService;

impl FaultLayer {
    /// Keeps the body type `B` of the inner service, where a caller requires this type: around a
    /// whole `axum::Router`, for instance. `rebox` makes a `B` of the fault's own bodies; the
    /// service's own bodies are returned unchanged.
    ///
    /// ```
    /// use axum::{Router, body::Body, extract::Request, routing::get};
    /// use tower_layer::Layer;
    /// use waylay_fault::{Fault, error};
    ///
    /// let fault = Fault::new("flaky", error(503)).build()?;
    /// let app = Router::new().route("/", get(async || "real"));
    /// let app = fault.layer().map_body(Body::new).layer(app);
    /// # fn is_servable<S>(_: S) where S: tower::Service<Request, Response = axum::response::Response> {}
    /// # is_servable(app);
    /// # Ok::<(), waylay_fault::FaultErrors>(())
    /// ```
    pub fn map_body<B>(self, rebox: fn(FaultBody<B>) -> B) -> BoxedLayer<B> {
        BoxedLayer { layer: self, rebox }
    }

    /// Keeps axum's body type: [`map_body`](Self::map_body) with axum's `Body::new`.
    #[cfg(feature = "axum")]
    pub fn boxed(self) -> BoxedLayer<axum::body::Body> {
        self.map_body(axum::body::Body::new)
    }
}

/// A [`FaultLayer`] that keeps the inner body type, made by [`FaultLayer::map_body`].
///
/// `map_response_body` of tower-http would box every body; this layer returns the service's own bodies
/// without an allocation.
#[must_use = "a layer does nothing until it wraps a service"]
pub struct BoxedLayer<B> {
    layer: FaultLayer,
    rebox: fn(FaultBody<B>) -> B,
}

impl<S, B> Layer<S> for BoxedLayer<B> {
    type Service = BoxedService<S, B>;

    fn layer(&self, inner: S) -> Self::Service {
        BoxedService { service: self.layer.layer(inner), rebox: self.rebox }
    }
}

// A derive would require `B: Clone`.
impl<B> Clone for BoxedLayer<B> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), rebox: self.rebox }
    }
}

impl<B> fmt::Debug for BoxedLayer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoxedLayer").field(&self.layer).finish()
    }
}

/// A [`FaultService`] that keeps the inner body type.
pub struct BoxedService<S, B> {
    service: FaultService<S>,
    rebox: fn(FaultBody<B>) -> B,
}

impl<S, ReqB, B> Service<Request<ReqB>> for BoxedService<S, B>
where
    S: Service<Request<ReqB>, Response = Response<B>> + Clone,
    ReqB: 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = BoxedFuture<FaultFuture<S, ReqB>, B>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        BoxedFuture { response: self.service.call(request), rebox: self.rebox }
    }
}

impl<S: Clone, B> Clone for BoxedService<S, B> {
    fn clone(&self) -> Self {
        Self { service: self.service.clone(), rebox: self.rebox }
    }
}

impl<S: fmt::Debug, B> fmt::Debug for BoxedService<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoxedService").field(&self.service).finish()
    }
}

pin_project! {
    /// The response future of a [`BoxedService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BoxedFuture<F, B> {
        #[pin]
        response: F,
        rebox: fn(FaultBody<B>) -> B,
    }
}

impl<F, B, E> Future for BoxedFuture<F, B>
where
    F: Future<Output = Result<Response<FaultBody<B>>, E>>,
{
    type Output = Result<Response<B>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(cx))?;
        Poll::Ready(Ok(response.map(|body| body.into_service().unwrap_or_else(*this.rebox))))
    }
}

impl<F: fmt::Debug, B> fmt::Debug for BoxedFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoxedFuture").field(&self.response).finish()
    }
}

/// Wraps any HTTP service in a [`Fault`]. All services of one fault share its switch, counts and
/// sampler.
///
/// Place it outside of layers that catch panics or buffer bodies, and inside of the timeouts and
/// traces that are to observe the fault. A trace around it shows a [reject](crate::reject()) as a 500
/// unless it looks at [`Injected::is_reject`](crate::Injected::is_reject). Its responses have their own body type, which axum's
/// `Router::layer` and hyper accept; [`map_body`](Self::map_body) keeps the inner type.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Fault, error};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let fault = Fault::new("flaky", error(503)).participation(1.0).build()?;
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("real"))));
/// let service = fault.layer().layer(inner);
///
/// let response = service.clone().oneshot(Request::new(String::new())).await?;
/// assert_eq!(response.status(), StatusCode::OK);
///
/// fault.control().set_enabled(true);
/// let response = service.oneshot(Request::new(String::new())).await?;
/// assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct FaultLayer {
    source: FaultSource,
    rebox: ReboxSlot,
}

impl FaultLayer {
    /// Allows changes of request bodies of type `B`: `rebox` makes a `B` of the fault's own bodies.
    /// Not needed for axum's body type (features `axum`, `router`); for other types, changes of a
    /// request body are otherwise [`not_deliverable`](crate::Counts::not_deliverable).
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
    /// use tower::{ServiceExt, service_fn};
    /// use tower_layer::Layer;
    /// use waylay_fault::{BodyError, TruncateAt, TruncateEnd, Fault, Side, truncate};
    ///
    /// type Boxed = UnsyncBoxBody<Bytes, BodyError>;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let fault = Fault::new("half", truncate(TruncateAt::Fraction(0.5)).on(Side::Request).then(TruncateEnd::Clean))
    ///     .enabled(true)
    ///     .participation(1.0)
    ///     .build()?;
    /// let echo = service_fn(async |request: Request<Boxed>| {
    ///     Ok::<_, BodyError>(Response::new(request.into_body().collect().await?.to_bytes()))
    /// });
    /// let service = fault.layer().request_body_with::<Boxed>(|body| body.boxed_unsync()).layer(
    ///     tower::ServiceBuilder::new().map_response(|r: Response<Bytes>| r.map(http_body_util::Full::new)).service(echo),
    /// );
    /// let body = http_body_util::Full::from("12345678").map_err(|never| match never {}).boxed_unsync();
    /// let response = service.oneshot(Request::new(body)).await?;
    /// assert_eq!(response.into_body().collect().await?.to_bytes(), "1234");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn request_body_with<B>(self, rebox: fn(FaultBody<B>) -> B) -> Self
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self { rebox: ReboxSlot::new(BodyRebox::new(rebox)), ..self }
    }
}

impl<S> Layer<S> for FaultLayer {
    type Service = FaultService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        FaultService::from_source(inner, self.source.clone()).with_rebox(self.rebox.clone())
    }
}

impl Fault {
    /// Returns a layer of this fault.
    pub fn layer(&self) -> FaultLayer {
        FaultLayer { source: FaultSource::One(self.clone()), rebox: ReboxSlot::default() }
    }
}

impl FaultSet {
    /// Returns a layer of the set's faults for a service.
    pub fn layer(&self) -> FaultLayer {
        FaultLayer { source: FaultSource::Set(self.clone()), rebox: ReboxSlot::default() }
    }
}
