//! Streams that follow the HTTP on them, in memory.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    ChunkError, Corruption, Delay, Fault, FaultStream, Format, Side, chain, corrupt, messages,
};

use crate::messages::{cut, paused, settings, web_message};
use crate::support::always;

const ASKED: &[u8] = b"GET /chat HTTP/1.1\r\nupgrade: websocket\r\n\r\n";
const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

/// Both ends of a connection on which a request was sent and read.
async fn requested_stream(room: usize) -> (FaultStream<DuplexStream>, DuplexStream) {
    let (near, mut far) = duplex(room);
    let mut near = FaultStream::accepted(near, None);
    far.write_all(ASKED).await.unwrap();
    near.read_exact(&mut [0; ASKED.len()]).await.unwrap();
    (near, far)
}

/// Lets a fault decide about that request.
async fn inject(fault: &Fault, stream: &FaultStream<DuplexStream>) {
    let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    let mut request = Request::get("/chat").header("upgrade", "websocket").body(String::new()).unwrap();
    request.extensions_mut().insert(stream.connection().clone());
    fault.layer().layer(inner).oneshot(request).await.unwrap();
}

/// The same, with a response that accepts the upgrade.
async fn upgraded_stream(fault: &Fault, room: usize) -> (FaultStream<DuplexStream>, DuplexStream) {
    let (mut near, mut far) = requested_stream(room).await;
    inject(fault, &near).await;
    near.write_all(AGREED).await.unwrap();
    near.flush().await.unwrap();
    far.read_exact(&mut [0; AGREED.len()]).await.unwrap();
    (near, far)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// The stream changes messages as `tap` does, from the first byte after the head on.
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
            let (mut near, mut far) = requested_stream(64).await;
            inject(&fault, &near).await;
            let mut seen = Vec::new();
            if request {
                // At the same time, since the far end has little room.
                let mut head = [0; AGREED.len()];
                let (read, _) = tokio::join!(far.read_exact(&mut head), async {
                    near.write_all(AGREED).await.unwrap();
                    near.flush().await.unwrap();
                });
                read.unwrap();
                tokio::join!(
                    async {
                        for chunk in cut(&text, &truncations) {
                            far.write_all(&chunk).await.unwrap();
                        }
                        far.shutdown().await.unwrap();
                    },
                    async { near.read_to_end(&mut seen).await.unwrap() }
                );
            } else {
                let text = [AGREED, &text].concat();
                tokio::join!(
                    async {
                        for chunk in cut(&text, &truncations) {
                            near.write_all(&chunk).await.unwrap();
                        }
                        near.shutdown().await.unwrap();
                    },
                    async { far.read_to_end(&mut seen).await.unwrap() }
                );
                assert_eq!(&seen[..AGREED.len()], AGREED);
                seen.drain(..AGREED.len());
            }
            seen
        });
        prop_assert_eq!(seen, settings.web_oracle(seed, count, request));
        prop_assert_eq!(fault.control().counts().active, 0);
    }

    /// Chunks are found however a response is split; a body that is not announced as chunked is not
    /// changed.
    #[test]
    fn chunks_are_found(
        sizes in prop::collection::vec(1_usize..40, 1..4),
        interim in 0_usize..3,
        announced in any::<bool>(),
        truncations in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let fault = always(corrupt(Corruption::ChunkFraming(ChunkError::Longer))).build().unwrap();
        let coding = if announced { "transfer-encoding: chunked" } else { "content-length: 1000" };
        let head = format!("{}HTTP/1.1 200 OK\r\n{coding}\r\n\r\n", "HTTP/1.1 103 Early\r\n\r\n".repeat(interim));
        let chunks: Vec<String> = sizes.iter().map(|size| format!("{size:x}\r\n{}\r\n", "5".repeat(*size))).collect();
        let text = format!("{head}{}0\r\n\r\nHTTP/1.1 200 OK\r\n{coding}\r\n\r\n1\r\n6\r\n0\r\n\r\n", chunks.concat());
        let seen = paused(async {
            let (mut near, mut far) = requested_stream(64).await;
            inject(&fault, &near).await;
            let mut seen = Vec::new();
            tokio::join!(
                async {
                    for chunk in cut(text.as_bytes(), &truncations) {
                        near.write_all(&chunk).await.unwrap();
                    }
                    near.shutdown().await.unwrap();
                },
                async { far.read_to_end(&mut seen).await.unwrap() }
            );
            String::from_utf8(seen).unwrap()
        });
        let first = &chunks[0];
        let wrong = format!("{}x\r\n", &first[..first.len() - 2]);
        let wanted = if announced { text.replacen(first, &wrong, 1) } else { text.clone() };
        prop_assert_eq!(seen, wanted);
        prop_assert_eq!(fault.control().counts().active, 0);
    }
}

/// A response that is still being written cannot be distinguished from the next: the fault is not
/// injected.
#[tokio::test(start_paused = true)]
async fn a_pending_response_makes_the_next_not_deliverable() {
    let fault = always(corrupt(Corruption::ChunkFraming(ChunkError::BadSize))).build().unwrap();
    let (mut near, _far) = requested_stream(1024).await;
    near.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await.unwrap();
    inject(&fault, &near).await;
    assert_eq!((fault.control().counts().injected, fault.control().counts().not_deliverable), (0, 1));
    near.flush().await.unwrap();
    inject(&fault, &near).await;
    assert_eq!((fault.control().counts().injected, fault.control().counts().not_deliverable), (1, 1));
}

/// Encrypted streams and outgoing connections are opaque.
#[tokio::test(start_paused = true)]
async fn opaque_streams_are_not_deliverable() {
    let fault = always(corrupt(Corruption::ChunkFraming(ChunkError::BadSize))).build().unwrap();
    let (near, mut far) = duplex(64);
    let mut near = FaultStream::accepted(near, None);
    far.write_all(b"\x16\x03\x01").await.unwrap();
    near.read_exact(&mut [0; 3]).await.unwrap();
    inject(&fault, &near).await;
    let (near, mut far) = duplex(64);
    let mut near = FaultStream::connected(near, None);
    far.write_all(ASKED).await.unwrap();
    near.read_exact(&mut [0; ASKED.len()]).await.unwrap();
    inject(&fault, &near).await;
    assert_eq!((fault.control().counts().injected, fault.control().counts().not_deliverable), (0, 2));
}

/// The start of the frames of a client that sends too early is unknown: they pass unchanged.
#[tokio::test(start_paused = true)]
async fn early_client_frames_pass_unchanged() {
    let fault = always(messages(Format::WebSocket).duplicate(1.0).on(Side::Request)).build().unwrap();
    let (mut near, mut far) = requested_stream(1024).await;
    inject(&fault, &near).await;
    let message = web_message(2, true);
    far.write_all(&message[..3]).await.unwrap();
    near.read_exact(&mut [0; 3]).await.unwrap();
    near.write_all(AGREED).await.unwrap();
    near.flush().await.unwrap();
    far.write_all(&message[3..]).await.unwrap();
    far.shutdown().await.unwrap();
    let mut seen = Vec::new();
    near.read_to_end(&mut seen).await.unwrap();
    assert_eq!(seen, message[3..]);
}

/// A mebibyte and a message are buffered per direction; then the writer waits.
#[tokio::test(start_paused = true)]
async fn both_directions_are_bounded() {
    const MIB: usize = 1 << 20;
    let held = |side| messages(Format::WebSocket).delay(1.0, Delay::fixed("1h")).on(side);
    let fault =
        always(chain::<waylay_fault::Injector>([held(Side::Request).into(), held(Side::Response).into()]));
    let fault = fault.build().unwrap();
    let (mut near, mut far) = upgraded_stream(&fault, 1024).await;
    let mut message = vec![0x82, 126, 0xea, 0x60];
    message.resize(4 + 60_000, 7);
    let mut taken = 0;
    while near.write_all(&message).now_or_never().is_some() {
        taken += message.len();
        tokio::task::yield_now().await;
        assert!(taken < 2 * MIB);
    }
    assert!(taken >= MIB, "{taken}");
    // A server that waits for its message to be written does not read, so the stream reads on for
    // it.
    message[1] |= 0x80;
    let text = message.repeat(40);
    let mut sent = 0;
    while near.flush().now_or_never().is_none()
        && let Some(written) = far.write(&text[sent..]).now_or_never()
    {
        sent += written.unwrap();
        assert!(sent < 2 * MIB);
        // Otherwise the runtime's cooperative budget would run out.
        tokio::task::yield_now().await;
    }
    assert!(sent >= MIB, "{sent}");
    assert!(near.read_u8().now_or_never().is_none());
}

/// A client that leaves ends delays for it, even if no task reads.
#[tokio::test(start_paused = true)]
async fn nothing_is_delayed_for_a_client_that_left() {
    let fault = always(messages(Format::WebSocket).delay(1.0, Delay::fixed("1h"))).build().unwrap();
    let (mut near, mut far) = upgraded_stream(&fault, 1024).await;
    let begun = tokio::time::Instant::now();
    near.write_all(&web_message(0, false)).await.unwrap();
    let leaving = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        far.shutdown().await.unwrap();
        let mut seen = vec![0; 3];
        far.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen, web_message(0, false));
    };
    tokio::join!(async { near.flush().await.unwrap() }, leaving);
    assert_eq!(begun.elapsed().as_secs(), 60);
    // A server that closes waits no longer than its client.
    let (mut near, far) = upgraded_stream(&fault, 1024).await;
    near.write_all(&web_message(0, false)).await.unwrap();
    let (shut, ()) = tokio::join!(near.shutdown(), async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(far);
    });
    assert_eq!(shut.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe, "released data has no reader");
    assert_eq!(begun.elapsed().as_secs(), 120);
    // If another task reads at the same time, it observes the close.
    let (near, mut far) = upgraded_stream(&fault, 1024).await;
    let (mut reading, mut writing) = tokio::io::split(near);
    let reading = tokio::spawn(async move { reading.read_u8().await.unwrap_err().kind() });
    writing.write_all(&web_message(0, false)).await.unwrap();
    tokio::task::yield_now().await;
    tokio::join!(async { writing.flush().await.unwrap() }, async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        far.shutdown().await.unwrap();
    });
    assert_eq!(reading.await.unwrap(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(begun.elapsed().as_secs(), 180);
}

/// However few bytes are written at once, the inserted frames are between whole ones: every request
/// is answered, and the connection ends regularly.
#[tokio::test(start_paused = true)]
async fn a_drain_splits_no_frame() {
    const LENGTH: usize = 40_000;
    for (room, drains_at) in [(64, 1), (65, 2), (71, 3), (1000, 3), (1 << 16, 1)] {
        let (near, far) = duplex(room);
        let near = FaultStream::accepted(near, None);
        let line = near.connection().clone();
        let serving = async {
            let mut server = h2::server::handshake(near).await.unwrap();
            let mut count = 0;
            while let Some(request) = server.accept().await {
                let (request, mut respond) = request.unwrap();
                count += 1;
                if count == drains_at {
                    line.drain();
                }
                drop(request);
                let mut body = respond.send_response(Response::new(()), false).unwrap();
                body.send_data(vec![b'a'; LENGTH].into(), true).unwrap();
            }
            count
        };
        let asking = async {
            let (mut client, connection) = h2::client::handshake(far).await.unwrap();
            let asking = async {
                let mut answers = Vec::new();
                for _ in 0..3 {
                    client = client.ready().await.unwrap();
                    answers.push(client.send_request(Request::new(()), true).unwrap().0);
                }
                for answer in answers {
                    let mut body = answer.await.unwrap().into_body();
                    let mut seen = 0;
                    while let Some(data) = body.data().await {
                        let length = data.unwrap().len();
                        body.flow_control().release_capacity(length).unwrap();
                        seen += length;
                    }
                    assert_eq!(seen, LENGTH);
                }
                assert!(client.ready().await.is_err(), "GOAWAY was received");
            };
            tokio::join!(async { connection.await.unwrap() }, asking);
        };
        let joined =
            tokio::time::timeout(Duration::from_secs(3600), async { tokio::join!(serving, asking) }).await;
        let (count, ()) = joined.unwrap();
        assert_eq!(count, 3, "{room}");
    }
}
