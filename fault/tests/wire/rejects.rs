//! Rejects, per placement, protocol and method: the table of `docs/effects.md`.

use std::io::ErrorKind;

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_http::catch_panic::CatchPanicLayer;
use waylay_fault::{
    Fault, FaultBuilder, InjectContext, InjectOutcome, Injector, Reject, ResetCode, chain, custom, reject,
};

use crate::support::{Client, Http2, NEVER, PLACES, Place, Protocol, Seen, send_request, serve};

fn always(injector: impl Into<Injector>) -> FaultBuilder {
    Fault::new("dead", injector).enabled(true).participation(1.0).block_headers([("x-no-chaos", "1")])
}

/// The documented effect.
fn promised(
    place: Place,
    protocol: Protocol,
    method: &Method,
    code: u32,
    unwind: bool,
    head_bodies: bool,
) -> Seen {
    let by_body = match protocol {
        Protocol::Http1 => Seen::Nothing,
        Protocol::Http2 => Seen::Reset(code),
    };
    if method != Method::HEAD {
        return by_body;
    }
    match protocol {
        Protocol::Http2 if head_bodies && place == Place::AxumRoute => Seen::Status(500), // a false setting
        Protocol::Http2 if head_bodies => by_body,
        Protocol::Http2 if unwind => Seen::Reset(ResetCode::CANCEL.into()),
        Protocol::Http1 if unwind => Seen::Nothing,
        _ => Seen::Status(200),
    }
}

#[tokio::test]
async fn every_place_protocol_and_method() {
    let rejects = [
        (|| Reject::EmptyReply, 2),
        (|| Reject::StreamReset(ResetCode::REFUSED_STREAM), 7),
        (|| Reject::StreamReset(ResetCode::NO_ERROR), 0),
        (|| Reject::StreamReset(ResetCode::from(0xfa11)), 0xfa11),
        (|| Reject::hang("1ms"), 2),
    ] as [(fn() -> Reject, u32); 5];
    for place in PLACES {
        for (how, code) in rejects {
            for (unwind, head_bodies) in [(false, false), (true, false), (false, true), (true, true)] {
                let fault =
                    always(reject(how())).unwind(unwind).keeps_head_bodies(head_bodies).build().unwrap();
                let server = serve(place, &fault, NEVER).await;
                for protocol in [Protocol::Http1, Protocol::Http2] {
                    for method in [Method::GET, Method::POST, Method::OPTIONS, Method::CONNECT, Method::HEAD]
                    {
                        let before = fault.control().counts();
                        let seen = send_request(protocol, server, method.clone(), &[]).await;
                        let wanted = promised(place, protocol, &method, code, unwind, head_bodies);
                        let row = format!(
                            "{place:?} {protocol:?} {method} {code} unwind {unwind} head_bodies {head_bodies}"
                        );
                        assert_eq!(seen, wanted, "{row}");
                        let counts = fault.control().counts();
                        let skipped = seen == Seen::Status(200);
                        assert_eq!(
                            counts.not_deliverable - before.not_deliverable,
                            u64::from(skipped),
                            "{row}"
                        );
                        assert_eq!(counts.injected - before.injected, u64::from(!skipped), "{row}");
                        assert_eq!(counts.active, 0, "{row}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
pub(crate) async fn a_reset_stream_leaves_the_connection_usable() {
    for place in PLACES {
        let server = serve(place, &always(reject(Reject::EmptyReply)).build().unwrap(), NEVER).await;
        let mut connection = Http2::connect(server).await;
        for _ in 0..3 {
            assert_eq!(connection.send_request(Method::GET, &[]).await, Seen::Reset(2), "{place:?}");
            assert_eq!(
                connection.send_request(Method::GET, &[("x-no-chaos", "1")]).await,
                Seen::Status(200),
                "{place:?}"
            );
        }
    }
}

#[tokio::test]
async fn hypers_client_reports_the_code() {
    for place in PLACES {
        let server = serve(place, &always(reject(Reject::EmptyReply)).build().unwrap(), NEVER).await;
        let error = Client::connect(Protocol::Http1, server).await.send(Method::GET).await.unwrap_err();
        assert!(error.is_incomplete_message(), "{place:?} {error:?}");
        let error = Client::connect(Protocol::Http2, server).await.send(Method::GET).await.unwrap_err();
        let reason =
            std::error::Error::source(&error).and_then(|source| source.downcast_ref::<h2::Error>()?.reason());
        assert_eq!(reason, Some(h2::Reason::INTERNAL_ERROR), "{place:?} {error:?}");
    }
}

#[tokio::test]
async fn a_custom_injector_rejects_where_deliverable() {
    let decisions = [(|| InjectOutcome::EmptyReply, 2), (|| InjectOutcome::StreamReset(ResetCode::CANCEL), 8)]
        as [(fn() -> InjectOutcome, u32); 2];
    for place in PLACES {
        for (expected, code) in decisions {
            let choosy = custom("choosy", move |call: InjectContext| async move {
                assert_eq!(call.can_reject(), call.request().method() != Method::HEAD);
                expected()
            });
            let fault = always(chain([choosy])).build().unwrap();
            let server = serve(place, &fault, NEVER).await;
            for (protocol, method, wanted) in [
                (Protocol::Http1, Method::GET, Seen::Nothing),
                (Protocol::Http1, Method::HEAD, Seen::Status(200)),
                (Protocol::Http2, Method::GET, Seen::Reset(code)),
                (Protocol::Http2, Method::HEAD, Seen::Status(200)),
            ] {
                assert_eq!(
                    send_request(protocol, server, method.clone(), &[]).await,
                    wanted,
                    "{place:?} {protocol:?} {method}"
                );
            }
            let counts = fault.control().counts();
            assert_eq!((counts.seen, counts.injected, counts.not_deliverable), (4, 2, 2));
        }
    }
}

/// A failing body passes a layer that catches panics; an unwound task becomes its 500.
#[tokio::test]
pub(crate) async fn under_a_layer_that_catches_panics() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let server = listener.local_addr().unwrap();
    let fault = always(reject(Reject::EmptyReply)).unwind(true).build().unwrap();
    let app =
        axum::Router::new().fallback(async || "real").layer(fault.layer()).layer(CatchPanicLayer::new());
    tokio::spawn(async move { axum::serve(listener, app).await });

    assert_eq!(send_request(Protocol::Http1, server, Method::GET, &[]).await, Seen::Nothing);
    assert_eq!(send_request(Protocol::Http2, server, Method::GET, &[]).await, Seen::Reset(2));
    let caught = Seen::Status(StatusCode::INTERNAL_SERVER_ERROR.as_u16());
    assert_eq!(send_request(Protocol::Http1, server, Method::HEAD, &[]).await, caught);
    assert_eq!(send_request(Protocol::Http2, server, Method::HEAD, &[]).await, caught);
}

/// Earlier responses stay complete: only the rejected exchange is interrupted.
#[tokio::test]
async fn earlier_responses_arrive_whole() {
    for place in PLACES {
        let server = serve(place, &always(reject(Reject::EmptyReply)).build().unwrap(), NEVER).await;
        let mut stream = TcpStream::connect(server).await.unwrap();
        let pipelined = "GET / HTTP/1.1\r\nhost: example.com\r\nx-no-chaos: 1\r\n\r\nGET / HTTP/1.1\r\nhost: example.com\r\n\r\n";
        stream.write_all(pipelined.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        assert!(
            reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\nreal"),
            "{place:?}: {reply}"
        );
    }
}

/// With a large unread upload the operating system resets the connection; no byte is received
/// either way.
#[tokio::test]
async fn an_upload_is_interrupted() {
    for place in PLACES {
        let server = serve(place, &always(reject(Reject::EmptyReply)).build().unwrap(), NEVER).await;
        let (mut reading, mut writing) = TcpStream::connect(server).await.unwrap().into_split();
        tokio::spawn(async move {
            writing
                .write_all(b"POST / HTTP/1.1\r\nhost: example.com\r\ncontent-length: 20000000\r\n\r\n")
                .await?;
            writing.write_all(&vec![b'x'; 20_000_000]).await
        });
        let mut reply = Vec::new();
        let end = reading.read_to_end(&mut reply).await.map_err(|error| error.kind());
        assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{place:?}: {end:?}");
        assert_eq!(reply, b"", "{place:?}");
    }
}
