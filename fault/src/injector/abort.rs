//! Abort and Grpc: responses instead of the service's.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind, header_name, header_value};
use crate::injector::key::RequestKeys;
use crate::injector::steps::{CannedResponse, Step, Steps, http_date};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::Draws;
use crate::report::event::Action;

/// Responds with this status; the service is not called.
///
/// Any status from 200 to 599 is allowed, registered or not. 1xx is rejected: hyper sends it before
/// a `200`, and after a `101` the client waits forever.
///
/// ```
/// use waylay_fault::{Fault, error};
///
/// Fault::new("flaky-orders", error(503).text("come back later").header("retry-after", "2")).build()?;
/// Fault::new("own-status", error(599)).build()?;
/// assert!(Fault::new("no-status", error(99)).build().is_err());
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn error(status: u16) -> Abort {
    Abort { status, body: None, headers: Vec::new(), retry_after: None }
}

/// A response instead of the service's, made by [`error`].
///
/// The body is plain text: the registered phrase of the status, or its number, unless set by
/// [`text`](Self::text) or [`body`](Self::body). Responses to HEAD and those with status 204, 205
/// and 304 have no body.
///
/// ```
/// use std::time::Duration;
/// use waylay_fault::{Fault, RetryAfter, error};
///
/// let busy = error(503).body(r#"{"error":"busy"}"#).content_type("application/json");
/// Fault::new("busy", busy.clone().retry_after("2s")).build()?;
/// Fault::new("busy", busy.retry_after(RetryAfter::date_in(Duration::from_secs(90)))).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct Abort {
    status: u16,
    body: Option<Bytes>,
    headers: Vec<(String, String)>,
    retry_after: Option<RetryAfter>,
}

impl Abort {
    /// Sets the body to a text, which may be empty.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.body = Some(text.into().into());
        self
    }

    /// Sets the body to bytes; [`content_type`](Self::content_type) states their type.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the content type; plain text by default.
    #[must_use]
    pub fn content_type(self, media_type: impl Into<String>) -> Self {
        self.header(CONTENT_TYPE.as_str(), media_type)
    }

    /// Sets `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<RetryAfter>) -> Self {
        self.retry_after = Some(value.into());
        self
    }

    /// Adds a header; the first of a name replaces a default such as `content-type`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl From<Abort> for Injector {
    fn from(abort: Abort) -> Self {
        Self::new(abort)
    }
}

impl InjectorConfig for Abort {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        Some(Box::new(Arc::new(self.check_response(at, errors)?)))
    }
}

impl Abort {
    pub(crate) fn check_response(self, at: &str, errors: &mut ErrorCollector) -> Option<CannedResponse> {
        let at = child_setting(at, "error");
        let status = check_status(&at, self.status, errors);
        let mut headers = check_headers(&at, &self.headers, errors);
        let mut retry_in = None;
        if let Some(value) = self.retry_after {
            match value.check(&format!("{at}.retry_after"), errors)? {
                CheckedRetryAfter::Value(value) => drop(headers.insert(RETRY_AFTER, value)),
                CheckedRetryAfter::In(time) => retry_in = Some(time),
            }
        }
        Some(text_response(status?, self.body, headers, retry_in))
    }
}

/// Parses the pairs; each invalid one is reported under `at.header[index]`.
pub(crate) fn check_headers(at: &str, pairs: &[(String, String)], errors: &mut ErrorCollector) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (index, (name, value)) in pairs.iter().enumerate() {
        let setting = format!("{at}.header[{index}]");
        let name = header_name(&setting, name, errors);
        let value = header_value(&setting, value, errors);
        if let (Some(name), Some(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

impl CompiledInjector for Arc<CannedResponse> {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        steps.push(Step::Respond(self.clone()), Action::Error(self.status.as_u16()));
    }
}

pub(crate) fn check_status(at: &str, status: u16, errors: &mut ErrorCollector) -> Option<StatusCode> {
    let kind = match status {
        100..=199 => FaultErrorKind::Informational,
        200..=599 => return StatusCode::from_u16(status).ok(),
        _ => FaultErrorKind::Status,
    };
    errors.add(format!("{at}.status"), status, kind);
    None
}

/// Returns a response of this status with its phrase. `None`: the number is not a status.
pub(crate) fn status_response(status: u16) -> Option<CannedResponse> {
    Some(text_response(StatusCode::from_u16(status).ok()?, None, HeaderMap::new(), None))
}

fn text_response(
    status: StatusCode,
    body: Option<Bytes>,
    mut headers: HeaderMap,
    retry_in: Option<Duration>,
) -> CannedResponse {
    // RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5: these statuses have no content.
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED) {
        return CannedResponse { status, headers, text: Bytes::new(), retry_in };
    }
    let text = body.unwrap_or_else(|| match status.canonical_reason() {
        Some(reason) => Bytes::from_static(reason.as_bytes()),
        None => status.as_u16().to_string().into(),
    });
    // As Go's `http.Error`, which go-fault uses.
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    CannedResponse { status, headers, text, retry_in }
}

/// Responds with a gRPC status; the service is not called.
///
/// The response is trailers-only: HTTP status 200, `grpc-status` and `grpc-message` in the head,
/// and no body. The status is a number from 0 (OK, which a unary client reports as a protocol
/// error, since the message is missing) to 16.
///
/// ```
/// use waylay_fault::{Fault, grpc};
///
/// Fault::new("unavailable", grpc(14).message("injected").header("x-own", "1")).build()?;
/// assert!(Fault::new("no-status", grpc(17)).build().is_err());
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn grpc(status: u16) -> Grpc {
    Grpc { status, message: String::new(), headers: Vec::new() }
}

/// A response with a gRPC status, made by [`grpc`].
#[derive(Debug, Clone)]
pub struct Grpc {
    status: u16,
    message: String,
    headers: Vec<(String, String)>,
}

impl Grpc {
    /// Sets the message; none by default.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Adds a header, which clients see as metadata of the status.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl From<Grpc> for Injector {
    fn from(grpc: Grpc) -> Self {
        Self::new(grpc)
    }
}

impl InjectorConfig for Grpc {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let at = child_setting(at, "grpc");
        let good = check_grpc_status(&format!("{at}.status"), self.status, errors);
        let headers = check_headers(&at, &self.headers, errors);
        let response = trailers_only(self.status, &self.message, headers);
        good.then(|| Box::new(CompiledGrpc(self.status, Arc::new(response))) as Box<dyn CompiledInjector>)
    }
}

/// Returns a response with this gRPC status and no message.
pub(crate) fn grpc_response(status: u16) -> CannedResponse {
    trailers_only(status, "", HeaderMap::new())
}

fn trailers_only(status: u16, message: &str, mut headers: HeaderMap) -> CannedResponse {
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/grpc"));
    headers.extend(status_headers(status, message));
    CannedResponse { status: StatusCode::OK, headers, text: Bytes::new(), retry_in: None }
}

pub(crate) fn check_grpc_status(setting: &str, status: u16, errors: &mut ErrorCollector) -> bool {
    if status > 16 {
        errors.add(setting, status, FaultErrorKind::Grpc);
    }
    status <= 16
}

/// Returns the head or the trailers of a status.
pub(crate) fn status_headers(status: u16, message: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("grpc-status"), status.into());
    // The escaped text is visible ASCII and spaces.
    if let Some(value) = HeaderValue::from_str(&escape(message)).ok().filter(|_| !message.is_empty()) {
        headers.insert(HeaderName::from_static("grpc-message"), value);
    }
    headers
}

/// Escapes `Status-Message` of gRPC over HTTP/2: everything outside of space to `~`, and `%`, is
/// percent-encoded.
fn escape(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            // Writing to a string does not fail.
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[derive(Debug)]
struct CompiledGrpc(u16, Arc<CannedResponse>);

impl CompiledInjector for CompiledGrpc {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        steps.push(Step::Respond(self.1.clone()), Action::Grpc(self.0));
    }
}

/// A value of the `Retry-After` header (RFC 9110, section 10.2.3): a number of seconds, or a date.
///
/// A time, as [`Duration`] or text such as `"2s"`, is sent as seconds, rounded up; a [`SystemTime`]
/// is sent as that date.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use waylay_fault::{Fault, RetryAfter, error};
///
/// let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// for value in [RetryAfter::from("2s"), RetryAfter::from(noon), RetryAfter::date_in("90s")] {
///     Fault::new("busy", error(503).retry_after(value)).build()?;
/// }
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct RetryAfter(RetryValue);

#[derive(Debug, Clone)]
enum RetryValue {
    Seconds(DelayTime),
    Date(SystemTime),
    DateIn(DelayTime),
}

impl RetryAfter {
    /// Returns a date, this long after each response.
    pub fn date_in(time: impl Into<DelayTime>) -> Self {
        Self(RetryValue::DateIn(time.into()))
    }

    pub(crate) fn check(self, setting: &str, errors: &mut ErrorCollector) -> Option<CheckedRetryAfter> {
        match self.0 {
            RetryValue::Seconds(time) => {
                let time = errors.time(setting.to_owned(), time.duration())?;
                let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
                Some(CheckedRetryAfter::Value(seconds.into()))
            }
            RetryValue::Date(date) => {
                let value = http_date(date);
                if value.is_none() {
                    errors.add(setting, format!("{date:?}"), FaultErrorKind::Date);
                }
                value.map(CheckedRetryAfter::Value)
            }
            RetryValue::DateIn(time) => {
                errors.time(setting.to_owned(), time.duration()).map(CheckedRetryAfter::In)
            }
        }
    }
}

/// A checked value: a header value, or a time from the response on.
pub(crate) enum CheckedRetryAfter {
    Value(HeaderValue),
    In(Duration),
}

impl From<SystemTime> for RetryAfter {
    fn from(date: SystemTime) -> Self {
        Self(RetryValue::Date(date))
    }
}

impl From<Duration> for RetryAfter {
    fn from(time: Duration) -> Self {
        Self(RetryValue::Seconds(time.into()))
    }
}

impl From<&str> for RetryAfter {
    fn from(text: &str) -> Self {
        Self(RetryValue::Seconds(text.into()))
    }
}
