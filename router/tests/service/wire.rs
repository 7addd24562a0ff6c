//! Raw requests over sockets, and summaries of their responses.
//!
//! Each test of `wire_*` is a known defect of other routers and proxies, as a table. A response that starts
//! with `hyper` is hyper's, sent before the router received anything, so a change there shows.

use std::net::SocketAddr;

use http::{HeaderName, HeaderValue};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_http::set_header::SetResponseHeaderLayer;
use waylay_router::{Builder, Matched, Route, Router};

/// Serves one router over HTTP/1.1 and h2c until the test ends.
pub async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let io = TokioIo::new(stream);
                // A client that disconnects ends its connection with an error, which does not matter here.
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
            });
        }
    });
    address
}

/// Returns the whole response to a request that closes the connection.
pub async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// Distinguishes the router's responses from hyper's own.
const OURS: HeaderName = HeaderName::from_static("x-ours");

pub fn builder() -> Builder {
    Router::builder().layer(SetResponseHeaderLayer::overriding(OURS, HeaderValue::from_static("1")))
}

/// Returns the template, each variable decoded (or raw, if it is not UTF-8), and the target if there is one.
pub async fn show(matched: Matched) -> String {
    let mut out = matched.template().to_owned();
    for capture in matched.captures() {
        let value =
            capture.decode().map_or_else(|_| format!("!{}", capture.raw()), |value| value.into_owned());
        out += &format!(" {}={value}", capture.name());
    }
    out
}

/// Returns the status, and the most informative of location, methods and text.
pub fn described(status: u16, header: impl Fn(&str) -> Option<String>, body: &str) -> String {
    let rest = header("location").or_else(|| header("allow")).unwrap_or_else(|| body.to_owned());
    let rest = if status == 200 { &rest } else { rest.trim_end() };
    let who = if header("x-ours").is_some() { "" } else { "hyper " };
    if rest.is_empty() { format!("{who}{status}") } else { format!("{who}{status} {rest}") }
}

/// The lines of a request before the empty one, and the summary of the response.
pub async fn ask(address: SocketAddr, lines: &[u8]) -> String {
    let request = [lines, b"connection: close\r\n\r\n"].concat();
    let answer = raw(address, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let field = |name: &str| {
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    described(head[9..12].parse().unwrap(), field, body)
}

pub async fn answers(router: Router, rows: &[(&[u8], &str)]) {
    let address = serve(router).await;
    let mut wrong = String::new();
    for (lines, expected) in rows {
        let got = ask(address, lines).await;
        if got != *expected {
            wrong += &format!("{}\n  expected {expected}\n  got    {got}\n", lines.escape_ascii());
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// GET for each target, with one host.
pub async fn targets(router: Router, rows: &[(&[u8], &str)]) {
    let lines = rows.iter().map(|(target, _)| [b"GET ", *target, b" HTTP/1.1\r\nhost: h\r\n"].concat());
    let lines: Vec<_> = lines.collect();
    let rows: Vec<_> =
        lines.iter().map(Vec::as_slice).zip(rows.iter().map(|(_, expected)| *expected)).collect();
    answers(router, &rows).await;
}

/// GET for `/` with these header lines.
pub async fn fields(router: Router, rows: &[(&str, &str)]) {
    let lines: Vec<_> = rows.iter().map(|(lines, _)| format!("GET / HTTP/1.1\r\n{lines}")).collect();
    let rows: Vec<_> =
        lines.iter().map(String::as_bytes).zip(rows.iter().map(|(_, expected)| *expected)).collect();
    answers(router, &rows).await;
}

pub fn paths(templates: &[&str]) -> Router {
    templates.iter().fold(builder(), |b, template| b.route(Route::get(*template).to(show))).build().unwrap()
}

pub const DOTS: &str = "400 the path holds a dot segment";
pub const CONTROL: &str = "400 the path holds a control character";
pub const UTF8: &str = "400 the decoded path is not UTF-8";
pub const ESCAPE: &str = "400 `%` in the path is not followed by two hexadecimal digits";
pub const HOST: &str = "400 the host is not valid";
pub const HOSTS: &str = "400 the request names more than one host";
