//! Scopes: inherited conditions, continued search, owners of misses.

use axum::extract::{FromRef, State};
use axum::response::IntoResponse;
use http::{Method, Request, StatusCode};
use waylay_router::{
    Body, Matched, MethodMiss, Miss, OptionsAnswer, PathCleaning, PathForm, Peer, Policy, Precedence, Route,
    Router, Scope, TrailingSlash, Urls,
};

use crate::{answer, get, text, text_of};

#[derive(Clone)]
struct App {
    greeting: &'static str,
    number: u32,
}

impl FromRef<App> for u32 {
    fn from_ref(app: &App) -> u32 {
        app.number
    }
}

async fn show(matched: Matched) -> String {
    let captures: Vec<_> = matched.captures().map(|c| format!("{}={}", c.name(), c.raw())).collect();
    format!("{} {}", matched.template(), captures.join(","))
}

#[tokio::test]
async fn inherit_and_continue_outside() {
    let api: fn() -> Scope<App> = || {
        Scope::new()
            .host("{tenant}.example.com")
            .prefix("/api/{version:v[0-9]+}")
            .name("api")
            .route(Route::get("/stats").query("page", "{page:[0-9]+}").name("stats").to(show))
            .route(Route::get("").to(async |State(app): State<App>| app.greeting))
            .route(Route::get("/").to(async |State(number): State<u32>| number.to_string()))
            .fallback(async |miss: Miss| (miss.status(), "no such call"))
    };
    let router = Router::builder()
        .state(App { greeting: "hello", number: 7 })
        .scope(api())
        .route(Route::get("/api/{*rest}").to(async || "outside"))
        .build()
        .unwrap();
    for (target, expected) in [
        (
            "http://acme.example.com/api/v1/stats?page=3",
            (200, "/api/{version:v[0-9]+}/stats version=v1,tenant=acme,page=3"),
        ),
        ("http://acme.example.com/api/v1", (200, "hello")),
        ("http://acme.example.com/api/v1/", (200, "7")),
        // The query fails, so the search continues outside.
        ("http://acme.example.com/api/v1/stats?page=x", (200, "outside")),
        ("http://example.com/api/v1/stats", (200, "outside")),
        ("http://acme.example.com/api/v1/zz", (200, "outside")),
        ("http://acme.example.com/v1/zz", (404, "")),
    ] {
        assert_eq!(text(&router, target).await, (expected.0, expected.1.to_owned()), "{target}");
    }
    let post = |target: &str| Request::post(target).body(Body::empty()).unwrap();
    let (status, body) = text_of(&router, post("http://acme.example.com/api/v1/zz")).await;
    // The route outside would match GET, and the scope's fallback sees that.
    assert_eq!((status, body.as_str()), (405, "no such call"));
}

#[tokio::test]
async fn the_deepest_scope_owns_the_miss() {
    let named = |name: &'static str| move || async move { (StatusCode::NOT_FOUND, name) };
    let router = Router::builder()
        .scope(
            Scope::new()
                .prefix("/a")
                .fallback(named("a"))
                .scope(Scope::new().prefix("/b").scope(Scope::new().prefix("/c").fallback(named("c")))),
        )
        .scope(Scope::new().host("h").fallback(named("h")))
        .fallback(named("root"))
        .build()
        .unwrap();
    for (target, owner) in [
        ("/", "root"),
        ("/a", "a"),
        ("/a/", "a"),
        ("/ab", "root"),
        ("/a/b/x", "a"),
        ("/a/b/c", "c"),
        ("/a/b/c/d", "c"),
        ("/a/b/cc", "a"),
        ("http://h/x", "h"),
        ("http://h/a/b", "a"),
    ] {
        assert_eq!(text(&router, target).await.1, owner, "{target}");
    }
}

#[tokio::test]
async fn keep_their_position_in_registration_order() {
    let router = Router::builder()
        .policy(Policy::default().precedence(Precedence::RegistrationOrder))
        .route(Route::get("/x/{*first}").query_present("first").to(async || "first"))
        .scope(Scope::new().prefix("/x").route(Route::get("/{id}").to(async || "scope")))
        .route(Route::get("/x/y").to(async || "last"))
        .build()
        .unwrap();
    assert_eq!(text(&router, "/x/y").await.1, "scope");
    assert_eq!(text(&router, "/x/y?first").await.1, "first");
}

#[tokio::test]
async fn misses_are_independent_of_order() {
    let router = Router::builder()
        .route(Route::get("/x").header("x-a", "1").to(async || "get"))
        .route(Route::put("/x").to(async || "put"))
        .route(Route::any("/x").method("PURGE".parse().unwrap()).scheme("https").to(async || "purge"))
        .route(Route::delete("/{id:[0-9]+}").to(async || "delete"))
        .build()
        .unwrap();
    let ask = |method: &str, target: &str| {
        Request::builder().method(method).uri(target).body(Body::empty()).unwrap()
    };
    for (request, status, allow) in [
        (ask("POST", "/x"), 405, Some("PUT")),
        (ask("PURGE", "/x"), 405, Some("PUT")),
        // The scheme of the target is client input.
        (ask("PURGE", "https://h/x"), 405, Some("PUT")),
        (ask("GET", "/7"), 405, Some("DELETE")),
        (ask("GET", "/seven"), 404, None),
        (ask("GET", "/a/../x"), 400, None),
        (ask("GET", "/%00"), 400, None),
        (ask("OPTIONS", "*"), 404, None),
    ] {
        let shown = format!("{} {}", request.method(), request.uri());
        let response = answer(&router, request).await;
        let got = response.headers().get("allow").map(|value| value.to_str().unwrap());
        assert_eq!((response.status().as_u16(), got), (status, allow), "{shown}");
    }
    let behind_tls = |mut request: Request<Body>| {
        request.extensions_mut().insert(Peer::default().scheme(http::uri::Scheme::HTTPS));
        request
    };
    assert_eq!(text_of(&router, behind_tls(ask("PURGE", "/x"))).await, (200, "purge".into()));
    let response = answer(&router, behind_tls(ask("POST", "/x"))).await;
    assert_eq!(response.headers()["allow"], "PUT, PURGE");
}

#[tokio::test]
async fn head_is_served_by_get() {
    let router = Router::builder()
        .route(Route::get("/x").to(async || "twelve bytes"))
        .route(Route::get("/y").to(async || "get"))
        .route(Route::head("/y").to(async |method: Method| [("x-own", method.to_string())]))
        .build()
        .unwrap();
    let narrow = Router::builder()
        .scope(Scope::new().method(Method::GET).route(Route::head("/").to(async || [("x-own", "head")])))
        .build()
        .unwrap();
    let head = |target: &str| Request::head(target).body(Body::empty()).unwrap();
    assert_eq!(answer(&narrow, head("/")).await.headers()["x-own"], "head");
    let response = answer(&router, head("/x")).await;
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(12));
    assert_eq!(text_of(&router, head("/x")).await, (200, String::new()));
    assert_eq!(answer(&router, head("/y")).await.headers()["x-own"], "HEAD");
    assert_eq!(text_of(&router, get("/y")).await.1, "get");
}

/// A query pair with an invalid escape has no value: it matches nothing, and the next one may.
#[tokio::test]
async fn invalid_escapes_in_queries_match_nothing() {
    let router = Router::builder().route(Route::get("/").query("k", "{v}").to(show)).build().unwrap();
    for (query, expected) in [
        ("k=%zz", (404, "")),
        ("k=%4", (404, "")),
        ("%zk=1&k=%", (404, "")),
        ("k=%zz&k=2", (200, "/ v=2")),
        ("k=a%20b+c", (200, "/ v=a%20b+c")),
    ] {
        assert_eq!(
            text(&router, &format!("/?{query}")).await,
            (expected.0, expected.1.to_owned()),
            "{query}"
        );
    }
}

/// A path that differs from a route's by its final slash only.
#[tokio::test]
async fn final_slashes() {
    let routes = |rule| {
        Router::builder()
            .policy(Policy::default().trailing_slash(rule))
            .route(Route::get("/").to(async || "root"))
            .route(Route::get("/a").to(async || "a"))
            .route(Route::post("/b/{id}/").to(show))
            .route(Route::get("/c").to(async || "c"))
            .route(Route::get("/c/").to(async || "c/"))
            .route(Route::get("/d/{*rest}").to(async || "rest"))
            .route(Route::get("/e").trailing_slash(TrailingSlash::Strict).to(async || "e"))
            .scope(
                Scope::new()
                    .prefix("/s")
                    .trailing_slash(TrailingSlash::Ignore)
                    .route(Route::get("/f/{id:[0-9]+}").to(show)),
            )
            .fallback(async |miss: Miss| (miss.status(), "lost"))
            .build()
            .unwrap()
    };
    let ask = |method: &str, target: &str| {
        Request::builder().method(method).uri(target).body(Body::empty()).unwrap()
    };
    let (strict, redirect, ignore) =
        (routes(TrailingSlash::Strict), routes(TrailingSlash::Redirect), routes(TrailingSlash::Ignore));
    for (method, target, by_strict, by_redirect, by_ignore) in [
        ("GET", "/", (200, "root"), (200, "root"), (200, "root")),
        ("GET", "/a", (200, "a"), (200, "a"), (200, "a")),
        ("GET", "/a/", (404, "lost"), (308, "/a"), (200, "a")),
        ("GET", "/%61/?q=%2f", (404, "lost"), (308, "/a?q=%2f"), (200, "a")),
        ("POST", "/b/7", (404, "lost"), (308, "/b/7/"), (200, "/b/{id}/ id=7")),
        ("GET", "/b/7", (404, "lost"), (405, "lost"), (405, "lost")),
        ("GET", "/c", (200, "c"), (200, "c"), (200, "c")),
        ("GET", "/c/", (200, "c/"), (200, "c/"), (200, "c/")),
        ("GET", "/d/x/", (200, "rest"), (200, "rest"), (200, "rest")),
        ("GET", "/d/", (404, "lost"), (404, "lost"), (404, "lost")),
        ("GET", "/e/", (404, "lost"), (404, "lost"), (404, "lost")),
        ("GET", "//a/", (404, "lost"), (404, "lost"), (404, "lost")),
        (
            "GET",
            "/s/f/1/",
            (200, "/s/f/{id:[0-9]+} id=1"),
            (200, "/s/f/{id:[0-9]+} id=1"),
            (200, "/s/f/{id:[0-9]+} id=1"),
        ),
    ] {
        for (router, expected) in [(&strict, by_strict), (&redirect, by_redirect), (&ignore, by_ignore)] {
            let response = answer(router, ask(method, target)).await;
            let got = match response.headers().get("location") {
                Some(location) => (response.status().as_u16(), location.to_str().unwrap().to_owned()),
                None => text_of(router, ask(method, target)).await,
            };
            assert_eq!(got, (expected.0, expected.1.to_owned()), "{method} {target}");
        }
    }
}

/// With any treatment of dot segments, the rest of the path is normalized or rejected.
#[tokio::test]
async fn dot_segments_by_policy() {
    let router = |cleaning| {
        let policy = Policy::default().path_cleaning(cleaning);
        Router::builder().policy(policy).route(Route::get("/{*rest}").to(show)).build().unwrap()
    };
    let (refuse, redirect, keep) =
        (router(PathCleaning::Reject), router(PathCleaning::Redirect), router(PathCleaning::Keep));
    for (target, by_refuse, by_redirect, by_keep) in [
        ("/a/b", (200, "/{*rest} rest=a/b"), (200, "/{*rest} rest=a/b"), (200, "/{*rest} rest=a/b")),
        (
            "/%61/%2f",
            (200, "/{*rest} rest=a/%2F"),
            (200, "/{*rest} rest=a/%2F"),
            (200, "/{*rest} rest=a/%2F"),
        ),
        ("/a/%2e%2e/b?q", (400, ""), (301, "/b?q"), (200, "/{*rest} rest=a/../b")),
        ("/x/../a%2fb", (400, ""), (301, "/a%2Fb"), (200, "/{*rest} rest=x/../a%2Fb")),
        ("//evil/../a", (400, ""), (301, "/a"), (200, "/{*rest} rest=/evil/../a")),
        ("/%zz", (400, ""), (400, ""), (400, "")),
        ("/%00", (400, ""), (400, ""), (400, "")),
    ] {
        for (router, expected) in [(&refuse, by_refuse), (&redirect, by_redirect), (&keep, by_keep)] {
            let response = answer(router, get(target)).await;
            let got = match response.headers().get("location") {
                Some(location) => (response.status().as_u16(), location.to_str().unwrap().to_owned()),
                None => text(router, target).await,
            };
            let text = if expected.0 == 400 { String::new() } else { got.1.clone() };
            assert_eq!((got.0, text), (expected.0, expected.1.to_owned()), "{target}");
        }
    }
}

/// Routes that fail only by the type of the body, or by the accepted types.
#[tokio::test]
async fn types_are_negotiated() {
    let router = Router::builder()
        .route(Route::post("/x").content_type("application/json").to(async || "json"))
        .route(Route::post("/x").content_type("text/*").to(async || "text"))
        .route(Route::patch("/x").content_type("application/merge-patch+json").to(async || "patch"))
        .route(Route::put("/x").content_type("text/csv").accept("application/json").to(async || "put"))
        .route(Route::get("/y").accept("application/json").to(async || "json"))
        .route(Route::get("/y").accept("text/html").accept("text/plain").to(async || "text"))
        .route(Route::post("/z").content_type("text/csv").query_present("q").to(async || "z"))
        .build()
        .unwrap();
    let ask = |method: &str, target: &str, carries: &str, accepts: &str| {
        let request = Request::builder().method(method).uri(target);
        let request = if carries.is_empty() { request } else { request.header("content-type", carries) };
        let request = if accepts.is_empty() { request } else { request.header("accept", accepts) };
        request.body(Body::empty()).unwrap()
    };
    for (method, target, carries, accepts, status, expected) in [
        ("POST", "/x", "application/json; charset=utf-8", "", 200, "json"),
        ("POST", "/x", "Text/CSV", "", 200, "text"),
        ("POST", "/x", "image/png", "", 415, "accept-post: application/json, text/*"),
        ("POST", "/x", "", "", 415, "accept-post: application/json, text/*"),
        ("PATCH", "/x", "application/json", "", 405, "allow: POST"),
        ("PATCH", "/x", "image/png", "", 415, "accept-patch: application/merge-patch+json"),
        ("PUT", "/x", "text/csv", "image/png", 405, "allow: POST"),
        ("PUT", "/x", "image/png", "", 415, "accept: text/csv"),
        ("GET", "/x", "", "", 405, "allow: POST, PUT, PATCH"),
        ("GET", "/y", "", "application/*", 200, "json"),
        ("GET", "/y", "", "text/plain, application/json;q=0", 200, "text"),
        ("GET", "/y", "", "image/png", 406, ""),
        ("PUT", "/y", "", "image/png", 405, "allow: GET, HEAD"),
        ("POST", "/z", "image/png", "", 404, ""),
        ("POST", "/z?q", "image/png", "", 415, "accept-post: text/csv"),
    ] {
        let response = answer(&router, ask(method, target, carries, accepts)).await;
        assert_eq!(response.status().as_u16(), status, "{method} {target} {carries} {accepts}");
        let got = if status == 200 {
            text_of(&router, ask(method, target, carries, accepts)).await.1
        } else {
            let headers = response.headers().iter().filter(|(name, _)| name.as_str() != "content-length");
            headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
        };
        assert_eq!(got, expected, "{method} {target} {carries} {accepts}");
    }
}

/// A rejected request reaches no fallback, and a redirect leads to no other host.
#[tokio::test]
async fn rejections_are_final() {
    let router = Router::builder()
        .policy(Policy::default().trailing_slash(TrailingSlash::Redirect))
        .route(Route::get("/{page}/").to(show))
        .fallback(async |urls: Urls| (StatusCode::IM_A_TEAPOT, urls.builder("none").is_err().to_string()))
        .build()
        .unwrap();
    for target in ["/%00", "/a/../b", "/%zz"] {
        assert_eq!(text(&router, target).await.0, 400, "{target}");
    }
    assert_eq!(text(&router, "/a/b").await, (418, "true".into()));
    for (target, location) in [("/\\evil.com", "/%5Cevil.com/"), ("/caf\u{e9}", "/caf%C3%A9/")] {
        assert_eq!(answer(&router, get(target)).await.headers()["location"], location, "{target}");
    }
}

/// Decoded paths may contain any byte; the look-up must handle it.
#[tokio::test]
async fn decoded_paths_contain_any_byte() {
    let routes = |policy: Policy| {
        let tables = [vec!["/{a}"], vec!["/a/{b}"], vec!["/a", "/b", "/c/{d}"], vec!["/{a:.*}"]];
        tables.map(|paths| {
            let mut builder = Router::builder().policy(policy);
            for path in paths {
                builder = builder.route(Route::any(path).to(show));
            }
            builder.build().unwrap()
        })
    };
    for policy in
        [Policy::gorilla(), Policy::default().path(PathForm::Decoded), Policy::default().path(PathForm::Raw)]
    {
        for router in routes(policy) {
            for target in ["/%00", "/a/%00", "/a%00", "/%00%00/%00", "/c/%00/", "/%2541", "/%FF"] {
                let status = text(&router, target).await.0;
                assert!([200, 301, 400, 404].contains(&status), "{target} {status}");
            }
        }
    }
    let decoded = Router::builder()
        .policy(Policy::default().path(PathForm::Decoded))
        .route(Route::get("/a b/{v}").to(show))
        .build()
        .unwrap();
    assert_eq!(text(&decoded, "/a%20b/%2541").await, (200, "/a b/{v} v=%41".into()));
    assert_eq!(text(&decoded, "/a%20b/%zz").await.0, 400);
}

/// A literal end is not the end of an escape: `%20` does not end in `0`.
#[tokio::test]
async fn literal_ends_leave_escapes_whole() {
    let raw = async |m: Matched| m.captures().map(|c| c.raw().to_owned()).collect::<String>();
    for (template, target, expected) in [
        ("/{a}0", "/x%20", None),
        ("/{a}20", "/x%20", None),
        ("/{a}A", "/caf%C3%AA", None),
        ("/{a}0", "/%200", Some("%20")),
        ("/{a}0", "/x0", Some("x")),
        ("/{a}5", "/%255", Some("%25")),
        ("/{a}0{b}", "/x%20y", None),
        ("/{a}0{b}", "/x0y", Some("xy")),
        ("/{a}-{b}-{c}", "/-a--b-c-", Some("-a-bc-")),
        ("/{a}-{b}-{c}.x", "/1-2.x", None),
        ("/{a}--{b}", "/1---2", Some("1-2")),
        ("/{a}!{b}", "/x!y", Some("xy")),
        ("/{a}!{b}", "/x%21y", None),
    ] {
        let router = Router::builder().route(Route::get(template).to(raw)).build().unwrap();
        let expected = expected.map_or((404, String::new()), |value: &str| (200, value.to_owned()));
        assert_eq!(text(&router, target).await, expected, "{template} {target}");
    }
}

/// OPTIONS has a response, and 405 is hidden, if the policy says so.
#[tokio::test]
async fn methods_by_policy() {
    let router = |policy: Policy| {
        Router::builder()
            .policy(policy)
            .route(Route::get("/x").to(async || "x"))
            .route(Route::put("/x").content_type("text/csv").to(async || "x"))
            .route(Route::options("/own").to(async || "own"))
            .fallback(async |miss: Miss| miss.status())
            .build()
            .unwrap()
    };
    let shown = router(Policy::default());
    let answered = router(Policy::default().options(OptionsAnswer::Automatic));
    let hidden = router(Policy::default().method_miss(MethodMiss::NotFound));
    for (router, method, target, status, allow) in [
        (&shown, "OPTIONS", "/x", 405, Some("GET, HEAD")),
        (&answered, "OPTIONS", "/x", 204, Some("GET, HEAD, OPTIONS")),
        (&answered, "OPTIONS", "/own", 200, None),
        (&answered, "OPTIONS", "/none", 404, None),
        (&answered, "POST", "/x", 405, Some("GET, HEAD")),
        (&hidden, "POST", "/x", 404, None),
        (&hidden, "GET", "/x", 200, None),
    ] {
        let request = Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
        let response = answer(router, request).await;
        let got = response.headers().get("allow").map(|value| value.to_str().unwrap());
        assert_eq!((response.status().as_u16(), got), (status, allow), "{method} {target}");
    }
}

/// 405 has `Allow` (RFC 9110 §15.5.6) and 415 the accepted types, also from a fallback or a miss layer, unless they set
/// the header or another status.
#[tokio::test]
async fn required_headers_of_misses() {
    let answer_in_place = || {
        tower::layer::layer_fn(|_: waylay_router::Next| {
            tower::service_fn(async |request: Request<Body>| {
                let status = request.extensions().get::<Miss>().map(Miss::status).unwrap();
                Ok::<_, std::convert::Infallible>((status, "from a layer").into_response())
            })
        })
    };
    let fallback = async |miss: Miss| (miss.status(), "from a fallback");
    let at = |prefix: &str| {
        Scope::new()
            .prefix(prefix)
            .route(Route::get("/x").to(async || "x"))
            .route(Route::post("/y").content_type("text/csv").to(async || "y"))
            .route(Route::patch("/y").content_type("text/csv").to(async || "y"))
            .route(Route::put("/y").content_type("text/csv").to(async || "y"))
    };
    let router = Router::builder()
        .scope(at("/outer"))
        .scope(at("/scope").fallback(async |miss: Miss| miss.status().into_response()))
        .scope(at("/layer").miss_layer(answer_in_place()))
        .scope(at("/own").fallback(async || (StatusCode::METHOD_NOT_ALLOWED, [("allow", "LOCK")], "")))
        .scope(at("/hidden").fallback(async || StatusCode::NOT_FOUND))
        .fallback(fallback)
        .build()
        .unwrap();
    for prefix in ["/outer", "/scope", "/layer", "/own", "/hidden"] {
        for (method, path, status, name, value) in [
            ("DELETE", "/x", 405, "allow", "GET, HEAD"),
            ("POST", "/y", 415, "accept-post", "text/csv"),
            ("PATCH", "/y", 415, "accept-patch", "text/csv"),
            ("PUT", "/y", 415, "accept", "text/csv"),
        ] {
            let target = format!("{prefix}{path}");
            let request = Request::builder().method(method).uri(&target).body(Body::empty()).unwrap();
            let response = answer(&router, request).await;
            let got = response.headers().get(name).map(|value| value.to_str().unwrap());
            let expected = match prefix {
                "/own" => (405, (name == "allow").then_some("LOCK")),
                "/hidden" => (404, None),
                _ => (status, Some(value)),
            };
            assert_eq!((response.status().as_u16(), got), expected, "{method} {target}");
        }
    }
}

/// Every response has the methods of its path.
#[tokio::test]
async fn methods_for_other_origins() {
    let router = Router::builder()
        .cors_methods()
        .policy(Policy::default().options(waylay_router::OptionsAnswer::Automatic))
        .route(Route::get("/a/{id}").to(async || "get"))
        .route(Route::put("/a/{id:[0-9]+}").to(async || "put"))
        .route(Route::any("/any").to(async || "any"))
        .route(Route::get("/own").to(async || [("access-control-allow-methods", "GET")]))
        .build()
        .unwrap();
    for (method, target, expected) in [
        ("GET", "/a/7", Some("GET, HEAD, PUT")),
        ("GET", "/a/x", Some("GET, HEAD")),
        ("POST", "/a/x", Some("GET, HEAD")),
        ("OPTIONS", "/a/7", Some("GET, HEAD, PUT")),
        ("GET", "/any", Some("*")),
        ("GET", "/own", Some("GET")),
        ("GET", "/none", None),
    ] {
        let mut request = get(target);
        *request.method_mut() = method.parse().unwrap();
        let response = answer(&router, request).await;
        let got = response.headers().get("access-control-allow-methods").map(|value| value.to_str().unwrap());
        assert_eq!(got, expected, "{method} {target}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn routes_as_json() {
    let mut builder = waylay_router::Table::builder();
    let api = builder.scope(None, waylay_router::ScopeConditions::new().prefix("/{v}").name("api").sealed());
    let route = Route::get("/x/{id}").name("x").query("q", "{q}").metadata("owner", "me").priority(3);
    builder.add(Some(api), route.value(()));
    let table = builder.build().unwrap();
    let mut json = serde_json::to_value(table.routes().collect::<Vec<_>>()).unwrap();
    assert!(json[0]["location"].take().as_str().unwrap().contains("scopes.rs:"));
    assert!(json[0]["scopes"][0]["location"].take().as_str().unwrap().contains("scopes.rs:"));
    let expected = serde_json::json!([{
        "name": "api.x", "template": "/{v}/x/{id}", "hosts": [], "methods": ["GET", "HEAD"],
        "conditions": ["Query(`q`, `{q}`)"],
        "variables": [
            {"name": "v", "in": "path", "inherited": true},
            {"name": "id", "in": "path", "inherited": false},
            {"name": "q", "in": "query", "inherited": false},
        ],
        "scopes": [{
            "id": 0, "name": "api", "prefix": "/{v}", "hosts": [], "conditions": [], "sealed": true,
            "location": null,
        }],
        "rule": null,
            "priority": 3, "sealed": false, "build_only": false, "metadata": {"owner": "me"}, "location": null,
    }]);
    assert_eq!(json, expected);
}
