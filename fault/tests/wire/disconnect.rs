//! Clients that leave, timeouts that fire and faults that are disabled during a fault.

use std::time::Duration;

use http::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use waylay_fault::{
    Delay, DelayPoint, Direction, Event, Fault, Injector, Phase, Reject, Toxic, TruncateAt, chain,
    rate_limit, reject, replace, slow, truncate,
};

use crate::handle::{self, Server};
use crate::support::{NEVER, PLACES, Place, Protocol, Seen, send_request, serve};

const HOLDERS: [fn() -> Injector; 2] = [|| slow(Delay::fixed("1h")), || reject(Reject::hang("1h"))];

/// A fault that selects every request, and its events on arrival.
fn with_events(injector: Injector) -> (Fault, UnboundedReceiver<Phase>) {
    let (sender, receiver) = unbounded_channel();
    let fault = Fault::new("holder", injector)
        .enabled(true)
        .participation(1.0)
        .read_ahead(64 << 10)
        .reporter(move |event: &Event<'_>| sender.send(event.phase()).unwrap_or_default())
        .build()
        .unwrap();
    (fault, receiver)
}

#[tokio::test]
async fn a_leaving_client_ends_the_fault() {
    for place in PLACES {
        for holder in HOLDERS {
            let (fault, mut phases) = with_events(holder());
            let server = serve(place, &fault, NEVER).await;
            let mut client = TcpStream::connect(server).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n").await.unwrap();
            assert_eq!(phases.recv().await, Some(Phase::Started));
            assert_eq!(fault.control().counts().active, 1);
            drop(client);
            assert_eq!(phases.recv().await, Some(Phase::Abandoned), "{place:?}");

            let (mut sender, connection) =
                h2::client::handshake(TcpStream::connect(server).await.unwrap()).await.unwrap();
            tokio::spawn(connection);
            let request = http::Request::get("http://example.com/").body(()).unwrap();
            let (response, mut stream) = sender.send_request(request, true).unwrap();
            assert_eq!(phases.recv().await, Some(Phase::Started));
            stream.send_reset(h2::Reason::CANCEL);
            assert_eq!(phases.recv().await, Some(Phase::Abandoned), "{place:?}");
            drop(response);
        }
    }
}

/// How a client leaves: it closes its socket, or resets the connection.
#[derive(Debug, Clone, Copy)]
enum Leave {
    Fin,
    Rst,
}

impl Leave {
    fn leave(self, client: TcpStream) {
        if matches!(self, Self::Rst) {
            client.set_zero_linger().unwrap();
        }
        drop(client);
    }
}

const REQUESTS: [(&str, &[u8]); 4] = [
    ("GET", b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n"),
    // Its body is in the server's buffer, and nothing reads it.
    ("POST", b"POST / HTTP/1.1\r\nhost: example.com\r\ncontent-length: 5\r\n\r\nhello"),
    ("chunks", b"POST / HTTP/1.1\r\nhost: example.com\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    // The preface, empty settings, and a GET of `http://a/` on stream 1.
    (
        "HTTP/2",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\
          \0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a",
    ),
];

/// In every way to leave, during every phase of the exchange.
#[tokio::test]
async fn every_way_to_leave_ends_it() {
    for place in PLACES {
        for holder in HOLDERS {
            for (name, request) in REQUESTS {
                // The server stops reading an incomplete upload, unless the fault reads it.
                if name == "chunks" && place == Place::Hyper {
                    continue;
                }
                for leave in [Leave::Fin, Leave::Rst] {
                    let (fault, mut phases) = with_events(holder());
                    let server = serve(place, &fault, NEVER).await;
                    let mut client = TcpStream::connect(server).await.unwrap();
                    client.write_all(request).await.unwrap();
                    assert_eq!(phases.recv().await, Some(Phase::Started), "{name}");
                    leave.leave(client);
                    let phase = tokio::time::timeout(Duration::from_secs(10), phases.recv()).await;
                    assert_eq!(phase, Ok(Some(Phase::Abandoned)), "{place:?} {name} {leave:?}");
                }
            }
        }
    }
}

/// A listener that holds connections: no descriptor of a client that left stays open.
#[tokio::test]
async fn clients_of_a_listener_that_leave_end_it() {
    let holders: [fn() -> Injector; 3] =
        [|| slow(Delay::fixed("1h")), || reject(Reject::hang("1h")), || Toxic::timeout("0s").into()];
    for server in [Server::Hyper, Server::AxumRoute] {
        for holder in holders {
            for (name, request) in REQUESTS {
                for leave in [Leave::Fin, Leave::Rst] {
                    let fault =
                        Fault::new("holder", holder()).enabled(true).participation(1.0).build().unwrap();
                    let address = handle::serve(server, &handle::idle(), &fault).await;
                    let mut clients = Vec::new();
                    for _ in 0..20 {
                        let mut client = TcpStream::connect(address).await.unwrap();
                        client.write_all(request).await.unwrap();
                        clients.push(client);
                    }
                    while fault.control().counts().active < 20 {
                        tokio::task::yield_now().await;
                    }
                    clients.into_iter().for_each(|client| leave.leave(client));
                    let gone = async {
                        while fault.control().counts().active > 0 {
                            tokio::task::yield_now().await;
                        }
                    };
                    let gone = tokio::time::timeout(Duration::from_secs(10), gone).await;
                    let active = fault.control().counts().active;
                    assert!(gone.is_ok(), "{server:?} {fault:?} {name} {leave:?}: {active} are held");
                }
            }
        }
    }
}

#[tokio::test]
pub(crate) async fn an_outer_timeout_responds() {
    for place in PLACES {
        for holder in HOLDERS {
            let (fault, mut phases) = with_events(holder());
            let server = serve(place, &fault, Duration::from_millis(20)).await;
            for protocol in [Protocol::Http1, Protocol::Http2] {
                assert_eq!(
                    send_request(protocol, server, Method::GET, &[]).await,
                    Seen::Status(408),
                    "{place:?} {protocol:?}"
                );
                assert_eq!(phases.recv().await, Some(Phase::Started));
                assert_eq!(phases.recv().await, Some(Phase::Abandoned));
                assert_eq!(fault.control().counts().active, 0);
            }
        }
    }
}

#[tokio::test]
async fn disabling_lets_the_request_continue() {
    for place in PLACES {
        for holder in HOLDERS {
            for protocol in [Protocol::Http1, Protocol::Http2] {
                let (fault, mut phases) = with_events(holder());
                let server = serve(place, &fault, NEVER).await;
                let client =
                    tokio::spawn(async move { send_request(protocol, server, Method::GET, &[]).await });
                assert_eq!(phases.recv().await, Some(Phase::Started));
                fault.control().set_enabled(false);
                assert_eq!(phases.recv().await, Some(Phase::Cancelled));
                assert_eq!(client.await.unwrap(), Seen::Status(200), "{place:?} {protocol:?}");
            }
        }
    }
}

/// Delays of responses and of the connection end as well, in either direction.
#[tokio::test]
async fn a_leaving_client_ends_delays() {
    let rows: [fn() -> Injector; 9] = [
        || slow(Delay::fixed("1h").at(DelayPoint::ResponseHead)),
        || slow(Delay::fixed("1h").at(DelayPoint::ResponseChunks)),
        || truncate(TruncateAt::Bytes(1)).linger("1h").into(),
        || chain::<Injector>([replace("long").into(), rate_limit(1).into()]),
        || Toxic::latency("1h", "0s").into(),
        || Toxic::timeout("0s").into(),
        || Toxic::slicer(1, 0, "1h").into(),
        || Toxic::timeout("0s").direction(Direction::Upstream).into(),
        || Toxic::latency("1h", "0s").direction(Direction::Upstream).into(),
    ];
    for server in [Server::Hyper, Server::AxumRoute] {
        for injector in rows {
            let fault = Fault::new("holder", injector()).enabled(true).participation(1.0).build().unwrap();
            let address = handle::serve(server, &fault, &handle::idle()).await;
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n").await.unwrap();
            while fault.control().counts().active == 0 {
                tokio::task::yield_now().await;
            }
            drop(client);
            while fault.control().counts().active > 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// An upload larger than the server's buffers hides that its client has left, unless it is read.
#[tokio::test]
pub(crate) async fn a_client_leaving_its_upload_ends_the_fault() {
    for place in [Place::AxumRoute, Place::AxumAround] {
        for holder in HOLDERS {
            let (sender, mut phases) = unbounded_channel();
            let fault = Fault::new("holder", holder())
                .enabled(true)
                .participation(1.0)
                .read_ahead(64 << 20)
                .reporter(move |event: &Event<'_>| sender.send(event.phase()).unwrap_or_default())
                .build()
                .unwrap();
            let server = serve(place, &fault, NEVER).await;
            let mut client = TcpStream::connect(server).await.unwrap();
            let head = "POST / HTTP/1.1\r\nhost: example.com\r\ncontent-length: 20000000\r\n\r\n";
            client.write_all(head.as_bytes()).await.unwrap();
            // More than hyper and both sockets buffer: it completes only if it is read.
            client.write_all(&vec![b'x'; 16_000_000]).await.unwrap();
            assert_eq!(phases.recv().await, Some(Phase::Started));
            drop(client);
            assert_eq!(phases.recv().await, Some(Phase::Abandoned), "{place:?}");
        }
    }
}
