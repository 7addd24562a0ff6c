//! GOAWAY under `axum::serve`, whose connections are not accessible.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::routing::any;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tower_layer::Layer;
use waylay_fault::{
    Connection, Fault, FaultListener, FaultStream, Injector, Reject, ResetCode, Toxic, chain, reject,
    with_connection,
};

use crate::observe;

/// What the handlers of a server wait for and report.
#[derive(Clone)]
pub(crate) struct Gate {
    entered: Arc<Notify>,
    open: Arc<Semaphore>,
}

/// A server that returns the number of each request's connection. `/slow` waits for the gate,
/// `/long` is large, and the fault applies to `/go`.
fn app(injector: impl Into<Injector>) -> (axum::Router, Fault, Gate) {
    let fault = Fault::new("going", injector).enabled(true).participation(1.0).allow_paths(["/go"]);
    let fault = fault.build().unwrap();
    let gate = Gate { entered: Arc::default(), open: Arc::new(Semaphore::new(0)) };
    let app = axum::Router::new()
        .route("/long", any(async || vec![b'a'; 1 << 20]))
        .route(
            "/slow",
            any(async |State(gate): State<Gate>, request: Request| {
                gate.entered.notify_one();
                let _ = gate.open.acquire().await;
                number(&request)
            }),
        )
        .fallback(async |request: Request| number(&request))
        .with_state(gate.clone())
        .layer(fault.layer());
    (app, fault, gate)
}

/// Directly, through `axum::serve`.
pub(crate) async fn serve(injector: impl Into<Injector>) -> (SocketAddr, Fault, Gate) {
    let (app, fault, gate) = app(injector);
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = tcp.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(FaultListener::new(tcp), with_connection(app)).await });
    (address, fault, gate)
}

/// The stream wraps TLS, so that it sees the plaintext.
pub(crate) async fn serve_tls(injector: impl Into<Injector>) -> (SocketAddr, Fault, Gate) {
    let (app, fault, gate) = app(injector);
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(observe::shared_tls().0.clone());
    tokio::spawn(async move {
        while let Ok((stream, peer)) = tcp.accept().await {
            let (acceptor, app) = (acceptor.clone(), app.clone());
            tokio::spawn(async move {
                let stream = FaultStream::accepted(acceptor.accept(stream).await.unwrap(), Some(peer));
                let app = TowerToHyperService::new(stream.connection().layer().layer(app));
                let builder = auto::Builder::new(TokioExecutor::new());
                builder.serve_connection(TokioIo::new(stream), app).await.unwrap();
            });
        }
    });
    (address, fault, gate)
}

fn number(request: &Request) -> String {
    request.extensions().get::<Connection>().unwrap().id().to_string()
}

type Pooled = Client<HttpConnector, Empty<Bytes>>;

async fn send_request(client: &Pooled, server: SocketAddr, path: &str) -> Bytes {
    let response = client.get(format!("http://{server}{path}").parse().unwrap()).await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.into_body().collect().await.unwrap().to_bytes()
}

/// Requests in progress are completed, and later ones use another connection: no client receives an
/// error.
#[tokio::test]
async fn pooled_clients_move_on() {
    let rows: [fn() -> Injector; 3] = [
        || reject(Reject::GoAway),
        || reject(Reject::GoAwayWith(ResetCode::ENHANCE_YOUR_CALM)),
        || chain::<Injector>([Toxic::slicer(5000, 1000, "0s").into(), reject(Reject::GoAway)]),
    ];
    for injector in rows {
        let (server, fault, gate) = serve(injector()).await;
        let client: Pooled = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        let first = send_request(&client, server, "/").await;
        let slow = {
            let client = client.clone();
            tokio::spawn(async move { send_request(&client, server, "/slow").await })
        };
        gate.entered.notified().await;
        let long = {
            let client = client.clone();
            tokio::spawn(async move { send_request(&client, server, "/long").await })
        };
        assert_eq!(send_request(&client, server, "/go").await, first, "{fault:?}");
        let second = send_request(&client, server, "/").await;
        assert_ne!(first, second, "{fault:?}");
        assert_eq!(send_request(&client, server, "/").await, second, "{fault:?}");
        gate.open.add_permits(1);
        assert_eq!(slow.await.unwrap(), first, "{fault:?}");
        assert_eq!(long.await.unwrap().len(), 1 << 20, "{fault:?}");
        let counts = fault.control().counts();
        assert_eq!((counts.injected, counts.not_deliverable), (1, 0), "{fault:?}");
    }
}

/// Around TLS the stream sees the plaintext, and the frames are sent through TLS.
#[tokio::test]
async fn within_tls() {
    let (server, fault, _) = serve_tls(reject(Reject::GoAway)).await;
    let stream = TcpStream::connect(server).await.unwrap();
    let name = tokio_rustls::rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(observe::shared_tls().1.clone());
    let stream = connector.connect(name, stream).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    for path in ["/", "/go"] {
        let request = Request::get(format!("https://localhost{path}")).body(Empty::<Bytes>::new()).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    }
    assert_eq!((fault.control().counts().injected, fault.control().counts().not_deliverable), (1, 0));
    // It ends regularly.
    connection.await.unwrap().unwrap();
    assert!(sender.is_closed());
}

/// A client that sends single frames (RFC 9113).
struct Frames(TcpStream);

#[derive(Debug, PartialEq, Eq)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;

impl Frames {
    async fn connect(server: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut frames = Self(stream);
        frames.write(SETTINGS, 0, 0, b"").await;
        frames
    }

    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = vec![0, 0, payload.len() as u8, kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame).await.unwrap();
    }

    /// A GET, by HPACK's static table except for the path and the host.
    async fn send_request(&mut self, stream: u32, path: &str) {
        let mut block = vec![0x82, 0x86, 0x04, path.len() as u8];
        block.extend(path.as_bytes());
        block.extend(b"\x01\x01x");
        // END_STREAM and END_HEADERS.
        self.write(HEADERS, 5, stream, &block).await;
    }

    /// The next frame except for SETTINGS and WINDOW_UPDATE; `None`: the server has closed.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let [a, b, c, kind, flags, stream @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            self.0.read_exact(&mut payload).await.unwrap();
            if !matches!(kind, SETTINGS | 8) {
                return Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload });
            }
        }
    }

    /// The frames until a stream ends, including those of other streams.
    async fn until_end(&mut self, stream: u32) -> Vec<Frame> {
        let mut seen = Vec::new();
        loop {
            let frame = self.next().await.expect("the stream comes to its end");
            let ends = frame.stream == stream && frame.kind <= HEADERS && frame.flags & 1 == 1;
            seen.push(frame);
            if ends {
                return seen;
            }
        }
    }
}

fn go_away(last: u32, code: u32) -> Frame {
    let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
    Frame { kind: GO_AWAY, flags: 0, stream: 0, payload }
}

/// First the announcement and a ping; streams that cross it are served; when all have ended and the
/// ping was answered, the final GOAWAY and the close.
#[tokio::test]
async fn frame_by_frame() {
    for (how, code) in [(Reject::GoAway, 0), (Reject::GoAwayWith(ResetCode::ENHANCE_YOUR_CALM), 11)] {
        let (server, fault, gate) = serve(reject(how)).await;
        let mut client = Frames::connect(server).await;
        client.send_request(1, "/").await;
        client.until_end(1).await;
        client.send_request(3, "/slow").await;
        gate.entered.notified().await;
        client.send_request(5, "/go").await;
        let mut seen = client.until_end(5).await;
        assert_eq!(fault.control().counts().injected, 1);
        // The announcement may precede or follow the response to the selected request.
        let at = match seen.iter().position(|frame| frame.kind == GO_AWAY) {
            Some(at) => at,
            None => {
                seen.push(client.next().await.unwrap());
                seen.push(client.next().await.unwrap());
                seen.len() - 2
            }
        };
        assert_eq!(seen[at], go_away(0x7fff_ffff, code), "{seen:?}");
        let ping = &seen[at + 1];
        assert_eq!((ping.kind, ping.flags), (PING, 0), "{seen:?}");
        assert!(seen.iter().any(|frame| frame.kind == DATA && frame.stream == 5), "{seen:?}");

        // Sent before the client could know.
        client.send_request(7, "/").await;
        let seen = client.until_end(7).await;
        assert!(seen.iter().all(|frame| matches!(frame.kind, DATA | HEADERS)), "{seen:?}");
        // Only whole frames are inserted between the frames of a large response.
        client.write(PING, 1, 0, &ping.payload).await;
        client.write(PING, 0, 0, b"whatever").await;
        let pong = client.next().await.unwrap();
        assert_eq!((pong.kind, pong.flags, &pong.payload[..]), (PING, 1, &b"whatever"[..]));
        gate.open.add_permits(1);
        client.until_end(3).await;
        assert_eq!(client.next().await, Some(go_away(7, code)));
        assert_eq!(client.next().await, None);
    }
}

/// A fault that selects every request sends nothing more after the first.
#[tokio::test]
async fn one_goaway_per_connection() {
    let (server, fault, _) = serve(reject(Reject::GoAway)).await;
    let mut client = Frames::connect(server).await;
    for stream in [1, 3, 5] {
        client.send_request(stream, "/go").await;
    }
    let (mut goes, mut pinged) = (Vec::new(), None);
    while let Some(frame) = client.next().await {
        match frame.kind {
            GO_AWAY => goes.push(frame),
            PING => {
                client.write(PING, 1, 0, &frame.payload).await;
                pinged = Some(frame);
            }
            _ => {}
        }
    }
    assert_eq!(goes, [go_away(0x7fff_ffff, 0), go_away(5, 0)]);
    assert!(pinged.is_some());
    assert_eq!(fault.control().counts().injected, 3);
}

/// A server that shuts down meanwhile takes precedence, and no GOAWAY revokes an earlier one.
#[tokio::test]
async fn a_server_shutdown_takes_precedence() {
    let (app, fault, gate) = app(reject(Reject::GoAway));
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let server = axum::serve(FaultListener::new(tcp), with_connection(app));
        server.with_graceful_shutdown(async { stopped.await.unwrap() }).await
    });
    let mut client = Frames::connect(address).await;
    client.send_request(1, "/slow").await;
    gate.entered.notified().await;
    client.send_request(3, "/go").await;
    client.until_end(3).await;
    stop.send(()).unwrap();
    let (mut lasts, mut open) = (Vec::new(), false);
    while let Some(frame) = client.next().await {
        match frame.kind {
            PING if frame.flags == 0 => client.write(PING, 1, 0, &frame.payload).await,
            GO_AWAY => lasts.push(u32::from_be_bytes(frame.payload[..4].try_into().unwrap())),
            _ => {}
        }
        // Both have sent it, or one has before the stream was polled.
        if !lasts.is_empty() && !std::mem::replace(&mut open, true) {
            gate.open.add_permits(1);
        }
    }
    assert!(lasts.is_sorted_by(|one, next| one >= next) && lasts.last() == Some(&3), "{lasts:?}");
    assert_eq!(fault.control().counts().injected, 1);
    serving.await.unwrap().unwrap();
}

/// The handle drains a connection as well; and a client that never acknowledges the ping keeps its
/// connection.
#[tokio::test]
async fn manual_drain() {
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let app = axum::Router::new().fallback(async |request: Request| {
        request.extensions().get::<Connection>().unwrap().drain();
        "real"
    });
    tokio::spawn(async move { axum::serve(FaultListener::new(tcp), with_connection(app)).await });
    let mut client = Frames::connect(address).await;
    client.send_request(1, "/").await;
    let seen = client.until_end(1).await;
    let kinds: Vec<u8> = seen.iter().map(|frame| frame.kind).collect();
    assert!(kinds.starts_with(&[GO_AWAY, PING]) || kinds.ends_with(&[HEADERS, DATA]), "{kinds:?}");
    client.send_request(3, "/").await;
    assert!(client.until_end(3).await.iter().any(|frame| frame.stream == 3));
}
