//! Bodies of any chunks through the stages of faults, on the side of the request and of the response.
//!
//! No panic and no endless wait; lengths that a size hint or a head states are true; nothing follows an end; what only delays
//! loses nothing; what truncates yields a prefix.
#![no_main]

mod source;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use libfuzzer_sys::{Corpus, fuzz_target};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};
use waylay_fault::{
    Control, Corruption, Delay, DelayPoint, Fault, FaultBody, Format, Injector, LengthOffset, ResetCode,
    Side, TruncateAt, TruncateEnd, chain, corrupt, dribble, error, messages, patch, rate_limit, replace,
    slow, truncate, wrong_length,
};

use source::Source;

type AnyBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;
type App = BoxCloneSyncService<Request<AnyBody>, Response<AnyBody>, Infallible>;

/// In time that is paused; a body of 64 KiB takes less at the lowest rate.
const LONGEST: Duration = Duration::from_secs(1_000_000);

/// What rare bytes of a body stand for.
const FRAGMENTS: [&str; 10] = [
    "data: ",
    "\n\n",
    "\r\n\r\n",
    "id: 1\n",
    "event: a\n",
    "{\"a\":\"b\\\"\"",
    "}",
    "[1,",
    "\u{e9}",
    "\0\0\0\0\u{2}ab",
];

impl Source<'_> {
    fn number(&mut self) -> u64 {
        self.number_of(&[0, 1, 1, 2, 1, 8, 1, 3])
    }

    fn share(&mut self) -> f64 {
        f64::from(self.byte()) / 255.0
    }

    fn time(&mut self) -> Duration {
        Duration::from_micros(u64::from(self.byte()).pow(2))
    }

    fn side(&mut self) -> Side {
        if self.byte() < 200 { Side::Response } else { Side::Request }
    }

    fn chunks(&mut self) -> Chunks {
        let flags = self.byte();
        let mut chunks = VecDeque::new();
        for _ in 0..self.byte() % 16 {
            let wanted = self.number() as usize % 8192;
            let data = self.take(wanted);
            let mut chunk = Vec::new();
            for byte in data {
                match FRAGMENTS.get(usize::from(*byte)) {
                    Some(fragment) => chunk.extend_from_slice(fragment.as_bytes()),
                    None => chunk.push(*byte),
                }
            }
            chunks.push_back(chunk.into());
        }
        Chunks {
            chunks,
            is_known: flags & 1 != 0,
            has_trailers: flags & 2 != 0,
            fails: flags & 12 == 12,
            waits: flags & 16 != 0,
            is_pending: false,
        }
    }
}

/// A body of chunks that may have trailers, wait before each frame, and fail at the end.
#[derive(Clone)]
struct Chunks {
    chunks: VecDeque<Bytes>,
    is_known: bool,
    has_trailers: bool,
    fails: bool,
    waits: bool,
    is_pending: bool,
}

impl Chunks {
    fn bytes(&self) -> Vec<u8> {
        self.chunks.iter().flatten().copied().collect()
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.is_pending = self.waits && !self.is_pending;
        if self.is_pending {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(chunk) = self.chunks.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if std::mem::take(&mut self.fails) {
            self.has_trailers = false;
            return Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into())));
        }
        let trailers =
            || Ok(Frame::trailers(HeaderMap::from_iter([(CONTENT_TYPE, "a/b".parse().expect("valid"))])));
        Poll::Ready(std::mem::take(&mut self.has_trailers).then(trailers))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && !self.has_trailers && !self.fails
    }

    fn size_hint(&self) -> SizeHint {
        if !self.is_known {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.chunks.iter().map(|chunk| chunk.len() as u64).sum())
    }
}

/// What an injector may do to a body.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    Delay,
    /// The number of bytes that pass, if it is known, and whether the end is one of a whole body.
    Truncate(Option<u64>, bool),
    SameLength,
    Replace(Bytes),
    WrongLength,
    Other,
}

/// Returns an injector, the side of its change, and the change.
fn injector(source: &mut Source<'_>) -> (Injector, Side, Change) {
    let kind = source.byte() % 13;
    let side = source.side();
    match kind {
        0 => {
            let (at, side) = match side {
                Side::Request => (DelayPoint::RequestChunks, side),
                _ => (DelayPoint::ResponseChunks, Side::Response),
            };
            (slow(Delay::uniform("0s", source.time()).at(at)), side, Change::Delay)
        }
        1 => (rate_limit(64 << (source.byte() % 16)).on(side).into(), side, Change::Delay),
        2 => {
            let parts = u32::try_from(source.number()).unwrap_or(u32::MAX).max(1);
            (dribble(parts, source.time()).on(side).into(), side, Change::Delay)
        }
        3 | 4 => {
            let bytes = source.number();
            let at = match kind {
                3 => TruncateAt::Bytes(bytes),
                _ => TruncateAt::Fraction(source.share()),
            };
            let (end, is_clean) = match source.byte() % 4 {
                0 => (TruncateEnd::Clean, true),
                1 => (TruncateEnd::Reset(ResetCode::CANCEL), false),
                _ => (TruncateEnd::Close, false),
            };
            let change = Change::Truncate((kind == 3).then_some(bytes), is_clean);
            (truncate(at).then(end).linger(source.time()).on(side).into(), side, change)
        }
        5 => (corrupt(Corruption::BitFlips(source.share())).on(side).into(), side, Change::SameLength),
        6 => (corrupt(Corruption::Json).on(side).into(), side, Change::SameLength),
        7 => (corrupt(Corruption::Utf8).on(side).into(), side, Change::SameLength),
        8 => {
            let body = Bytes::from(vec![b'r'; usize::from(source.byte())]);
            (replace(body.clone()).content_type("text/plain").on(side).into(), side, Change::Replace(body))
        }
        9 => (patch().set("x-a", "b").duplicate("content-type").on(side).into(), side, Change::Delay),
        10 => {
            let length = match source.byte() % 2 {
                0 => LengthOffset::More(source.number()),
                _ => LengthOffset::Fewer(source.number()),
            };
            (wrong_length(length).on(side).into(), side, Change::WrongLength)
        }
        11 => {
            let format = if source.byte().is_multiple_of(2) { Format::Sse } else { Format::Grpc };
            let delay = Delay::fixed(source.time());
            let rules = messages(format).drop(source.share()).duplicate(source.share());
            let rules = rules.reorder(source.share()).delay(source.share(), delay);
            let rules = match source.byte() {
                0..32 => rules.stop_after(source.number()),
                _ => rules,
            };
            (rules.on(side).into(), side, Change::Other)
        }
        _ => (error(503).text("later").into(), Side::Response, Change::Other),
    }
}

/// A body as its receiver sees it.
#[derive(Debug, Default)]
struct Seen {
    length: Option<u64>,
    data: Vec<u8>,
    has_trailers: bool,
    has_failed: bool,
    /// What the body stated before each frame, and the bytes before it.
    hints: Vec<(u64, Option<u64>, usize)>,
}

/// Reads a body to its end. After some of its frames, faults are disabled.
async fn read(headers: &HeaderMap, body: impl Body<Data = Bytes>, off: Option<(usize, &[Control])>) -> Seen {
    let mut body = pin!(body);
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut seen = Seen { length, ..Seen::default() };
    for number in 0.. {
        if let Some((after, controls)) = off
            && number == after
        {
            controls.iter().for_each(|control| control.set_enabled(false));
        }
        let (hint, is_end) = (body.size_hint(), body.is_end_stream());
        seen.hints.push((hint.lower(), hint.upper(), seen.data.len()));
        let next = poll_fn(|context| body.as_mut().poll_frame(context)).await;
        let Some(frame) = next else { break };
        assert!(!is_end, "something follows the end");
        assert!(!seen.has_trailers, "something follows the trailers");
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => seen.data.extend_from_slice(&data),
            Ok(Err(_)) => seen.has_trailers = true,
            Err(_) => {
                seen.has_failed = true;
                break;
            }
        }
    }
    assert!(poll_fn(|context| body.as_mut().poll_frame(context)).await.is_none(), "a frame follows the end");
    seen
}

fn check(seen: &Seen, sent: &Chunks, changes: &[&Change], is_disabled: bool) {
    let has = |kind: fn(&Change) -> bool| changes.iter().any(|change| kind(change));
    let only =
        |kind: fn(&Change) -> bool| changes.iter().all(|change| kind(change) || **change == Change::Delay);
    let bytes = sent.bytes();
    if !has(|change| *change == Change::WrongLength) {
        for (lower, upper, before) in &seen.hints {
            let rest = (seen.data.len() - before) as u64;
            assert!(upper.is_none_or(|upper| rest <= upper), "{rest} bytes, at most {upper:?}: {seen:?}");
            assert!(seen.has_failed || *lower <= rest, "{rest} bytes, at least {lower}: {seen:?}");
        }
        if let Some(length) = seen.length.filter(|_| !seen.has_failed) {
            assert_eq!(length, seen.data.len() as u64, "the head has another length: {seen:?}");
        }
    }
    if only(|_| false) {
        assert_eq!((&seen.data, seen.has_failed), (&bytes, sent.fails));
        assert_eq!(seen.has_trailers, sent.has_trailers && !sent.fails);
    }
    if only(|change| *change == Change::SameLength) {
        assert_eq!((seen.data.len(), seen.has_failed), (bytes.len(), sent.fails));
    }
    if only(|change| matches!(change, Change::Truncate(..))) {
        assert!(bytes.starts_with(&seen.data), "no prefix: {seen:?}");
    }
    let cuts: Vec<_> = changes.iter().filter(|change| matches!(change, Change::Truncate(..))).collect();
    if let [Change::Truncate(Some(cut), is_clean)] = cuts[..]
        && only(|change| matches!(change, Change::Truncate(..)))
        && !(is_disabled || sent.fails)
    {
        assert_eq!(seen.data.len() as u64, (*cut).min(bytes.len() as u64), "{cut} {seen:?}");
        assert_eq!(seen.has_failed, !is_clean && *cut < bytes.len() as u64, "{cut} {seen:?}");
    }
    let last = changes.iter().rposition(|change| matches!(change, Change::Replace(_)));
    if let Some(last) = last
        && let Change::Replace(body) = changes[last]
        && !has(|change| *change == Change::Other)
        && changes[last + 1..].iter().all(|change| matches!(change, Change::Delay | Change::WrongLength))
    {
        assert_eq!((&*seen.data, seen.has_failed), (&**body, false));
    }
}

fn boxed<B>(body: B) -> AnyBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    body.map_err(Into::into).boxed_unsync()
}

fn headers(source: &mut Source<'_>, body: &Chunks) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let kind = ["text/event-stream", "application/grpc", "application/json", "text/plain"];
    headers.insert(CONTENT_TYPE, kind[usize::from(source.byte() % 4)].parse().expect("valid"));
    if body.is_known && source.byte().is_multiple_of(2) && !body.fails {
        headers.insert(CONTENT_LENGTH, body.bytes().len().into());
    }
    headers
}

fuzz_target!(|data: &[u8]| -> Corpus {
    let source = &mut Source(data);
    let flags = source.byte();
    let mut changes = Vec::new();
    let mut faults = Vec::new();
    for number in 0..=flags % 2 {
        let parts: Vec<_> = (0..=source.byte() % 3).map(|_| injector(source)).collect();
        let (injectors, own): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|(injector, side, change)| (injector, (side, change))).unzip();
        changes.extend(own);
        let fault =
            Fault::new(format!("f{number}"), chain(injectors)).enabled(true).participation(1.0).seed(7);
        faults.push(fault.build().expect("the settings are valid"));
    }
    let (upload, download) = (source.chunks(), source.chunks());
    let (upload_head, download_head) = (headers(source, &upload), headers(source, &download));
    let off = (flags & 4 != 0).then(|| usize::from(source.byte() % 8));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let received = Arc::new(Mutex::new(None));
        let (to, response) = (received.clone(), download.clone());
        let service = service_fn(move |request: Request<AnyBody>| {
            let (to, body, head) = (to.clone(), response.clone(), download_head.clone());
            async move {
                let (parts, upload) = request.into_parts();
                let seen = read(&parts.headers, upload, None).await;
                *to.lock().expect("no panic") = Some(seen);
                let mut response = Response::new(boxed(body));
                *response.headers_mut() = head;
                Ok::<_, Infallible>(response)
            }
        });
        let mut app: App = BoxCloneSyncService::new(service);
        for fault in &faults {
            let layer = fault.layer().request_body_with::<AnyBody>(boxed);
            let layered = layer.layer(app);
            app = BoxCloneSyncService::new(
                layered.map_response(|response: Response<FaultBody<AnyBody>>| response.map(boxed)),
            );
        }
        let mut request = Request::post("/").body(boxed(upload.clone())).expect("a valid request");
        *request.headers_mut() = upload_head;
        let controls: Vec<Control> = faults.iter().map(Fault::control).collect();
        let exchange = async {
            let Ok(response) = app.oneshot(request).await;
            let (parts, body) = response.into_parts();
            read(&parts.headers, body, off.map(|off| (off, &controls[..]))).await
        };
        let seen = tokio::time::timeout(LONGEST, exchange).await.expect("the exchange ends");
        let of = |side: Side| changes.iter().filter(move |(own, _)| *own == side).map(|(_, change)| change);
        check(&seen, &download, &of(Side::Response).collect::<Vec<_>>(), off.is_some());
        // A fault that responds does not call the service. The outer fault is the first one that changes a request.
        let received = received.lock().expect("no panic").take();
        if let Some(received) = received.filter(|_| faults.len() == 1) {
            check(&received, &upload, &of(Side::Request).collect::<Vec<_>>(), false);
        }
    });
    Corpus::Keep
});
