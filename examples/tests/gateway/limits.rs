//! Time limits, the cap on connections, graceful stop.

use std::convert::Infallible;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Gateway, head, named, respond, rest, route, send, switching, upstream};

/// A limit that is short for a test, and far above the time of a response.
const SHORT: &str = "400ms";

/// The beginning of an HTTP/2 connection, with empty settings (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// The head of the request `GET http://h/one`, which has no body.
const REQUEST: &[u8] = b"\x00\x00\x0b\x01\x05\x00\x00\x00\x01\x82\x86\x04\x04/one\x01\x01h";

/// Types of frames (RFC 9113 §6).
const PING: u8 = 6;
const GO_AWAY: u8 = 7;

/// Starts an upstream that reads requests and never responds.
fn silent() -> SocketAddr {
    upstream(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())))
}

/// Starts an upstream that responds once a message is sent for each request.
fn released(release: Receiver<()>) -> SocketAddr {
    let release = Arc::new(Mutex::new(release));
    upstream(move |mut stream| {
        let _ = head(&mut stream);
        let _ = release.lock().unwrap().recv();
        respond(&mut stream, "released");
    })
}

#[test]
fn a_head_must_arrive_in_time() {
    let gateway = Gateway::with("head", &route("one", named("one")), &["--header-timeout", SHORT]);
    for beginning in ["", "G", "PRI * HT", "GET /one HTTP/1.1\r\nhost: h\r\nx-slow: "] {
        let response = send(gateway.address, beginning);
        assert!(!response.contains(" 200 "), "{beginning}: {response}");
    }
    // A connection that waits for its next request is closed, too.
    let response = send(gateway.address, "GET /one HTTP/1.1\r\nhost: h\r\n\r\n");
    assert!(response.ends_with("one: GET /one HTTP/1.1"), "{response}");
}

/// An idle HTTP/2 connection gets GOAWAY, also one without any request.
#[test]
fn an_idle_http2_connection_is_closed() {
    let args = ["--header-timeout", SHORT, "--idle-timeout", SHORT];
    let gateway = Gateway::with("idle", &route("one", named("one")), &args);
    for bytes in [PREFACE, &[PREFACE, REQUEST].concat()] {
        let mut stream = TcpStream::connect(gateway.address).unwrap();
        stream.write_all(bytes).unwrap();
        let mut received = Vec::new();
        let _ = stream.read_to_end(&mut received);
        assert!(frames(&received).any(|frame| frame[3] == GO_AWAY), "{received:?}");
    }
}

fn frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = bytes.get(..3)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (frame, rest) = bytes.split_at_checked(9 + length)?;
        bytes = rest;
        Some(frame)
    })
}

#[test]
fn a_silent_body_is_a_timeout() {
    let gateway = Gateway::with("body", &route("one", silent()), &["--body-timeout", SHORT]);
    for request in [
        "POST /one HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc",
        "POST /one HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let response = send(gateway.address, request);
        assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
        assert!(response.contains("did not arrive in time"), "{response}");
        assert!(response.contains("connection: close"), "{response}");
    }
}

/// A body of one piece that never ends.
struct Unfinished(Option<Bytes>);

impl http_body::Body for Unfinished {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |data| Poll::Ready(Some(Ok(http_body::Frame::data(data)))))
    }
}

#[tokio::test]
async fn a_silent_body_is_a_timeout_over_http2() {
    let gateway = Gateway::with("body2", &route("one", silent()), &["--body-timeout", SHORT]);
    let stream = TokioIo::new(tokio::net::TcpStream::connect(gateway.address).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://h/one").body(Unfinished(Some("abc".into()))).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 408);
}

/// A client that does not reply to pings is disconnected, though its request is in progress.
#[test]
fn an_http2_client_must_reply_to_pings() {
    let args = ["--keep-alive", SHORT, "--response-timeout", "10m"];
    let gateway = Gateway::with("ping", &route("one", silent()), &args);
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.write_all(&[PREFACE, REQUEST].concat()).unwrap();
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received);
    assert!(frames(&received).any(|frame| frame[3] == PING), "{received:?}");
}

#[test]
fn an_upstream_must_respond_in_time() {
    let gateway = Gateway::with("silent", &route("one", silent()), &["--response-timeout", SHORT]);
    let response = gateway.get("/one");
    assert!(response.starts_with("HTTP/1.1 504 ") && response.contains("does not respond"), "{response}");
}

/// The upstream's time limit does not run while the client is to send.
#[test]
fn a_slow_upload_is_no_gateway_timeout() {
    let table = format!("{}{}", route("one", named_after_body()), route("silent", silent()));
    let gateway = Gateway::with("slow", &table, &["--response-timeout", SHORT]);
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream
        .write_all(b"POST /one HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 6\r\n\r\nabc")
        .unwrap();
    // It begins later, so its end is a sign that the limit would be over.
    for _ in 0..2 {
        assert!(gateway.get("/silent").starts_with("HTTP/1.1 504 "));
    }
    stream.write_all(b"def").unwrap();
    let response = rest(&mut stream);
    assert!(response.ends_with("\r\n\r\nabcdef"), "{response}");
}

/// Starts an upstream that reads six bytes of a body and returns them.
fn named_after_body() -> SocketAddr {
    upstream(|mut stream| {
        let _ = head(&mut stream);
        let mut body = [0; 6];
        if stream.read_exact(&mut body).is_ok() {
            respond(&mut stream, std::str::from_utf8(&body).unwrap());
        }
    })
}

/// A listener whose queue is full drops further connections.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_upstream_must_accept_in_time() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let limit = std::time::Duration::from_millis(200);
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, limit) {
        queue.push(stream);
    }
    let args = ["--connect-timeout", SHORT, "--response-timeout", "10m"];
    let gateway = Gateway::with("connect-time", &route("one", address), &args);
    let response = gateway.get("/one");
    assert!(response.starts_with("HTTP/1.1 504 "), "{response}");
    assert!(response.contains("does not accept a connection"), "{response}");
}

#[test]
fn a_tunnel_without_bytes_is_closed() {
    let gateway = Gateway::with("tunnel", &route("ws", switching("websocket")), &["--tunnel-timeout", SHORT]);
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream
        .write_all(b"GET /ws HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello")
        .unwrap();
    assert!(head(&mut stream).starts_with("HTTP/1.1 101 "));
    assert_eq!(rest(&mut stream), "hello");
}

/// The client beyond the cap waits until another one has left; a tunnel counts.
#[test]
fn connections_are_limited() {
    let table = format!("{}{}", route("one", named("one")), route("ws", switching("websocket")));
    let args = ["--max-connections", "1", "--header-timeout", SHORT, "--tunnel-timeout", SHORT];
    let gateway = Gateway::with("cap", &table, &args);
    for request in [
        "GET /one HTTP/1.1\r\nhost: h\r\n\r\n",
        "GET /ws HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ] {
        let mut first = TcpStream::connect(gateway.address).unwrap();
        first.write_all(request.as_bytes()).unwrap();
        let _ = head(&mut first);
        assert!(gateway.get("/one").starts_with("HTTP/1.1 200 "));
        // The second one has its response, so the first one must be over: a read does not wait.
        first.set_nonblocking(true).unwrap();
        let mut bytes = Vec::new();
        let end = first.read_to_end(&mut bytes);
        assert!(!end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{request}");
    }
}

/// A signal ends the listeners and tunnels at once, and requests when they are finished.
#[test]
fn a_signal_finishes_the_requests_in_progress() {
    for signal in ["-TERM", "-INT"] {
        let (release, released_by) = channel();
        let table = format!("{}{}", route("one", released(released_by)), route("ws", switching("websocket")));
        let mut gateway = Gateway::start(&format!("stop{signal}"), &table);
        let mut tunnel = TcpStream::connect(gateway.address).unwrap();
        tunnel
            .write_all(b"GET /ws HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .unwrap();
        assert!(head(&mut tunnel).starts_with("HTTP/1.1 101 "));
        let mut idle = TcpStream::connect(gateway.address).unwrap();
        let mut stream = TcpStream::connect(gateway.address).unwrap();
        stream
            .write_all(b"GET /one HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n")
            .unwrap();
        // The request is in progress once the gateway reads the body.
        assert!(head(&mut stream).starts_with("HTTP/1.1 100 "));

        gateway.signal(signal);
        assert_eq!(rest(&mut tunnel), "");
        assert_eq!(rest(&mut idle), "");
        while TcpStream::connect(gateway.address).is_ok() {}
        stream.write_all(b"x").unwrap();
        release.send(()).unwrap();
        let response = rest(&mut stream);
        assert!(response.starts_with("HTTP/1.1 200 ") && response.ends_with("released"), "{response}");
        assert!(gateway.child.wait().unwrap().success(), "{signal}");
    }
}

/// Requests that take longer than the shutdown may are cut off.
#[test]
fn a_stop_has_a_time_limit() {
    let mut gateway = Gateway::with("cut", &route("one", silent()), &["--shutdown-timeout", SHORT]);
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream
        .write_all(b"GET /one HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n")
        .unwrap();
    assert!(head(&mut stream).starts_with("HTTP/1.1 100 "));
    gateway.signal("-TERM");
    assert_eq!(rest(&mut stream), "");
    assert!(gateway.child.wait().unwrap().success());
    let log = gateway.stderr_until("are cut off");
    assert!(log.contains("400ms"), "{log}");
}
