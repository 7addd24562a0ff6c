//! Handler: async functions as endpoints, and their extractors.

use std::any::{Any, TypeId};
use std::future::Future;
use std::sync::Arc;

use axum_core::body::Body;
use axum_core::extract::{FromRequest, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Request, StatusCode, Uri};

use crate::service::endpoint::{Endpoint, EndpointFuture, Next};
use crate::table::catalog::Catalog;
use crate::table::matched::{FoundRoute, Matched};
use crate::table::miss::Miss;
use crate::table::url::{UrlError, Urls};

/// An async function of up to eight extractors whose result is a response.
///
/// All arguments but the last implement `FromRequestParts<S>`; the last may implement `FromRequest<S>` and
/// read the body. `S` is the state of [`Builder::state`](crate::Builder::state). The rejection of an
/// extractor that fails is the response.
///
/// If a function is not a handler, `#[axum::debug_handler]` (feature `macros` of axum) makes the compiler name the argument
/// or result that does not fit; with a state, `#[axum::debug_handler(state = App)]`.
///
/// ```
/// use http::{HeaderMap, Method, StatusCode};
/// use waylay_router::{Router, Route};
/// async fn echo(method: Method, headers: HeaderMap, body: String) -> (StatusCode, String) {
///     (StatusCode::OK, format!("{method} {} {body}", headers.len()))
/// }
/// let router = Router::builder().route(Route::post("/echo").to(echo)).build()?;
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not an async function of extractors that returns a response",
    note = "a handler is an `async fn` of up to 8 arguments: each implements `FromRequestParts<S>`, the last one `FromRequest<S>`, and the result implements `IntoResponse`",
    note = "`S` is the state of `Router::builder().state(…)` before the route, `()` without it; a `State<T>` argument needs `T: FromRef<S>`",
    note = "`#[axum::debug_handler]` on the function names the argument or result that does not fit"
)]
pub trait Handler<Args, S>: Clone + Send + Sync + Sized + 'static {
    /// Extracts the arguments, and calls the function.
    fn call(self, request: Request<Body>, state: Arc<S>) -> HandlerFuture;

    /// Runs the function for a request whose extensions do not have the match yet.
    #[doc(hidden)]
    fn call_matched(
        self,
        mut request: Request<Body>,
        state: Arc<S>,
        matched: impl FnOnce(&Uri) -> Matched,
    ) -> HandlerFuture {
        let matched = matched(request.uri());
        request.extensions_mut().insert(matched);
        self.call(request, state)
    }

    /// Returns the names of the variables that the handler reads: a route without one of them does not build. A function
    /// states none; [`Route::reads_variables`](crate::Route::reads_variables) does it for one.
    fn variables(&self) -> &'static [&'static str] {
        &[]
    }
}

/// The future of a [`Handler`].
pub type HandlerFuture = EndpointFuture;

/// Erases the type of a handler and its state.
pub(crate) fn endpoint<H: Handler<Args, S>, Args: 'static, S: Send + Sync + 'static>(
    handler: H,
    state: Arc<S>,
) -> Next {
    Next::new(HandlerEndpoint { handler, state, args: std::marker::PhantomData::<fn() -> Args> })
}

struct HandlerEndpoint<H, Args, S> {
    handler: H,
    state: Arc<S>,
    args: std::marker::PhantomData<fn() -> Args>,
}

impl<H: Handler<Args, S>, Args: 'static, S: Send + Sync + 'static> Endpoint for HandlerEndpoint<H, Args, S> {
    fn answer(&self, request: Request<Body>) -> EndpointFuture {
        self.handler.clone().call(request, Arc::clone(&self.state))
    }

    fn answer_found(
        &self,
        request: Request<Body>,
        found: FoundRoute,
        catalog: &Arc<Catalog>,
    ) -> EndpointFuture {
        let matched = |uri: &Uri| found.into_matched(catalog, uri);
        self.handler.clone().call_matched(request, Arc::clone(&self.state), matched)
    }
}

impl<F, Fut, R, S> Handler<((),), S> for F
where
    F: FnOnce() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = R> + Send,
    R: IntoResponse,
{
    fn call(self, _request: Request<Body>, _state: Arc<S>) -> EndpointFuture {
        Box::pin(async move { self().await.into_response() })
    }

    fn call_matched(
        self,
        request: Request<Body>,
        state: Arc<S>,
        _matched: impl FnOnce(&Uri) -> Matched,
    ) -> EndpointFuture {
        self.call(request, state)
    }
}

impl<F, Fut, R, S, M, T> Handler<(M, T), S> for F
where
    F: FnOnce(T) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = R> + Send,
    R: IntoResponse,
    S: Send + Sync + 'static,
    T: FromRequest<S, M> + Send + 'static,
{
    // A single argument takes the whole request: splitting it would only move it once more. If it is the match,
    // nothing else reads the extensions, so it is taken from them.
    fn call(self, mut request: Request<Body>, state: Arc<S>) -> EndpointFuture {
        if TypeId::of::<T>() == TypeId::of::<Matched>()
            && let Some(matched) = argument_of(&mut request.extensions_mut().remove())
        {
            return respond(self, matched);
        }
        extract(self, request, state)
    }

    // A match that is the only argument needs no extensions.
    fn call_matched(
        self,
        mut request: Request<Body>,
        state: Arc<S>,
        matched: impl FnOnce(&Uri) -> Matched,
    ) -> EndpointFuture {
        let mut matched = Some(matched(request.uri()));
        if let Some(matched) = argument_of(&mut matched) {
            return respond(self, matched);
        }
        if let Some(matched) = matched {
            request.extensions_mut().insert(matched);
        }
        extract(self, request, state)
    }
}

/// Takes the match as an argument, if the argument is of its type.
#[inline]
fn argument_of<T: 'static>(matched: &mut Option<Matched>) -> Option<T> {
    (matched as &mut dyn Any).downcast_mut().and_then(Option::take)
}

/// Calls a handler with its only argument.
fn respond<T, F, Fut>(handler: F, argument: T) -> EndpointFuture
where
    T: Send + 'static,
    F: FnOnce(T) -> Fut + Send + 'static,
    Fut: Future<Output: IntoResponse> + Send,
{
    Box::pin(async move { handler(argument).await.into_response() })
}

/// Extracts the only argument of a handler, and calls it.
fn extract<T, M, S, F, Fut>(handler: F, request: Request<Body>, state: Arc<S>) -> EndpointFuture
where
    S: Send + Sync + 'static,
    T: FromRequest<S, M> + Send + 'static,
    F: FnOnce(T) -> Fut + Send + 'static,
    Fut: Future<Output: IntoResponse> + Send,
{
    Box::pin(async move {
        let argument = match T::from_request(request, &*state).await {
            Ok(argument) => argument,
            Err(rejection) => return rejection.into_response(),
        };
        handler(argument).await.into_response()
    })
}

macro_rules! handler {
    ($($part:ident),+) => {
        impl<F, Fut, R, S, M, $($part,)+ Last> Handler<(M, $($part,)+ Last), S> for F
        where
            F: FnOnce($($part,)+ Last) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send,
            R: IntoResponse,
            S: Send + Sync + 'static,
            $($part: FromRequestParts<S> + Send,)+
            Last: FromRequest<S, M> + Send,
        {
            #[allow(non_snake_case, reason = "each argument is named as its type parameter")]
            fn call(self, request: Request<Body>, state: Arc<S>) -> EndpointFuture {
                let (mut parts, body) = request.into_parts();
                Box::pin(async move {
                    $(
                        let $part = match $part::from_request_parts(&mut parts, &*state).await {
                            Ok(part) => part,
                            Err(rejection) => return rejection.into_response(),
                        };
                    )+
                    let last = match Last::from_request(Request::from_parts(parts, body), &*state).await {
                        Ok(last) => last,
                        Err(rejection) => return rejection.into_response(),
                    };
                    self($($part,)+ last).await.into_response()
                })
            }
        }
    };
}

handler!(A);

handler!(A, B);

handler!(A, B, C);

handler!(A, B, C, D);

handler!(A, B, C, D, E);

handler!(A, B, C, D, E, G);

handler!(A, B, C, D, E, G, H);

/// The request did not come through a router of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRouted;

impl std::fmt::Display for NotRouted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request holds no match of waylay's router")
    }
}

impl std::error::Error for NotRouted {}

impl IntoResponse for NotRouted {
    fn into_response(self) -> Response {
        internal_error(&self)
    }
}

/// A URL that cannot be built is an error of the program: 500, and an event with feature `tracing`.
impl IntoResponse for UrlError {
    fn into_response(self) -> Response {
        internal_error(&self)
    }
}

/// Returns 500 without a body; the error is an event.
fn internal_error(error: &dyn std::error::Error) -> Response {
    #[cfg(feature = "tracing")]
    tracing::error!(target: "waylay_router", "{}", waylay_template::OneLine(&error.to_string()));
    #[cfg(not(feature = "tracing"))]
    let _ = error;
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

impl<S: Send + Sync> FromRequestParts<S> for Matched {
    type Rejection = NotRouted;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotRouted> {
        parts.extensions.get::<Self>().cloned().ok_or(NotRouted)
    }
}

/// In a fallback: the reason for the miss.
impl<S: Send + Sync> FromRequestParts<S> for Miss {
    type Rejection = NotRouted;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotRouted> {
        parts.extensions.get::<Self>().cloned().ok_or(NotRouted)
    }
}

/// The URLs of the table that was searched; fallbacks have them as well.
impl<S: Send + Sync> FromRequestParts<S> for Urls {
    type Rejection = NotRouted;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotRouted> {
        let matched = parts.extensions.get::<Matched>().map(Matched::urls);
        matched.or_else(|| parts.extensions.get::<Self>().cloned()).ok_or(NotRouted)
    }
}

impl Matched {
    /// The URLs of the table that matched, so a handler builds links from its own table.
    pub fn urls(&self) -> Urls {
        Urls::new(Arc::clone(self.catalog()))
    }
}
