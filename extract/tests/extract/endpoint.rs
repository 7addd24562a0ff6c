//! Routes from structs and from methods, links from structs.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum_core::{
    body::Body,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Request, StatusCode, request::Parts};
use http_body_util::BodyExt;
use tower::ServiceExt;
use waylay_extract::{Extract, IntoRequest, LinkError, Rejection, RouteExt, RouterExt, UrlsExt, routes};
use waylay_router::{Matched, Route, Router, Scope, UrlError};

async fn ask(router: &Router, method: &str, uri: &str) -> Response {
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[derive(Debug, Extract, IntoRequest)]
#[route(GET "/m1/{p}")]
struct M1 {
    #[param]
    p: String,
}

#[derive(Debug, Extract, IntoRequest)]
#[route(GET "/m2/{p}")]
struct M2 {
    #[param]
    p: u32,
}

#[derive(Debug, Extract, IntoRequest)]
#[route(POST "/m2/{p}")]
struct M2Post {
    #[param]
    p: u32,
    #[body(text)]
    note: String,
}

/// The log of a request.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A value of one request.
#[derive(Debug, Extract)]
struct Api {
    #[extension]
    log: Log,
    #[header("x-tenant")]
    tenant: Option<String>,
    #[skip]
    calls: u32,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.log.add(format!("closed after {} calls", self.calls));
    }
}

#[routes]
impl Api {
    pub(crate) async fn m1(&self, request: M1) {
        self.log.add(format!("m1 {}", request.p));
    }

    pub(crate) async fn m2(&self, request: M2) -> String {
        self.log.add("m2");
        format!("{} for {}", request.p * 2, self.tenant.as_deref().unwrap_or("public"))
    }

    pub(crate) async fn m2_post(&mut self, request: M2Post) -> Result<String, StatusCode> {
        self.calls += 1;
        if self.unexported() {
            Err(StatusCode::CONFLICT)
        } else {
            Ok(format!("{}{}", request.note, request.p))
        }
    }

    fn unexported(&self) -> bool {
        self.tenant.is_some()
    }
}

fn api(log: &Log) -> Router {
    let log = log.clone();
    let layer = tower::util::MapRequestLayer::new(move |mut request: Request<Body>| {
        request.extensions_mut().insert(log.clone());
        request
    });
    Router::builder().endpoints::<Api>().layer(layer).build().unwrap()
}

#[tokio::test]
async fn exported_methods_are_routes() {
    let log = Log::default();
    let router = api(&log);
    let routes: Vec<_> = router.routes().map(|route| route.name().unwrap().to_owned()).collect();
    assert_eq!(routes, ["GET /m1/{p}", "GET /m2/{p}", "POST /m2/{p}"]);
    assert_eq!(text(ask(&router, "GET", "/m1/99").await).await, (200, String::new()));
    assert_eq!(text(ask(&router, "GET", "/m2/99").await).await, (200, "198 for public".into()));
    assert_eq!(text(ask(&router, "POST", "/m2/9").await).await, (200, "9".into()));
    assert_eq!(ask(&router, "GET", "/m2/x").await.status(), 400);
    assert_eq!(ask(&router, "DELETE", "/m2/9").await.status(), 405);
}

#[tokio::test]
async fn the_value_is_dropped_after_the_response() {
    let log = Log::default();
    let router = api(&log);
    let response = ask(&router, "GET", "/m2/1").await;
    assert_eq!(log.take(), ["m2"]);
    assert_eq!(text(response).await.0, 200);
    assert_eq!(log.take(), ["closed after 0 calls"]);
    let response = ask(&router, "POST", "/m2/1").await;
    assert!(log.take().is_empty());
    drop(response);
    assert_eq!(log.take(), ["closed after 1 calls"]);
    // A rejected argument calls no method, and the value is dropped at once.
    let response = ask(&router, "GET", "/m2/x").await;
    assert_eq!((response.status().as_u16(), log.take()), (400, vec!["closed after 0 calls".to_owned()]));
}

#[tokio::test]
async fn the_response_keeps_its_length() {
    let router = api(&Log::default());
    let response = ask(&router, "GET", "/m2/99").await;
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(14));
}

/// Made by a function with access to the argument, as the root of juju's handlers.
struct Rooted {
    of: String,
}

trait HasP {
    fn p(&self) -> String;
}

impl HasP for M1 {
    fn p(&self) -> String {
        self.p.clone()
    }
}

async fn rooted<A: HasP>(
    (headers, matched): (HeaderMap, Matched),
    argument: &A,
) -> Result<Rooted, (StatusCode, String)> {
    if headers.contains_key("x-closed") {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "closed".into()));
    }
    Ok(Rooted { of: format!("{} {}", matched.template(), argument.p()) })
}

#[routes(root = rooted)]
impl Rooted {
    pub(crate) async fn m1(self, request: M1) -> String {
        format!("{} {}", self.of, request.p)
    }
}

#[tokio::test]
async fn a_function_makes_the_root_from_parts_and_argument() {
    let router = Router::builder().endpoints::<Rooted>().build().unwrap();
    assert_eq!(text(ask(&router, "GET", "/m1/a").await).await, (200, "/m1/{p} a a".into()));
    let request = Request::get("/m1/a").header("x-closed", "1").body(Body::empty()).unwrap();
    assert_eq!(text(router.oneshot(request).await.unwrap()).await, (503, "closed".into()));
}

#[derive(Clone)]
struct Shared(Arc<AtomicUsize>);

/// A value that is read from the router's state.
struct Counted(Shared);

impl FromRequestParts<Shared> for Counted {
    type Rejection = Rejection;

    async fn from_request_parts(_: &mut Parts, state: &Shared) -> Result<Self, Rejection> {
        Ok(Self(state.clone()))
    }
}

#[routes(state = Shared)]
impl Counted {
    pub(crate) async fn m2(&self, _: M2) -> impl IntoResponse {
        self.0.0.fetch_add(1, Ordering::Relaxed);
        StatusCode::ACCEPTED
    }
}

#[tokio::test]
async fn methods_and_handlers_share_a_router_with_state() {
    let shared = Shared(Arc::default());
    let router = Router::builder()
        .state(shared.clone())
        .endpoints::<Counted>()
        .endpoint(async |_: HeaderMap, request: M1| request.p)
        .scope(Scope::new().prefix("/v2").name("v2").endpoint(async |_: M2| "two"))
        .build()
        .unwrap();
    assert_eq!(ask(&router, "GET", "/m2/1").await.status(), 202);
    assert_eq!(shared.0.load(Ordering::Relaxed), 1);
    assert_eq!(text(ask(&router, "GET", "/m1/x%2Fy").await).await.1, "x/y");
    assert_eq!(text(ask(&router, "GET", "/v2/m2/1").await).await.1, "two");
    assert_eq!(router.urls().to_named("v2.GET /m2/{p}", &M2 { p: 3 }).unwrap().build().unwrap(), "/v2/m2/3");
}

#[derive(Debug, Extract, IntoRequest)]
#[route(GET "/{year:[0-9]{4}}-{slug}")]
struct Post {
    #[param]
    year: String,
    #[param]
    slug: String,
    #[query]
    page: Option<u8>,
    #[query(csv)]
    tags: Vec<String>,
}

#[test]
fn a_link_that_the_route_does_not_match_is_an_error() {
    let router = Router::builder()
        .route(Route::of::<Post>().name("post").query("lang", "{lang}").to(async |_: Post| ""))
        .build()
        .unwrap();
    let urls = router.urls();
    let post = |year: &str, slug: &str, tags: &[&str]| Post {
        year: year.into(),
        slug: slug.into(),
        page: Some(2),
        tags: tags.iter().map(|&tag| tag.into()).collect(),
    };
    let link = |post: &Post| urls.to_named("post", post)?.set("lang", "de").build();
    assert_eq!(link(&post("2026", "a b", &["x", "y"])).unwrap(), "/2026-a%20b?lang=de&page=2&tags=x%2Cy");
    assert!(matches!(link(&post("26", "a", &[])), Err(LinkError::Url(UrlError::Mismatch { .. }))));
    let error = link(&post("2026", "a", &["x,y"])).unwrap_err();
    assert!(matches!(error, LinkError::Write(_)), "{error}");
    let error = urls.to(&post("2026", "a", &[])).unwrap_err();
    assert!(matches!(error, LinkError::Url(UrlError::UnknownRoute { .. })), "{error}");
}
