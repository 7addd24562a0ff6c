//! What the shop answers when it cannot do what is asked, as problem+json (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use waylay_router::UrlError;

/// A refusal with its reason.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, what)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        (self.status, [(CONTENT_TYPE, "application/problem+json")], document.to_string()).into_response()
    }
}

/// A link that cannot be built is the program's fault, whose details are not the client's.
impl From<UrlError> for Problem {
    fn from(error: UrlError) -> Self {
        tracing::error!(%error, "a link cannot be built");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be linked to")
    }
}
