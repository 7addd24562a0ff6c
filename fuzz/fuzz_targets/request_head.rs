//! Any head of a request: a target, a host and header lines, in front of routes with every kind of condition.
//!
//! The router never panics; its response is that of a route, or a status of the client's error.
#![no_main]

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use http::{HeaderName, HeaderValue, Method, Request, Version};
use libfuzzer_sys::{Corpus, fuzz_target};
use tower_service::Service;
use waylay_router::{Body, Peer, Policy, Route, Router, Scope, TrailingSlash};

/// The routers of a few policies, built once.
static ROUTERS: LazyLock<Vec<Router>> = LazyLock::new(|| {
    let policies = [
        Policy::default(),
        Policy::strict(),
        Policy::gorilla(),
        Policy::default().trailing_slash(TrailingSlash::Redirect),
    ];
    policies.map(router).into()
});

fn router(policy: Policy) -> Router {
    let to = async || "route";
    let mut builder = Router::builder().policy(policy).trusted_proxy("10.0.0.0/8");
    for (priority, route) in (1..).zip([
        Route::any("/{a:[a-z]+}/{b}-{c}").query("q", "{x:[0-9]+}"),
        Route::any("/{*rest}").cookie("a", "1").header_regex("x-a", "a*b"),
        Route::any("/{*rest}").accept("text/html").accept("application/*"),
        Route::post("/{x?}").content_type("application/json"),
        Route::new().path_regex("/(?:a|b)/.*").query_absent("q"),
        Route::new().host("{tenant}.example.com").query_regex("r", "[a-z]{1,9}"),
        Route::new().upgrade("websocket"),
        Route::new().client_ip("192.0.2.0/24").scheme("https"),
        Route::rule("!Cookie(`b`) && (Query(`a`, `1`) || !HeaderRegexp(`x-a`, `b*`)) && !Path(`/a/{x}`)"),
    ]) {
        builder = builder.route(route.priority(priority).to(to));
    }
    let scope = Scope::new().host("**.example.org").prefix("/s").route(Route::get("/t").to(to));
    builder.scope(scope).build().expect("the routes are valid")
}

fuzz_target!(|data: &[u8]| -> Corpus {
    let mut lines = data.split(|byte| *byte == b'\n');
    let (Some(control), Some(method), Some(target)) = (lines.next(), lines.next(), lines.next()) else {
        return Corpus::Reject;
    };
    let (Ok(method), Ok(target)) = (Method::from_bytes(method), http::Uri::try_from(target)) else {
        return Corpus::Reject;
    };
    let mut request = Request::new(Body::empty());
    (*request.method_mut(), *request.uri_mut()) = (method, target);
    let control = control.first().copied().unwrap_or_default();
    let versions = [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_3];
    *request.version_mut() = versions[usize::from(control % 4)];
    if control & 4 != 0 {
        let address = if control & 8 != 0 { "10.0.0.1:1" } else { "192.0.2.1:1" };
        let mut peer = Peer::default();
        peer.addr = address.parse().ok();
        request.extensions_mut().insert(peer);
    }
    for line in lines.take(200) {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        // A short name stands for a header that the router reads.
        let name = match name {
            b"h" => Ok(http::header::HOST),
            b"c" => Ok(http::header::COOKIE),
            b"a" => Ok(http::header::ACCEPT),
            b"t" => Ok(http::header::CONTENT_TYPE),
            b"u" => Ok(http::header::UPGRADE),
            b"n" => Ok(http::header::CONNECTION),
            b"f" => Ok(HeaderName::from_static("x-forwarded-for")),
            b"x" => Ok(HeaderName::from_static("x-a")),
            name => HeaderName::from_bytes(name),
        };
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            request.headers_mut().append(name, value);
        }
    }
    for router in ROUTERS.iter() {
        check(router.clone(), &request);
    }
    Corpus::Keep
});

fn check(mut router: Router, request: &Request<Body>) {
    let mut own = Request::new(Body::empty());
    (*own.method_mut(), *own.uri_mut()) = (request.method().clone(), request.uri().clone());
    (*own.version_mut(), *own.headers_mut()) = (request.version(), request.headers().clone());
    if let Some(peer) = request.extensions().get::<Peer>() {
        own.extensions_mut().insert(peer.clone());
    }
    let mut answer = pin!(router.call(own));
    let Poll::Ready(Ok(response)) = answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("no handler waits");
    };
    let status = response.status();
    let is_expected = status.is_success() || status.is_redirection() || status.is_client_error();
    assert!(is_expected, "{status} for {request:?}");
    let explained = router.explain(request).to_string();
    assert!(explained.chars().all(|c| c == '\n' || !c.is_control()), "{explained:?}");
}
