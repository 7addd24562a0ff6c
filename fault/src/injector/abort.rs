//! Abort: an answer of the fault's own in the service's place.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::node::{Act, Draft, Injector, below};
use super::plan::{Answer, Plan, Step};
use super::retry::{Moment, RetryAfter};
use crate::chance::Draws;
use crate::error::{Findings, Problem};
use crate::key::Asker;
use crate::report::Deed;
use crate::scope::headers::{header_name, header_value};

/// Answers with a status of its own; the service is not called.
///
/// Any status from 200 to 599 will do, registered or not. 1xx is refused: hyper sends it ahead of
/// a `200`, and after a `101` the client waits for ever.
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

/// An answer in the service's place, made by [`error`].
///
/// It is plain text: the status's registered phrase, or its number, unless [`text`](Self::text) or
/// [`body`](Self::body) says otherwise. Answers to HEAD and those of status 204, 205 and 304 have
/// no body.
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
    /// The body; it may be empty.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.body = Some(text.into().into());
        self
    }

    /// The body, as bytes of any kind; say of which by [`content_type`](Self::content_type).
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// What the body is, instead of plain text.
    #[must_use]
    pub fn content_type(self, media_type: impl Into<String>) -> Self {
        self.header(CONTENT_TYPE.as_str(), media_type)
    }

    /// When to come again, for clients that heed it.
    #[must_use]
    pub fn retry_after(mut self, when: impl Into<RetryAfter>) -> Self {
        self.retry_after = Some(when.into());
        self
    }

    /// One more header; the first of a name takes the place of a default such as `content-type`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl From<Abort> for Injector {
    fn from(abort: Abort) -> Self {
        Self::draft(abort)
    }
}

impl Draft for Abort {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        Some(Box::new(Arc::new(self.check_answer(at, findings)?)))
    }
}

impl Abort {
    pub(crate) fn check_answer(self, at: &str, findings: &mut Findings) -> Option<Answer> {
        let at = below(at, "error");
        let status = check_status(&at, self.status, findings);
        let mut headers = check_headers(&at, &self.headers, findings);
        let mut retry_in = None;
        if let Some(when) = self.retry_after {
            match when.check(&format!("{at}.retry_after"), findings)? {
                Moment::Value(value) => drop(headers.insert(RETRY_AFTER, value)),
                Moment::In(time) => retry_in = Some(time),
            }
        }
        Some(answer(status?, self.body, headers, retry_in))
    }
}

/// The pairs as headers; each bad one becomes a finding under `at.header[index]`.
pub(crate) fn check_headers(at: &str, pairs: &[(String, String)], findings: &mut Findings) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (index, (name, value)) in pairs.iter().enumerate() {
        let setting = format!("{at}.header[{index}]");
        let name = header_name(&setting, name, findings);
        let value = header_value(&setting, value, findings);
        if let (Some(name), Some(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

impl Act for Arc<Answer> {
    fn plan(&self, _: Draws, _: Asker<'_>, plan: &mut Plan) {
        plan.then(Step::Answer(self.clone()), Deed::Error(self.status.as_u16()));
    }
}

pub(crate) fn check_status(at: &str, status: u16, findings: &mut Findings) -> Option<StatusCode> {
    let problem = match status {
        100..=199 => Problem::Informational,
        200..=599 => return StatusCode::from_u16(status).ok(),
        _ => Problem::Status,
    };
    findings.add(format!("{at}.status"), status, problem);
    None
}

fn answer(
    status: StatusCode,
    body: Option<Bytes>,
    mut headers: HeaderMap,
    retry_in: Option<Duration>,
) -> Answer {
    // RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5: these have no content, whatever the user says.
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED) {
        return Answer { status, headers, text: Bytes::new(), retry_in };
    }
    let text = body.unwrap_or_else(|| match status.canonical_reason() {
        Some(reason) => Bytes::from_static(reason.as_bytes()),
        None => status.as_u16().to_string().into(),
    });
    // As Go's `http.Error` does, by which go-fault answers.
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    Answer { status, headers, text, retry_in }
}
