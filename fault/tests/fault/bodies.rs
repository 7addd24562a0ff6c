//! Changed bodies and heads, frame by frame, in paused time.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use proptest::prelude::*;
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Action, Corruption, Delay, DelayPoint, Fault, FaultBody, Format, Injected, Injector, LengthOffset, Phase,
    Side, TruncateAt, TruncateEnd, chain, corrupt, dribble, error, messages, patch, rate_limit, replace,
    slow, truncate, wrong_length,
};

use crate::support::{Log, always, block_on};

/// A body of these chunks, of known length or not, with a trailer at the end.
struct Chunks {
    chunks: VecDeque<Bytes>,
    known: bool,
    trailer: bool,
}

impl Chunks {
    fn new(chunks: &[&'static str]) -> Self {
        let chunks = chunks.iter().map(|chunk| Bytes::from_static(chunk.as_bytes())).collect();
        Self { chunks, known: true, trailer: false }
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(chunk) = self.chunks.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let trailer = std::mem::take(&mut self.trailer);
        Poll::Ready(trailer.then(|| {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "1".parse().unwrap());
            Ok(Frame::trailers(trailers))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && !self.trailer
    }

    fn size_hint(&self) -> SizeHint {
        if self.known {
            SizeHint::with_exact(self.chunks.iter().map(|chunk| chunk.len() as u64).sum())
        } else {
            SizeHint::new()
        }
    }
}

/// The chunks received, with their times in milliseconds after the request.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    head: u128,
    chunks: Vec<(u128, Bytes)>,
    trailers: bool,
    failed: bool,
}

impl Seen {
    fn text(&self) -> String {
        self.chunks.iter().map(|(_, chunk)| String::from_utf8_lossy(chunk)).collect()
    }
}

async fn answer(
    fault: &Fault,
    method: Method,
    make: impl Fn() -> Response<Chunks> + Clone,
) -> Response<FaultBody<Chunks>> {
    let inner = service_fn(move |_: Request<String>| std::future::ready(Ok::<_, Infallible>(make())));
    let mut request = Request::new(String::new());
    *request.method_mut() = method;
    fault.layer().layer(inner).oneshot(request).await.unwrap()
}

async fn read<B>(mut body: Pin<Box<B>>, start: Instant) -> Seen
where
    B: Body<Data = Bytes>,
{
    let mut seen = Seen { head: start.elapsed().as_millis(), ..Seen::default() };
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => seen.chunks.push((start.elapsed().as_millis(), data)),
            Ok(Err(_)) => seen.trailers = true,
            Err(_) => seen.failed = true,
        }
    }
    seen
}

async fn exchange(fault: &Fault, chunks: &'static [&'static str], known: bool) -> Seen {
    let start = Instant::now();
    let make = move || {
        let mut body = Chunks::new(chunks);
        (body.known, body.trailer) = (known, true);
        Response::new(body)
    };
    read(Box::pin(answer(fault, Method::GET, make).await.into_body()), start).await
}

fn on(injector: impl Into<Injector>) -> Fault {
    always(injector).seed(7).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn truncations() {
    let body: &'static [&'static str] = &["12345", "678", "90"];
    for known in [true, false] {
        let rows = [
            (TruncateAt::Bytes(0), ""),
            (TruncateAt::Bytes(3), "123"),
            (TruncateAt::Bytes(5), "12345"),
            (TruncateAt::Bytes(9), "123456789"),
            (TruncateAt::Bytes(10), "1234567890"),
            (TruncateAt::Bytes(u64::MAX), "1234567890"),
            (TruncateAt::Fraction(0.0), ""),
            (TruncateAt::Fraction(0.6), if known { "123456" } else { "123" }),
            (TruncateAt::Fraction(1.0), if known { "1234567890" } else { "12345" }),
        ];
        for (cut, text) in rows {
            let whole = text.len() == 10;
            let seen = exchange(&on(truncate(cut)), body, known).await;
            assert_eq!((&*seen.text(), seen.failed, seen.trailers), (text, !whole, whole), "{cut:?} {known}");
            let seen = exchange(&on(truncate(cut).then(TruncateEnd::Clean)), body, known).await;
            assert_eq!((&*seen.text(), seen.failed, seen.trailers), (text, false, whole), "{cut:?} {known}");
        }
    }
}

/// The stated length is the one that is sent, if the truncation is to be undetectable.
#[tokio::test(start_paused = true)]
async fn stated_lengths() {
    let rows: [(Injector, Option<u64>, bool); 8] = [
        (truncate(TruncateAt::Bytes(4)).into(), Some(10), true),
        (truncate(TruncateAt::Bytes(4)).then(TruncateEnd::Clean).into(), Some(4), false),
        (truncate(TruncateAt::Fraction(0.3)).then(TruncateEnd::Clean).into(), Some(3), false),
        (replace("other").into(), Some(5), false),
        (corrupt(Corruption::BitFlips(0.5)).into(), Some(10), true),
        (rate_limit(1).into(), Some(10), true),
        (wrong_length(LengthOffset::More(5)).into(), Some(15), false),
        (wrong_length(LengthOffset::Fewer(7)).into(), Some(3), false),
    ];
    for (injector, hint, kept) in rows {
        let fault = on(injector);
        let make = || {
            let mut response = Response::new(Chunks::new(&["12345", "67890"]));
            response.headers_mut().insert(CONTENT_LENGTH, 10.into());
            response
        };
        let response = answer(&fault, Method::GET, make).await;
        assert_eq!(response.body().size_hint().exact(), hint, "{fault:?}");
        assert_eq!(response.headers().contains_key(CONTENT_LENGTH), kept, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rate_limit_holds() {
    // 16 bytes per second in slices of one byte.
    let seen = exchange(&on(rate_limit(16)), &["12345678", "", "90123456"], true).await;
    assert_eq!((&*seen.text(), seen.failed, seen.trailers), ("1234567890123456", false, true));
    assert!(seen.chunks.iter().filter(|(_, chunk)| !chunk.is_empty()).all(|(_, chunk)| chunk.len() == 1));
    // tokio's clock ticks in milliseconds.
    let (last, _) = seen.chunks.last().unwrap();
    assert!((1000..=1016).contains(last), "{last}");
    let (eighth, _) = seen.chunks[7];
    assert!((500..=508).contains(&eighth), "{eighth}");
    // At a higher rate than that of the body, it only slices.
    let seen = exchange(&on(rate_limit(u64::MAX)), &["12345678"], true).await;
    assert_eq!(seen.chunks, [(0, Bytes::from("12345678"))]);
}

#[tokio::test(start_paused = true)]
async fn slow_services_accumulate_no_credit() {
    let slow_chunks =
        chain::<Injector>([slow(Delay::fixed("10s").at(DelayPoint::ResponseChunks)), rate_limit(100).into()]);
    let seen =
        exchange(&on(slow_chunks), &["1", "2", "3333333333333333333333333333333333333333"], true).await;
    let times: Vec<_> = seen.chunks.iter().map(|(at, _)| *at / 10).collect();
    // The last 40 bytes take 400 ms, although nothing was sent for half a minute.
    assert_eq!((times[0], times[1], *times.last().unwrap()), (1001, 2002, 3042));
}

#[tokio::test(start_paused = true)]
async fn chunks_and_heads_are_delayed() {
    let body: &'static [&'static str] = &["1", "2", "3"];
    let rows: [(Injector, u128, [u128; 3]); 5] = [
        (slow(Delay::fixed("1s").at(DelayPoint::ResponseHead)), 1000, [1000; 3]),
        (slow(Delay::fixed("1s").at(DelayPoint::ResponseChunks)), 0, [1000, 2000, 3000]),
        (
            chain([
                slow(Delay::fixed("1s")),
                slow(Delay::fixed("2s").at(DelayPoint::ResponseHead)),
                slow(Delay::fixed("3s").at(DelayPoint::ResponseHead)),
                slow(Delay::fixed("100ms").at(DelayPoint::ResponseChunks)),
                slow(Delay::fixed("10ms").at(DelayPoint::ResponseChunks)),
            ]),
            6000,
            [6110, 6220, 6330],
        ),
        (slow(Delay::fixed("0s").at(DelayPoint::ResponseHead)), 0, [0; 3]),
        (slow(Delay::fixed("0s").at(DelayPoint::ResponseChunks)), 0, [0; 3]),
    ];
    for (injector, head, chunks) in rows {
        let seen = exchange(&on(injector), body, true).await;
        let times: Vec<_> = seen.chunks.iter().map(|(at, _)| *at).collect();
        assert_eq!((seen.head, &times[..]), (head, &chunks[..]));
        assert_eq!((&*seen.text(), seen.trailers), ("123", true));
    }
}

/// The fault's own responses are changed like the service's.
#[tokio::test(start_paused = true)]
async fn the_faults_own_responses_are_changed() {
    let injector = chain::<Injector>([
        slow(Delay::fixed("1s").at(DelayPoint::ResponseHead)),
        patch().status(418).set("x-a", "1").into(),
        truncate(TruncateAt::Bytes(3)).then(TruncateEnd::Clean).into(),
        error(503).text("long enough").into(),
    ]);
    let fault = on(injector);
    let start = Instant::now();
    let response = answer(&fault, Method::GET, || Response::new(Chunks::new(&[]))).await;
    assert_eq!((start.elapsed(), response.status().as_u16()), (Duration::from_secs(1), 418));
    assert_eq!(response.headers()["x-a"], "1");
    let actions = response.extensions().get::<Injected>().unwrap().actions().to_vec();
    let wanted = [
        Action::SlowHead(Duration::from_secs(1)),
        Action::Patch(Side::Response),
        Action::Truncate(Side::Response),
        Action::Error(503),
    ];
    assert_eq!(actions, wanted);
    assert_eq!(read(Box::pin(response.into_body()), start).await.text(), "lon");
}

#[tokio::test]
async fn heads_are_patched() {
    let make = || {
        let mut response = Response::new(Chunks::new(&["old"]));
        for (name, value) in
            [("x-a", "1"), ("x-a", "2"), ("x-b", "1"), ("content-encoding", "gzip"), ("etag", "1")]
        {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        response
    };
    let fault = on(patch()
        .set("x-c", "1")
        .add("x-b", "2")
        .duplicate("x-a")
        .drop("etag")
        .drop("x-none")
        .set("x-c", "2"));
    let response = answer(&fault, Method::GET, make).await;
    let values = |name| {
        response.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(
        (values("x-a"), values("x-b"), values("x-c")),
        (vec!["1", "2", "1", "2"], vec!["1", "2"], vec!["2"])
    );
    assert!(!response.headers().contains_key(ETAG));

    let response = answer(&on(replace("new").content_type("text/html")), Method::GET, make).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html");
    assert!(!response.headers().contains_key(CONTENT_ENCODING));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "new");
}

/// A response without a body is not changed.
#[tokio::test]
async fn responses_without_a_body() {
    for injector in
        [|| Injector::from(replace("new")), || rate_limit(1).into(), || truncate(TruncateAt::Bytes(0)).into()]
    {
        let fault = on(injector());
        answer(&fault, Method::HEAD, || Response::new(Chunks::new(&[]))).await;
        let counts = fault.control().counts();
        assert_eq!((counts.not_deliverable, counts.injected), (1, 0));

        let fault = on(chain([injector(), slow(Delay::fixed("0s"))]));
        answer(&fault, Method::HEAD, || Response::new(Chunks::new(&[]))).await;
        assert_eq!(fault.control().counts().injected, 1);

        for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED, StatusCode::SWITCHING_PROTOCOLS] {
            let fault = on(injector());
            let make = move || {
                let mut response = Response::new(Chunks::new(&[]));
                *response.status_mut() = status;
                response
            };
            let response = answer(&fault, Method::GET, make).await;
            assert!(response.body().is_end_stream());
            assert_eq!(fault.control().counts().active, 0);
        }
    }
}

/// A fault is active until the body ends, and each end is reported.
#[tokio::test(start_paused = true)]
async fn a_body_is_active_until_its_end() {
    let injectors = [
        || Injector::from(rate_limit(1)),
        || slow(Delay::fixed("1s").at(DelayPoint::ResponseChunks)),
        || truncate(TruncateAt::Bytes(5)).into(),
        || corrupt(Corruption::Utf8).into(),
    ];
    for injector in injectors {
        let log = Log::default();
        let fault = always(injector()).reporter(log.reporter()).build().unwrap();
        let phases = || log.take().into_iter().map(|(phase, _)| phase).collect::<Vec<_>>();
        let make = || Response::new(Chunks::new(&["123", "456"]));

        let response = answer(&fault, Method::GET, make).await;
        assert_eq!((fault.control().counts().active, phases()), (1, vec![Phase::Started]));
        let mut body = Box::pin(response.into_body());
        body.frame().await;
        assert_eq!((fault.control().counts().active, phases()), (1, vec![]));
        while body.frame().await.is_some() {}
        assert_eq!(phases(), [Phase::Finished]);
        drop(body);
        assert_eq!((fault.control().counts().active, phases()), (0, vec![]));

        drop(answer(&fault, Method::GET, make).await);
        assert_eq!((fault.control().counts().active, phases()), (0, vec![Phase::Started, Phase::Abandoned]));
    }
}

/// After the switch, the rest passes at once and unchanged.
#[tokio::test(start_paused = true)]
async fn a_switch_releases_bodies() {
    let body = ["1", "234567890", "abc"];
    let rows: [(Injector, &str, bool); 5] = [
        (rate_limit(1).into(), "1234567890abc", true),
        (slow(Delay::fixed("1h").at(DelayPoint::ResponseChunks)), "1234567890abc", true),
        (truncate(TruncateAt::Bytes(1)).linger("1h").into(), "1234567890abc", true),
        (corrupt(Corruption::BitFlips(1.0)).into(), "234567890abc", false),
        // A stated length is unchanged.
        (truncate(TruncateAt::Bytes(3)).then(TruncateEnd::Clean).into(), "123", false),
    ];
    for (injector, wanted, delays) in rows {
        let log = Log::default();
        let fault = always(injector).seed(7).reporter(log.reporter()).build().unwrap();
        let response = answer(&fault, Method::GET, move || Response::new(Chunks::new(&body))).await;
        let start = Instant::now();
        let mut body = Box::pin(response.into_body());
        let mut first = Vec::new();
        if let Ok(Some(frame)) = tokio::time::timeout(Duration::from_millis(1500), body.frame()).await {
            first = frame.unwrap().into_data().unwrap().to_vec();
        }
        let reader = tokio::spawn(async move { (read(body, start).await, start.elapsed()) });
        if delays {
            // The reader waits, and must be woken.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        fault.control().set_enabled(false);
        let (seen, took) = reader.await.unwrap();
        let text = String::from_utf8_lossy(&first).into_owned() + &seen.text();
        assert!(
            text.ends_with(wanted) && !seen.failed && took < Duration::from_secs(2),
            "{text} {took:?} {fault:?}"
        );
        let (phase, _) = log.take().pop().unwrap();
        assert_eq!(phase, Phase::Cancelled, "{fault:?}");
    }
}

#[test]
fn corrupted_json_is_invalid() {
    let rows = [
        (r#"{"a":1}"#, r#"{"a";1}"#),
        (r#"{"a:\",}":[1,2]}"#, r#"{"a:\",}";[1,2]}"#),
        ("[]", "[;"),
        (" [1, 2]", " [1; 2]"),
        ("12", ";2"),
        (r#""text""#, r#";text""#),
        ("null", ";ull"),
    ];
    for (text, wanted) in rows {
        assert_eq!(
            block_on(exchange(&on(corrupt(Corruption::Json)), Box::leak(Box::new([text])), true)).text(),
            wanted
        );
    }
}

/// The frames of a text, split at these positions.
fn frames(text: &[u8], truncations: &[usize]) -> VecDeque<Bytes> {
    let mut truncations: Vec<_> =
        truncations.iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
    truncations.sort_unstable();
    truncations.windows(2).map(|pair| Bytes::copy_from_slice(&text[pair[0]..pair[1]])).collect()
}

fn through(fault: &Fault, text: &[u8], truncations: &[usize]) -> (Vec<u8>, bool) {
    let chunks = frames(text, truncations);
    let make = move || Response::new(Chunks { chunks: chunks.clone(), known: true, trailer: false });
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let body = answer(fault, Method::GET, make).await.into_body();
        let seen = read(Box::pin(body), Instant::now()).await;
        (seen.chunks.into_iter().flat_map(|(_, chunk)| chunk).collect(), seen.failed)
    })
}

fn by_one(injector: impl Into<Injector>) -> Fault {
    // One key: both exchanges have the same draws.
    always(injector).seed(7).decide_by(waylay_fault::DecideBy::RequestId).build().unwrap()
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[a-z\"\\\\:,{}\\[\\]é ]{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec(("[a-z\":,}]{0,4}", inner), 0..4)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// The output does not depend on how the body is split into frames.
    #[test]
    fn frame_boundaries_do_not_matter(
        text in prop::collection::vec(any::<u8>(), 0..200),
        truncations in prop::collection::vec(any::<usize>(), 0..6),
        at in 0_u64..250,
        share in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0],
    ) {
        let kept = &text[..text.len().min(usize::try_from(at).unwrap())];
        let short = kept.len() < text.len();
        let cut = on(truncate(TruncateAt::Bytes(at)));
        prop_assert_eq!(through(&cut, &text, &truncations), (kept.to_vec(), short));
        let cut = on(truncate(TruncateAt::Bytes(at)).then(TruncateEnd::Clean));
        prop_assert_eq!(through(&cut, &text, &truncations), (kept.to_vec(), false));
        prop_assert_eq!(through(&on(rate_limit(at + 1)), &text, &truncations), (text.clone(), false));

        let flips = || always(corrupt(Corruption::BitFlips(share))).seed(at).build().unwrap();
        let (flipped, failed) = through(&flips(), &text, &truncations);
        prop_assert_eq!(through(&flips(), &text, &[]), (flipped.clone(), false));
        prop_assert!(!failed && flipped.len() == text.len());
        for (old, new) in text.iter().zip(&flipped) {
            prop_assert!((old ^ new).count_ones() <= 1);
            prop_assert!(share > 0.0 || old == new);
            prop_assert!(share < 1.0 || old != new);
        }
    }

    #[test]
    fn no_parser_accepts_corrupted_json(value in json(), truncations in prop::collection::vec(any::<usize>(), 0..4)) {
        let text = value.to_string();
        let (seen, _) = through(&by_one(corrupt(Corruption::Json)), text.as_bytes(), &truncations);
        prop_assert_eq!(seen.len(), text.len());
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&seen).is_err(), "{}", String::from_utf8_lossy(&seen));
    }

    #[test]
    fn corrupted_text_is_not_utf8(text in ".*[a-z0-9é].*", truncations in prop::collection::vec(any::<usize>(), 0..4)) {
        let (seen, _) = through(&by_one(corrupt(Corruption::Utf8)), text.as_bytes(), &truncations);
        prop_assert_eq!(seen.len(), text.len());
        prop_assert!(String::from_utf8(seen).is_err());
    }
}

/// The share of flipped bytes holds within five sigma, with a fixed seed.
#[test]
fn bits_flip_at_the_set_rate() {
    let text = vec![0; 200_000];
    for share in [0.0001, 0.01, 0.5, 0.99] {
        let fault = on(corrupt(Corruption::BitFlips(share)));
        let (seen, _) = through(&fault, &text, &[1000, 5000, 77_777]);
        let selected = seen.iter().filter(|byte| **byte != 0).count() as f64;
        let expected = 200_000.0 * share;
        assert!(
            (selected - expected).abs() <= 5.0 * (expected * (1.0 - share)).sqrt(),
            "{share}: {selected}"
        );
        let bits: Vec<_> =
            (0..8).map(|bit| seen.iter().filter(|byte| **byte == 1 << bit).count() as f64).collect();
        let each = expected / 8.0;
        assert!(
            bits.iter().all(|selected| (selected - each).abs() <= 5.5 * each.sqrt() + 1.0),
            "{share}: {bits:?}"
        );
    }
}

/// Request bodies are changed if the layer can construct their type.
#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn request_bodies() {
    use axum::body::Body as AxumBody;
    let echo = || {
        service_fn(async |request: Request<AxumBody>| {
            let headers = request.headers().clone();
            let mut response = Response::new(match request.into_body().collect().await {
                Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
                Err(_) => "failed".to_owned(),
            });
            *response.headers_mut() = headers;
            Ok::<_, Infallible>(response)
        })
    };
    let rows: [(Injector, &str, Option<&str>); 7] = [
        (truncate(TruncateAt::Bytes(3)).on(Side::Request).into(), "failed", Some("10")),
        (truncate(TruncateAt::Bytes(3)).on(Side::Request).then(TruncateEnd::Clean).into(), "123", None),
        (replace("new").on(Side::Request).into(), "new", None),
        (corrupt(Corruption::Json).on(Side::Request).into(), ";234567890", Some("10")),
        (rate_limit(10).on(Side::Request).into(), "1234567890", Some("10")),
        (slow(Delay::fixed("1s").at(DelayPoint::RequestChunks)), "1234567890", Some("10")),
        (patch().set("content-length", "9").on(Side::Request).into(), "1234567890", Some("9")),
    ];
    for (injector, wanted, length) in rows {
        let fault = on(injector);
        let request =
            || Request::post("/").header(CONTENT_LENGTH, 10).body(AxumBody::from("1234567890")).unwrap();
        let start = Instant::now();
        let response = fault.layer().layer(echo()).oneshot(request()).await.unwrap();
        let seen = response.headers().get(CONTENT_LENGTH).map(|length| length.to_str().unwrap().to_owned());
        assert_eq!(seen.as_deref(), length, "{fault:?}");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), wanted, "{fault:?}");
        let delays = matches!(fault.control().counts().injected, 1) && format!("{fault:?}").contains("rate");
        assert_eq!(
            start.elapsed() >= Duration::from_secs(1),
            delays || format!("{fault:?}").contains("RequestChunks")
        );
    }
    // A body type that the layer cannot construct is not changed, and this is counted.
    let fault = on(truncate(TruncateAt::Bytes(3)).on(Side::Request));
    let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    fault.layer().layer(inner).oneshot(Request::new(String::new())).await.unwrap();
    assert_eq!(fault.control().counts().not_deliverable, 1);
}

/// Bytes read ahead come first, and the body is complete, whatever their number.
#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn request_bodies_read_ahead_are_whole() {
    use axum::body::Body as AxumBody;
    let echo = service_fn(async |request: Request<AxumBody>| {
        let body = request.into_body();
        let hint = body.size_hint().exact();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().is_some();
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok::<_, Infallible>(Response::new(format!("{hint:?} {trailers} {text}")))
    });
    for most in [0, 1, 5, 6, 10, 1000] {
        for known in [true, false] {
            let fault = always(slow(Delay::fixed("1s"))).read_ahead(most).build().unwrap();
            let mut body = Chunks::new(&["12345", "678", "90"]);
            (body.known, body.trailer) = (known, true);
            let response =
                fault.layer().layer(echo).oneshot(Request::new(AxumBody::new(body))).await.unwrap();
            let text = response.into_body().collect().await.unwrap().to_bytes();
            let hint = known.then_some(10_u64);
            assert_eq!(text, format!("{hint:?} true 1234567890"), "{most}");
        }
    }
}

/// A fault that was disabled does not change the body again when it is enabled.
#[tokio::test(start_paused = true)]
async fn a_released_body_is_not_changed_again() {
    // Disabled before the first frame, enabled after it: the rest of an event is not an event.
    let events = ["data: 1\n", "data: 2\n\n", "data: 3\n\n"];
    let grpc = ["\0\0\0\0\u{2}a", "b\0\0\0\0\u{1}c", "\0\0\0\0\0"];
    let (sse, grpc_type) = ("text/event-stream", "application/grpc");
    let rows: [(Injector, &str, [&str; 3]); 4] = [
        (messages(Format::Sse).drop(1.0).into(), sse, events),
        (messages(Format::Grpc).drop(1.0).into(), grpc_type, grpc),
        (corrupt(Corruption::BitFlips(1.0)).into(), sse, events),
        (slow(Delay::fixed("1h").at(DelayPoint::ResponseChunks)), sse, events),
    ];
    for (injector, media_type, chunks) in rows {
        let fault = on(injector);
        let make = move || {
            let response = Response::builder().header("content-type", media_type);
            response.body(Chunks::new(&chunks)).unwrap()
        };
        let response = answer(&fault, Method::GET, make).await;
        let start = Instant::now();
        let mut body = Box::pin(response.into_body());
        fault.control().set_enabled(false);
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        fault.control().set_enabled(true);
        let seen = read(body, start).await;
        let text = String::from_utf8_lossy(&first).into_owned() + &seen.text();
        assert_eq!((text, start.elapsed()), (chunks.concat(), Duration::ZERO), "{fault:?}");
    }
}

/// A stage around another one may read beyond its end, as `dribble` does with a body of unknown length.
#[tokio::test(start_paused = true)]
async fn stages_are_read_beyond_their_end() {
    let outer: [fn() -> Injector; 5] = [
        || dribble(2, "1s").into(),
        || rate_limit(100).into(),
        || slow(Delay::fixed("1ms").at(DelayPoint::ResponseChunks)),
        || truncate(TruncateAt::Bytes(100)).into(),
        || wrong_length(LengthOffset::More(1)).into(),
    ];
    for (index, outer) in outer.iter().enumerate() {
        for known in [true, false] {
            let fault = on(chain([wrong_length(LengthOffset::More(5)).into(), outer(), outer()]));
            let seen = exchange(&fault, &["12345", "678"], known).await;
            assert_eq!(
                (&*seen.text(), seen.trailers, seen.failed),
                ("12345678", true, false),
                "{index} {known}"
            );
        }
    }
}
