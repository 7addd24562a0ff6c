//! ErrorResponse: a response with an error status, read back.

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use waylay_template::OneLine;

use crate::client::excerpt::excerpt;
use crate::descriptor::body::is_json;
use crate::error::field::{Code, FieldError, Location, ValueError};

/// A response whose status is not a success.
///
/// A problem document (RFC 9457) is parsed: its members, and the errors of a
/// [`Rejection`](crate::Rejection) as the same [`FieldError`]s. Of other bodies, `Display` shows
/// an excerpt: the text of an HTML page, the lines of plain text.
///
/// ```
/// use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
/// use waylay_extract::{Code, ErrorResponse};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
/// let body = r#"{"title": "Bad Request", "status": 400, "errors": [
///     {"in": "query", "name": "page", "code": "invalid", "detail": "expected an integer"}]}"#;
/// let response = ErrorResponse::new(StatusCode::BAD_REQUEST, headers, body.into());
/// assert_eq!(response.errors()[0].code(), Code::Invalid);
/// assert_eq!(response.to_string(), "400 Bad Request: query `page`: expected an integer");
///
/// let mut headers = HeaderMap::new();
/// headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
/// let response = ErrorResponse::new(StatusCode::BAD_GATEWAY, headers, "<h1>No backend</h1><hr>proxy".into());
/// assert_eq!(response.to_string(), "502 Bad Gateway: No backend; proxy");
/// ```
#[derive(Clone, Debug)]
pub struct ErrorResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    problem: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl ErrorResponse {
    /// Parses a response.
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        let problem: Map<_, _> = match is_json(&headers) {
            true => serde_json::from_slice(&body).unwrap_or_default(),
            false => Map::new(),
        };
        let errors = match problem.get("errors") {
            Some(Value::Array(errors)) => errors.iter().filter_map(error).collect(),
            _ => Vec::new(),
        };
        Self { status, headers, body, problem, errors }
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the body, or its start if it is longer than the client reads.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the members of a JSON body: those of a problem document are `type`, `title`, `detail` and others.
    pub fn problem(&self) -> &Map<String, Value> {
        &self.problem
    }

    /// Returns the errors of fields that the server has reported.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// Reads the body as an error type of the program.
    ///
    /// # Errors
    ///
    /// The body is not JSON of that type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.problem.get(member)?.as_str().filter(|text| !text.is_empty())
    }
}

/// Parses one error of a problem; `None` if it is not an error of a field.
fn error(value: &Value) -> Option<FieldError> {
    let text = |member: &str| value.get(member)?.as_str();
    let location = LOCATIONS.iter().copied().find(|location| Some(location.as_str()) == text("in"))?;
    let name = text("name").or(text("pointer")).unwrap_or_default();
    // A newer server may have more codes.
    let known = CODES.iter().copied().find(|code| Some(code.as_str()) == text("code"));
    let error =
        ValueError::new(known.unwrap_or(Code::Invalid), text("detail").unwrap_or_default().to_owned());
    Some(FieldError::new(location, name.to_owned(), error))
}

const LOCATIONS: [Location; 7] = [
    Location::Path,
    Location::Query,
    Location::Header,
    Location::Cookie,
    Location::Form,
    Location::Part,
    Location::Body,
];

const CODES: [Code; 14] = [
    Code::Missing,
    Code::Invalid,
    Code::Duplicate,
    Code::TooMany,
    Code::TooFew,
    Code::TooLong,
    Code::Unknown,
    Code::Validation,
    Code::InvalidEscape,
    Code::InvalidUtf8,
    Code::Malformed,
    Code::Unreadable,
    Code::UnsupportedMediaType,
    Code::TooLarge,
];

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.errors.is_empty() {
            for (index, error) in self.errors.iter().enumerate() {
                let separator = if index == 0 { ": " } else { "; " };
                write!(f, "{separator}{error}")?;
            }
            return Ok(());
        }
        if let Some(text) = self.text("detail").or(self.text("title")) {
            return write!(f, ": {}", OneLine(text));
        }
        if let (true, Some(to)) = (self.status.is_redirection(), self.headers.get(LOCATION)) {
            return write!(f, ": to {}", OneLine(&String::from_utf8_lossy(to.as_bytes())));
        }
        match &*excerpt(&self.headers, &self.body) {
            "" => Ok(()),
            excerpt => write!(f, ": {excerpt}"),
        }
    }
}

impl Error for ErrorResponse {}
