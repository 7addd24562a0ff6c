//! Changed bodies and heads of requests, by the server and by the client.

use std::net::SocketAddr;

use axum::extract::Request;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_layer::Layer;
use waylay_fault::{
    BodyError, Corruption, Delay, DelayPoint, Fault, Injector, LengthOffset, ResetCode, Side, TruncateAt,
    TruncateEnd, corrupt, patch, rate_limit, replace, slow, truncate, wrong_length,
};

fn always(injector: impl Into<Injector>) -> Fault {
    Fault::new("up", injector).enabled(true).participation(1.0).seed(7).build().unwrap()
}

fn idle() -> Fault {
    Fault::new("idle", replace("")).build().unwrap()
}

/// A server that describes the request it received: the stated length, the relevant headers, the
/// body and whether it was complete.
async fn serve(fault: &Fault) -> SocketAddr {
    let app = axum::Router::new()
        .fallback(async |request: Request| {
            let length =
                request.headers().get(CONTENT_LENGTH).map(|length| length.to_str().unwrap().to_owned());
            let marks = request.headers().get_all("x-a").iter().count();
            let mut body = request.into_body();
            let mut seen = Vec::new();
            let end = loop {
                match body.frame().await {
                    Some(Ok(frame)) => seen.extend_from_slice(frame.data_ref().unwrap()),
                    Some(Err(_)) => break "failed",
                    None => break "whole",
                }
            };
            // Corrupted text is not UTF-8.
            let text: String =
                seen.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect();
            let length = length.unwrap_or_else(|| "none".into());
            format!("{length}, {marks}, {text}, {end}")
        })
        .layer(fault.layer());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

type Boxed = UnsyncBoxBody<Bytes, BodyError>;

/// The server's description, or that there was no response.
async fn send_request(server: SocketAddr, fault: &Fault, http2: bool) -> String {
    let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http::<Boxed>();
    let client = fault.client_layer().request_body_with::<Boxed>(|body| body.boxed_unsync()).layer(client);
    let body = Full::from("{\"a\":1}").map_err(|never| match never {}).boxed_unsync();
    let request = http::Request::post(format!("http://{server}/")).header("x-a", "1").body(body).unwrap();
    match client.oneshot(request).await {
        Ok(response) => {
            assert_eq!(response.status(), 200);
            String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
        }
        Err(_) => "failed".into(),
    }
}

/// By the server before the handler, and by the client before sending: the handler receives the
/// same, except for the stated length.
#[tokio::test]
async fn request_bodies_and_heads() {
    let cut = |at| truncate(at).on(Side::Request);
    // By the server; by the client, over HTTP/1.1 and HTTP/2.
    let rows: [(Injector, &str, [&str; 2]); 13] = [
        (cut(TruncateAt::Bytes(3)).into(), "7, 1, {\"a, failed", ["failed"; 2]),
        (cut(TruncateAt::Fraction(0.5)).into(), "7, 1, {\"a, failed", ["failed"; 2]),
        (
            cut(TruncateAt::Bytes(3)).then(TruncateEnd::Reset(ResetCode::CANCEL)).into(),
            "7, 1, {\"a, failed",
            ["failed"; 2],
        ),
        (
            cut(TruncateAt::Bytes(3)).then(TruncateEnd::Clean).into(),
            "none, 1, {\"a, whole",
            ["3, 1, {\"a, whole"; 2],
        ),
        (
            corrupt(Corruption::Json).on(Side::Request).into(),
            "7, 1, {\"a\";1}, whole",
            ["7, 1, {\"a\";1}, whole"; 2],
        ),
        (
            corrupt(Corruption::Utf8).on(Side::Request).into(),
            "7, 1, {\"?\":1}, whole",
            ["7, 1, {\"?\":1}, whole"; 2],
        ),
        (replace("new").on(Side::Request).into(), "none, 1, new, whole", ["3, 1, new, whole"; 2]),
        (rate_limit(400).on(Side::Request).into(), WHOLE, [WHOLE; 2]),
        (slow(Delay::fixed("1ms").at(DelayPoint::RequestChunks)), WHOLE, [WHOLE; 2]),
        (
            patch().duplicate("x-a").on(Side::Request).into(),
            "7, 2, {\"a\":1}, whole",
            ["7, 2, {\"a\":1}, whole"; 2],
        ),
        (
            patch().drop("x-a").on(Side::Request).into(),
            "7, 0, {\"a\":1}, whole",
            ["7, 0, {\"a\":1}, whole"; 2],
        ),
        (
            wrong_length(LengthOffset::More(5)).on(Side::Request).into(),
            "none, 1, {\"a\":1}, whole",
            ["failed"; 2],
        ),
        // hyper sends no more than the stated length.
        (
            wrong_length(LengthOffset::Fewer(5)).on(Side::Request).into(),
            "none, 1, {\"a\":1}, whole",
            ["2, 1, {\", whole", "failed"],
        ),
    ];
    for (injector, by_server, by_client) in rows {
        let fault = always(injector);
        for (http2, by_client) in [false, true].into_iter().zip(by_client) {
            assert_eq!(
                send_request(serve(&fault).await, &idle(), http2).await,
                by_server,
                "{http2} {fault:?}"
            );
            assert_eq!(
                send_request(serve(&idle()).await, &fault, http2).await,
                by_client,
                "{http2} {fault:?}"
            );
        }
        assert_eq!(fault.control().counts().injected, 4, "{fault:?}");
    }
}

const WHOLE: &str = "7, 1, {\"a\":1}, whole";
