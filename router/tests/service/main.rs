//! The router as a service: layers, scopes, misses, URLs, mounts, and a real socket.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a test fails where it stands"
)]

mod allow;
mod conditions;
mod cost;
#[cfg(all(feature = "schema", feature = "toml"))]
mod depths;
mod details;
mod errors;
mod explanations;
#[cfg(all(feature = "schema", feature = "toml"))]
mod hostile_texts;
mod layers;
mod limits;
mod lints;
mod literals;
mod mounts;
mod overlaps;
mod ranks;
mod scopes;
mod seals;
#[cfg(all(feature = "axum", feature = "swap", feature = "tracing"))]
mod serving;
#[cfg(all(feature = "schema", feature = "toml"))]
mod spec;
mod spellings;
#[cfg(feature = "watch")]
mod swaps;
mod templates;
mod urls;
mod wire;
mod wire_fields;
mod wire_hosts;
mod wire_paths;

use http::{Request, Response};
use http_body_util::BodyExt;
use tower::ServiceExt;
use waylay_router::{Body, Router};

/// Returns a GET request without a host, unless the target has one.
pub fn get(target: &str) -> Request<Body> {
    Request::get(target).body(Body::empty()).unwrap()
}

/// Returns the response of a router.
pub async fn answer(router: &Router, request: Request<Body>) -> Response<Body> {
    router.clone().oneshot(request).await.unwrap()
}

/// Returns status and text of the response to a request.
pub async fn text_of(router: &Router, request: Request<Body>) -> (u16, String) {
    let (parts, body) = answer(router, request).await.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), String::from_utf8(bytes.to_vec()).unwrap())
}

/// Returns status and text of the response to GET.
pub async fn text(router: &Router, target: &str) -> (u16, String) {
    text_of(router, get(target)).await
}
