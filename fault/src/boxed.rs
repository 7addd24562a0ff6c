//! A fault layer that keeps the body type of the service it is laid around.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::FaultBody;
use crate::future::FaultFuture;
use crate::layer::FaultLayer;
use crate::service::FaultService;

impl FaultLayer {
    /// Keeps the body type `B` of the inner service, for a place that asks for just that type:
    /// around a whole `axum::Router`, say. `rebox` makes a `B` of the fault's own bodies; the
    /// service's own are handed on untouched.
    ///
    /// ```
    /// use axum::{Router, body::Body, extract::Request, routing::get};
    /// use tower_layer::Layer;
    /// use waylay_fault::{Fault, error};
    ///
    /// let fault = Fault::new("flaky", error(503)).build()?;
    /// let app = Router::new().route("/", get(async || "real"));
    /// let app = fault.layer().boxed_by(Body::new).layer(app);
    /// # fn is_servable<S>(_: S) where S: tower::Service<Request, Response = axum::response::Response> {}
    /// # is_servable(app);
    /// # Ok::<(), waylay_fault::FaultErrors>(())
    /// ```
    pub fn boxed_by<B>(self, rebox: fn(FaultBody<B>) -> B) -> BoxedLayer<B> {
        BoxedLayer { layer: self, rebox }
    }

    /// Keeps axum's body type: [`boxed_by`](Self::boxed_by) axum's `Body::new`.
    #[cfg(feature = "axum")]
    pub fn boxed(self) -> BoxedLayer<axum::body::Body> {
        self.boxed_by(axum::body::Body::new)
    }
}

/// A [`FaultLayer`] that keeps the inner body type, made by [`FaultLayer::boxed_by`].
#[must_use = "a layer does nothing until it is around a service"]
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

// By hand, since a derive would ask for `B: Clone`.
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
    /// The response of a [`BoxedService`].
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
