//! Structs as arguments of handlers in waylay-router.

use axum_core::{body::Body, extract::Request};
use http_body_util::BodyExt;
use tower::ServiceExt;
use waylay_extract::{Extract, RouteExt, RouterExt, routes};
use waylay_router::{BuildErrors, Route, Router, Scope};

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

#[derive(Debug, Extract)]
struct Paged {
    #[param("post-id")]
    id: u64,
    #[param]
    lang: Option<String>,
    #[param(default = 1)]
    page: u16,
    #[flatten]
    tenant: Tenant,
}

#[derive(Debug, Extract)]
struct Tenant {
    #[param]
    tenant: String,
}

async fn paged(paged: Paged) -> String {
    format!("{} {:?} {} {}", paged.id, paged.lang, paged.page, paged.tenant.tenant)
}

#[derive(Debug, Extract)]
#[route(GET "/routed/{name}")]
struct Routed {
    #[param]
    name: String,
    #[param(scope)]
    version: u8,
    #[param(scope)]
    region: Option<String>,
}

async fn routed(routed: Routed) -> String {
    format!("{} {} {:?}", routed.name, routed.version, routed.region)
}

#[derive(Debug, Extract)]
#[route(GET "/plain")]
struct Plain {}

/// A type whose methods are routes, that reads a variable of a scope.
#[derive(Debug, Extract)]
struct Api {
    #[param(scope)]
    tenant: String,
}

#[routes]
impl Api {
    pub(crate) async fn plain(&self, _: Plain) -> String {
        self.tenant.clone()
    }
}

/// The variables and fields that an error names.
fn lacking(built: Result<Router, BuildErrors>) -> Vec<String> {
    let Err(errors) = built else { return Vec::new() };
    let shown = errors.iter().map(|error| error.to_string());
    shown
        .filter_map(|line| {
            Some(
                line.split_once(" reads the variable ")?.0.rsplit_once('`')?.0.rsplit_once('`')?.1.to_owned(),
            )
        })
        .collect()
}

#[test]
fn a_route_without_a_variable_that_its_struct_requires_does_not_build() {
    let route = |route: Route| lacking(Router::builder().route(route.extract(paged)).build());
    let none: &[&str] = &[];
    for (template, expected) in [
        ("/{tenant}/{post-id}", none),
        ("/{tenant}/{post-id}/{lang}/{page}", none),
        ("/{tenant}/{post-id?}", none),
        ("/{tenant}/{id}", &["Paged::id"]),
        ("/{post-id}", &["Tenant::tenant"]),
        ("/novar", &["Paged::id", "Tenant::tenant"]),
    ] {
        assert_eq!(route(Route::get(template)), expected, "{template}");
    }
    assert_eq!(route(Route::get("/{post-id}").host("{tenant}.example.com")), none);
    assert_eq!(route(Route::get("/{tenant}").query("post-id", "{post-id}")), none);
    assert_eq!(route(Route::rule("Path(`/{tenant}/{post-id}`) || Path(`/{tenant}`)")), ["Paged::id"]);
    // The message has the field, the route and the fix.
    let errors =
        Router::builder().route(Route::get("/novar").extract(paged)).build().unwrap_err().to_string();
    for part in ["/novar", "`Paged::id` reads the variable `post-id`", "add `{post-id}` to the path"] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
}

#[test]
fn every_way_to_add_a_struct_checks_its_variables() {
    let scope = |prefix: &str| Scope::new().prefix(prefix);
    let build = |scope: Scope| lacking(Router::builder().scope(scope).build());
    let none: &[&str] = &[];
    for (prefix, expected) in [("/v{version}", none), ("/v{v}", &["Routed::version"])] {
        assert_eq!(build(scope(prefix).endpoint(routed)), expected, "{prefix}");
        assert_eq!(build(scope(prefix).route(Route::of::<Routed>().to(routed))), expected, "{prefix}");
        assert_eq!(
            build(scope(prefix).route(Route::of::<Routed>().extract(routed))).first().map(String::as_str),
            expected.first().copied(),
            "{prefix}"
        );
        let outer = scope(prefix).scope(scope("/inner").endpoint(routed));
        assert_eq!(build(outer), expected, "{prefix}");
    }
    assert_eq!(lacking(Router::builder().endpoint(routed).build()), ["Routed::version"]);
    // The struct of the methods, beside those of their arguments.
    assert_eq!(lacking(Router::builder().endpoints::<Api>().build()), ["Api::tenant"]);
    assert_eq!(build(scope("/{tenant}").endpoints::<Api>()), none);
    let before = |route: Route| {
        let route = route.reads::<Tenant>().to(async |tenant: Tenant, _: String| tenant.tenant);
        lacking(Router::builder().route(route).build())
    };
    assert_eq!(
        (before(Route::post("/{tenant}")), before(Route::post("/{name}"))),
        (vec![], vec!["Tenant::tenant".to_owned()])
    );
}

/// Where the router knows no more than a function, each request is a 500, whose reason names the field and the route.
#[tokio::test]
async fn a_function_that_reads_another_variable_is_an_error_of_the_program() {
    use waylay_extract::Rejection;

    let read = async |show: Result<Paged, Rejection>| show.unwrap_err().to_string();
    let scope = Scope::new().prefix("/{tenant}").route(Route::get("/novar").to(read));
    let router =
        Router::builder().scope(scope).route(Route::get("/plain/{tenant}").to(paged)).build().unwrap();
    let ask = async |uri: &str| {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    let reason = "`Paged::id` reads the variable `post-id`, which the route `/{tenant}/novar` does not have: \
                  add `{post-id}` to its path, or make the field an `Option`";
    assert_eq!(ask("/a/novar").await, (200, reason.to_owned()));
    let (status, body) = ask("/plain/a").await;
    assert_eq!(status, 500);
    assert!(!body.contains("post-id"), "{body}");
}
