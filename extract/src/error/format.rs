//! RejectionLayer: writes rejections in another format.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::response::{IntoResponse, Response};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::rejection::Rejection;

/// Replaces the response of every [`Rejection`] by that of a function.
///
/// The new response has the rejection in its extensions, and the headers that it does not set
/// itself: `Allow` of a 405 (RFC 9110, 15.5.6), `Accept` of a 415, those of inner layers. The headers
/// of the old body are dropped (`content-type`, `content-length`, `content-encoding`,
/// `transfer-encoding`). The response of a `#[from]` field is not a rejection and is passed through.
///
/// ```
/// use axum_core::body::Body;
/// use http::{Request, StatusCode};
/// use tower::ServiceExt;
/// use waylay_extract::{Extract, RejectionLayer, Rejection};
/// # #[cfg(feature = "router")] {
/// use waylay_router::{Route, Router};
///
/// #[derive(Extract)]
/// struct Show {
///     #[param]
///     id: u64,
/// }
///
/// fn terse(rejection: &Rejection) -> (StatusCode, String) {
///     let names: Vec<_> = rejection.errors().iter().filter_map(|error| error.name()).collect();
///     (rejection.status(), format!("wrong: {}", names.join(", ")))
/// }
///
/// let router = Router::builder()
///     .layer(RejectionLayer::new(terse))
///     .route(Route::get("/users/{id}").to(async |show: Show| show.id.to_string()))
///     .build()
///     .unwrap();
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let response = router.oneshot(Request::get("/users/x").body(Body::empty()).unwrap()).await.unwrap();
/// assert_eq!(response.status(), 400);
/// # use http_body_util::BodyExt;
/// # assert!(Rejection::of(response.extensions()).is_some());
/// # assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "wrong: id");
/// # });
/// # }
/// ```
#[derive(Clone, Copy)]
#[must_use = "a layer does nothing until it is added to a service"]
pub struct RejectionLayer<F> {
    format: F,
}

impl<F, R> RejectionLayer<F>
where
    F: Fn(&Rejection) -> R,
    R: IntoResponse,
{
    /// Returns a layer that calls the function for every rejection.
    pub fn new(format: F) -> Self {
        Self { format }
    }
}

impl<F> fmt::Debug for RejectionLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RejectionLayer")
    }
}

impl<S, F: Clone> Layer<S> for RejectionLayer<F> {
    type Service = RejectionService<S, F>;

    fn layer(&self, inner: S) -> RejectionService<S, F> {
        RejectionService { inner, format: self.format.clone() }
    }
}

/// The service of a [`RejectionLayer`].
#[derive(Clone, Copy)]
#[must_use = "a service does nothing until it is called"]
pub struct RejectionService<S, F> {
    inner: S,
    format: F,
}

impl<S: fmt::Debug, F> fmt::Debug for RejectionService<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RejectionService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, F, R, Q> Service<Q> for RejectionService<S, F>
where
    S: Service<Q, Response = Response>,
    F: Fn(&Rejection) -> R + Clone,
    R: IntoResponse,
{
    type Response = Response;
    type Error = S::Error;
    type Future = RejectionFuture<S::Future, F>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        RejectionFuture { answer: self.inner.call(request), format: self.format.clone() }
    }
}

pin_project! {
    /// The future of a [`RejectionService`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct RejectionFuture<A, F> {
        #[pin]
        answer: A,
        format: F,
    }
}

impl<A, F> fmt::Debug for RejectionFuture<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RejectionFuture")
    }
}

impl<A, E, F, R> Future for RejectionFuture<A, F>
where
    A: Future<Output = Result<Response, E>>,
    F: Fn(&Rejection) -> R,
    R: IntoResponse,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.answer.poll(context))?;
        if let Some(rejection) = answer.extensions_mut().remove::<Rejection>() {
            let old = answer;
            answer = (this.format)(&rejection).into_response();
            merge_headers(old.headers(), answer.headers_mut());
            answer.extensions_mut().insert(rejection);
        }
        Poll::Ready(Ok(answer))
    }
}

/// Headers of the body, not of the response.
const BODY_HEADERS: [HeaderName; 4] = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING];

/// Adds the headers that the new response does not set.
fn merge_headers(old: &HeaderMap, headers: &mut HeaderMap) {
    for name in old.keys().filter(|name| !BODY_HEADERS.contains(name)) {
        if !headers.contains_key(name) {
            headers.extend(old.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        }
    }
}
