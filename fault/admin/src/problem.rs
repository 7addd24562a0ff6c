//! Problem: an error response as problem+json (RFC 9457); and Json, a response as JSON.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use waylay_extract::{Answer, Answers};

/// The content type of every error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// An error response: status, explanation, and what else a client needs.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    errors: Vec<Value>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new(), header: None }
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// Adds the member `errors`: one item for each error of the body.
    pub(crate) fn errors(mut self, errors: Vec<Value>) -> Self {
        self.errors = errors;
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }

    /// Returns a response as it is, or as a problem if it is an error in another format.
    pub(crate) fn unify(response: Response) -> Response {
        let is_error = response.status().is_client_error() || response.status().is_server_error();
        let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if !is_error || kind == Some(PROBLEM_JSON.as_bytes()) {
            return response;
        }
        let (parts, _) = response.into_parts();
        let detail = match parts.status {
            StatusCode::NOT_FOUND => "there is no such page; `openapi.json` lists all",
            StatusCode::METHOD_NOT_ALLOWED => "the page has other methods; `allow` lists them",
            StatusCode::BAD_REQUEST => "the path or the host of the request is not valid",
            _ => "the request cannot be answered",
        };
        let mut unified = Self::new(parts.status, detail).into_response();
        // `Allow`, `Accept-Post` and the like; what describes the old body is overwritten.
        for (name, value) in &parts.headers {
            if ![CONTENT_TYPE, http::header::CONTENT_LENGTH].contains(name) {
                unified.headers_mut().append(name, value.clone());
            }
        }
        unified
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if !self.errors.is_empty() {
            document["errors"] = self.errors.into();
        }
        let mut response =
            (self.status, [(CONTENT_TYPE, PROBLEM_JSON)], document.to_string()).into_response();
        response.headers_mut().extend(self.header.map(|header| *header));
        response
    }
}

/// The problems of each operation are in the table of `api/document.rs`.
impl Answer for Problem {
    fn answer(_: &mut Answers) {}
}

/// A response as JSON.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(text) => ([(CONTENT_TYPE, "application/json")], Body::from(text)).into_response(),
            Err(error) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}
