//! Streams that are open when their fault is enabled.

use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::channel::Sender;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Channel};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    AutoStop, Delay, Fault, FaultBody, FaultLayer, FaultSet, FaultStream, Format, Group, Guards, Injector,
    Messages, Phase, Reject, Side, chain, error, messages, patch, reject, slow, tap,
};

use crate::http_stream::upgraded_stream;
use crate::messages::{
    Settings, cut, event, grpc_message, media_type, paused, settings, upgraded, web_message,
};
use crate::support::{Log, always};

type Stream = Channel<Bytes, Infallible>;

/// A stream that the service has begun, with the fault around it.
async fn stream(fault: &Fault, format: Format) -> (Sender<Bytes, Infallible>, FaultBody<Stream>) {
    let (sender, body) = Stream::new(64);
    let body = Mutex::new(Some(body));
    let inner = service_fn(|_: Request<String>| {
        let body = body.lock().unwrap().take().unwrap();
        let response = Response::builder().header("content-type", media_type(format)).body(body).unwrap();
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let response = fault.layer().layer(inner).oneshot(Request::new(String::new())).await.unwrap();
    assert!(!response.headers().contains_key("x-fault-injected"));
    (sender, response.into_body())
}

/// The next frame of a body, as text.
async fn next<B>(body: &mut FaultBody<B>) -> String
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    String::from_utf8(frame.to_vec()).unwrap()
}

/// The received text, whose first bytes passed while the fault was off.
fn expected(
    settings: Settings,
    seed: u64,
    count: u64,
    passed: usize,
    message: impl Fn(u64) -> Vec<u8>,
) -> (Vec<u8>, bool) {
    let (mut out, mut end, mut first) = (Vec::new(), 0, count);
    for number in 0..count {
        if end >= passed {
            first = number;
            break;
        }
        out.extend(message(number));
        end += message(number).len();
    }
    let (numbers, stopped) = settings.oracle(seed, count - first);
    out.extend(numbers.into_iter().flat_map(|number| message(first + number)));
    (out, stopped)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bodies(
        settings in settings(),
        seed in any::<u64>(),
        count in 0_u64..8,
        truncations in prop::collection::vec(any::<usize>(), 0..6),
        enabled_after in 0_usize..6,
    ) {
        for (format, message) in [(Format::Sse, event as fn(u64) -> Vec<u8>), (Format::Grpc, grpc_message)] {
            let text: Vec<u8> = (0..count).flat_map(message).collect();
            let chunks = cut(&text, &truncations);
            let enabled_after = enabled_after.min(chunks.len());
            let passed: usize = chunks[..enabled_after].iter().map(Bytes::len).sum();
            let fault = always(settings.of(format)).seed(seed).enabled(false).build().unwrap();
            let (seen, trailers) = paused(async {
                let (mut sender, mut body) = stream(&fault, format).await;
                let mut seen = Vec::new();
                for (number, chunk) in chunks.iter().enumerate() {
                    if number == enabled_after {
                        fault.control().set_enabled(true);
                    }
                    sender.send_data(chunk.clone()).await.unwrap();
                    if number < enabled_after {
                        // On arrival, chunk by chunk.
                        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
                        assert_eq!(data, chunk);
                        seen.extend_from_slice(&data);
                    }
                }
                if enabled_after == chunks.len() {
                    fault.control().set_enabled(true);
                }
                drop(sender);
                let rest = body.collect().await.unwrap();
                let trailers = rest.trailers().is_some();
                seen.extend_from_slice(&rest.to_bytes());
                (seen, trailers)
            });
            let (wanted, stopped) = expected(settings, seed, count, passed, message);
            prop_assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(&wanted), "{:?}", format);
            prop_assert_eq!(trailers, stopped && format == Format::Grpc);
            let counts = fault.control().counts();
            prop_assert_eq!((counts.seen, counts.injected, counts.active), (1, 1, 0));
        }
    }

    #[test]
    fn websockets(
        settings in settings(),
        seed in any::<u64>(),
        count in 0_u64..8,
        truncations in prop::collection::vec(any::<usize>(), 0..6),
        enabled_after in 0_usize..6,
        request in any::<bool>(),
        tapped in any::<bool>(),
    ) {
        let side = if request { Side::Request } else { Side::Response };
        let message = |number| web_message(number, request);
        let text: Vec<u8> = (0..count).flat_map(message).collect();
        let chunks = cut(&text, &truncations);
        let enabled_after = enabled_after.min(chunks.len());
        let passed: usize = chunks[..enabled_after].iter().map(Bytes::len).sum();
        let rules = settings.of(Format::WebSocket).on(side).code(4000);
        let fault = always(rules).seed(seed).enabled(false).build().unwrap();
        let seen = paused(async {
            let (near, far): (Box<dyn Duplex>, DuplexStream) = if tapped {
                let (near, far) = duplex(1 << 16);
                (Box::new(tap(&upgraded(&fault).await, near)), far)
            } else {
                let (near, far) = upgraded_stream(&fault, 1 << 16).await;
                (Box::new(near), far)
            };
            let mut ends: [Box<dyn Duplex>; 2] = [near, Box::new(far)];
            if request {
                ends.reverse();
            }
            let [mut writer, mut reader] = ends;
            let mut seen = Vec::new();
            for (number, chunk) in chunks.iter().enumerate() {
                if number == enabled_after {
                    fault.control().set_enabled(true);
                }
                writer.write_all(chunk).await.unwrap();
                writer.flush().await.unwrap();
                if number < enabled_after {
                    let mut data = vec![0; chunk.len()];
                    reader.read_exact(&mut data).await.unwrap();
                    assert_eq!(data, chunk[..]);
                    seen.extend(data);
                }
            }
            if enabled_after == chunks.len() {
                fault.control().set_enabled(true);
            }
            writer.shutdown().await.unwrap();
            reader.read_to_end(&mut seen).await.unwrap();
            seen
        });
        let (mut wanted, stopped) = expected(settings, seed, count, passed, message);
        // A direction joins when bytes arrive; none do after the last.
        let joined = passed < text.len();
        if joined && stopped {
            let close: &[u8] =
                if request { &[0x88, 0x82, 0, 0, 0, 0, 0x0f, 0xa0] } else { &[0x88, 2, 0x0f, 0xa0] };
            wanted.extend_from_slice(close);
        }
        prop_assert_eq!(seen, wanted);
        prop_assert_eq!(fault.control().counts().active, 0);
    }
}

trait Duplex: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl Duplex for DuplexStream {}
impl Duplex for FaultStream<DuplexStream> {}
impl Duplex for waylay_fault::TappedStream<DuplexStream> {}

/// A joined stream is reported and counted; once disabled again, it stays so.
#[tokio::test(start_paused = true)]
async fn joined_streams_are_reported() {
    let log = Log::default();
    let fault =
        always(messages(Format::Sse).drop(1.0)).enabled(false).reporter(log.reporter()).build().unwrap();
    let (mut sender, mut body) = stream(&fault, Format::Sse).await;
    sender.send_data("data: 0\n\n".into()).await.unwrap();
    assert_eq!(next(&mut body).await, "data: 0\n\n");
    assert_eq!((fault.control().counts().seen, log.take()), (0, vec![]));

    fault.control().set_enabled(true);
    sender.send_data("data: 1\n\n: ping\n\n".into()).await.unwrap();
    assert_eq!(next(&mut body).await, ": ping\n\n");
    let counts = fault.control().counts();
    assert_eq!((counts.seen, counts.injected, counts.active), (1, 1, 1));

    fault.control().set_enabled(false);
    sender.send_data("data: 2\n\n".into()).await.unwrap();
    assert_eq!(next(&mut body).await, "data: 2\n\n");
    fault.control().set_enabled(true);
    sender.send_data("data: 3\n\n".into()).await.unwrap();
    assert_eq!(next(&mut body).await, "data: 3\n\n");
    drop(body);
    let phases: Vec<_> = log.take().into_iter().map(|(phase, _)| phase).collect();
    assert_eq!(phases, [Phase::Started, Phase::Cancelled]);
    assert_eq!(fault.control().counts().active, 0);
}

/// The decision equals that for the request, and is made once.
#[tokio::test(start_paused = true)]
async fn decisions() {
    let drop = || messages(Format::Sse).drop(1.0);
    let group = Group::new("one");
    let other = always(error(500)).group(&group, 1e9).build().unwrap();
    let rows: Vec<(&str, waylay_fault::FaultBuilder, bool)> = vec![
        ("all", always(drop()), true),
        ("none", always(drop()).participation(0.0), false),
        ("blocked", always(drop()).block_methods(["GET"]), false),
        ("allowed", always(drop()).allow_methods(["GET"]), true),
        ("own draw", always(drop()).draw_with(|_| 1.0), false),
        ("first is skipped", always(drop()).skip(1), false),
        ("other of the group", always(drop()).group(&group, 1e-9), false),
        // Of a chain only the rules for messages are left to apply.
        ("chain", always(chain::<Injector>([slow(Delay::fixed("1h")), drop().into()])), true),
        (
            "no messages",
            always(chain::<Injector>([slow(Delay::fixed("1h")), reject(Reject::EmptyReply)])),
            false,
        ),
        ("other messages", always(messages(Format::Grpc).drop(1.0)), false),
        ("part", always(Injector::from(drop()).reporter(|_: &waylay_fault::Event<'_>| {})), true),
    ];
    for (name, builder, wanted) in rows {
        let fault = builder.enabled(false).build().unwrap();
        let (mut sender, mut body) = stream(&fault, Format::Sse).await;
        fault.control().set_enabled(true);
        sender.send_data("data: 1\n\n: end\n\n".into()).await.unwrap();
        let wanted = if wanted { ": end\n\n" } else { "data: 1\n\n: end\n\n" };
        assert_eq!(next(&mut body).await, wanted, "{name}");
    }
    std::mem::drop(other);
}

/// Responses that are not streams, or that a fault has no rules for, are unchanged, length included.
#[tokio::test]
async fn other_responses_are_unchanged() {
    let fault = always(messages(Format::Sse).drop(1.0)).enabled(false).build().unwrap();
    for media_type in ["text/event-stream", "text/html"] {
        let inner = service_fn(|_: Request<String>| {
            let response = Response::builder().header("content-type", media_type);
            std::future::ready(Ok::<_, Infallible>(response.body(String::from("data: 1\n\n")).unwrap()))
        });
        let response = fault.layer().layer(inner).oneshot(Request::new(String::new())).await.unwrap();
        assert_eq!(response.body().size_hint().exact(), Some(9), "{media_type}");
        fault.control().set_enabled(true);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "data: 1\n\n");
        fault.control().set_enabled(false);
        assert_eq!(fault.control().counts(), waylay_fault::Counts::default());
    }
}

/// Around a client as well, and once where the fault is present twice.
#[tokio::test(start_paused = true)]
async fn clients_and_layers_within_layers() {
    let fault = always(messages(Format::Sse).duplicate(1.0)).enabled(false).build().unwrap();
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(64);
    let body = Arc::new(Mutex::new(Some(body)));
    let client = service_fn(move |_: Request<String>| {
        let body = body.lock().unwrap().take().unwrap();
        let response = Response::builder().header("content-type", "text/event-stream").body(body).unwrap();
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let client = fault.client_layer().layer(fault.layer().layer(client));
    let mut body = client.oneshot(Request::new(String::new())).await.unwrap().into_body();
    fault.control().set_enabled(true);
    sender.send(Frame::data("data: 1\n\n".into())).await.unwrap();
    drop(sender);
    let mut seen = Vec::new();
    while let Some(frame) = body.frame().await {
        seen.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(String::from_utf8(seen).unwrap(), "data: 1\n\ndata: 1\n\n");
    assert_eq!(fault.control().counts().injected, 1);
}

type Upload = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A service that sends the body of a request back, with the fault around it, and a request that has begun.
async fn upload(
    layer: FaultLayer,
    headers: &[(&str, &str)],
) -> (Sender<Bytes, Infallible>, FaultBody<Upload>) {
    let (sender, body) = Stream::new(64);
    let mut request = Request::post("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.map_err(|never| match never {}).boxed_unsync()).unwrap();
    let echo =
        service_fn(async |request: Request<Upload>| Ok::<_, Infallible>(Response::new(request.into_body())));
    let response = layer.layer(echo).oneshot(request).await.unwrap();
    (sender, response.into_body())
}

fn with_uploads(layer: FaultLayer) -> FaultLayer {
    layer.request_body_with::<Upload>(|body| body.map_err(Into::into).boxed_unsync())
}

fn duplicate() -> Messages {
    messages(Format::Sse).duplicate(1.0)
}

const EVENTS: &[(&str, &str)] = &[("content-type", "text/event-stream")];

/// A fault that is enabled during an upload changes the messages from then on.
#[tokio::test(start_paused = true)]
async fn uploads() {
    let grpc = || messages(Format::Grpc).duplicate(1.0).on(Side::Request);
    let of_requests = || duplicate().on(Side::Request);
    let both = || chain::<Injector>([of_requests().into(), slow(Delay::fixed("1h"))]);
    type Row = (&'static str, Injector, bool, &'static [(&'static str, &'static str)], usize);
    let rows: [Row; 7] = [
        ("events", of_requests().into(), true, EVENTS, 2),
        ("chain", both(), true, EVENTS, 2),
        ("gRPC", grpc().into(), true, &[("content-type", "application/grpc")], 2),
        ("other messages", grpc().into(), true, EVENTS, 1),
        ("of responses", duplicate().into(), true, EVENTS, 1),
        ("a body that cannot be replaced", of_requests().into(), false, EVENTS, 1),
        (
            "a length",
            of_requests().into(),
            true,
            &[("content-type", "text/event-stream"), ("content-length", "18")],
            1,
        ),
    ];
    for (name, injector, has_uploads, headers, copies) in rows {
        let message = if name == "gRPC" { "\0\0\0\0\u{1}a" } else { "data: 1\n\n" };
        let fault = always(injector).enabled(false).build().unwrap();
        let layer = if has_uploads { with_uploads(fault.layer()) } else { fault.layer() };
        let (mut sender, mut body) = upload(layer, headers).await;
        sender.send_data(message.into()).await.unwrap();
        assert_eq!(next(&mut body).await, message, "{name}");
        fault.control().set_enabled(true);
        sender.send_data(message.into()).await.unwrap();
        drop(sender);
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!(rest, message.repeat(copies), "{name}");
        let counts = fault.control().counts();
        let joined = u64::from(copies == 2);
        let not_deliverable = u64::from(name == "other messages");
        assert_eq!((counts.injected, counts.not_deliverable, counts.active), (joined, not_deliverable, 0));
        assert_eq!(counts.seen, joined + not_deliverable, "{name}");
    }
}

/// Sends an event as the last of a body, and returns what arrives.
async fn after_event<B>(mut sender: Sender<Bytes, Infallible>, body: FaultBody<B>) -> Bytes
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    sender.send_data("data: 1\n\n".into()).await.unwrap();
    drop(sender);
    body.collect().await.unwrap().to_bytes()
}

/// Every fault of a set joins, beside one that is injected from the start, and while responses are observed.
#[tokio::test(start_paused = true)]
async fn faults_of_a_set() {
    for side in [Side::Request, Side::Response] {
        for (observes, injects) in [(false, false), (true, false), (false, true), (true, true)] {
            let set = FaultSet::new();
            let off = |name| Fault::new(name, duplicate().on(side)).participation(1.0);
            let other = Fault::new("other", patch().set("x-other", "1")).enabled(injects).participation(1.0);
            set.replace([off("one"), other, off("two")]).unwrap();
            if observes {
                set.set_guards(Guards::new().stop(AutoStop::new("1m").error_ratio(0.5))).unwrap();
            }
            let row = format!("{side:?} {observes} {injects}");
            let enable = || ["one", "two"].map(|name| set.control(name).unwrap().set_enabled(true));
            let text = match side {
                Side::Request => {
                    let (sender, body) = upload(with_uploads(set.layer()), EVENTS).await;
                    enable();
                    after_event(sender, body).await
                }
                _ => {
                    let (sender, body) = Stream::new(64);
                    let body = Mutex::new(Some(body));
                    let inner = service_fn(|_: Request<String>| {
                        let body = body.lock().unwrap().take().unwrap();
                        let response = Response::builder().header("content-type", "text/event-stream");
                        std::future::ready(Ok::<_, Infallible>(response.body(body).unwrap()))
                    });
                    let response =
                        set.layer().layer(inner).oneshot(Request::new(String::new())).await.unwrap();
                    assert_eq!(response.headers().contains_key("x-other"), injects, "{row}");
                    enable();
                    after_event(sender, response.into_body()).await
                }
            };
            assert_eq!(text, "data: 1\n\n".repeat(4), "{row}");
            for name in ["one", "two"] {
                assert_eq!(set.control(name).unwrap().counts().injected, 1, "{row} {name}");
            }
        }
    }
}
