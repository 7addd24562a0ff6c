//! Abort: an answer of the fault's own in the service's place.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::node::{Act, Draft, Injector, below};
use super::plan::{Answer, Plan, Step};
use crate::chance::Draws;
use crate::error::{Findings, Problem};
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
    Abort { status, text: None, headers: Vec::new() }
}

/// An answer in the service's place, made by [`error`].
///
/// It is plain text: the status's registered phrase, or its number, unless
/// [`text`](Self::text) says otherwise. Answers to HEAD and those of status 204, 205 and 304 have
/// no body.
#[derive(Debug, Clone)]
pub struct Abort {
    status: u16,
    text: Option<String>,
    headers: Vec<(String, String)>,
}

impl Abort {
    /// The body; it may be empty.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
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
        let at = below(at, "error");
        let status = check_status(&at, self.status, findings);
        let mut headers = HeaderMap::new();
        for (index, (name, value)) in self.headers.iter().enumerate() {
            let setting = format!("{at}.header[{index}]");
            let name = header_name(&setting, name, findings);
            let value = header_value(&setting, value, findings);
            if let (Some(name), Some(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        Some(Box::new(Arc::new(answer(status?, self.text, headers))))
    }
}

impl Act for Arc<Answer> {
    fn plan(&self, _: Draws, plan: &mut Plan) {
        plan.then(Step::Answer(self.clone()), Deed::Error(self.status.as_u16()));
    }
}

fn check_status(at: &str, status: u16, findings: &mut Findings) -> Option<StatusCode> {
    let problem = match status {
        100..=199 => Problem::Informational,
        200..=599 => return StatusCode::from_u16(status).ok(),
        _ => Problem::Status,
    };
    findings.add(format!("{at}.status"), status, problem);
    None
}

fn answer(status: StatusCode, text: Option<String>, mut headers: HeaderMap) -> Answer {
    // RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5: these have no content, whatever the user says.
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED) {
        return Answer { status, headers, text: Bytes::new() };
    }
    let text = text.unwrap_or_else(|| match status.canonical_reason() {
        Some(reason) => reason.to_owned(),
        None => status.as_u16().to_string(),
    });
    // As Go's `http.Error` does, by which go-fault answers.
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    Answer { status, headers, text: text.into() }
}
