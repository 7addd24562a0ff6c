//! Bodies and heads changed by a fault, as clients receive them.

use bytes::Bytes;
use http::{Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use waylay_fault::{
    Delay, DelayPoint, Fault, FaultBuilder, INJECTED_HEADER, Injector, LengthOffset, ResetCode, TruncateAt,
    TruncateEnd, chain, corrupt, patch, rate_limit, replace, slow, truncate, wrong_length,
};

use crate::support::{Client, NEVER, PLACES, Place, Protocol, serve};

fn always(injector: impl Into<Injector>) -> FaultBuilder {
    Fault::new("flaky", injector).enabled(true).participation(1.0)
}

/// The result of one exchange: the stated length, the bytes of the body, and the end.
#[derive(Debug, PartialEq, Eq)]
struct Got {
    length: Option<u64>,
    body: Vec<u8>,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The regular end of the protocol.
    Whole,
    /// Too early, by the end of the connection.
    Closed,
    /// By a stream reset of the server.
    Reset(u32),
    /// The client rejects the response, for this reason.
    Refused(u32),
}

fn got(length: impl Into<Option<u64>>, body: &str, end: End) -> Got {
    Got { length: length.into(), body: body.into(), end }
}

async fn exchange(protocol: Protocol, server: std::net::SocketAddr) -> Got {
    let stream = TcpStream::connect(server).await.unwrap();
    match protocol {
        Protocol::Http1 => http1(stream).await,
        Protocol::Http2 => http2(stream).await,
    }
}

async fn http1(mut stream: TcpStream) -> Got {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    let at = reply.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&reply[..at]).to_lowercase();
    let length =
        head.split("content-length: ").nth(1).map(|rest| rest.split("\r\n").next().unwrap().parse().unwrap());
    let body = reply[at..].to_vec();
    let Some(length) = length else {
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        let text = String::from_utf8_lossy(&body).into_owned();
        let whole = text.ends_with("0\r\n\r\n");
        // Chunks are short here, so that their lengths are one digit.
        let body = text.split("\r\n").skip(1).step_by(2).collect::<String>();
        return Got { length: None, body: body.into(), end: if whole { End::Whole } else { End::Closed } };
    };
    let end = if body.len() as u64 == length { End::Whole } else { End::Closed };
    Got { length: Some(length), body, end }
}

async fn http2(stream: TcpStream) -> Got {
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://example.com/").body(()).unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    let response = response.await.unwrap();
    let length = response.headers().get("content-length").map(|text| text.to_str().unwrap().parse().unwrap());
    let mut stream = response.into_body();
    let mut body = Vec::new();
    let end = loop {
        match stream.data().await {
            None => break End::Whole,
            Some(Ok(data)) => {
                let _ = stream.flow_control().release_capacity(data.len());
                body.extend_from_slice(&data);
            }
            Some(Err(error)) if error.is_remote() => break End::Reset(error.reason().unwrap().into()),
            Some(Err(error)) => break End::Refused(error.reason().unwrap().into()),
        }
    };
    Got { length, body, end }
}

/// A truncated body is sent up to the cut, and the client can detect the truncation, unless it is
/// clean.
#[tokio::test]
async fn truncations_are_observed_at_the_cut() {
    type Row = (fn() -> Injector, [Got; 2]);
    let close = End::Closed;
    let rows: [Row; 6] = [
        (|| truncate(TruncateAt::Bytes(2)).into(), [got(4, "re", close), got(4, "re", End::Reset(2))]),
        (
            || truncate(TruncateAt::Fraction(0.75)).then(TruncateEnd::Reset(ResetCode::CANCEL)).into(),
            [got(4, "rea", End::Closed), got(4, "rea", End::Reset(8))],
        ),
        (|| truncate(TruncateAt::Bytes(0)).into(), [got(4, "", End::Closed), got(4, "", End::Reset(2))]),
        (
            || truncate(TruncateAt::Bytes(2)).then(TruncateEnd::Clean).into(),
            [got(2, "re", End::Whole), got(2, "re", End::Whole)],
        ),
        (|| truncate(TruncateAt::Bytes(4)).into(), [got(4, "real", End::Whole), got(4, "real", End::Whole)]),
        (
            || chain::<Injector>([replace("something longer").into(), truncate(TruncateAt::Bytes(9)).into()]),
            [got(16, "something", End::Closed), got(16, "something", End::Reset(2))],
        ),
    ];
    for (injector, wanted) in rows {
        for place in PLACES {
            let fault = always(injector()).build().unwrap();
            let server = serve(place, &fault, NEVER).await;
            for (protocol, wanted) in [Protocol::Http1, Protocol::Http2].into_iter().zip(&wanted) {
                let seen = exchange(protocol, server).await;
                assert_eq!(seen, *wanted, "{place:?} {protocol:?} {fault:?}");
            }
        }
    }
}

/// hyper trusts the stated length. On HTTP/1 it sends no more than that, so that too short a length
/// is an undetectable truncation; on HTTP/2 clients check.
#[tokio::test]
async fn wrong_lengths() {
    let rows = [
        (LengthOffset::More(5), [got(9, "real", End::Closed), got(9, "real", End::Refused(1))]),
        (LengthOffset::Fewer(2), [got(2, "re", End::Whole), got(2, "", End::Refused(1))]),
    ];
    for (length, wanted) in rows {
        for place in PLACES {
            let fault = always(wrong_length(length)).build().unwrap();
            let server = serve(place, &fault, NEVER).await;
            for (protocol, wanted) in [Protocol::Http1, Protocol::Http2].into_iter().zip(&wanted) {
                let seen = exchange(protocol, server).await;
                assert_eq!(seen, *wanted, "{place:?} {protocol:?} {length:?}");
            }
        }
    }
}

/// A connection stays usable after changed responses.
#[tokio::test]
async fn changed_responses_are_complete() {
    type Row = (fn() -> Injector, u16, Option<&'static str>);
    let rows: [Row; 6] = [
        (|| replace("other text").into(), 200, Some("other text")),
        (|| corrupt(waylay_fault::Corruption::Json).into(), 200, Some(";eal")),
        (|| rate_limit(400).into(), 200, Some("real")),
        (|| slow(Delay::fixed("1ms").at(DelayPoint::ResponseChunks)), 200, Some("real")),
        (|| slow(Delay::fixed("1ms").at(DelayPoint::ResponseHead)), 200, Some("real")),
        (
            || patch().status(418).set("x-a", "1").duplicate("x-a").drop("content-type").into(),
            418,
            Some("real"),
        ),
    ];
    for (injector, status, text) in rows {
        for place in PLACES {
            let fault = always(injector()).build().unwrap();
            let server = serve(place, &fault, NEVER).await;
            for protocol in [Protocol::Http1, Protocol::Http2] {
                let mut client = Client::connect(protocol, server).await;
                for method in [Method::GET, Method::POST, Method::GET] {
                    let response = client.send(method).await.unwrap();
                    assert_eq!(
                        (response.status().as_u16(), response.body()),
                        (status, &Bytes::from(text.unwrap()))
                    );
                    assert_eq!(response.headers()[INJECTED_HEADER], "flaky", "{place:?} {protocol:?}");
                    if status == 418 {
                        assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
                        assert!(!response.headers().contains_key("content-type"));
                    }
                }
            }
        }
    }
}

/// Two services with one seed select the same requests, in whatever order they come.
#[tokio::test]
async fn two_servers_decide_alike() {
    use waylay_fault::{DecideBy, error};
    let fault = || {
        let builder = Fault::new("flaky", error(503)).enabled(true).participation(0.5).seed(7);
        builder.decide_by(DecideBy::RequestId).attempt_header("x-attempt").build().unwrap()
    };
    let (one, other) = (fault(), fault());
    let servers = [serve(Place::Hyper, &one, NEVER).await, serve(Place::AxumRoute, &other, NEVER).await];
    let mut decisions = Vec::new();
    for (server, backwards) in servers.into_iter().zip([false, true]) {
        let mut ids: Vec<u32> = (0..60).collect();
        if backwards {
            ids.reverse();
        }
        let mut seen = Vec::new();
        for id in ids {
            for attempt in ["1", "2"] {
                let headers = [("x-request-id", &*id.to_string()), ("x-attempt", attempt)];
                let protocol = if id % 2 == 0 { Protocol::Http1 } else { Protocol::Http2 };
                let injected = crate::support::send_request(protocol, server, Method::GET, &headers).await;
                seen.push(((id, attempt), injected));
            }
        }
        seen.sort_by_key(|(key, _)| *key);
        decisions.push(seen);
    }
    assert_eq!(decisions[0], decisions[1]);
    let injected = one.control().counts().injected;
    // Five sigma around half of 120.
    assert!((33..=87).contains(&injected), "{injected}");
}
