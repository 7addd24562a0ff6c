//! Facts of go-fault about rejects on connections, row by row.
//!
//! Each row has the behavior of Go's server and hyper, and of this crate's equivalent. The other facts
//! are in `tests/fault/go_fault_rows.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use waylay_fault::{
    Delay, Fault, FaultBuilder, Injector, Reject, ResetCode, TruncateAt, chain, error, reject, replace, slow,
    truncate,
};

use crate::handle::{self, Server};
use crate::support::{self, NEVER, Place, Protocol};
use crate::{curl, disconnect, rejects};

/// The action.
#[derive(Debug, Clone, Copy)]
enum How {
    /// A response with this status.
    Error(u16),
    /// No response: a body that fails at its first poll.
    Empty,
    /// The same with a chosen code.
    Code(ResetCode),
    /// The same after a delay.
    Late,
    /// Five bytes of ten, and an interruption.
    Five,
    /// No response, by unwinding where a body is not delivered.
    Unwind,
    /// The connection closed, or reset, by its handle.
    Close,
    Rst,
}

/// The client's observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// An HTTP/1 connection that ends without a byte.
    Nothing,
    /// The connection reset; or ended, with every stream on it.
    Gone,
    /// The stream reset before its head.
    Reset(u32),
    /// The status, and the number of bytes of a complete body.
    Whole(u16, usize),
    /// The same for an incomplete body.
    Truncated(u16, usize),
}

use How::{Close, Code, Empty, Error, Five, Late, Rst, Unwind};
use Place::{AxumRoute, Hyper};
use Protocol::{Http1, Http2};
use Seen::{Gone, Nothing, Reset, Whole};

const REJECTED: How = Code(ResetCode::REFUSED_STREAM);
const CANCEL: How = Code(ResetCode::CANCEL);
const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;

/// Deliberate differences: a response's head never passes a reject, not even that of a 204; the
/// bytes before a cut are always sent; and nothing unwinds where a body is delivered.
const DIFFERENT: [u16; 8] = [196, 197, 199, 203, 214, 215, 216, 222];

const ROWS: [(u16, How, Place, Protocol, Method, Seen); 41] = [
    (138, Empty, Hyper, Http1, Method::POST, Nothing),
    (140, Empty, Hyper, Http2, GET, Reset(2)),
    (141, Late, Hyper, Http1, GET, Nothing),
    (142, Error(204), Hyper, Http1, GET, Whole(204, 0)),
    (187, Empty, Hyper, Http1, GET, Nothing),
    (188, Empty, Hyper, Http2, GET, Reset(2)),
    (189, REJECTED, Hyper, Http2, GET, Reset(7)),
    (190, Empty, Hyper, Http1, GET, Nothing),
    (191, Empty, Hyper, Http2, GET, Reset(2)),
    (193, REJECTED, Hyper, Http2, GET, Reset(7)),
    (194, Empty, Hyper, Http1, HEAD, Whole(200, 0)),
    (196, Late, Hyper, Http1, GET, Nothing),
    (197, Five, Hyper, Http1, GET, Seen::Truncated(200, 5)),
    (199, Five, Hyper, Http2, GET, Seen::Truncated(200, 5)),
    (200, Five, Hyper, Http1, GET, Seen::Truncated(200, 5)),
    (201, Five, Hyper, Http2, GET, Seen::Truncated(200, 5)),
    (203, Unwind, Hyper, Http2, GET, Reset(2)),
    (204, Unwind, Hyper, Http1, HEAD, Nothing),
    (207, Close, Hyper, Http2, GET, Gone),
    (207, Close, Hyper, Http2, HEAD, Gone),
    (208, Rst, Hyper, Http1, GET, Gone),
    (208, Rst, Hyper, Http1, HEAD, Gone),
    (208, Rst, Hyper, Http2, GET, Gone),
    (208, Rst, Hyper, Http2, HEAD, Gone),
    (209, Empty, AxumRoute, Http1, GET, Nothing),
    (210, Empty, AxumRoute, Http2, GET, Reset(2)),
    (211, CANCEL, AxumRoute, Http2, GET, Reset(8)),
    (213, Empty, AxumRoute, Http1, HEAD, Whole(200, 0)),
    // In go-fault a service that responds with 204, whose body is not polled; here it is never
    // called.
    (214, Empty, AxumRoute, Http1, GET, Nothing),
    (215, Late, AxumRoute, Http1, GET, Nothing),
    (216, Five, AxumRoute, Http1, GET, Seen::Truncated(200, 5)),
    (217, Five, AxumRoute, Http1, GET, Seen::Truncated(200, 5)),
    (219, Five, AxumRoute, Http1, GET, Seen::Truncated(200, 5)),
    (220, Five, AxumRoute, Http2, GET, Seen::Truncated(200, 5)),
    (222, Unwind, AxumRoute, Http2, GET, Reset(2)),
    (224, Unwind, AxumRoute, Http2, HEAD, Reset(8)),
    (228, Empty, Hyper, Http2, HEAD, Reset(2)),
    (229, Empty, AxumRoute, Http2, HEAD, Whole(200, 0)),
    // With tracing and a timeout, which `support` adds.
    (232, Empty, AxumRoute, Http1, GET, Nothing),
    // In addition to the measurements there: the options that deliver a reject to HEAD.
    (0, Close, AxumRoute, Http1, HEAD, Nothing),
    (0, Rst, AxumRoute, Http1, HEAD, Gone),
];

fn fault(how: How, place: Place) -> FaultBuilder {
    let injector: Injector = match how {
        Error(status) => error(status).into(),
        Empty | Unwind => reject(Reject::EmptyReply),
        Code(code) => reject(Reject::StreamReset(code)),
        Late => chain([slow(Delay::fixed("1ms")), reject(Reject::EmptyReply)]),
        Five => chain::<Injector>([replace("0123456789").into(), truncate(TruncateAt::Bytes(5)).into()]),
        Close => reject(Reject::ConnectionClose),
        Rst => reject(Reject::ConnectionReset),
    };
    let fault = Fault::new("row", injector).enabled(true).participation(1.0);
    // Directly under hyper the bodies of HEAD remain; axum's router empties them.
    fault.unwind(matches!(how, Unwind)).keeps_head_bodies(place == Hyper && !matches!(how, Unwind))
}

/// Runs one exchange; a request that is not deliverable is counted as such.
async fn see(how: How, place: Place, protocol: Protocol, method: &Method) -> Seen {
    let fault = fault(how, place).build().unwrap();
    let server = match (how, place) {
        (Close | Rst, Hyper) => handle::serve(Server::Hyper, &fault, &handle::idle()).await,
        (Close | Rst, _) => handle::serve(Server::AxumRoute, &fault, &handle::idle()).await,
        _ => support::serve(place, &fault, NEVER).await,
    };
    let seen = match protocol {
        Http1 => http1(server, method).await,
        Http2 => http2(server, method).await,
    };
    let counts = fault.control().counts();
    let dropped = matches!(seen, Whole(200, _)) && !matches!(how, Error(_));
    assert_eq!(
        (counts.not_deliverable, counts.injected),
        (u64::from(dropped), u64::from(!dropped)),
        "{how:?}"
    );
    seen
}

async fn http1(server: SocketAddr, method: &Method) -> Seen {
    let body = if method == Method::POST { "x=1" } else { "" };
    let head = format!(
        "{method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    if stream.read_to_end(&mut reply).await.is_err() {
        return Gone;
    }
    let Some(at) = reply.windows(4).position(|four| four == b"\r\n\r\n") else {
        assert_eq!(reply, b"", "half a head");
        return Nothing;
    };
    let head = String::from_utf8_lossy(&reply[..at]).to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    let bytes = reply.len() - at - 4;
    if method == HEAD || length.unwrap_or(0) == bytes {
        Whole(status, bytes)
    } else {
        Seen::Truncated(status, bytes)
    }
}

async fn http2(server: SocketAddr, method: &Method) -> Seen {
    let stream = TcpStream::connect(server).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let Ok(mut sender) = sender.ready().await else { return Gone };
    let request = Request::builder().method(method).uri("http://example.com/").body(()).unwrap();
    let response = match sender.send_request(request, true).unwrap().0.await {
        Err(error) if error.is_reset() => return Reset(error.reason().unwrap().into()),
        Err(_) => return Gone,
        Ok(response) => response,
    };
    let (status, mut bytes) = (response.status().as_u16(), 0);
    let mut body = response.into_body();
    loop {
        match body.data().await {
            None => return Whole(status, bytes),
            Some(Err(_)) => return Seen::Truncated(status, bytes),
            Some(Ok(data)) => {
                bytes += Bytes::len(&data);
                body.flow_control().release_capacity(data.len()).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn rejects_observed_by_clients() {
    for (number, how, place, protocol, method, wanted) in ROWS {
        assert_eq!(see(how, place, protocol, &method).await, wanted, "{number}");
    }
}

type Alone = (&'static [u16], fn());

/// Clients read every status, and a complete body.
#[tokio::test]
async fn every_status_arrives() {
    for status in 200..=599 {
        let reason = http::StatusCode::from_u16(status).unwrap().canonical_reason();
        let text = match reason {
            _ if matches!(status, 204 | 205 | 304) => "",
            Some(reason) => reason,
            None => "599",
        };
        for (turn, protocol) in [Http1, Http2].into_iter().enumerate() {
            // Unregistered statuses are all alike: in turns.
            if reason.is_some() || usize::from(status) % 2 == turn {
                let seen = see(Error(status), Hyper, protocol, &GET).await;
                assert_eq!(seen, Whole(status, text.len()), "{status}");
            }
        }
    }
}

/// Facts with a separate test, which the compiler finds here.
const ALONE: [Alone; 6] = [
    (&[139], curl::curl_retries_on_a_reused_connection),
    (&[140], rejects::a_reset_stream_leaves_the_connection_usable),
    // go-fault hangs or responds twice; here the build fails.
    (&[146, 147], informational_statuses_are_rejected),
    (&[231, 232], rejects::under_a_layer_that_catches_panics),
    (&[233], disconnect::an_outer_timeout_responds),
    (&[235, 236], disconnect::a_client_leaving_its_upload_ends_the_fault),
];

#[test]
fn informational_statuses_are_rejected() {
    for status in [100, 101, 103, 199] {
        assert!(fault(Error(status), Hyper).build().is_err(), "{status}");
    }
}

/// The meaning of the words in the file.
fn how(text: &str) -> Option<How> {
    Some(match text {
        "service error" | "body error on the first poll" => Empty,
        _ if text.ends_with("wrapping REFUSED_STREAM") => REJECTED,
        _ if text.ends_with("wrapping CANCEL") => CANCEL,
        "body error after one pending poll" => Late,
        _ if text.starts_with("5 bytes") => Five,
        "panic or resume_unwind" | "resume_unwind" => Unwind,
        "io write error, close" => Close,
        "io write error, linger 0" => Rst,
        _ => return None,
    })
}

/// Tests whether this equals curl's exit code and the rest of the row.
fn fits(seen: Seen, expect: &Value) -> bool {
    let number = |name: &str| expect[name].as_u64();
    match (seen, number("curl_exit"), number("rst_code")) {
        (Reset(seen), _, Some(code)) => u64::from(seen) == code,
        (_, _, Some(_)) => false,
        (Nothing, exit, _) => exit == Some(52),
        (Reset(_), exit, _) => exit == Some(92) && number("status").is_none() && number("bytes").is_none(),
        (Gone, exit, _) => exit == Some(56) || (exit == Some(18) && number("status").is_none()),
        (Seen::Truncated(status, bytes), exit, _) => {
            matches!(exit, Some(18 | 92))
                && number("status") == Some(status.into())
                && number("bytes") == Some(bytes as u64)
        }
        (Whole(status, _), exit, _) => exit == Some(0) && number("status") == Some(status.into()),
    }
}

#[tokio::test]
#[ignore = "needs ../shared/cases"]
async fn every_client_fact_of_the_file_has_a_test() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/fault.jsonl");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("{} is not here: skipped", file.display());
        return;
    };
    let known = |number| {
        ROWS.iter().any(|(known, ..)| *known == number)
            || ALONE.iter().any(|(known, _)| known.contains(&number))
    };
    let (mut driven, mut faults) = (0, Vec::new());
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if !row["suite"].as_str().unwrap().ends_with(".wire") {
            continue;
        }
        let number: u16 = row["id"].as_str().unwrap().strip_prefix("fault-").unwrap().parse().unwrap();
        let (given, expect) = (&row["given"], &row["expect"]);
        let word = |name: &str| given[name].as_str().unwrap_or("");
        let Some(how) = how(word("how")).filter(|_| !given["how"].is_null()) else {
            if !known(number) {
                faults.push(format!("unanswered: {row}"));
            }
            continue;
        };
        let place = if word("server").starts_with("raw") { Hyper } else { AxumRoute };
        let protocols = [("h1", Http1), ("h2", Http2)].into_iter();
        for (_, protocol) in protocols.filter(|(name, _)| word("protocol").contains(name)) {
            let methods = [GET, HEAD, Method::POST].into_iter();
            for method in methods.filter(|method| word("method").contains(method.as_str())) {
                let seen = see(how, place, protocol, &method).await;
                // A deliberate difference must differ.
                if fits(seen, expect) == DIFFERENT.contains(&number) {
                    faults.push(format!("{seen:?}: {row}"));
                }
                driven += 1;
            }
        }
    }
    println!("{driven} exchanges were driven from the file");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
