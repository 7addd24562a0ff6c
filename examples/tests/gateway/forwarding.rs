//! Requests that reach an upstream: canonical path, trusted headers, upgrades.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Gateway, Shutdown, head, respond, rest, route, send, switching, upstream};

/// Starts an upstream whose response is the request.
fn echo() -> SocketAddr {
    upstream(|mut stream| {
        let mut request = head(&mut stream);
        let length = request.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if let Some(length) = length {
            let mut body = vec![0; length];
            if stream.read_exact(&mut body).is_err() {
                return;
            }
            request += std::str::from_utf8(&body).unwrap();
        } else if request.contains("transfer-encoding: chunked\r\n") {
            let mut byte = [0];
            while !request.ends_with("0\r\n\r\n") {
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    return;
                }
                request.push(char::from(byte[0]));
            }
        }
        respond(&mut stream, &request);
    })
}

/// Sends a request and returns what the upstream got.
fn forwarded(gateway: &Gateway, request: &str) -> String {
    let response = send(gateway.address, request);
    assert!(response.starts_with("HTTP/1.1 200 "), "{request}\n{response}");
    response.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn the_path_that_was_matched_is_sent() {
    let gateway = Gateway::start("path", &route("one", echo()));
    for (target, expected) in [
        ("/one", "/one"),
        ("/one/%7euser/%41%2d", "/one/~user/A-"),
        ("/%6fne/x?q=%7e&r=%2F", "/one/x?q=%7e&r=%2F"),
        ("/one/caf%c3%a9/a%3bb", "/one/caf%C3%A9/a%3Bb"),
        ("/one/a%22b", "/one/a%22b"),
        ("http://other.example/one/%61", "/one/a"),
    ] {
        let got =
            forwarded(&gateway, &format!("GET {target} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"));
        assert!(got.starts_with(&format!("GET {expected} HTTP/1.1\r\n")), "{target}: {got}");
    }
    for target in [
        "/one/../two",
        "/one/%2e%2e/two",
        "/one/%zz",
        "/one/%00",
        // An upstream may read these as another path.
        "/one/a%2fb",
        "/one//two",
        "/one/a\\b",
        "/one/a%5Cb",
        "/one/..;/two",
    ] {
        let response = gateway.get(target);
        assert!(response.starts_with("HTTP/1.1 400 "), "{target}: {response}");
    }
    let response = send(gateway.address, "GET /one HTTP/1.1\r\nconnection: close\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 400 "), "a request without a host: {response}");
}

const SPOOFED: &str = "x-forwarded-for: 1.1.1.1\r\nx-forwarded-host: evil\r\nx-forwarded-proto: https\r\n\
    x-forwarded-port: 1\r\nx-forwarded-prefix: /evil\r\nforwarded: for=1.1.1.1\r\nx-real-ip: 1.1.1.1\r\n\
    x-original-url: /admin\r\nx-rewrite-url: /admin\r\nproxy: http://evil\r\nx-fault-injected: evil\r\n\
    x_forwarded_for: 1.1.1.1\r\nX_Real_IP: 1.1.1.1\r\n";

fn lines<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[test]
fn claims_of_a_client_are_replaced() {
    let gateway = Gateway::start("spoofed", &route("one", echo()));
    let request =
        format!("GET /one HTTP/1.1\r\nhost: h:80\r\nx-own: 1\r\n{SPOOFED}connection: close\r\n\r\n");
    let got = forwarded(&gateway, &request);
    assert_eq!(lines(&got, "x-forwarded-for"), ["127.0.0.1"], "{got}");
    assert_eq!(lines(&got, "x-forwarded-host"), ["h:80"]);
    assert_eq!(lines(&got, "x-forwarded-proto"), ["http"]);
    assert_eq!(lines(&got, "x-real-ip"), ["127.0.0.1"]);
    assert_eq!(lines(&got, "x-own"), ["1"]);
    for word in ["evil", "1.1.1.1", "admin", "x-forwarded-port", "connection"] {
        assert!(!got.contains(word), "{word}: {got}");
    }
}

#[test]
fn claims_of_a_trusted_proxy_are_forwarded() {
    let request = format!("GET /one HTTP/1.1\r\nhost: h\r\n{SPOOFED}connection: close\r\n\r\n");
    let trusted = "trusted_proxies = ['127.0.0.1']\n";
    let gateway = Gateway::start("trusted", &format!("{trusted}{}", route("one", echo())));
    assert_eq!(lines(&forwarded(&gateway, &request), "x-forwarded-host"), ["h"]);

    let table = format!("{trusted}trusted_forwarded_host = true\n{}", route("one", echo()));
    let gateway = Gateway::start("trusted-host", &table);
    let got = forwarded(&gateway, &request);
    assert_eq!(lines(&got, "x-forwarded-for"), ["1.1.1.1", "127.0.0.1"], "{got}");
    assert_eq!(lines(&got, "x-forwarded-host"), ["evil"]);
    assert_eq!(lines(&got, "x-forwarded-proto"), ["https"]);
    assert_eq!(lines(&got, "x-real-ip"), ["1.1.1.1"]);
    assert_eq!(lines(&got, "x-original-url"), ["/admin"]);
    assert_eq!(lines(&got, "x-fault-injected"), ["evil"]);
    assert!(lines(&got, "forwarded").is_empty() && lines(&got, "proxy").is_empty(), "{got}");
}

#[test]
fn connection_removes_headers_of_one_connection_only() {
    let gateway = Gateway::start("connection", &route("one", echo()));
    let got = forwarded(
        &gateway,
        "GET /one HTTP/1.1\r\nhost: h\r\ncookie: a=1\r\nauthorization: b\r\nx-hop: 1\r\nx-end: 1\r\n\
         keep-alive: 5\r\nte: trailers\r\nproxy-connection: x\r\n\
         connection: close, host, cookie, authorization\r\nconnection: X-Hop, content-length, x-forwarded-for\r\n\r\n",
    );
    assert_eq!((lines(&got, "cookie"), lines(&got, "authorization")), (vec!["a=1"], vec!["b"]), "{got}");
    assert_eq!(
        (lines(&got, "x-forwarded-host"), lines(&got, "x-forwarded-for")),
        (vec!["h"], vec!["127.0.0.1"])
    );
    assert_eq!(lines(&got, "x-end"), ["1"]);
    for name in ["x-hop", "keep-alive", "te", "proxy-connection", "connection"] {
        assert!(lines(&got, name).is_empty(), "{name}: {got}");
    }
}

/// The coding alone marks the end of the body, for the gateway and for the upstream.
#[test]
fn a_length_beside_a_coding_is_dropped() {
    let gateway = Gateway::start("length", &route("one", echo()));
    let got = forwarded(
        &gateway,
        "POST /one HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
         8\r\nGET /two\r\n0\r\n\r\n",
    );
    assert!(lines(&got, "content-length").is_empty(), "{got}");
    assert_eq!(lines(&got, "transfer-encoding"), ["chunked"], "{got}");
    assert!(got.ends_with("8\r\nGET /two\r\n0\r\n\r\n"), "{got}");
}

/// A coding that is taken off without being decoded would leave the upstream with other bytes.
#[test]
fn other_codings_are_not_implemented() {
    let gateway = Gateway::start("codings", &route("one", echo()));
    for codings in ["gzip, chunked", "chunked, chunked", "chunked\r\ntransfer-encoding: chunked"] {
        let request = format!(
            "POST /one HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: {codings}\r\n\r\n0\r\n\r\n"
        );
        let response = send(gateway.address, &request);
        assert!(response.starts_with("HTTP/1.1 501 "), "{codings}: {response}");
    }
    for codings in ["identity", "chunked, gzip"] {
        let request = format!("POST /one HTTP/1.1\r\nhost: h\r\ntransfer-encoding: {codings}\r\n\r\n");
        let response = send(gateway.address, &request);
        assert!(response.starts_with("HTTP/1.1 400 "), "{codings}: {response}");
    }
}

#[tokio::test]
async fn cookie_headers_are_joined() {
    let gateway = Gateway::start("crumbs", &route("one", echo()));
    let stream = TokioIo::new(tokio::net::TcpStream::connect(gateway.address).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://site.example/one")
        .header("cookie", "a=1")
        .header("cookie", "b=2; c=3")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let got = std::str::from_utf8(&body).unwrap();
    assert_eq!(lines(got, "cookie"), ["a=1; b=2; c=3"], "{got}");
    assert_eq!(lines(got, "x-forwarded-host"), ["site.example"], "{got}");
}

#[test]
fn connect_and_trace_are_not_implemented() {
    let gateway = Gateway::start("connect", &route("one", echo()));
    for line in ["CONNECT one:80", "CONNECT h:443", "TRACE /one"] {
        let response =
            send(gateway.address, &format!("{line} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"));
        assert!(response.starts_with("HTTP/1.1 501 "), "{line}: {response}");
        assert!(response.contains("is not implemented"), "{line}: {response}");
    }
}

fn upgrade(protocol: &str, connection: &str) -> String {
    format!("GET /ws HTTP/1.1\r\nhost: h\r\nconnection: {connection}\r\nupgrade: {protocol}\r\n\r\n")
}

/// After an upgrade bytes pass through in both directions.
#[test]
fn listed_upgrades_pass_through() {
    for (name, protocol, more) in [("websocket", "websocket", ""), ("echo", "echo", ", upgrade = 'x, echo'")]
    {
        let table = route("ws", switching(protocol)).replace("' }", &format!("'{more} }}"));
        let gateway = Gateway::start(name, &table);
        let mut stream = TcpStream::connect(gateway.address).unwrap();
        stream.write_all(upgrade(protocol, "keep-alive, Upgrade").as_bytes()).unwrap();
        let response = head(&mut stream);
        assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
        assert_eq!(lines(&response, "upgrade"), [protocol], "{response}");
        for message in ["one", "and another"] {
            stream.write_all(message.as_bytes()).unwrap();
            let mut back = vec![0; message.len()];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, message.as_bytes());
        }
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut stream), "");
    }
}

/// An upgrade that is not listed, or not named by `Connection`, is not forwarded.
#[test]
fn other_upgrades_are_removed() {
    let gateway = Gateway::start("other-upgrades", &route("ws", echo()));
    for (protocol, connection) in
        [("h2c", "upgrade, http2-settings, close"), ("echo", "upgrade, close"), ("websocket", "close")]
    {
        let got = forwarded(&gateway, &upgrade(protocol, connection));
        assert!(lines(&got, "upgrade").is_empty() && lines(&got, "connection").is_empty(), "{got}");
    }
}

#[test]
fn a_switch_that_was_not_requested_is_a_bad_gateway() {
    let gateway = Gateway::start("unasked", &route("ws", switching("h2c")));
    for request in [upgrade("websocket", "upgrade, close"), upgrade("h2c", "upgrade, close")] {
        let response = send(gateway.address, &request);
        assert!(response.starts_with("HTTP/1.1 502 "), "{response}");
    }
}

/// A broken upload is the client's error, and only the log has the details.
#[test]
fn a_broken_upload_is_a_bad_request() {
    let mut gateway = Gateway::start("broken", &route("one", echo()));
    let chunked = "POST /one HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
    let response = send(gateway.address, &format!("{chunked}3\r\nabc\r\nzz\r\n"));
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    assert!(response.contains("the body of the request cannot be read"), "{response}");
    assert!(!response.contains("chunk"), "{response}");
    let log = gateway.stderr_until("the body of a request cannot be read");
    assert!(log.contains("chunk"), "{log}");

    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.write_all(b"POST /one HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let response = rest(&mut stream);
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 400 "), "{response}");
    assert!(gateway.get("/one").starts_with("HTTP/1.1 200 "));
}
