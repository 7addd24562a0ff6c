//! Problem: an error response as problem+json (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use waylay_fault::Injected;
use waylay_router::UrlError;

/// An error response with a status and an explanation.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    /// The fault that is the cause.
    injected: Option<Injected>,
}

impl Problem {
    /// Creates a problem.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), injected: None }
    }

    /// Marks the problem as injected, if a fault made this error.
    #[must_use]
    pub fn because_of(self, error: &(dyn std::error::Error + 'static)) -> Self {
        Self { injected: Injected::of_error(error), ..self }
    }

    /// Creates a problem with the status 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
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
        let content_type = [(CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, content_type, document.to_string()).into_response();
        if let Some(injected) = self.injected {
            injected.mark(&mut response);
        }
        response
    }
}

/// A link that cannot be built is an internal error, so its details are logged and not sent.
impl From<UrlError> for Problem {
    fn from(error: UrlError) -> Self {
        tracing::error!(%error, "a link cannot be built");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "a link in the response cannot be built")
    }
}
