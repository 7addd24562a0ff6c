//! Wrong chunk framing, as raw bytes and as clients receive it.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::Body;
use axum::routing::{any, post};
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_layer::Layer;
use waylay_fault::{
    ChunkError, Corruption, Fault, FaultListener, Injector, Side, chain, corrupt, error, with_connection,
};

use crate::handle::{Server, idle, serve};
use crate::support::{self, Protocol};

const ALL: [ChunkError; 5] = [
    ChunkError::BadSize,
    ChunkError::Longer,
    ChunkError::Shorter,
    ChunkError::BadLast,
    ChunkError::MissingLast,
];

fn chunk(how: ChunkError) -> Injector {
    corrupt(Corruption::ChunkFraming(how)).into()
}

fn always(injector: impl Into<Injector>) -> Fault {
    let fault = Fault::new("bad-chunks", injector).enabled(true).participation(1.0);
    fault.block_headers([("x-no-chaos", "1")]).build().unwrap()
}

/// Returns all bytes sent back for these bytes, until the server closes.
async fn exchange_bytes(server: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut seen = String::new();
    stream.read_to_string(&mut seen).await.unwrap();
    seen
}

fn request(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: example.com\r\n{more}\r\n")
}

const LAST: &str = "connection: close\r\n";
const SKIPPED: &str = "x-no-chaos: 1\r\n";

/// The bytes after the head of the last response, which must be chunked.
fn body(seen: &str) -> &str {
    let (head, body) = seen.rsplit("HTTP/1.1 ").next().unwrap().split_once("\r\n\r\n").unwrap();
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"), "{seen}");
    body
}

#[tokio::test]
async fn each_chunk_error() {
    let rows = [
        (ChunkError::BadSize, "zz\r\nreal\r\n0\r\n\r\n"),
        (ChunkError::Longer, "4\r\nrealx\r\n0\r\n\r\n"),
        (ChunkError::Shorter, "4\r\nrea\r\n0\r\n\r\n"),
        (ChunkError::BadLast, "4\r\nreal\r\nzz\r\n\r\n"),
        (ChunkError::MissingLast, "4\r\nreal\r\n"),
    ];
    for server in [Server::Hyper, Server::AxumRoute, Server::AxumAround] {
        for (how, wanted) in rows {
            let fault = always(chunk(how));
            let address = serve(server, &fault, &idle()).await;
            let row = format!("{server:?} {how:?}");
            let seen = exchange_bytes(address, &request("/", LAST)).await;
            assert_eq!(body(&seen), wanted, "{row}");
            assert!(seen.contains("x-fault-injected: bad-chunks"), "{row}: {seen}");
            // Only a missing last chunk ends the connection.
            let close = if how == ChunkError::MissingLast { "" } else { LAST };
            assert_eq!(body(&exchange_bytes(address, &request("/", close)).await), wanted, "{row}");
            let counts = fault.control().counts();
            assert_eq!((counts.injected, counts.not_deliverable, counts.active), (2, 0, 0), "{row}");
        }
    }
}

/// Neither hyper's client nor reqwest accepts such a body as complete.
#[tokio::test]
async fn clients_detect_chunk_errors() {
    for how in ALL {
        let fault = always(chunk(how));
        let address = serve(Server::AxumRoute, &fault, &idle()).await;
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let response = client.get(format!("http://{address}/").parse().unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{how:?}");
        assert!(response.into_body().collect().await.is_err(), "{how:?}");
        let response = reqwest::get(format!("http://{address}/")).await.unwrap();
        assert!(response.text().await.unwrap_err().is_decode(), "{how:?}");
        // The next exchange is not affected.
        let request = Request::get(format!("http://{address}/")).header("x-no-chaos", "1");
        let response = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "real", "{how:?}");
    }
}

/// A server of streams, uploads and empty responses.
async fn serve_more(fault: &Fault) -> SocketAddr {
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let frames = || stream::iter(["one", "two", "three"].map(|text| Ok::<_, Infallible>(Bytes::from(text))));
    let app = axum::Router::new()
        .route("/stream", any(async move || Body::from_stream(frames())))
        .route("/upload", post(async |text: String| text.len().to_string()))
        .route("/empty", any(async || ""))
        .route("/none", any(async || StatusCode::NO_CONTENT))
        .route("/long", any(async || [b'a'; 200_000].to_vec()))
        .layer(fault.layer());
    tokio::spawn(async move { axum::serve(FaultListener::new(tcp), with_connection(app)).await });
    address
}

#[tokio::test]
async fn streams_uploads_and_empty_bodies() {
    let rows = [
        ("/stream", ChunkError::BadSize, "zz\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"),
        ("/stream", ChunkError::Shorter, "3\r\non\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"),
        ("/stream", ChunkError::BadLast, "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\nzz\r\n\r\n"),
        ("/stream", ChunkError::MissingLast, "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n"),
        ("/empty", ChunkError::BadSize, "zz\r\n\r\n"),
        ("/empty", ChunkError::Longer, "0\r\n\r\n"),
        ("/empty", ChunkError::MissingLast, ""),
    ];
    for (path, how, wanted) in rows {
        let address = serve_more(&always(chunk(how))).await;
        assert_eq!(body(&exchange_bytes(address, &request(path, LAST)).await), wanted, "{path} {how:?}");
    }
    // A response without a body has no chunks.
    let address = serve_more(&always(chunk(ChunkError::BadSize))).await;
    let seen = exchange_bytes(address, &request("/none", LAST)).await;
    assert!(seen.starts_with("HTTP/1.1 204") && seen.ends_with("\r\n\r\n") && !seen.contains("zz"), "{seen}");
    // More than one write.
    let seen = exchange_bytes(address, &request("/long", LAST)).await;
    assert!(body(&seen).starts_with("zz\r\naaa") && seen.len() > 200_000);
    // `100 Continue` is sent as it is, before the response.
    let head = "POST /upload HTTP/1.1\r\nhost: example.com\r\nexpect: 100-continue\r\ncontent-length: 5\r\n";
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(format!("{head}{LAST}\r\n").as_bytes()).await.unwrap();
    let mut first = [0; 25];
    client.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"hello").await.unwrap();
    let mut seen = String::new();
    client.read_to_string(&mut seen).await.unwrap();
    assert_eq!(body(&seen), "zz\r\n5\r\n0\r\n\r\n");
    // A chain's own response is framed wrongly as well.
    let address =
        serve_more(&always(chain::<Injector>([chunk(ChunkError::BadSize), error(503).text("no").into()])))
            .await;
    let seen = exchange_bytes(address, &request("/stream", LAST)).await;
    assert!(seen.starts_with("HTTP/1.1 503") && body(&seen) == "zz\r\nno\r\n0\r\n\r\n", "{seen}");
}

/// Earlier requests on the connection, pipelined or not, are answered completely; so are later
/// ones.
#[tokio::test]
async fn only_the_selected_response_is_framed_wrongly() {
    let (skipped, injected) = (request("/stream", SKIPPED), request("/stream", ""));
    let whole = "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n";
    for pipelined in [true, false] {
        let fault = always(chunk(ChunkError::BadSize));
        let address = serve_more(&fault).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let last = request("/stream", &format!("{SKIPPED}{LAST}"));
        let texts = [skipped.clone(), injected.clone(), last];
        let mut seen = Vec::new();
        if pipelined {
            client.write_all(texts.concat().as_bytes()).await.unwrap();
        } else {
            for (count, text) in texts.iter().enumerate() {
                client.write_all(text.as_bytes()).await.unwrap();
                while seen.windows(5).filter(|part| part == b"0\r\n\r\n").count() <= count {
                    assert_ne!(client.read_buf(&mut seen).await.unwrap(), 0);
                }
            }
        }
        client.read_to_end(&mut seen).await.unwrap();
        let seen = String::from_utf8(seen).unwrap();
        let bodies: Vec<&str> = seen
            .split("HTTP/1.1 200")
            .skip(1)
            .map(|answer| answer.split_once("\r\n\r\n").unwrap().1)
            .collect();
        assert_eq!(bodies, [whole, &whole.replacen('3', "zz", 1), whole], "{seen}");
        assert_eq!(fault.control().counts().injected, 1);
    }
}

#[tokio::test]
async fn without_chunks_it_is_not_deliverable() {
    let fault = always(chunk(ChunkError::BadSize));
    let address = serve(Server::AxumRoute, &fault, &idle()).await;
    let seen = exchange_bytes(address, &format!("HEAD / HTTP/1.1\r\nhost: example.com\r\n{LAST}\r\n")).await;
    assert!(seen.starts_with("HTTP/1.1 200") && !seen.contains("bad-chunks"), "{seen}");
    let seen = exchange_bytes(address, "GET / HTTP/1.0\r\nhost: example.com\r\n\r\n").await;
    assert!(seen.starts_with("HTTP/1.0 200") && seen.ends_with("\r\n\r\nreal"), "{seen}");
    assert_eq!(
        support::send_request(Protocol::Http2, address, Method::GET, &[]).await,
        support::Seen::Status(200)
    );
    assert_eq!(fault.control().counts().not_deliverable, 3);
    // Without a handle.
    let address = support::serve(support::Place::AxumRoute, &fault, support::NEVER).await;
    assert_eq!(
        support::send_request(Protocol::Http1, address, Method::GET, &[]).await,
        support::Seen::Status(200)
    );
    assert_eq!(fault.control().counts().not_deliverable, 4);
    assert_eq!(fault.control().counts().injected, 0);
    // Around a client.
    let address = serve(Server::AxumRoute, &idle(), &idle()).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = Request::get(format!("http://{address}/")).body(Empty::new()).unwrap();
    let response = tower::ServiceExt::oneshot(fault.client_layer().layer(client), request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(fault.control().counts().not_deliverable, 5);
    let errors = Fault::new("f", corrupt(Corruption::ChunkFraming(ChunkError::BadLast)).on(Side::Request))
        .build()
        .unwrap_err();
    assert_eq!(errors.iter().next().unwrap().setting(), "corrupt.chunk_framing");
}
