//! SwapRouter: a router that is replaced while it serves.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use axum_core::BoxError;
use axum_core::response::Response;
use bytes::Bytes;
use http::Request;
use tower_service::Service;

use crate::service::router::{Router, RouterFuture};
use crate::table::diff::Diff;

/// A router that any thread can replace while it serves.
///
/// A request uses the router that received it, from the look-up to the last URL that its handler builds.
/// Clones are handles of the same router.
///
/// ```
/// use tower::ServiceExt;
/// use waylay_router::{Body, Route, Router, SwapRouter};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let old = Router::builder().route(Route::get("/old").to(async || "old")).build()?;
/// let new = Router::builder().route(Route::get("/new").to(async || "new")).build()?;
/// let swap = SwapRouter::new(old);
/// let served = swap.clone(); // goes to hyper or axum
/// let diff = swap.replace(new);
/// assert_eq!((diff.added.len(), diff.removed.len()), (1, 1));
/// let answer = served.oneshot(http::Request::get("/new").body(Body::empty())?).await?;
/// assert_eq!(answer.status(), 200);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SwapRouter {
    current: Arc<ArcSwap<Router>>,
}

impl SwapRouter {
    /// Creates a handle of a router.
    pub fn new(router: Router) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(router)) }
    }

    /// Returns the current router.
    pub fn current(&self) -> Router {
        Router::clone(&self.current.load())
    }

    /// Replaces the router for requests from now on, and returns the difference.
    pub fn replace(&self, router: Router) -> Diff {
        let old = self.current.swap(Arc::new(router.clone()));
        old.table().diff(router.table())
    }
}

impl<B> Service<Request<B>> for SwapRouter
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
        self.current.load().answer(request)
    }
}

impl fmt::Debug for SwapRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SwapRouter").field(&self.current()).finish()
    }
}
