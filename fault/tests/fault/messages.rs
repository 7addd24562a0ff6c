//! Messages of streams, against an oracle that follows `decision.md`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Channel};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Delay, Fault, Format, Injected, Injector, Key, Messages, Phase, Sampler, Side, SkipReason, chain,
    messages, slow, tap,
};

use crate::support::always;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    lose: f64,
    double: f64,
    swap: f64,
    stop: Option<u64>,
}

impl Settings {
    pub(crate) fn of(self, format: Format) -> Messages {
        let messages = messages(format).drop(self.lose).duplicate(self.double).reorder(self.swap);
        match self.stop {
            Some(count) => messages.stop_after(count),
            None => messages,
        }
    }

    /// The expected output of a WebSocket that is stopped with close code 4000.
    pub(crate) fn web_oracle(self, seed: u64, count: u64, masked: bool) -> Vec<u8> {
        let (numbers, stopped) = self.oracle(seed, count);
        let mut out: Vec<u8> = numbers.into_iter().flat_map(|number| web_message(number, masked)).collect();
        if stopped {
            let close: &[u8] =
                if masked { &[0x88, 0x82, 0, 0, 0, 0, 0x0f, 0xa0] } else { &[0x88, 2, 0x0f, 0xa0] };
            out.extend_from_slice(close);
        }
        out
    }

    /// The numbers of the messages in the output, and whether the stream was stopped.
    pub(crate) fn oracle(self, seed: u64, count: u64) -> (Vec<u64>, bool) {
        let root = Sampler::new(seed, "test").draw(Key::Counter(0), b"");
        let (mut out, mut kept) = (Vec::new(), None);
        for number in 0..count {
            if self.stop == Some(number) {
                break;
            }
            let mut draws = root.child(number);
            let (dropped, duplicated, reordered) = (draws.uniform(), draws.uniform(), draws.uniform());
            if dropped < self.lose {
                continue;
            }
            if reordered < self.swap && kept.is_none() {
                kept = Some(number);
                continue;
            }
            out.push(number);
            if duplicated < self.double {
                out.push(number);
            }
            out.extend(kept.take());
        }
        out.extend(kept);
        (out, self.stop.is_some_and(|most| most <= count))
    }
}

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let share = || prop_oneof![2 => Just(0.0), 1 => Just(1.0), 5 => 0.0..1.0];
    (share(), share(), share(), prop::option::of(1_u64..12)).prop_map(|(lose, double, swap, stop)| Settings {
        lose,
        double,
        swap,
        stop,
    })
}

/// The content type of a body that has such messages.
pub(crate) fn media_type(format: Format) -> &'static str {
    match format {
        Format::Sse => "text/event-stream; charset=utf-8",
        _ => "application/grpc+proto",
    }
}

/// The output for these frames: the data, and the trailers.
async fn through(format: Format, fault: &Fault, chunks: Vec<Bytes>) -> (Vec<u8>, Option<HeaderMap>) {
    let inner = service_fn(move |_: Request<String>| {
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
        let chunks = chunks.clone();
        tokio::spawn(async move {
            for chunk in chunks {
                sender.send_data(chunk).await.ok();
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            sender.send(Frame::trailers(trailers)).await.ok();
        });
        let response = Response::builder().header("content-type", media_type(format)).body(body).unwrap();
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let response = fault.layer().layer(inner).oneshot(Request::new(String::new())).await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    let trailers = body.trailers().cloned();
    (body.to_bytes().to_vec(), trailers)
}

pub(crate) fn cut(text: &[u8], truncations: &[usize]) -> Vec<Bytes> {
    let mut truncations: Vec<_> =
        truncations.iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
    truncations.sort_unstable();
    truncations.windows(2).map(|pair| Bytes::copy_from_slice(&text[pair[0]..pair[1]])).collect()
}

pub(crate) fn paused<F: Future>(future: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

pub(crate) fn event(number: u64) -> Vec<u8> {
    format!("id: {number}\r\ndata: {}\n\n", "x".repeat(number as usize)).into_bytes()
}

pub(crate) fn grpc_message(number: u64) -> Vec<u8> {
    let mut message = vec![0];
    message.extend(((number + 1) as u32).to_be_bytes());
    message.extend(vec![number as u8; number as usize + 1]);
    message
}

/// A message of one frame or two, with a ping between; a client's if masked.
pub(crate) fn web_message(number: u64, masked: bool) -> Vec<u8> {
    let frame = |first: u8, payload: &[u8]| {
        let mut frame = vec![first, payload.len() as u8 | u8::from(masked) << 7];
        if masked {
            frame.extend([1, 2, 3, 4]);
        }
        frame.extend(payload);
        frame
    };
    if number.is_multiple_of(2) {
        return frame(0x81, &[number as u8]);
    }
    [frame(0x02, &[number as u8]), frame(0x80, &[number as u8])].concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn body_messages_follow_the_specification(
        settings in settings(),
        seed in any::<u64>(),
        count in 0_u64..10,
        truncations in prop::collection::vec(any::<usize>(), 0..6),
        tail in prop_oneof![Just(""), Just("data: not whole")],
    ) {
        for (format, message) in [(Format::Sse, event as fn(u64) -> Vec<u8>), (Format::Grpc, grpc_message)] {
            let tail = if format == Format::Sse { tail.as_bytes() } else { b"" };
            let text: Vec<u8> = (0..count).flat_map(message).chain(tail.iter().copied()).collect();
            let fault = always(settings.of(format)).seed(seed).build().unwrap();
            let (seen, trailers) = paused(through(format, &fault, cut(&text, &truncations)));
            let (numbers, stopped) = settings.oracle(seed, count);
            let mut wanted: Vec<u8> = numbers.into_iter().flat_map(message).collect();
            if !stopped {
                wanted.extend_from_slice(tail);
            }
            prop_assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(&wanted));
            let status = trailers.as_ref().map(|trailers| trailers["grpc-status"].to_str().unwrap());
            let wanted = match format {
                Format::Grpc if stopped => Some("14"),
                _ if stopped => None,
                _ => Some("0"),
            };
            prop_assert_eq!(status, wanted);
        }
    }

    #[test]
    fn websocket_messages_follow_the_specification(
        settings in settings(),
        seed in any::<u64>(),
        count in 0_u64..10,
        truncations in prop::collection::vec(any::<usize>(), 0..6),
        request in any::<bool>(),
    ) {
        let side = if request { Side::Request } else { Side::Response };
        let message = |number| web_message(number, request);
        let text: Vec<u8> = (0..count).flat_map(message).collect();
        let fault = always(settings.of(Format::WebSocket).on(side).code(4000)).seed(seed).build().unwrap();
        let seen = paused(async {
            let (near, mut far) = tokio::io::duplex(64);
            let mut near = tap(&upgraded(&fault).await, near);
            let chunks = cut(&text, &truncations);
            let (mut seen, mut back) = (Vec::new(), Vec::new());
            let writing = async |io: &mut (dyn tokio::io::AsyncWrite + Unpin + Send)| {
                for chunk in chunks {
                    io.write_all(&chunk).await.unwrap();
                    io.flush().await.unwrap();
                }
                io.shutdown().await.unwrap();
            };
            if request {
                tokio::join!(writing(&mut far), async { near.read_to_end(&mut seen).await.unwrap() });
                near.shutdown().await.unwrap();
                far.read_to_end(&mut back).await.unwrap();
            } else {
                tokio::join!(writing(&mut near), async { far.read_to_end(&mut seen).await.unwrap() });
                far.shutdown().await.unwrap();
                near.read_to_end(&mut back).await.unwrap();
            }
            assert!(back.is_empty());
            seen
        });
        prop_assert_eq!(seen, settings.web_oracle(seed, count, request));
        prop_assert_eq!(fault.control().counts().active, 0);
    }
}

/// Messages of a client, if the layer can construct the body.
#[cfg(feature = "axum")]
#[tokio::test]
async fn request_messages() {
    use axum::body::Body;
    for (format, message) in [(Format::Sse, event as fn(u64) -> Vec<u8>), (Format::Grpc, grpc_message)] {
        let rows = [
            (messages(format).drop(1.0), &[][..]),
            (messages(format).duplicate(1.0), &[0, 0, 1, 1, 2, 2][..]),
            (messages(format).reorder(1.0), &[1, 0, 2][..]),
            (messages(format).stop_after(2), &[0, 1][..]),
        ];
        for (how, wanted) in rows {
            let fault = always(how.on(Side::Request)).build().unwrap();
            let echo = service_fn(async |request: Request<Body>| {
                let body = request.into_body().collect().await.unwrap();
                Ok::<_, Infallible>(Response::new(http_body_util::Full::new(body.to_bytes())))
            });
            let text: Vec<u8> = (0..3).flat_map(message).collect();
            let request =
                Request::post("/").header("content-type", media_type(format)).body(Body::from(text)).unwrap();
            let response = fault.layer().layer(echo).oneshot(request).await.unwrap();
            let seen = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(
                seen,
                wanted.iter().copied().flat_map(message).collect::<Vec<_>>(),
                "{format:?} {fault:?}"
            );
            assert_eq!(fault.control().counts().injected, 1);
        }
    }
}

/// The extensions of an upgrade request that passed the fault.
pub(crate) async fn upgraded(fault: &Fault) -> Extensions {
    let seen = Arc::new(Mutex::new(Extensions::new()));
    let keep = seen.clone();
    let inner = service_fn(move |request: Request<String>| {
        *keep.lock().unwrap() = request.into_parts().0.extensions;
        std::future::ready(Ok::<_, Infallible>(Response::new(String::new())))
    });
    let request = Request::get("/chat").header("upgrade", "WebSocket").body(String::new()).unwrap();
    fault.layer().layer(inner).oneshot(request).await.unwrap();
    let mut seen = seen.lock().unwrap();
    std::mem::take(&mut *seen)
}

/// A delayed message delays all messages after it, in bodies as on WebSockets.
#[tokio::test(start_paused = true)]
async fn delayed_messages_keep_their_order() {
    let held = |format| always(messages(format).delay(1.0, Delay::fixed("1s"))).build().unwrap();
    let start = Instant::now();
    let text: Vec<u8> = (0..3).flat_map(event).collect();
    assert_eq!(through(Format::Sse, &held(Format::Sse), vec![text.clone().into()]).await.0, text);
    assert_eq!(start.elapsed().as_secs(), 3);

    let fault = held(Format::WebSocket);
    let (near, mut far) = tokio::io::duplex(64);
    let mut near = tap(&upgraded(&fault).await, near);
    assert_eq!(fault.control().counts().active, 1);
    let text: Vec<u8> = (0..3).flat_map(|number| web_message(number, false)).collect();
    let start = Instant::now();
    near.write_all(&text).await.unwrap();
    assert!(start.elapsed().is_zero(), "taken at once, sent in time");
    let mut first = vec![0; 3];
    tokio::join!(async { near.flush().await.unwrap() }, async {
        far.read_exact(&mut first).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 1);
        let mut rest = vec![0; text.len() - 3];
        far.read_exact(&mut rest).await.unwrap();
        assert_eq!([first.clone(), rest].concat(), text);
    });
    assert_eq!(start.elapsed().as_secs(), 3);
    drop(near);
    assert_eq!(fault.control().counts().active, 0);
}

/// After the switch, messages pass as they arrive; a direction stays off once it was.
#[tokio::test(start_paused = true)]
async fn a_switch_releases_messages() {
    let fault = always(messages(Format::WebSocket).delay(1.0, Delay::fixed("1h"))).build().unwrap();
    let (near, mut far) = tokio::io::duplex(64);
    let mut near = tap(&upgraded(&fault).await, near);
    let control = fault.control();
    near.write_all(&web_message(0, false)).await.unwrap();
    let flushing = tokio::spawn(async move {
        near.flush().await.unwrap();
        near
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    control.set_enabled(false);
    let mut near = flushing.await.unwrap();
    near.write_all(&web_message(1, false)).await.unwrap();
    control.set_enabled(true);
    near.write_all(&web_message(2, false)).await.unwrap();
    near.flush().await.unwrap();
    let mut seen = vec![0; 3 + 6 + 3];
    far.read_exact(&mut seen).await.unwrap();
    assert_eq!(seen, [web_message(0, false), web_message(1, false), web_message(2, false)].concat());
}

/// Without `tap` the fault is counted as not deliverable.
#[tokio::test]
async fn untapped_requests_are_not_deliverable() {
    let fault = always(messages(Format::WebSocket).drop(1.0)).build().unwrap();
    let counts = || {
        let counts = fault.control().counts();
        (counts.seen, counts.injected, counts.not_deliverable)
    };
    let extensions = upgraded(&fault).await;
    assert_eq!(counts(), (1, 0, 0));
    let copy = extensions.clone();
    drop(tap(&extensions, tokio::io::duplex(64).0));
    drop(tap(&copy, tokio::io::duplex(64).0));
    assert_eq!(counts(), (1, 1, 0));
    drop((extensions, copy));
    assert_eq!(counts(), (1, 1, 0));
    drop(upgraded(&fault).await);
    assert_eq!(counts(), (2, 1, 1));
}

/// A request that opens no WebSocket has none to be tapped; a stream without a fault is unchanged.
#[tokio::test]
async fn other_requests_are_skipped() {
    let fault = always(messages(Format::WebSocket).drop(1.0)).build().unwrap();
    crate::support::send(&fault, crate::support::get("/")).await;
    assert_eq!(fault.control().counts().not_deliverable, 1);

    let (near, mut far) = tokio::io::duplex(64);
    let mut near = tap(&Extensions::new(), near);
    near.write_all(b"as it is").await.unwrap();
    near.shutdown().await.unwrap();
    let mut seen = String::new();
    far.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen, "as it is");
}

/// Comments and blocks without data pass in their place, take no number and are not dropped: a replay
/// does not depend on keep-alives.
#[tokio::test(start_paused = true)]
async fn keep_alives_are_no_events() {
    let quiet = [event(0), event(1), event(2), event(3), event(4), event(5)];
    let ping = b": ping\n\n".to_vec();
    let lively = [
        &ping,
        &quiet[0],
        &ping,
        &quiet[1],
        &b"id: 7\n\n".to_vec(),
        &quiet[2],
        &quiet[3],
        &ping,
        &quiet[4],
        &quiet[5],
    ];
    let rows = [
        messages(Format::Sse).drop(0.5),
        messages(Format::Sse).duplicate(0.5),
        messages(Format::Sse).reorder(0.5),
        messages(Format::Sse).stop_after(3),
        messages(Format::Sse).delay(0.5, Delay::fixed("1s")),
    ];
    for how in rows {
        for seed in 0..8 {
            let fault = || always(how.clone()).seed(seed).build().unwrap();
            let wanted = through(Format::Sse, &fault(), vec![quiet.concat().into()]).await.0;
            let lively: Vec<u8> = lively.into_iter().flatten().copied().collect();
            let seen = through(Format::Sse, &fault(), vec![lively.into()]).await.0;
            let seen = String::from_utf8(seen).unwrap();
            let pings = seen.matches(": ping\n\n").count() + seen.matches("id: 7\n\n").count();
            let events = seen.replace(": ping\n\n", "").replace("id: 7\n\n", "");
            assert_eq!(events.as_bytes(), wanted, "{how:?} {seed}");
            let whole = !format!("{how:?}").contains("stop_after: Some");
            assert!(pings == 4 || !whole, "{how:?} {seed}: {seen}");
        }
    }
}

/// A body of another type has no messages: it is unchanged, and counted as skipped.
#[tokio::test(start_paused = true)]
async fn other_bodies_are_not_deliverable() {
    let all = |format| messages(format).drop(1.0);
    let slow_too = |format| chain::<Injector>([slow(Delay::fixed("1s")), all(format).into()]);
    let rows = [
        (Format::Sse, "text/html", "identity", false),
        (Format::Sse, "application/grpc", "identity", false),
        (Format::Sse, "text/event-stream", "gzip", false),
        (Format::Sse, "text/event-stream", "identity", true),
        (Format::Grpc, "application/json", "identity", false),
        (Format::Grpc, "text/event-stream", "identity", false),
        (Format::Grpc, "application/grpc", "identity", true),
    ];
    for (format, media_type, encoding, wanted) in rows {
        for chained in [false, true] {
            let row = format!("{format:?} {media_type} {encoding} {chained}");
            let text =
                String::from_utf8(if format == Format::Sse { event(7) } else { grpc_message(7) }).unwrap();
            let inner = service_fn(|_: Request<String>| {
                let response = Response::builder().header("content-type", media_type);
                let response = response.header("content-encoding", encoding).body(text.clone()).unwrap();
                std::future::ready(Ok::<_, Infallible>(response))
            });
            let log = crate::support::Log::default();
            let injector: Injector = if chained { slow_too(format) } else { all(format).into() };
            let fault = always(injector).reporter(log.reporter()).build().unwrap();
            let response = fault.layer().layer(inner).oneshot(Request::new(String::new())).await.unwrap();
            let injected = response.extensions().get::<Injected>().cloned();
            let actions = injected.map_or(0, |injected| injected.actions().len());
            assert_eq!(actions, usize::from(chained) + usize::from(wanted), "{row}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, if wanted { "" } else { &*text }, "{row}");
            let counts = fault.control().counts();
            let injected = chained || wanted;
            assert_eq!(
                (counts.injected, counts.not_deliverable),
                (u64::from(injected), u64::from(!injected)),
                "{row}"
            );
            let end = log.take().pop().unwrap();
            let skipped = Phase::Skipped(SkipReason::NotDeliverable);
            assert_eq!(end.0, if injected { Phase::Finished } else { skipped }, "{row}");
        }
    }
}

/// The same for the messages of a client.
#[cfg(feature = "axum")]
#[tokio::test]
async fn other_request_bodies_are_not_deliverable() {
    use axum::body::Body;
    let fault = always(messages(Format::Sse).drop(1.0).on(Side::Request)).build().unwrap();
    let echo =
        service_fn(async |request: Request<Body>| Ok::<_, Infallible>(Response::new(request.into_body())));
    let request =
        Request::post("/").header("content-type", "text/plain").body(Body::from("data: 1\n\n")).unwrap();
    let response = fault.layer().layer(echo).oneshot(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "data: 1\n\n");
    assert_eq!((fault.control().counts().injected, fault.control().counts().not_deliverable), (0, 1));
}
