//! Servers with a fault in each placement, and clients that report every byte.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::routing::any;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceBuilder;
use tower::make::Shared;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tower_layer::Layer;
use waylay_fault::Fault;

/// The placement of the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Around a service directly under hyper.
    Hyper,
    /// On the routes of an axum router.
    AxumRoute,
    /// Around a whole axum router.
    AxumAround,
}

pub(crate) const PLACES: [Place; 3] = [Place::Hyper, Place::AxumRoute, Place::AxumAround];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// The outcome of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The connection was closed without a byte.
    Nothing,
    /// The stream was reset by the server with this code, without a head.
    Reset(u32),
    Status(u16),
}

/// Starts a server with the fault in this placement, with tracing and a timeout around it.
pub(crate) async fn serve(place: Place, fault: &Fault, timeout: Duration) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let outside = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, timeout));
    match place {
        Place::Hyper => {
            let inner = tower::service_fn(async |request: Request<Incoming>| {
                // A successful CONNECT has no body.
                let text = if request.method() == Method::CONNECT { "" } else { "real" };
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text))))
            });
            let service = TowerToHyperService::new(outside.service(fault.layer().layer(inner)));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let service = service.clone();
                    tokio::spawn(async move {
                        let builder = auto::Builder::new(TokioExecutor::new());
                        // It ends with an error whenever a fault was injected.
                        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
            });
        }
        Place::AxumRoute => {
            let app = axum::Router::new().fallback(any(async || "real")).layer(fault.layer()).layer(outside);
            tokio::spawn(async move { axum::serve(listener, app).await });
        }
        Place::AxumAround => {
            let app = axum::Router::new().fallback(any(async || "real"));
            let app = outside.service(fault.layer().boxed().layer(app));
            // `axum::serve` requires its own body type, which tracing has changed.
            let app = tower::ServiceExt::<Request<Body>>::map_response(app, |response: Response<_>| {
                response.map(Body::new)
            });
            tokio::spawn(async move { axum::serve(listener, Shared::new(app)).await });
        }
    }
    address
}

/// Sends one request on a separate connection and returns the outcome.
pub(crate) async fn send_request(
    protocol: Protocol,
    server: SocketAddr,
    method: Method,
    headers: &[(&str, &str)],
) -> Seen {
    match protocol {
        Protocol::Http1 => ask_http1(server, &method, headers).await,
        Protocol::Http2 => Http2::connect(server).await.send_request(method, headers).await,
    }
}

async fn ask_http1(server: SocketAddr, method: &Method, headers: &[(&str, &str)]) -> Seen {
    let target = if method == Method::CONNECT { "example.com:443" } else { "/" };
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += "\r\n";
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    // Tunnels stay open after the head; all others end.
    while stream.read_buf(&mut reply).await.unwrap() > 0 {
        if method == Method::CONNECT && reply.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    match reply.split(|byte| *byte == b' ').nth(1) {
        None => {
            assert_eq!(reply, b"", "no status, but bytes");
            Seen::Nothing
        }
        Some(status) => Seen::Status(std::str::from_utf8(status).unwrap().parse().unwrap()),
    }
}

/// One HTTP/2 connection, kept open over several requests.
pub(crate) struct Http2(h2::client::SendRequest<Bytes>);

impl Http2 {
    pub(crate) async fn connect(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    pub(crate) async fn send_request(&mut self, method: Method, headers: &[(&str, &str)]) -> Seen {
        let uri = if method == Method::CONNECT {
            Uri::from_static("example.com:443")
        } else {
            Uri::from_static("http://example.com/")
        };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sender = self.0.clone();
        let mut sender = sender.ready().await.expect("the connection stays usable");
        let (response, _) = sender.send_request(request.body(()).unwrap(), true).unwrap();
        match response.await {
            Ok(response) => Seen::Status(response.status().as_u16()),
            Err(error) => {
                assert!(error.is_reset() && error.is_remote(), "{error}");
                Seen::Reset(error.reason().unwrap().into())
            }
        }
    }
}

/// A whole exchange with hyper's own client, on a connection that is kept open.
pub(crate) enum Client {
    Http1(hyper::client::conn::http1::SendRequest<Empty<Bytes>>),
    Http2(hyper::client::conn::http2::SendRequest<Empty<Bytes>>),
}

impl Client {
    pub(crate) async fn connect(protocol: Protocol, server: SocketAddr) -> Self {
        let stream = TokioIo::new(TcpStream::connect(server).await.unwrap());
        match protocol {
            Protocol::Http1 => {
                let (sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                Self::Http1(sender)
            }
            Protocol::Http2 => {
                let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
                let (sender, connection) = handshake.await.unwrap();
                tokio::spawn(connection);
                Self::Http2(sender)
            }
        }
    }

    pub(crate) async fn send(&mut self, method: Method) -> hyper::Result<Response<Bytes>> {
        let request =
            Request::builder().method(method).uri("http://example.com/").header("host", "example.com");
        let request = request.body(Empty::new()).unwrap();
        let (parts, body) = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => sender.send_request(request).await?,
        }
        .into_parts();
        Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
    }
}

/// Long enough never to fire.
pub(crate) const NEVER: Duration = Duration::from_secs(3600);
