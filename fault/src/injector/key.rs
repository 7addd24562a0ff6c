//! DecideBy: the key of a decision about a request; ControlHeaders: what faults removed from it.

use std::sync::{Arc, LazyLock};

use http::header::Entry;
use http::{Extensions, HeaderMap, HeaderName, Request};

use crate::config::error::{ErrorCollector, header_name};
use crate::config::sync::{AtomicU64, Ordering};
use crate::connection::handle;
use crate::connection::handle::Connection;
use crate::random::draws::Key;

/// The key of the decision about a request, and of the client of a [quota](crate::Quota::per).
///
/// ```
/// use waylay_fault::{DecideBy, Fault, error};
///
/// // Every replica with this seed selects the same request ids.
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
    /// The number of requests that reached the draw before: one draw per request.
    #[default]
    Counter,
    /// The first value of this header. Without it, the counter decides.
    Header(String),
    /// The `x-request-id` header, as by [`Header`](Self::Header).
    RequestId,
    /// The trace id of the W3C `traceparent` header: one decision per trace. Without a valid one,
    /// the counter decides.
    TraceId,
    /// The client's IP address, from [`PeerAddr`](crate::PeerAddr) or its equivalents: one decision
    /// per client. If it is unknown, the counter decides.
    ClientIp,
    /// The connection, from its handle ([`Connection`](crate::Connection)): one decision per
    /// connection. Without a handle, the counter decides.
    Connection,
}

/// The parts of a request that contain keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestKeys<'a> {
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> RequestKeys<'a> {
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        Self { headers: request.headers(), extensions: request.extensions() }
    }

    /// Returns the headers that faults have removed from the request.
    pub(crate) fn control_headers(self) -> &'a HeaderMap {
        static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
        self.extensions.get::<ControlHeaders>().map_or(&NONE, |removed| &removed.0)
    }
}

/// Headers that faults have removed from a request, in its extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct ControlHeaders(HeaderMap);

impl ControlHeaders {
    /// Moves headers of these names out of the request.
    #[inline]
    pub(crate) fn remove_from<B>(names: &[HeaderName], request: &mut Request<B>) {
        // Most faults remove none.
        if names.iter().any(|name| request.headers().contains_key(name)) {
            Self::remove_present(names, request);
        }
    }

    fn remove_present<B>(names: &[HeaderName], request: &mut Request<B>) {
        let mut removed = request.extensions_mut().remove::<Self>().unwrap_or_default();
        for name in names {
            if let Entry::Occupied(entry) = request.headers_mut().entry(name) {
                let (name, values) = entry.remove_entry_mult();
                for value in values {
                    removed.0.append(name.clone(), value);
                }
            }
        }
        request.extensions_mut().insert(removed);
    }
}

/// The source of a key.
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

    /// Returns the key, if the request has one; the counter has no key.
    pub(crate) fn find<'a>(&self, keys: RequestKeys<'a>) -> Option<Key<'a>> {
        let RequestKeys { headers, extensions } = keys;
        match self {
            Self::Counter => None,
            Self::Header(name) => headers.get(name).map(|value| Key::Header(value.as_bytes())),
            Self::TraceId => headers.get("traceparent").and_then(|value| trace_id(value.as_bytes())),
            Self::ClientIp => handle::client_address(extensions).map(Key::Client),
            Self::Connection => Connection::find(extensions).map(|line| Key::Connection(line.id())),
        }
    }
}

/// Extracts keys and attempts from requests.
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

    /// Returns the key of a request that reached the draw; only these advance the counter, and
    /// previews do not.
    pub(crate) fn key<'a, B>(&self, request: &'a Request<B>, is_preview: bool) -> Key<'a> {
        let found = self.by.find(RequestKeys::of(request));
        let step = u64::from(!is_preview);
        found.unwrap_or_else(|| Key::Counter(self.counter.fetch_add(step, Ordering::Relaxed)))
    }

    /// The counter itself, for a fault that goes on with it.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        self.counter.clone()
    }

    /// Returns the attempt of the request; empty if it states none.
    pub(crate) fn attempt<'a>(&self, headers: &'a HeaderMap) -> &'a [u8] {
        let value = self.attempt.as_ref().and_then(|name| headers.get(name));
        value.map_or(b"", |value| value.as_bytes())
    }
}

/// Parses the trace id of `version-traceid-parentid-flags` (W3C Trace Context, section 3.2): 32
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
    let value = char::from(digit).to_digit(16).filter(|_| !digit.is_ascii_uppercase())?;
    u8::try_from(value).ok()
}
