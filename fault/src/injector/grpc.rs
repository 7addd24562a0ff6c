//! gRPC: an answer that carries nothing but a status.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::abort::check_headers;
use super::node::{Act, Draft, Injector, below};
use super::plan::{Answer, Plan, Step};
use crate::chance::Draws;
use crate::error::{Findings, Problem};
use crate::key::Asker;
use crate::report::Deed;

/// Answers with a gRPC status; the service is not called.
///
/// The answer is what gRPC calls trailers-only: HTTP status 200, `grpc-status` and `grpc-message`
/// in the head, and no body. Any status from 0 (OK, which a unary client takes for a protocol
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

/// An answer of a gRPC status, made by [`grpc`].
#[derive(Debug, Clone)]
pub struct Grpc {
    status: u16,
    message: String,
    headers: Vec<(String, String)>,
}

impl Grpc {
    /// What the client is told beside the status; none by default.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// One more header, which clients see as metadata of the status.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl From<Grpc> for Injector {
    fn from(grpc: Grpc) -> Self {
        Self::draft(grpc)
    }
}

impl Draft for Grpc {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let at = below(at, "grpc");
        let good = check_status(&format!("{at}.status"), self.status, findings);
        let mut headers = check_headers(&at, &self.headers, findings);
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/grpc"));
        headers.extend(status_headers(self.status, &self.message));
        let answer = Answer { status: StatusCode::OK, headers, text: Bytes::new(), retry_in: None };
        good.then(|| Box::new(GrpcAnswer(self.status, Arc::new(answer))) as Box<dyn Act>)
    }
}

pub(crate) fn check_status(setting: &str, status: u16, findings: &mut Findings) -> bool {
    if status > 16 {
        findings.add(setting, status, Problem::Grpc);
    }
    status <= 16
}

/// The head or the trailers that carry a status.
pub(crate) fn status_headers(status: u16, message: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("grpc-status"), status.into());
    // What the escaping lets through is visible ASCII and spaces.
    if let Some(value) = HeaderValue::from_str(&escape(message)).ok().filter(|_| !message.is_empty()) {
        headers.insert(HeaderName::from_static("grpc-message"), value);
    }
    headers
}

/// As gRPC over HTTP/2 says of `Status-Message`: all but space to `~` is percent-encoded, and `%`.
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
struct GrpcAnswer(u16, Arc<Answer>);

impl Act for GrpcAnswer {
    fn plan(&self, _: Draws, _: Asker<'_>, plan: &mut Plan) {
        plan.then(Step::Answer(self.1.clone()), Deed::Grpc(self.0));
    }
}
