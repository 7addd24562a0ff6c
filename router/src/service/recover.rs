//! recover: errors of fallible layers as responses.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::response::{IntoResponse, Response};
use http::Request;
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tower_layer::Layer;
use tower_service::Service;

/// Creates a layer that turns errors of inner layers into responses.
///
/// It precedes the fallible layer:
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use tower::{BoxError, ServiceBuilder};
/// use waylay_router::{Route, Router, recover};
/// let router = Router::builder()
///     .layer(
///         ServiceBuilder::new()
///             .layer(recover(|_: BoxError| StatusCode::GATEWAY_TIMEOUT))
///             .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(1))),
///     )
///     .route(Route::get("/").to(async || "in time"))
///     .build()?;
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
pub fn recover<F>(answer: F) -> RecoverLayer<F> {
    RecoverLayer { answer }
}

/// The layer of [`recover`].
#[derive(Debug, Clone, Copy)]
pub struct RecoverLayer<F> {
    answer: F,
}

impl<S, F: Clone> Layer<S> for RecoverLayer<F> {
    type Service = RecoverService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        RecoverService { inner, answer: self.answer.clone(), failed: SyncWrapper::new(None) }
    }
}

/// The service of [`recover`].
#[derive(Debug)]
pub struct RecoverService<S, F> {
    inner: S,
    answer: F,
    /// A readiness error that has become a response.
    failed: SyncWrapper<Option<Response>>,
}

impl<S: Clone, F: Clone> Clone for RecoverService<S, F> {
    /// A clone polls its own readiness.
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), answer: self.answer.clone(), failed: SyncWrapper::new(None) }
    }
}

impl<S, F, R, B, RB> Service<Request<B>> for RecoverService<S, F>
where
    S: Service<Request<B>, Response = http::Response<RB>>,
    F: Fn(S::Error) -> R + Clone,
    R: IntoResponse,
    RB: http_body::Body<Data = bytes::Bytes, Error: Into<axum_core::BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RecoverFuture<S::Future, F>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if let Err(error) = ready!(self.inner.poll_ready(context)) {
            *self.failed.get_mut() = Some((self.answer)(error).into_response());
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        RecoverFuture {
            kind: match self.failed.get_mut().take() {
                Some(response) => Kind::Failed { response: Some(response) },
                None => Kind::Called { future: self.inner.call(request), answer: self.answer.clone() },
            },
        }
    }
}

pin_project! {
    /// The future of [`recover`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct RecoverFuture<Fut, F> {
        #[pin]
        kind: Kind<Fut, F>,
    }
}

pin_project! {
    #[project = Projection]
    #[derive(Debug)]
    enum Kind<Fut, F> {
        Called { #[pin] future: Fut, answer: F },
        // The service was not ready when it was called.
        Failed { response: Option<Response> },
    }
}

impl<Fut, F, R, RB, E> Future for RecoverFuture<Fut, F>
where
    Fut: Future<Output = Result<http::Response<RB>, E>>,
    F: Fn(E) -> R,
    R: IntoResponse,
    RB: http_body::Body<Data = bytes::Bytes, Error: Into<axum_core::BoxError>> + Send + 'static,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            Projection::Called { future, answer } => Poll::Ready(Ok(match ready!(future.poll(context)) {
                Ok(response) => response.map(axum_core::body::Body::new),
                Err(error) => answer(error).into_response(),
            })),
            Projection::Failed { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
        }
    }
}
