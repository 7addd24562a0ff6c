//! DecideBy: what identifies a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Extensions, HeaderMap, HeaderName, Request};

use crate::config::error::{ErrorCollector, header_name};
use crate::connection::handle;
use crate::connection::handle::Connection;
use crate::random::draws::Key;

/// What the decision about a request hangs on; and by what a [quota](crate::Quota::per) tells clients
/// apart.
///
/// ```
/// use waylay_fault::{DecideBy, Fault, error};
///
/// // Every replica with this seed spares and strikes the same request ids.
/// let fault = Fault::new("flaky", error(503))
///     .seed(7)
///     .decide_by(DecideBy::Header("x-request-id".into()))
///     .build()?;
/// assert_eq!(fault.sampler().seed(), 7);
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
    /// The client's IP address, told by [`PeerAddr`](crate::PeerAddr) or what stands for it: one verdict
    /// for a client. Where it is unknown, the counter decides.
    ClientIp,
    /// The connection, told by its handle ([`Connection`](crate::Connection)): one verdict for all
    /// that comes by it. Where there is none, the counter decides.
    Connection,
}

/// What of a request tells who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestKeys<'a> {
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> RequestKeys<'a> {
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        Self { headers: request.headers(), extensions: request.extensions() }
    }
}

/// Where a key is found.
#[derive(Debug)]
pub(crate) enum KeySource {
    Counter,
    Header(HeaderName),
    TraceId,
    ClientIp,
    Connection,
}

impl KeySource {
    pub(crate) fn check(setting: &str, by: DecideBy, errors: &mut ErrorCollector) -> Option<Self> {
        match by {
            DecideBy::Counter => Some(Self::Counter),
            DecideBy::Header(name) => header_name(setting, &name, errors).map(Self::Header),
            DecideBy::RequestId => Some(Self::Header(HeaderName::from_static("x-request-id"))),
            DecideBy::TraceId => Some(Self::TraceId),
            DecideBy::ClientIp => Some(Self::ClientIp),
            DecideBy::Connection => Some(Self::Connection),
        }
    }

    /// The key, where there is one; the counter has none of its own.
    pub(crate) fn find<'a>(&self, keys: RequestKeys<'a>) -> Option<Key<'a>> {
        let RequestKeys { headers, extensions } = keys;
        match self {
            Self::Counter => None,
            Self::Header(name) => headers.get(name).map(|value| Key::Header(value.as_bytes())),
            Self::TraceId => headers.get("traceparent").and_then(|value| trace_id(value.as_bytes())),
            Self::ClientIp => handle::client(extensions).map(Key::Client),
            Self::Connection => Connection::find(extensions).map(|line| Key::Connection(line.id())),
        }
    }
}

/// Finds keys and attempts in requests.
#[derive(Debug)]
pub(crate) struct KeyExtractor {
    by: KeySource,
    attempt: Option<HeaderName>,
    counter: Arc<AtomicU64>,
}

impl KeyExtractor {
    pub(crate) fn check(
        by: DecideBy,
        attempt: Option<String>,
        counter: Arc<AtomicU64>,
        errors: &mut ErrorCollector,
    ) -> Option<Self> {
        let by = KeySource::check("decide_by", by, errors);
        let attempt = match attempt {
            Some(name) => Some(header_name("attempt_header", &name, errors)?),
            None => None,
        };
        Some(Self { by: by?, attempt, counter })
    }

    /// The key of a request that has come as far as the draw; the counter moves for no other, and
    /// not for a preview.
    pub(crate) fn key<'a, B>(&self, request: &'a Request<B>, is_preview: bool) -> Key<'a> {
        let found = self.by.find(RequestKeys::of(request));
        let step = u64::from(!is_preview);
        found.unwrap_or_else(|| Key::Counter(self.counter.fetch_add(step, Ordering::Relaxed)))
    }

    /// The counter itself, for a fault that goes on with it.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        self.counter.clone()
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
