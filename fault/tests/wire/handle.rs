//! Faults of the connection, by the handle in the extensions of requests.

use std::io::ErrorKind;
use std::net::SocketAddr;

use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_layer::Layer;
use waylay_fault::{
    Fault, FaultBuilder, FaultListener, Injector, Reject, Side, Toxic, TruncateAt, TruncateEnd, reject,
    truncate, with_connection,
};

use crate::support::{Client, Protocol};

const SERVERS: [Server; 3] = [Server::Hyper, Server::AxumRoute, Server::AxumAround];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Hyper,
    AxumRoute,
    AxumAround,
}

/// The action, the number of bytes received, and their end.
type Row = (fn() -> Injector, usize, Option<ErrorKind>);

fn always(injector: impl Into<Injector>) -> FaultBuilder {
    Fault::new("dead", injector).enabled(true).participation(1.0).block_headers([("x-no-chaos", "1")])
}

/// A server with a fault on its requests and another on its connections.
pub(crate) async fn serve(server: Server, layer: &Fault, listener: &Fault) -> SocketAddr {
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listener = FaultListener::new(tcp).fault(listener);
    match server {
        Server::Hyper => {
            let inner = tower::service_fn(async |_: Request<Incoming>| {
                Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from("real"))))
            });
            let app = layer.layer().layer(inner);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let app = TowerToHyperService::new(stream.connection().layer().layer(app.clone()));
                    tokio::spawn(async move {
                        let builder = auto::Builder::new(TokioExecutor::new());
                        let _ = builder.serve_connection(TokioIo::new(stream), app).await;
                    });
                }
            });
        }
        Server::AxumRoute => {
            let app = axum::Router::new().fallback(async || "real").layer(layer.layer());
            tokio::spawn(async move { axum::serve(listener, with_connection(app)).await });
        }
        Server::AxumAround => {
            let app = axum::Router::new().fallback(async || "real");
            let app = layer.layer().boxed().layer(app);
            tokio::spawn(async move { axum::serve(listener, with_connection(app)).await });
        }
    }
    address
}

/// Serves this handler over HTTP/1 through the fault, on connections with a handle.
pub(crate) async fn serve_chat<F, Fut, B>(fault: &Fault, handler: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<Response<B>, std::convert::Infallible>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listener = FaultListener::new(tcp);
    let app = fault.layer().layer(tower::service_fn(handler));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = stream.connection().clone();
            tokio::spawn(waylay_fault::serve_connection(stream, connection, app.clone()));
        }
    });
    address
}

pub(crate) fn idle() -> Fault {
    always(reject(Reject::EmptyReply)).enabled(false).build().unwrap()
}

/// All bytes received for one request on a separate connection, and the end.
async fn exchange(server: SocketAddr, method: &Method) -> (Vec<u8>, Option<ErrorKind>) {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let text = format!("{method} / HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    loop {
        match stream.read_buf(&mut seen).await {
            Ok(0) => return (seen, None),
            Ok(_) => {}
            Err(error) => return (seen, Some(error.kind())),
        }
    }
}

#[tokio::test]
async fn every_method_is_rejected_on_http1() {
    let rows: [Row; 6] = [
        (|| reject(Reject::EmptyReply), 0, None),
        (|| reject(Reject::ConnectionClose), 0, None),
        (|| reject(Reject::hang("1ms")), 0, None),
        (|| reject(Reject::ConnectionReset), 0, Some(ErrorKind::ConnectionReset)),
        (|| Toxic::limit_data(12).into(), 12, None),
        (|| Toxic::reset_after(12).into(), 12, Some(ErrorKind::ConnectionReset)),
    ];
    for server in SERVERS {
        for (injector, bytes, end) in &rows {
            for method in [Method::GET, Method::HEAD, Method::POST] {
                let fault = always(injector()).build().unwrap();
                let address = serve(server, &fault, &idle()).await;
                let (seen, error) = exchange(address, &method).await;
                let row = format!("{server:?} {method} {fault:?}");
                assert_eq!((seen.len(), error), (*bytes, *end), "{row} {seen:?}");
                assert_eq!(&seen[..], &b"HTTP/1.1 200"[..*bytes], "{row}");
                assert_eq!(fault.control().counts().injected, 1, "{row}");
            }
        }
    }
}

/// A toxic applies from its request on, and is added to the connection once, however often it is
/// selected.
#[tokio::test]
async fn a_toxic_outlives_its_request_and_is_added_once() {
    for server in SERVERS {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let fault = always(Toxic::latency("0s", "0s")).build().unwrap();
            let address = serve(server, &fault, &idle()).await;
            let mut client = Client::connect(protocol, address).await;
            for number in 1..=5 {
                let answer = client.send(Method::GET).await.unwrap();
                assert_eq!(answer.body(), "real");
                let counts = fault.control().counts();
                let row = format!("{server:?} {protocol:?} request {number}");
                assert_eq!((counts.injected, counts.active), (number, 1), "{row}");
            }
        }
    }
}

/// A fault of the connection affects every stream; a fault of a stream does not.
#[tokio::test]
async fn http2_loses_the_whole_connection() {
    let rows: [fn() -> Injector; 3] = [
        || reject(Reject::ConnectionClose),
        || reject(Reject::ConnectionReset),
        || Toxic::limit_data(4).into(),
    ];
    for server in SERVERS {
        for injector in rows {
            for method in [Method::GET, Method::HEAD] {
                let fault = always(injector()).build().unwrap();
                let address = serve(server, &fault, &idle()).await;
                let stream = TcpStream::connect(address).await.unwrap();
                let (sender, connection) = h2::client::handshake(stream).await.unwrap();
                let connection = tokio::spawn(connection);
                let mut sender = sender.ready().await.unwrap();
                let request = Request::builder().method(method.clone()).uri("http://example.com/");
                let (response, _) = sender.send_request(request.body(()).unwrap(), true).unwrap();
                let error = response.await.unwrap_err();
                let row = format!("{server:?} {method} {fault:?}");
                assert!(!error.is_reset() || !error.is_remote(), "{row}: {error:?}");
                assert!(sender.ready().await.is_err(), "{row}");
                let _ = connection.await.unwrap();
                assert_eq!(fault.control().counts().injected, 1, "{row}");
            }
        }
    }
}

/// Faults of the listener apply to the connection as such, before a request is read.
#[tokio::test]
async fn listener_faults_apply_to_connections() {
    let rows: [Row; 5] = [
        (|| reject(Reject::EmptyReply), 0, None),
        (|| reject(Reject::ConnectionClose), 0, None),
        (|| reject(Reject::hang("1ms")), 0, None),
        (|| reject(Reject::ConnectionReset), 0, Some(ErrorKind::ConnectionReset)),
        (|| Toxic::limit_data(7).into(), 7, None),
    ];
    for server in SERVERS {
        for (injector, bytes, end) in rows {
            let fault = always(injector()).build().unwrap();
            let address = serve(server, &idle(), &fault).await;
            let (seen, error) = exchange(address, &Method::GET).await;
            assert_eq!((seen.len(), error), (bytes, end), "{server:?} {fault:?}");
            assert_eq!(fault.control().counts().injected, 1, "{server:?} {fault:?}");
        }
    }
}

/// An action that needs a handle is skipped without one, and one that needs a request is skipped
/// for a connection.
#[tokio::test]
async fn undeliverable_faults_are_skipped_and_counted() {
    let layers: [fn() -> Injector; 4] = [
        || reject(Reject::ConnectionReset),
        || reject(Reject::ConnectionRefused),
        || reject(Reject::BrokenPipe),
        || Toxic::limit_data(7).into(),
    ];
    for injector in layers {
        let fault = always(injector()).build().unwrap();
        let server = crate::support::serve(crate::support::Place::Hyper, &fault, crate::support::NEVER).await;
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let seen = crate::support::send_request(protocol, server, Method::GET, &[]).await;
            assert_eq!(seen, crate::support::Seen::Status(200), "{fault:?}");
        }
        assert_eq!(fault.control().counts().not_deliverable, 2, "{fault:?}");
    }
    // On HTTP/1 a header states it.
    let fault = always(reject(Reject::GoAway)).build().unwrap();
    let server = crate::support::serve(crate::support::Place::Hyper, &fault, crate::support::NEVER).await;
    for (protocol, unreachable) in [(Protocol::Http1, 0), (Protocol::Http2, 1)] {
        let seen = crate::support::send_request(protocol, server, Method::GET, &[]).await;
        assert_eq!(seen, crate::support::Seen::Status(200));
        assert_eq!(fault.control().counts().not_deliverable, unreachable, "{protocol:?}");
    }
    let listeners: [fn() -> Injector; 4] = [
        || waylay_fault::error(503).into(),
        || reject(Reject::ConnectionRefused),
        || reject(Reject::BrokenPipe),
        || reject(Reject::GoAway),
    ];
    for injector in listeners {
        let fault = always(injector()).build().unwrap();
        let address = serve(Server::AxumRoute, &idle(), &fault).await;
        let (seen, error) = exchange(address, &Method::GET).await;
        assert!(seen.starts_with(b"HTTP/1.1 200") && error.is_none(), "{fault:?}");
        assert_eq!(fault.control().counts().not_deliverable, 1, "{fault:?}");
    }
}

/// All bytes sent back for these bytes, until the server closes.
async fn exchange_bytes(server: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut seen = String::new();
    // A close with unread bytes of the client is a reset.
    let _ = stream.read_to_string(&mut seen).await;
    seen
}

/// An earlier request is answered completely, even if it was pipelined with the rejected one.
#[tokio::test]
async fn an_earlier_response_is_delivered() {
    let skipped = "GET /first HTTP/1.1\r\nhost: example.com\r\nx-no-chaos: 1\r\n\r\n";
    let injected = "GET /second HTTP/1.1\r\nhost: example.com\r\n\r\n";
    for server in SERVERS {
        for how in [Reject::EmptyReply, Reject::ConnectionClose] {
            let fault = always(reject(how)).build().unwrap();
            let address = serve(server, &fault, &idle()).await;
            let seen = exchange_bytes(address, &format!("{skipped}{injected}")).await;
            let row = format!("{server:?} {fault:?}: {seen}");
            assert!(seen.starts_with("HTTP/1.1 200") && seen.ends_with("\r\n\r\nreal"), "{row}");
            assert_eq!(seen.matches("HTTP/1.1").count(), 1, "{row}");
        }
    }
}

/// No `100 Continue` comes before a rejection.
#[tokio::test]
async fn expect_continue_receives_nothing() {
    let text = "POST / HTTP/1.1\r\nhost: example.com\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
    for server in SERVERS {
        for how in [Reject::EmptyReply, Reject::ConnectionReset, Reject::hang("1ms")] {
            let fault = always(reject(how)).build().unwrap();
            let address = serve(server, &fault, &idle()).await;
            assert_eq!(exchange_bytes(address, text).await, "", "{server:?} {fault:?}");
        }
    }
}

/// A layer that reads whole bodies makes a 500 of the failing one. With the handle it has no
/// effect.
#[tokio::test]
async fn a_buffering_layer_does_not_hide_a_reject() {
    use axum::response::IntoResponse;

    for has_handle in [false, true] {
        let fault = always(reject(Reject::EmptyReply)).build().unwrap();
        let buffer = axum::middleware::map_response(async |response: Response<axum::body::Body>| {
            let (parts, body) = response.into_parts();
            match axum::body::to_bytes(body, 1000).await {
                Ok(bytes) => Response::from_parts(parts, axum::body::Body::from(bytes)),
                Err(_) => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        });
        let app = axum::Router::new().fallback(async || "real").layer(fault.layer()).layer(buffer);
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = tcp.local_addr().unwrap();
        if has_handle {
            tokio::spawn(async move { axum::serve(FaultListener::new(tcp), with_connection(app)).await });
        } else {
            tokio::spawn(async move { axum::serve(tcp, app).await });
        }
        let (seen, error) = exchange(address, &Method::GET).await;
        assert_eq!(error, None);
        assert_eq!(seen.starts_with(b"HTTP/1.1 500"), !has_handle, "{}", String::from_utf8_lossy(&seen));
        assert_eq!(seen.is_empty(), has_handle);
    }
}

/// The bytes before the cut arrive; then the connection is reset, if there is a handle.
#[tokio::test]
async fn a_body_may_end_in_a_reset() {
    let cut = || truncate(TruncateAt::Bytes(2)).then(TruncateEnd::ConnectionReset);
    for server in SERVERS {
        let fault = always(cut()).build().unwrap();
        let address = serve(server, &fault, &idle()).await;
        let (seen, end) = exchange(address, &Method::GET).await;
        assert!(seen.ends_with(b"\r\n\r\nre"), "{server:?} {}", String::from_utf8_lossy(&seen));
        assert_eq!(end, Some(ErrorKind::ConnectionReset), "{server:?}");
    }
    let fault = always(cut()).build().unwrap();
    let address = crate::support::serve(crate::support::Place::Hyper, &fault, crate::support::NEVER).await;
    assert_eq!(
        crate::support::send_request(Protocol::Http1, address, Method::GET, &[]).await,
        crate::support::Seen::Status(200)
    );
    assert_eq!(fault.control().counts().not_deliverable, 1);
    let errors = always(cut().on(Side::Request)).build().unwrap_err();
    assert_eq!(errors.iter().next().unwrap().setting(), "truncate.then");
}
