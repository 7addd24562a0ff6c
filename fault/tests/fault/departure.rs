//! Clients that leave while a fault delays their connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::time::{Instant, timeout};
use waylay_fault::{
    Delay, Direction, FaultStream, Format, InjectContext, InjectOutcome, Injector, Phase, Reject, Toxic,
    chain, custom, messages, reject, slow, tap,
};

use crate::messages::{upgraded, web_message};
use crate::support::{Log, always};

/// How a client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    Fin,
    Rst,
}

/// The server's end of a connection in memory, which can fail like a TCP connection after a
/// reset: reads and writes return an error.
struct Link {
    io: DuplexStream,
    leave: Leave,
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.io).poll_read(cx, buf);
        if poll.is_ready() && buf.filled().len() == before && self.leave == Leave::Rst {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        poll
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn link(leave: Leave) -> (Link, DuplexStream) {
    let (server, client) = duplex(1 << 16);
    (Link { io: server, leave }, client)
}

/// Faults of a listener: a delay ends at once, a hang closes the connection.
#[tokio::test(start_paused = true)]
async fn a_listener_releases_them() {
    fn own() -> Injector {
        custom("own", |_: InjectContext| async {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            InjectOutcome::Continue
        })
    }
    type Row = (&'static str, fn() -> Injector, &'static str);
    let rows: [Row; 4] = [
        ("slow", || slow(Delay::fixed("1h")), "abcd"),
        ("custom", own, "abcd"),
        ("hang", || reject(Reject::hang("1h")), ""),
        ("slow, then hang", || chain([slow(Delay::fixed("1h")), reject(Reject::hang("1h"))]), ""),
    ];
    for (name, injector, wanted) in rows {
        for leave in [Leave::Fin, Leave::Rst] {
            let log = Log::default();
            let fault = always(injector()).reporter(log.reporter()).build().unwrap();
            let (io, mut client) = link(leave);
            let mut server = FaultStream::accepted(io, None).fault(&fault);
            let begun = Instant::now();
            client.write_all(b"abcd").await.unwrap();
            assert!(timeout(Duration::from_secs(60), server.read_u8()).await.is_err(), "{name}: it is held");
            drop(client);
            let mut seen = Vec::new();
            let end = server.read_to_end(&mut seen).await;
            assert_eq!(seen, wanted.as_bytes(), "{name} {leave:?}");
            assert_eq!(end.is_err(), leave == Leave::Rst && !wanted.is_empty(), "{name} {leave:?}");
            assert_eq!(begun.elapsed().as_secs(), 60, "{name} {leave:?}");
            assert_eq!(fault.control().counts().active, 0, "{name}");
            assert_eq!(log.take().last().unwrap().0, Phase::Abandoned, "{name}");
        }
    }
}

/// The server reads the bytes that arrived during a delay in order, and then the rest.
#[tokio::test(start_paused = true)]
async fn a_held_connection_loses_nothing() {
    let fault = always(slow(Delay::fixed("1s"))).build().unwrap();
    let (io, mut client) = duplex(64);
    let mut server = FaultStream::accepted(io, None).fault(&fault);
    let text: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
    let begun = Instant::now();
    let mut seen = Vec::new();
    let (sent, _) = tokio::join!(
        async {
            client.write_all(&text).await.unwrap();
            client.shutdown().await.unwrap();
            begun.elapsed()
        },
        server.read_to_end(&mut seen),
    );
    assert_eq!(seen, text);
    // A client that half-closes has left: the rest of the delay is skipped.
    assert!(sent < Duration::from_secs(1), "{sent:?}");
}

/// Toxics of raw streams, while the server waits to write, to flush or to close.
#[tokio::test(start_paused = true)]
async fn toxics_delay_nothing_for_them() {
    type Wait = fn(FaultStream<Link>) -> Pin<Box<dyn Future<Output = ()>>>;
    type Row = (&'static str, fn() -> Toxic);
    let toxics: [Row; 6] = [
        ("latency", || Toxic::latency("1h", "0s")),
        ("bandwidth", || Toxic::bandwidth(1)),
        ("slicer", || Toxic::slicer(1, 0, "1h")),
        ("slow_close", || Toxic::slow_close("1h")),
        ("timeout", || Toxic::timeout("1h")),
        ("timeout, endless", || Toxic::timeout("0s")),
    ];
    let waits: [(&str, Wait); 3] = [
        ("flush", |mut server| {
            Box::pin(async move {
                let _ = server.write_all(&[7; 10_000]).await;
                let _ = server.flush().await;
                let _ = server.shutdown().await;
            })
        }),
        ("shutdown", |mut server| {
            Box::pin(async move {
                let _ = server.write_all(&[7; 10_000]).await;
                let _ = server.shutdown().await;
            })
        }),
        // More than one direction of a connection buffers.
        ("write", |mut server| Box::pin(async move { drop(server.write_all(&[7; 2 << 20]).await) })),
    ];
    for (name, toxic) in toxics {
        for (wait, wait_for) in waits {
            for leave in [Leave::Fin, Leave::Rst] {
                let fault = always(toxic()).build().unwrap();
                let (io, mut client) = link(leave);
                client.write_all(b"asked").await.unwrap();
                let server = FaultStream::accepted(io, None).fault(&fault);
                let begun = Instant::now();
                tokio::join!(wait_for(server), async {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    drop(client);
                });
                assert!(
                    begun.elapsed() < Duration::from_secs(2),
                    "{name} {wait} {leave:?} {:?}",
                    begun.elapsed()
                );
                assert_eq!(fault.control().counts().active, 0, "{name} {wait} {leave:?}");
            }
        }
    }
}

/// An endless delay of incoming bytes ends when the client leaves; a finite one applies to what it sent.
#[tokio::test(start_paused = true)]
async fn upstream_toxics_end_with_them() {
    for (leave, toxic, seconds) in [
        (Leave::Fin, Toxic::timeout("0s"), 0),
        (Leave::Rst, Toxic::timeout("0s"), 0),
        (Leave::Rst, Toxic::timeout("1h"), 0),
        (Leave::Rst, Toxic::latency("1h", "0s"), 0),
        (Leave::Fin, Toxic::latency("1h", "0s"), 3600),
    ] {
        let fault = always(toxic.clone().direction(Direction::Upstream)).build().unwrap();
        let (io, mut client) = link(leave);
        let mut server = FaultStream::accepted(io, None).fault(&fault);
        client.write_all(b"abcd").await.unwrap();
        drop(client);
        let begun = Instant::now();
        let _ = server.read_to_end(&mut Vec::new()).await;
        assert_eq!(begun.elapsed().as_secs(), seconds, "{leave:?} {toxic:?}");
    }
}

/// Messages that are delayed by `tap`: its server waits for the flush, and reads nothing meanwhile.
#[tokio::test(start_paused = true)]
async fn tapped_streams_notice_them() {
    let slow = messages(Format::WebSocket).delay(1.0, Delay::fixed("1h"));
    let fault = always(slow).build().unwrap();
    for leave in [Leave::Fin, Leave::Rst] {
        let (io, client) = link(leave);
        let mut stream = tap(&upgraded(&fault).await, io);
        let begun = Instant::now();
        tokio::join!(
            async {
                stream.write_all(&web_message(0, false)).await.unwrap();
                let _ = stream.flush().await;
            },
            async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                drop(client);
            }
        );
        assert_eq!(begun.elapsed().as_secs(), 1, "{leave:?}");
    }
}
