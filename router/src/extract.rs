//! Matches, misses and URLs as arguments of handlers.

use std::sync::Arc;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::matched::Matched;
use crate::miss::Miss;
use crate::url::Urls;

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
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Matched {
    type Rejection = NotRouted;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotRouted> {
        parts.extensions.get::<Self>().cloned().ok_or(NotRouted)
    }
}

/// In a fallback: why the request came there.
impl<S: Send + Sync> FromRequestParts<S> for Miss {
    type Rejection = NotRouted;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotRouted> {
        parts.extensions.get::<Self>().cloned().ok_or(NotRouted)
    }
}

/// The URLs of the table that the request was looked up in; fallbacks have them as well.
impl<S: Send + Sync> FromRequestParts<S> for Urls {
    type Rejection = NotRouted;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotRouted> {
        let matched = parts.extensions.get::<Matched>().map(Matched::urls);
        matched.or_else(|| parts.extensions.get::<Self>().cloned()).ok_or(NotRouted)
    }
}

impl Matched {
    /// The URLs of the table that matched: a handler builds its links from the table it was found in.
    pub fn urls(&self) -> Urls {
        Urls::new(Arc::clone(self.catalog()))
    }
}
