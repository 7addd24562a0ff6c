//! The client over a router in the same process, and over a real connection.

use std::error::Error;

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client as Connector, rt::TokioExecutor};
use serde::{Deserialize, Serialize};
use serde_json::json;
use waylay_extract::{
    BaseUrl, BaseUrlError, Client, ClientError, Code, ErrorResponse, Extract, IntoRequest, Location,
    RouterExt, clone_request,
};
use waylay_router::{Route, Router};

#[derive(Debug, Extract, IntoRequest)]
#[route(GET "/m1/{p}")]
struct M1 {
    #[param]
    p: String,
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct M1Answer {
    p: String,
    accept: Option<String>,
}

#[derive(Debug, IntoRequest)]
#[route(POST "/m2/{p}")]
struct M2 {
    #[param]
    p: String,
    #[json]
    i: serde_json::Value,
    #[header("x-odd")]
    odd: Option<String>,
}

#[derive(Debug, Extract)]
#[route(POST "/m2/{p}")]
struct M2Argument {
    #[param]
    p: String,
    #[json]
    i: i64,
    #[header("x-odd")]
    odd: Option<u8>,
}

#[derive(IntoRequest)]
#[route(GET "/{path}")]
struct At {
    #[param]
    path: &'static str,
}

fn typed(kind: &'static str, body: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(kind))], body.into()).into_response()
}

fn router() -> Router {
    let m1 = async |headers: http::HeaderMap, m1: M1| {
        let accept = headers.get("accept").and_then(|value| value.to_str().ok()).map(str::to_owned);
        axum::Json(M1Answer { p: m1.p, accept })
    };
    Router::builder()
        .endpoint(m1)
        .endpoint(async |m2: M2Argument| axum::Json(json!({"p": m2.p, "arg": m2.i, "odd": m2.odd})))
        .route(Route::get("/own").to(async || {
            (StatusCode::FORBIDDEN, axum::Json(json!({"message": "m3 error", "code": "forbidden"})))
        }))
        .route(Route::get("/plain").to(async || typed("text/plain", "bad response")))
        .route(Route::get("/odd").to(async || typed("application/json", "{\"p\": 1}")))
        .route(Route::get("/nothing").to(async || StatusCode::NO_CONTENT))
        .route(Route::get("/moved").to(async || (StatusCode::FOUND, [("location", "/m1/x")])))
        .route(Route::get("/big").to(async || typed("application/json", "x".repeat(100))))
        .route(Route::get("/proxy").to(async || {
            (StatusCode::BAD_GATEWAY, typed("text/html", "<title>502</title><p>no\nbackend.</p>"))
        }))
        .route(Route::get("/torn").to(async || {
            let frames = [Ok(Bytes::from("[1,")), Err("torn")];
            let frames = frames.map(|frame| frame.map(http_body::Frame::data));
            typed("application/json", Body::new(http_body_util::StreamBody::new(Steps(frames.into_iter()))))
        }))
        .build()
        .unwrap()
}

/// A stream of available bytes.
struct Steps<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Steps<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

fn error_response(error: ClientError) -> ErrorResponse {
    match error {
        ClientError::Status(response) => *response,
        other => panic!("{other:?}"),
    }
}

/// Returns an error with its sources.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(" <- ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

#[tokio::test]
async fn responses_are_read_as_the_expected_type() {
    let client = Client::new(router());
    let answer = M1Answer { p: "hello/you".into(), accept: Some("application/json".into()) };
    assert_eq!(client.call::<M1Answer>(&M1 { p: "hello/you".into() }).await.unwrap(), answer);
    assert_eq!(client.get::<M1Answer>("/m1/hello%2Fyou").await.unwrap(), answer);
    assert_eq!(client.get::<M1Answer>("m1/hello%2Fyou").await.unwrap(), answer);
    let m1 = M1 { p: "hello/you".into() };
    assert_eq!(client.call_at::<M1Answer>(Method::GET, "/m1/{p}", &m1).await.unwrap(), answer);
    client.call_empty(&M1 { p: "x".into() }).await.unwrap();
    let raw = client.call_response(&At { path: "plain" }).await.unwrap();
    assert_eq!(raw.into_body().collect().await.unwrap().to_bytes(), "bad response");
    assert_eq!(client.get::<Option<M1Answer>>("/nothing").await.unwrap(), None);
    let m2 = M2 { p: "a".into(), i: json!(999), odd: None };
    assert_eq!(
        client.call::<serde_json::Value>(&m2).await.unwrap(),
        json!({"p": "a", "arg": 999, "odd": null})
    );
}

#[tokio::test]
async fn errors_of_fields_are_read_back() {
    let m2 = M2 { p: "a".into(), i: json!(true), odd: Some("x".into()) };
    let response = error_response(Client::new(router()).call::<()>(&m2).await.unwrap_err());
    assert_eq!(response.status(), 400);
    assert_eq!(response.problem()["title"], "Bad Request");
    let errors: Vec<_> =
        response.errors().iter().map(|e| (e.location(), e.code(), e.name().or(e.pointer()))).collect();
    assert_eq!(
        errors,
        [(Location::Body, Code::Invalid, Some("/i")), (Location::Header, Code::Invalid, Some("x-odd"))]
    );
    assert_eq!(
        response.to_string(),
        "400 Bad Request: body `/i`: expected an integer from -9223372036854775808 to 9223372036854775807; header `x-odd`: expected an integer from 0 to 255"
    );
}

#[tokio::test]
async fn unexpected_responses_are_described() {
    let client = Client::new(router()).limit(64);
    for (path, said) in [
        (
            "plain",
            "the response is not JSON of the expected type <- unexpected content type text/plain; \
             expected application/json; content: bad response",
        ),
        ("big", "the response is longer than 64 bytes"),
        ("proxy", "the server responded 502 Bad Gateway: 502; no backend"),
        ("moved", "the server responded 302 Found: to /m1/x"),
        ("own", "the server responded 403 Forbidden: {\"code\":\"forbidden\",\"message\":\"m3 error\"}"),
        ("missing", "the server responded 404 Not Found"),
        ("..", "the request cannot be written <- path `path`: expected no dot segment"),
    ] {
        let error = client.call::<serde_json::Value>(&At { path }).await.unwrap_err();
        assert_eq!(chain(&error), said, "{path}");
    }
    let error = client.call::<serde_json::Value>(&At { path: "torn" }).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreadable(_)), "{error:?}");
    let error = client.call::<M1Answer>(&At { path: "odd" }).await.unwrap_err();
    assert!(
        chain(&error)
            .starts_with("the response is not JSON of the expected type <- unexpected JSON; content: {"),
        "{error}"
    );
    let ClientError::Decode(kept) = error else { panic!() };
    assert_eq!((kept.status().as_u16(), &**kept.body()), (200, b"{\"p\": 1}".as_slice()));
}

#[tokio::test]
async fn a_program_may_have_its_own_errors() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Own {
        message: String,
        code: String,
    }

    let client = Client::new(router());
    for error in [
        client.call::<()>(&At { path: "own" }).await.unwrap_err(),
        client.call_response(&At { path: "own" }).await.unwrap_err(),
    ] {
        let own: Own = error_response(error).json().unwrap();
        assert_eq!(own, Own { message: "m3 error".into(), code: "forbidden".into() });
    }
}

#[tokio::test]
async fn a_request_stays_below_the_base_url() {
    let client = Client::new(router()).base("/m1").unwrap();
    let answer: M1Answer = client.get("/x").await.unwrap();
    assert_eq!(answer.p, "x");
    for url in ["http://other.example/x", "//other.example/x"] {
        assert!(matches!(client.get::<()>(url).await, Err(ClientError::Url(_))), "{url}");
    }
    let request = Request::get("http://other.example/x").body(Body::empty()).unwrap();
    assert!(matches!(client.request(request).await, Err(ClientError::Url(_))));
}

#[tokio::test]
async fn requests_and_responses_pass_a_real_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = BaseUrl::new(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, tower::make::Shared::new(router())).await });
    let client =
        Client::new(Connector::builder(TokioExecutor::new()).build_http::<Body>()).base(base).unwrap();
    let m2 = M2 { p: "sea & sky/€".into(), i: json!(7), odd: Some("3".into()) };
    let answer: serde_json::Value = client.call(&m2).await.unwrap();
    assert_eq!(answer, json!({"p": "sea & sky/€", "arg": 7, "odd": 3}));
    let m2 = M2 { i: json!("x"), odd: None, ..m2 };
    let ClientError::Status(response) = client.call::<()>(&m2).await.unwrap_err() else { panic!() };
    assert_eq!((response.status().as_u16(), response.errors()[0].pointer()), (422, Some("/i")));
    let nowhere = client.base("http://127.0.0.1:1").unwrap();
    let ClientError::Service(error) = nowhere.call::<()>(&m2).await.unwrap_err() else { panic!() };
    assert!(error.downcast_ref::<hyper_util::client::legacy::Error>().is_some(), "{error:?}");
    assert!(matches!(nowhere.base("no base"), Err(BaseUrlError::InvalidBase(_))));
}

#[tokio::test]
async fn boxed_errors_are_errors_like_any_other() {
    #[derive(Clone)]
    struct Failing;

    impl tower_service::Service<Request<Body>> for Failing {
        type Response = http::Response<Body>;
        type Error = axum_core::BoxError;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            std::future::ready(Err(Box::new(std::io::Error::other("the cable is cut"))))
        }
    }

    let call = async || -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(Client::new(Failing).call_empty(&At { path: "x" }).await?)
    };
    let error = call().await.unwrap_err();
    assert_eq!(chain(&*error), "the request got no response <- the cable is cut");
    assert!(error.source().unwrap().is::<std::io::Error>());
}

#[tokio::test]
async fn a_written_request_can_be_sent_again() {
    let m2 = M2 { p: "a".into(), i: json!(7), odd: Some("3".into()) };
    let request = m2.to_request().unwrap();
    let copy = clone_request(&request).unwrap();
    assert_eq!(
        (copy.method(), copy.uri(), copy.headers()),
        (request.method(), request.uri(), request.headers())
    );
    let again = clone_request(&copy).unwrap();
    let read = async |request: Request<Body>| request.into_body().collect().await.unwrap().to_bytes();
    let bytes = read(request).await;
    assert_eq!((read(copy).await, read(again).await), (bytes.clone(), bytes));

    let get = Request::get("/").body(Body::empty()).unwrap();
    assert!(clone_request(&get).is_some());
    // Another body, or one that replaced the written one, is not known.
    assert!(clone_request(&Request::new(Body::from("x"))).is_none());
    let other = m2.to_request().unwrap().map(|_| Body::from("x"));
    assert!(clone_request(&other).is_none());
}
