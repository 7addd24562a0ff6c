//! Responses of handlers, by the tables of juju/httprequest and lmdrouter.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::Json;
use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use waylay_extract::{Extract, HasRoute, Rejection, RejectionLayer, RouteExt, RouterExt};
use waylay_router::{Matched, Route, Router, Scope};

use crate::round_trip::bytes_of;

/// An error of the program, as juju's `RemoteError`.
#[derive(Debug)]
struct Own(StatusCode, &'static str, &'static str);

impl IntoResponse for Own {
    fn into_response(self) -> Response {
        let Self(status, message, code) = self;
        let mut body = json!({ "Message": message });
        if !code.is_empty() {
            body["Code"] = code.into();
        }
        (status, Json(body)).into_response()
    }
}

/// A value that no format can represent.
struct Odd;

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("odd"))
    }
}

#[derive(Extract)]
#[route(GET "/whole/{a}")]
struct Whole {
    #[param]
    a: String,
    #[body]
    b: BTreeMap<String, i64>,
    #[query]
    c: i64,
}

#[derive(Extract)]
struct Number {
    #[param]
    a: i64,
}

#[derive(Extract)]
#[route(GET "/foo/{bar}")]
struct Foo {
    #[param("bar")]
    a: String,
}

#[derive(Extract)]
#[route(POST "/form")]
struct Form {
    #[form]
    a: String,
}

fn router(called: &Arc<AtomicUsize>) -> Router {
    let called = called.clone();
    let count = move |number: Number| {
        called.fetch_add(1, Ordering::Relaxed);
        async move { number.a.to_string() }
    };
    let unauth = || Own(StatusCode::UNAUTHORIZED, "unauth", "unauthorized");
    let odd = HeaderName::from_static("acceptability");
    Router::builder()
        .endpoint(async |whole: Whole| format!("{} {:?} {}", whole.a, whole.b, whole.c))
        .endpoint(async |matched: Matched, given: Foo| format!("{} {}", matched.template(), given.a))
        .endpoint(async |form: Form| form.a)
        .route(Route::get("/none/{a}").to(async |_: Number| Ok::<(), Own>(())))
        .route(Route::get("/value/{a}").to(async |_: Number| Ok::<_, Own>(Json(1234))))
        .route(Route::get("/count/{a}").to(count))
        .route(Route::get("/unauth/{a}").to(async move |_: Number| Err::<Json<u8>, _>(unauth())))
        .route(Route::get("/bad").to(async || Own(StatusCode::BAD_REQUEST, "bad request", "bad request")))
        .route(Route::get("/other").to(async || Own(StatusCode::INTERNAL_SERVER_ERROR, "other", "")))
        .route(Route::get("/null").to(async || (StatusCode::INTERNAL_SERVER_ERROR, Json(Value::Null))))
        .route(Route::get("/headers").to(async move || {
            let own = Own(StatusCode::NOT_ACCEPTABLE, "custom headers", "");
            ([(odd.clone(), HeaderValue::from_static("not at all"))], own)
        }))
        .route(Route::get("/odd").to(async || Json(Odd)))
        .route(Route::get("/text").to(async || Err::<(), _>("custom error")))
        .route(Route::get("/status/{a}").to(async |number: Number| {
            u16::try_from(number.a)
                .ok()
                .and_then(|status| StatusCode::from_u16(status).ok())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }))
        .build()
        .unwrap()
}

async fn ask(router: &Router, method: &str, uri: &str, kind: &str, body: &str) -> (u16, Response) {
    let request = Request::builder().method(method).uri(uri).header("content-type", kind);
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    (response.status().as_u16(), response)
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Id, method, URI, content type, body; the status, and a part of the body.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, u16, &'static str);

const ROWS: &[Row] = &[
    ("j-handle-001", "GET", "/whole/A?c=43", JSON, r#"{"hello": 99}"#, 200, r#"A {"hello": 99} 43"#),
    ("j-handle-002 j-handle-008", "GET", "/none/123", "", "", 200, ""),
    ("j-handle-004 j-handle-010", "GET", "/value/123", "", "", 200, "1234"),
    (
        "j-handle-005 j-handle-011",
        "GET",
        "/unauth/1",
        "",
        "",
        401,
        r#"{"Code":"unauthorized","Message":"unauth"}"#,
    ),
    (
        "j-handle-012 j-handle-013 j-handle-014",
        "GET",
        "/count/not%20a%20number",
        "",
        "",
        400,
        r#""name":"a","code":"invalid""#,
    ),
    ("j-handle-015 j-error_response-006 l-error_response-006", "GET", "/odd", "", "", 500, ""),
    ("j-handle-016", "GET", "/foo/val", "", "", 200, "/foo/{bar} val"),
    // An invalid escape is not guessed.
    ("j-handle-018", "POST", "/form", FORM, "a=%6", 422, r#""code":"bad_escape""#),
    ("j-error_response-001", "GET", "/unauth/1", "", "", 401, r#""Code":"unauthorized""#),
    ("j-error_response-002", "GET", "/bad", "", "", 400, r#"{"Code":"bad request","Message":"bad request"}"#),
    ("j-error_response-003", "GET", "/other", "", "", 500, r#"{"Message":"other"}"#),
    ("j-error_response-004", "GET", "/null", "", "", 500, "null"),
    ("j-error_response-005", "GET", "/headers", "", "", 406, r#"{"Message":"custom headers"}"#),
    ("j-error_response-011 j-error_response-012", "GET", "/text", "", "", 200, "custom error"),
    ("j-error_code-003", "GET", "/status/403", "", "", 403, ""),
    ("j-error_code-004", "GET", "/status/404", "", "", 404, ""),
    ("j-error_code-005", "GET", "/status/0", "", "", 500, ""),
];

/// Returns the ids of the rows.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    let rows = ROWS.iter().map(|row| row.0).chain(ROUTES.iter().map(|row| row.0));
    rows.flat_map(str::split_whitespace)
}

#[tokio::test]
async fn handlers_respond_as_in_the_ancestors() {
    let called = Arc::new(AtomicUsize::new(0));
    let router = router(&called);
    for (id, method, uri, kind, body, status, part) in ROWS {
        let (got, response) = ask(&router, method, uri, kind, body).await;
        let headers = response.headers().clone();
        let text = text(response).await;
        assert_eq!(got, *status, "{id}: {text}");
        assert!(
            if part.contains("\":") { text.contains(part) } else { text == *part || got == 500 },
            "{id}: {text}"
        );
        match *uri {
            "/value/123" => assert_eq!(headers["content-type"], JSON),
            "/headers" => assert_eq!(headers["acceptability"], "not at all"),
            _ => {}
        }
    }
    // A rejected request calls no handler.
    assert_eq!(called.load(Ordering::Relaxed), 0);
    assert_eq!(text(ask(&router, "GET", "/count/7", "", "").await.1).await, "7");
    assert_eq!(called.load(Ordering::Relaxed), 1);
}

/// l-error_response-001 to 004, j-error_response-009: a rejection is a problem, without errors of the program.
#[tokio::test]
async fn rejections_are_problems_and_hide_errors_of_the_program() {
    #[derive(Debug, Extract)]
    struct Unwired {
        #[extension]
        _pool: Arc<AtomicUsize>,
    }
    async fn answer(router: Router, uri: &str) -> (u16, Value) {
        let (status, response) = ask(&router, "GET", uri, "", "").await;
        (status, serde_json::from_str(&text(response).await).unwrap())
    }
    let router = || {
        Router::builder()
            .route(Route::get("/unwired").to(async |_: Unwired| ()))
            .route(Route::get("/number/{a}").to(async |number: Number| number.a.to_string()))
    };
    let (status, body) = answer(router().build().unwrap(), "/number/x").await;
    assert_eq!((status, &body["errors"][0]["code"]), (400, &json!("invalid")));
    let (status, body) = answer(router().build().unwrap(), "/unwired").await;
    assert_eq!((status, &body["detail"]), (500, &json!("the server cannot read this request")));
    assert!(!body.to_string().contains("pool"), "{body}");
    // As the error mappers of juju and lmdrouter: a program may write another format, with any content.
    let exposed = |rejection: &Rejection| {
        let body = json!({"code": rejection.status().as_u16(), "message": format!("wrap: {rejection}")});
        (rejection.status(), Json(body)).into_response()
    };
    let router = router().layer(RejectionLayer::new(exposed)).build().unwrap();
    let body = json!({"code": 500, "message": "wrap: no extension fills the field `_pool`"});
    assert_eq!(answer(router, "/unwired").await, (500, body));
}

#[derive(Extract)]
#[route(PUT "/posts/{id}")]
struct Put {
    #[param]
    id: u64,
    #[json]
    title: String,
}

/// Another format keeps the headers that are not of the body.
#[tokio::test]
async fn a_format_keeps_the_headers_that_it_does_not_set() {
    let terse = |rejection: &Rejection| (rejection.status(), [("x-b", "ours")], "no").into_response();
    // Without a match, so that the struct lists the allowed method.
    let put = service_fn(async |request: Request<Body>| {
        let (parts, body) = request.into_parts();
        let mut answer = match Put::read(&parts, bytes_of(body)) {
            Ok(put) => format!("{} {}", put.id, put.title).into_response(),
            Err(rejection) => rejection.into_response(),
        };
        answer.headers_mut().append("x-a", HeaderValue::from_static("1"));
        answer.headers_mut().append("x-a", HeaderValue::from_static("2"));
        answer.headers_mut().insert("x-b", HeaderValue::from_static("theirs"));
        Ok::<_, Infallible>(answer)
    });
    let service = RejectionLayer::new(terse).layer(put);
    for (method, kind, status, name, value) in [
        ("GET", "application/json", 405, "allow", "PUT"),
        ("PUT", "text/plain", 415, "accept", "application/json"),
        ("PUT", "application/json", 422, "content-type", "text/plain; charset=utf-8"),
    ] {
        let request = Request::builder().method(method).uri("/posts/1").header("content-type", kind);
        let answer = service.oneshot(request.body(Body::from("{}")).unwrap()).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()[name]), (status, &value.parse().unwrap()));
        assert_eq!(answer.headers().get_all(name).iter().count(), 1);
        assert!(answer.headers().get_all("x-a").iter().eq(["1", "2"]));
        assert!(answer.headers().get_all("x-b").iter().eq(["ours"]));
        assert_eq!(text(answer).await, "no");
    }
}

macro_rules! routed {
    ($($name:ident $method:ident $template:literal { $($param:ident)* })*) => {$(
        #[derive(Extract)]
        #[route($method $template)]
        struct $name {
            $(#[param] $param: String,)*
        }
    )*};
}

routed! {
    Root GET "" {}
    One GET "/{id}" { id }
    Stuff GET "/{id}/stuff" { id }
    Fake GET "/{id}/stuff/{fake}" { id fake }
    FooOne GET "/foo/{id}" { id }
    FooBar POST "/foo/bar" {}
}

#[derive(Extract)]
#[route(POST "")]
struct Add {
    #[header]
    authorization: String,
    #[json]
    name: String,
}

#[derive(Extract)]
struct Listed {
    #[query]
    terms: Vec<String>,
    #[header]
    accept_language: Option<String>,
}

/// Id, method, URI; the status, and the body of a success.
const ROUTES: &[(&str, &str, &str, u16, &str)] = &[
    ("l-route-001 l-call-002", "POST", "/api", 400, ""),
    ("l-route-004", "GET", "/api/fake-id", 200, "/{id} fake-id"),
    ("l-route-005", "GET", "/api/fake-id/bla", 404, ""),
    ("l-route-006", "GET", "/api/fake-id/stuff/fakey-fake", 200, "/{id}/stuff/{fake} fake-id fakey-fake"),
    ("l-route-008", "DELETE", "/foo/bar", 405, ""),
    ("l-route-009", "GET", "/foo/bar2", 200, "/foo/{id} bar2"),
    (
        "l-call-004",
        "GET",
        "/api/something/stuff?terms=one&terms=two&terms=three",
        200,
        "something: one in en-us, something: two in en-us, something: three in en-us",
    ),
];

#[tokio::test]
async fn routes_match_as_in_lmdrouter() {
    let scope = Scope::new()
        .prefix("/api")
        .endpoint(async |_: Root| "/")
        .endpoint(async |add: Add| add.authorization + &add.name)
        .endpoint(async |one: One| format!("/{{id}} {}", one.id))
        .route(Route::of::<Stuff>().to(async |listed: Listed, stuff: Stuff| {
            let language = listed.accept_language.unwrap_or_default();
            let items = listed.terms.iter().map(|term| format!("{}: {term} in {language}", stuff.id));
            items.collect::<Vec<_>>().join(", ")
        }))
        .endpoint(async |fake: Fake| format!("/{{id}}/stuff/{{fake}} {} {}", fake.id, fake.fake));
    let router = Router::builder()
        .scope(scope)
        .endpoint(async |foo: FooOne| format!("/foo/{{id}} {}", foo.id))
        .endpoint(async |_: FooBar| "bar")
        .build()
        .unwrap();
    for (id, method, uri, status, body) in ROUTES {
        let request = Request::builder().method(*method).uri(*uri).header("accept-language", "en-us");
        let request = request.header("authorization", "Bearer fake-token").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), *status, "{id}");
        if *status == 200 {
            assert_eq!(text(response).await, *body, "{id}");
        }
    }
}
