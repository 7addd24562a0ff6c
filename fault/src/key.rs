//! The key of a request: what makes two requests the same to the dice.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, Request};

use crate::chance::Key;
use crate::error::Findings;
use crate::io::line::Connection;
use crate::peer;
use crate::scope::headers::header_name;

/// What the decision about a request hangs on.
///
/// ```
/// use waylay_fault::{DecideBy, Fault, error};
///
/// // Every replica with this seed spares and strikes the same request ids.
/// let fault = Fault::new("flaky", error(503))
///     .seed(7)
///     .decide_by(DecideBy::Header("x-request-id".into()))
///     .build()?;
/// assert_eq!(fault.dice().seed(), 7);
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecideBy {
    /// How many requests reached the draw before this one: every request draws anew.
    #[default]
    Counter,
    /// The first value of this header. A request without it is decided by the counter.
    Header(String),
    /// The `x-request-id` header, as [`Header`](Self::Header) would.
    RequestId,
    /// The trace id of the W3C `traceparent` header: one verdict for a whole trace. A request
    /// without a valid one is decided by the counter.
    TraceId,
    /// The client's IP address, told by [`Remote`](crate::Remote) or what stands for it: one verdict
    /// for a client. Where it is unknown, the counter decides.
    ClientIp,
    /// The connection, told by its handle ([`Connection`](crate::Connection)): one verdict for all
    /// that comes by it. Where there is none, the counter decides.
    Connection,
}

/// Finds keys and attempts in requests.
#[derive(Debug)]
pub(crate) struct Keyring {
    by: Source,
    attempt: Option<HeaderName>,
    counter: AtomicU64,
}

#[derive(Debug)]
enum Source {
    Counter,
    Header(HeaderName),
    TraceId,
    ClientIp,
    Connection,
}

impl Keyring {
    pub(crate) fn check(by: DecideBy, attempt: Option<String>, findings: &mut Findings) -> Option<Self> {
        let by = match by {
            DecideBy::Counter => Some(Source::Counter),
            DecideBy::Header(name) => header_name("decide_by", &name, findings).map(Source::Header),
            DecideBy::RequestId => Some(Source::Header(HeaderName::from_static("x-request-id"))),
            DecideBy::TraceId => Some(Source::TraceId),
            DecideBy::ClientIp => Some(Source::ClientIp),
            DecideBy::Connection => Some(Source::Connection),
        };
        let attempt = match attempt {
            Some(name) => Some(header_name("attempt_header", &name, findings)?),
            None => None,
        };
        Some(Self { by: by?, attempt, counter: AtomicU64::new(0) })
    }

    /// The key of a request that has come as far as the draw; the counter moves for no other.
    pub(crate) fn key<'a, B>(&self, request: &'a Request<B>) -> Key<'a> {
        let headers = request.headers();
        let found = match &self.by {
            Source::Counter => None,
            Source::Header(name) => headers.get(name).map(|value| Key::Header(value.as_bytes())),
            Source::TraceId => headers.get("traceparent").and_then(|value| trace_id(value.as_bytes())),
            Source::ClientIp => peer::client(request.extensions()).map(Key::Client),
            Source::Connection => {
                Connection::find(request.extensions()).map(|line| Key::Connection(line.id()))
            }
        };
        found.unwrap_or_else(|| Key::Counter(self.counter.fetch_add(1, Ordering::Relaxed)))
    }

    /// The attempt that the request says it is; empty where it says nothing.
    pub(crate) fn attempt<'a>(&self, headers: &'a HeaderMap) -> &'a [u8] {
        let value = self.attempt.as_ref().and_then(|name| headers.get(name));
        value.map_or(b"", |value| value.as_bytes())
    }
}

/// The trace id of `version-traceid-parentid-flags` (W3C Trace Context, section 3.2): 32
/// lower-case hex digits, not all zero. Later versions may append fields.
fn trace_id(header: &[u8]) -> Option<Key<'_>> {
    let mut fields = header.split(|byte| *byte == b'-');
    let version = fields.next()?;
    let digits = fields.next()?;
    if version.len() != 2 || version == b"ff" || digits.len() != 32 {
        return None;
    }
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex(pair[0])? << 4 | hex(pair[1])?;
    }
    (id != [0; 16]).then_some(Key::TraceId(id))
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
