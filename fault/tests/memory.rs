//! Peak memory of what faults hold back, in the pieces that cost the most.
//!
//! A separate program with one test: allocations of other tests would be counted as well.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of its expectation")]

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Extensions, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tower::{Service, ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Connection, Delay, Direction, Fault, FaultBody, FaultStream, Format, Injector, Side, Toxic, messages,
    slow, tap,
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn always(injector: impl Into<Injector>) -> Fault {
    Fault::new("test", injector).enabled(true).participation(1.0).seed(7).build().unwrap()
}

fn hour() -> Delay {
    Delay::fixed("1h")
}

/// Returns the most memory that a task held at once, beside what there was before.
async fn peak<R>(task: impl Future<Output = R>) -> (usize, R) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = task.await;
    (MEMORY.peak_usage() - before, result)
}

/// Writes this piece again and again, until the stream takes no more, or 4 MiB. Returns how many bytes it took.
async fn fill(mut stream: impl AsyncWrite + Unpin, piece: &[u8]) -> usize {
    let mut taken = 0;
    while taken < 4 * MIB {
        match stream.write(&piece[taken % piece.len()..]).now_or_never() {
            Some(written) => taken += written.unwrap(),
            None => break,
        }
    }
    taken
}

/// Sends this piece again and again, until the reader takes no more, or 4 MiB. Returns how many bytes it took.
async fn fill_reader(mut stream: impl AsyncRead + Unpin, mut peer: DuplexStream, piece: &[u8]) -> usize {
    let mut taken = 0;
    while taken < 4 * MIB {
        match peer.write(&piece[taken % piece.len()..]).now_or_never() {
            Some(written) => taken += written.unwrap(),
            None => break,
        }
        // Delayed for an hour, so there is nothing to read.
        assert!(stream.read(&mut [0; 64]).now_or_never().is_none());
    }
    taken
}

/// Sends a request through the layer of a fault, whose response body is what the function makes.
async fn send<B>(
    fault: &Fault,
    request: Request<String>,
    body: impl Fn() -> B + Clone,
) -> Response<FaultBody<B>>
where
    B: Body<Data = Bytes, Error = Infallible>,
{
    let inner = service_fn(move |_: Request<String>| {
        let response = Response::builder().header("content-type", "text/event-stream").body(body());
        std::future::ready(Ok::<_, Infallible>(response.unwrap()))
    });
    fault.layer().layer(inner).oneshot(request).await.unwrap()
}

/// The extensions of a request for a WebSocket that the fault was injected into.
async fn upgraded(fault: &Fault) -> Extensions {
    let (sender, receiver) = std::sync::mpsc::channel();
    let inner = service_fn(move |request: Request<String>| {
        sender.send(request.into_parts().0.extensions).unwrap();
        std::future::ready(Ok::<_, Infallible>(Response::new(String::new())))
    });
    let request = Request::get("/chat").header("upgrade", "websocket").body(String::new()).unwrap();
    fault.layer().layer(inner).oneshot(request).await.unwrap();
    receiver.recv().unwrap()
}

async fn toxics() {
    // The toxic, the size of a piece, the most bytes held. A read or a write of 16 KiB is sliced as a whole.
    let rows = [
        (Toxic::latency("1h", "0s"), 1, MIB + 64 * KIB),
        (Toxic::latency("1h", "0s"), 100, MIB + 64 * KIB),
        (Toxic::latency("1h", "0s"), 64 * KIB, MIB + 64 * KIB),
        (Toxic::timeout("0s"), 1, MIB + 64 * KIB),
        (Toxic::slow_close("1h"), 1, MIB + 64 * KIB),
        (Toxic::bandwidth(1), 1, MIB + 64 * KIB),
        (Toxic::slicer(1, 0, "1h"), 1, MIB + 64 * KIB),
        (Toxic::slicer(1, 0, "1h"), 64 * KIB, 3 * MIB),
    ];
    for (toxic, size, most) in rows {
        let row = format!("{toxic:?} {size}");
        let piece = vec![b'x'; size];
        for direction in [Direction::Downstream, Direction::Upstream] {
            let fault = always(toxic.clone().direction(direction));
            let (held, taken) = peak(async {
                let (server, client) = duplex(64 * KIB);
                let server = FaultStream::accepted(server, None).fault(&fault);
                match direction {
                    Direction::Downstream => fill(server, &piece).await,
                    Direction::Upstream => fill_reader(server, client, &piece).await,
                }
            })
            .await;
            assert!(held <= most + 64 * KIB, "{row} {direction:?}: {held} bytes for {taken}");
        }
    }
}

async fn websockets() {
    let (empty, masked) = (vec![0x82, 0], vec![0x82, 0x80, 1, 2, 3, 4]);
    let (ping, long) = (vec![0x89, 0], [vec![0x82, 126, 0x40, 0], vec![7; 16 * KIB]].concat());
    for side in [Side::Response, Side::Request] {
        let fault = always(messages(Format::WebSocket).on(side).delay(1.0, hour()));
        for frame in [&empty, &masked, &ping, &long] {
            // As one message of two that are delayed, and in pieces of any size.
            let text = [&masked[..], &frame.repeat(64 * KIB / frame.len())].concat();
            for size in [text.len(), frame.len()] {
                let extensions = upgraded(&fault).await;
                let (held, taken) = peak(async {
                    let (near, far) = duplex(64 * KIB);
                    let near = tap(&extensions, near);
                    match side {
                        Side::Response => fill(near, &text[..size]).await,
                        _ => fill_reader(near, far, &text[..size]).await,
                    }
                })
                .await;
                assert!(held <= 2 * MIB, "{side:?} {:?} {size}: {held} bytes for {taken}", &frame[..2]);
            }
        }
    }
}

async fn bodies() {
    let delayed = messages(Format::Sse).delay(1.0, Delay::fixed("1ms"));
    let rows = [
        ("blank lines", "\n".repeat(256 * KIB)),
        ("blocks", "\r\n:\n\n".repeat(50 * KIB)),
        ("events", "data\n\n".repeat(1000)),
        ("no end", "x".repeat(256 * KIB)),
    ];
    for (name, text) in rows {
        let fault = always(delayed.clone());
        let body = || http_body_util::Full::new(Bytes::copy_from_slice(text.as_bytes()));
        let (held, length) = peak(async {
            let response = send(&fault, Request::new(String::new()), body).await;
            let mut body = pin!(response.into_body());
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                length += frame.unwrap().into_data().unwrap().len();
            }
            length
        })
        .await;
        assert_eq!(length, text.len(), "{name}");
        assert!(held <= 3 * text.len() + MIB + MIB / 2, "{name}: {held} bytes for {length}");
    }
}

/// A request body of many chunks of one byte, each from a separate buffer.
struct Chunks(usize);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0 == 0 {
            return Poll::Pending;
        }
        self.0 -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; KIB]).slice(..1)))))
    }
}

async fn uploads() {
    type Upload = http_body_util::combinators::UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
    let fault = Fault::new("test", slow(hour())).enabled(true).participation(1.0).read_ahead(256 * KIB);
    let fault = fault.build().unwrap();
    let layer = fault.layer().request_body_with::<Upload>(|body| body.map_err(Into::into).boxed_unsync());
    let inner = service_fn(async |_: Request<Upload>| Ok::<_, Infallible>(Response::new(String::new())));
    let mut service = layer.layer(inner);
    let upload = Chunks(100_000).map_err(|never| match never {}).boxed_unsync();
    let mut response = Box::pin(service.call(Request::new(upload)));
    let (held, _) = peak(async { assert!((&mut response).now_or_never().is_none()) }).await;
    assert!(held <= MIB, "{held} bytes");
}

async fn streams_and_commands() {
    // HEADERS frames that nothing answers.
    let frame = |stream: u32| {
        let mut frame = vec![0, 0, 0, 1, 4];
        frame.extend(stream.to_be_bytes());
        frame
    };
    let (server, mut client) = duplex(64 * KIB);
    let mut server = FaultStream::accepted(server, None);
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    server.read_exact(&mut [0; 24]).await.unwrap();
    let (held, ()) = peak(async {
        for index in 0..400_000 {
            client.write_all(&frame(2 * index + 1)).await.unwrap();
            server.read_exact(&mut [0; 9]).await.unwrap();
        }
    })
    .await;
    assert!(held <= MIB, "{held} bytes for streams");

    // One toxic for each of many requests, before the stream is polled again; and the manual commands.
    let connection: Connection = server.connection().clone();
    let fault = always(Toxic::latency("1ms", "0s"));
    let (held, ()) = peak(async {
        for _ in 0..20_000 {
            let mut request = Request::new(String::new());
            request.extensions_mut().insert(connection.clone());
            drop(send(&fault, request, String::new).await);
            connection.drain();
        }
    })
    .await;
    assert!(held <= MIB, "{held} bytes for commands");
    assert_eq!(fault.control().counts().injected, 20_000);
    let (held, ()) = peak(async { (0..20_000).for_each(|_| connection.close()) }).await;
    assert!(held <= MIB, "{held} bytes for ends");
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
}

#[test]
fn what_is_held_is_bounded() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        toxics().await;
        websockets().await;
        bodies().await;
        uploads().await;
        streams_and_commands().await;
    });
}
