//! Structs as arguments of handlers in waylay-router.

use axum_core::{body::Body, extract::Request};
use http_body_util::BodyExt;
use tower::ServiceExt;
use waylay_extract::Extract;
use waylay_router::{Route, Router, Scope};

#[derive(Debug, Extract)]
struct Show {
    #[param]
    tenant: String,
    #[param]
    id: u64,
    #[query(default = 1)]
    page: u16,
}

async fn show(show: Show) -> String {
    format!("{} {} {}", show.tenant, show.id, show.page)
}

#[derive(Debug, Extract)]
struct Create {
    #[state]
    app: &'static str,
    #[json]
    title: String,
}

async fn create(create: Create) -> String {
    format!("{} {}", create.app, create.title)
}

fn router() -> Router {
    let scope = Scope::new().host("{tenant}.example.com");
    Router::builder()
        .state("waylay")
        .route(Route::post("/posts").to(create))
        .scope(scope.route(Route::get("/posts/{id}").to(show)))
        .build()
        .unwrap()
}

async fn call(method: &str, uri: &str, body: &'static str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    let response = router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn handlers_take_the_struct() {
    let rows = [
        ("GET", "http://a.example.com/posts/7?page=2", "", 200, "a 7 2"),
        ("POST", "http://example.com/posts", r#"{"title": "t"}"#, 200, "waylay t"),
    ];
    for (method, uri, body, status, answer) in rows {
        assert_eq!(call(method, uri, body).await, (status, answer.to_owned()), "{method} {uri}");
    }
}

#[tokio::test]
async fn errors_are_problem_documents() {
    let rows = [
        ("GET", "http://a.example.com/posts/x?page=y", "", 400, "2 errors"),
        ("GET", "http://a.example.com/posts/%ff", "", 400, "1 error"),
        ("POST", "http://example.com/posts", r#"{"title": 3}"#, 422, "/title"),
    ];
    for (method, uri, body, status, part) in rows {
        let (actual, answer) = call(method, uri, body).await;
        assert_eq!(actual, status, "{method} {uri} {answer}");
        assert!(answer.contains(part), "{method} {uri} {answer}");
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_router_nested_in_axum_reads_the_variables_of_both() {
    #[derive(Debug, Extract)]
    struct Both {
        #[param]
        tenant: String,
        #[param]
        id: u8,
    }

    let show = async |both: Both| format!("{} {}", both.tenant, both.id);
    let inner = Router::builder().route(Route::get("/posts/{id}").to(show)).build().unwrap();
    let outer = axum::Router::new().nest_service("/{tenant}", inner);
    let request = Request::get("/a%20b/posts/7").body(Body::empty()).unwrap();
    let response = outer.oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "a b 7");
}

#[derive(Debug, Extract)]
#[route(GET "/files/{name}")]
#[extract(path_error = 404)]
struct File {
    #[param(raw)]
    name: String,
    #[param(scope)]
    version: u8,
    #[request]
    matched: waylay_router::Matched,
}

async fn file(file: File) -> String {
    format!("{} {} {}", file.name, file.version, file.matched.template())
}

#[tokio::test]
async fn values_may_be_raw_and_from_scopes() {
    let scope = Scope::new().prefix("/v{version}").route(Route::get("/files/{name}").to(file));
    let router = Router::builder().scope(scope).build().unwrap();
    for (uri, status, answer) in [
        ("/v2/files/a%2Fb%20c", 200, Some("a%2Fb%20c 2 /v{version}/files/{name}")),
        ("/vx/files/a", 404, None),
    ] {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{uri}");
        let kind = response.headers().get("content-type").map(|kind| kind.as_bytes().to_vec());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        match answer {
            Some(answer) => assert_eq!(body, answer, "{uri}"),
            None => assert_eq!(kind.as_deref(), Some(b"application/problem+json".as_slice()), "{uri}"),
        }
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_has_no_raw_values() {
    #[derive(Debug, Extract)]
    struct Raw {
        #[param(raw)]
        _name: String,
    }
    let router = axum::Router::new().route("/{_name}", axum::routing::get(async |_: Raw| ""));
    let request = Request::get("/a").body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), 500);
}
