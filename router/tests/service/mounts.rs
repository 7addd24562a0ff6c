//! The router inside hyper and axum, on real sockets.

use axum::Extension;
use axum::extract::OriginalUri;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceExt, make::Shared};
use waylay_router::{Body, Matched, Miss, Mount, Policy, PrefixMatch, Route, Router, Scope};

use crate::wire::{raw, serve};
use crate::{get, text};

fn router() -> Router {
    Router::builder()
        .route(
            Route::get("/{id:[0-9]+}").to(async |matched: Matched| matched.get("id").unwrap().into_owned()),
        )
        .route(
            Route::get("/tenant")
                .host("{name}.localhost")
                .to(async |m: Matched| m.get("name").unwrap().into_owned()),
        )
        .build()
        .unwrap()
}

#[tokio::test]
async fn hyper_http1() {
    let address = serve(router()).await;
    for (request, end) in [
        ("GET /42 HTTP/1.1\r\nhost: h\r\n", "\r\n\r\n42"),
        ("HEAD /42 HTTP/1.1\r\nhost: h\r\n", "\r\n\r\n"),
        ("GET /tenant HTTP/1.1\r\nhost: acme.localhost\r\n", "\r\n\r\nacme"),
    ] {
        let answer = raw(address, format!("{request}connection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(end), "{request}\n{answer}");
        assert!(!request.starts_with("HEAD") || answer.contains("content-length: 2\r\n"), "{answer}");
    }
}

/// hyper's HTTP/2 server sends the body of a HEAD response; the router must prevent it.
#[tokio::test]
async fn hyper_h2c() {
    let address = serve(router()).await;
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    for (method, body) in [("GET", "42"), ("HEAD", "")] {
        let request = Request::builder().method(method).uri("http://h/42").version(Version::HTTP_2);
        let response =
            client.send_request(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-length"]),
            (200, &"2".parse().unwrap())
        );
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body, "{method}");
    }
}

#[tokio::test]
async fn axum_serves_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Shared::new(router())).await });
    let answer = raw(address, b"GET /7 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\n7"), "{answer}");
}

#[tokio::test]
async fn inside_axum_and_axum_inside() {
    let app: axum::Router = axum::Router::new()
        .route("/axum", axum::routing::get(async || "axum"))
        .nest_service("/nested", router())
        .fallback_service(router());
    for (target, expected) in [("/axum", "axum"), ("/7", "7"), ("/nested/8", "8")] {
        let response = app.clone().oneshot(get(target)).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), expected, "{target}");
    }
    let inner: axum::Router = axum::Router::new().route(
        "/below/{id}",
        axum::routing::get(
            async |axum::extract::Path(id): axum::extract::Path<u32>, OriginalUri(uri): OriginalUri| {
                format!("{id} {uri}")
            },
        ),
    );
    let outer = Router::builder().route(Route::prefix("/below").to_service(inner)).build().unwrap();
    assert_eq!(text(&outer, "/below/3").await, (200, "3 /below/3".into()));
}

/// A router inside another one looks the request up again.
#[tokio::test]
async fn inside_itself() {
    let inner = Router::builder()
        .route(Route::get("/{id}").to(async |m: Matched, miss: Option<Extension<Miss>>| {
            format!("{} {}", m.get("id").unwrap(), miss.is_some())
        }))
        .build()
        .unwrap();
    let below = Router::builder().fallback_service(inner).build().unwrap();
    assert_eq!(text(&below, "/5").await, (200, "5 false".into()));

    let outer = Router::builder().route(Route::new().to_service(router())).build().unwrap();
    assert_eq!(text(&outer, "/5").await, (200, "5".into()));
    let request = Request::get("/none").body(Body::empty()).unwrap();
    assert_eq!(crate::text_of(&outer, request).await.0, 404);
}

/// The prefix is removed by whole raw segments; the original URI and the prefix's variables stay available.
#[tokio::test]
async fn under_a_prefix() {
    let innermost = Router::builder()
        .route(Route::any("/{*rest}").name("rest").to(async |mount: Mount, uri: http::Uri| {
            format!("{uri} {} {}", mount.original_uri(), mount.matched().get("b").unwrap())
        }))
        .build()
        .unwrap();
    let inner = Router::builder().route(Route::prefix("/in/{b}").mount(innermost)).build().unwrap();
    let axum: axum::Router = axum::Router::new().route("/{id}", axum::routing::get(async || "axum"));
    let router = Router::builder()
        .scope(Scope::new().prefix("/{a}").route(Route::prefix("/out").mount(inner)))
        .route(Route::prefix("/axum").mount(axum))
        .route(Route::prefix("/uri").mount(tower::service_fn(async |request: Request<Body>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(request.uri().to_string()))
        })))
        .build()
        .unwrap();
    for (target, expected) in [
        ("/x/out/in/y/z%20z?q=1", (200, "/z%20z?q=1 /x/out/in/y/z%20z?q=1 y")),
        ("/x%2Fx/out/in/%79/z", (200, "/z /x%2Fx/out/in/%79/z y")),
        ("/x/out/in/y", (404, "")),
        ("/axum/7", (200, "axum")),
        ("/axum/7/8", (404, "")),
        ("/uri", (200, "/")),
        ("/uri?x", (200, "/?x")),
        ("/uri/", (200, "/")),
        ("/uri//a", (200, "//a")),
        ("http://h/uri/a", (200, "http://h/a")),
    ] {
        assert_eq!(text(&router, target).await, (expected.0, expected.1.into()), "{target}");
    }
}

/// A variable that spans segments is the path of the mounted service, and every other variable is removed.
#[tokio::test]
async fn below_a_tail() {
    let show = || {
        tower::service_fn(async |request: Request<Body>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(request.uri().to_string()))
        })
    };
    let gorilla = waylay_router::Policy::gorilla();
    for (policy, route, target, expected) in [
        (None, Route::get("/files/{*path}"), "/files/a/b.txt?q", Some("/a/b.txt?q")),
        (None, Route::get("/files/{*path}"), "/files/a", Some("/a")),
        (None, Route::get("/files/{path:.+}"), "/files/a/b", Some("/a/b")),
        (None, Route::get("/{a}/{*path}"), "/x/y/z", Some("/y/z")),
        (None, Route::get("/{*path}"), "/x/y", Some("/x/y")),
        (None, Route::get("/files/{name:[a-z]*}"), "/files/a", Some("/")),
        (None, Route::get("/files/{name}"), "/files/a", Some("/")),
        (None, Route::get("/files/{name?}"), "/files/a", Some("/")),
        (None, Route::get("/files/{name?}"), "/files", Some("/")),
        (None, Route::rule("Path(`/files/{*path}`)"), "/files/a/b", Some("/a/b")),
        (None, Route::rule("Path(`/f/{*p}`) || Path(`/g/h/{*p}`)"), "/g/h/a/b", Some("/a/b")),
        (Some(gorilla), Route::get("/files/{path:.*}"), "/files/a/b", Some("/a/b")),
        (Some(gorilla), Route::get("/files/{path:.*}"), "/files/", Some("/")),
        (Some(gorilla), Route::get("/a/{x:.*}/b"), "/a/1/2/b", Some("/1/2/b")),
    ] {
        let shown = format!("{route} {target}");
        let builder = Router::builder().policy(policy.unwrap_or_default());
        let router = builder.route(route.mount(show())).build().unwrap();
        let got = text(&router, target).await;
        assert_eq!(got, expected.map_or((404, String::new()), |e| (200, e.to_owned())), "{shown}");
    }
}

/// A prefix that may end within a segment removes whole segments only.
#[tokio::test]
async fn below_a_raw_prefix() {
    let raw = Policy::default().prefixes(PrefixMatch::Raw);
    let gorilla = Policy::gorilla();
    for (policy, prefix, target, expected) in [
        (raw, "/ap", "/api/x", "/api/x"),
        (raw, "/ap", "/ap/x", "/x"),
        (raw, "/ap", "/ap", "/"),
        (raw, "/ap", "/ap/", "/"),
        (raw, "/ap", "/api?q", "/api?q"),
        (raw, "/ap", "/%61p/x", "/x"),
        (raw, "/ap", "/ap%2Fi/x", "/ap%2Fi/x"),
        (raw, "/ap/", "/ap/i/x", "/i/x"),
        (raw, "/a/ap", "/a/api", "/api"),
        (raw, "/a/ap", "/a/ap/i", "/i"),
        (raw, "/{a}/ap", "/b/api/x", "/api/x"),
        (raw, "/v{n:[0-9]}", "/v12/x", "/v12/x"),
        (raw, "/v{n:[0-9]}", "/v1/x", "/x"),
        (raw, "/{a}", "/abc/d", "/d"),
        (raw, "/{a}.b", "/a.bc/d", "/a.bc/d"),
        (raw, "/{a}.b", "/a.b/d", "/d"),
        (gorilla, "/static", "/static/x", "/x"),
        (gorilla, "/static", "/staticfoo/x", "/staticfoo/x"),
        (gorilla, "/v{n:[0-9]}", "/v12/x", "/v12/x"),
        (Policy::default(), "/ap", "/ap/x", "/x"),
    ] {
        let show = tower::service_fn(async |request: Request<Body>| {
            let uri = request.uri().to_string();
            let response = http::Response::builder().header("location", request.uri().path());
            Ok::<_, std::convert::Infallible>(response.body(uri).unwrap())
        });
        let router =
            Router::builder().policy(policy).route(Route::prefix(prefix).mount(show)).build().unwrap();
        let response = router.clone().oneshot(get(target)).await.unwrap();
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, expected, "{prefix} {target}");
        // What was removed is put back, and no more.
        let path = target.split('?').next().unwrap();
        let slash = if expected == "/" && !path.ends_with('/') { "/" } else { "" };
        assert_eq!(location, format!("{path}{slash}"), "{prefix} {target}");
    }
}

/// A mounted service names its own paths in `Location` and `Content-Location`; the client gets outer ones.
#[tokio::test]
async fn references_of_a_mounted_service() {
    let redirect = || {
        tower::service_fn(async |request: Request<Body>| {
            let own =
                request.uri().query().map(str::to_owned).unwrap_or(format!("{}/", request.uri().path()));
            let response = http::Response::builder().status(301).header("location", &own);
            Ok::<_, std::convert::Infallible>(
                response.header("content-location", own).body(Body::empty()).unwrap(),
            )
        })
    };
    let outside = async || (waylay_router::OuterLocation, [("location", "/login")]);
    let inner = || {
        let policy = waylay_router::Policy::default().trailing_slash(waylay_router::TrailingSlash::Redirect);
        Router::builder()
            .policy(policy)
            .route(Route::prefix("/deep").mount(redirect()))
            .route(Route::get("/slash/").to(async || "slash"))
            .route(Route::get("/out").to(outside))
            .route(Route::get("/own").to(async || [("location", "/deep/x")]))
    };
    let router = Router::builder()
        .route(Route::prefix("/files").mount(redirect()))
        .route(Route::get("/tail/{*path}").mount(redirect()))
        .route(Route::prefix("/var/{name}").mount(redirect()))
        .scope(Scope::new().prefix("/scope").route(Route::prefix("/in").mount(inner().build().unwrap())))
        .route(Route::new().host("all.example").mount(redirect()))
        .build()
        .unwrap();
    for (target, expected) in [
        ("/files/site", "/files/site/"),
        ("/files/site?/a", "/files/a"),
        ("/files/site?//h/a", "//h/a"),
        ("/files/site?https://h/a", "https://h/a"),
        ("/files/site?a", "a"),
        ("/files//h.example", "/files//h.example/"),
        ("/tail/site", "/tail/site/"),
        ("/var/%2E%2Ex/site", "/var/%2E%2Ex/site/"),
        ("/var/x%5Cy/site", "/var/x%5Cy/site/"),
        ("/scope/in/deep/site", "/scope/in/deep/site/"),
        ("/scope/in/slash", "/scope/in/slash/"),
        ("/scope/in/out", "/login"),
        ("/scope/in/own", "/scope/in/deep/x"),
        ("http://all.example/site", "/site/"),
    ] {
        let response = crate::answer(&router, get(target)).await;
        assert_eq!(response.headers()["location"], expected, "{target}");
        if let Some(own) = response.headers().get("content-location") {
            assert_eq!(own, expected, "{target}");
        }
    }
}

/// A WebSocket over HTTP/2 (RFC 8441): an extended CONNECT through hyper's own server and client.
#[cfg(feature = "http2")]
#[tokio::test]
async fn extended_connect() {
    let router = Router::builder()
        .route(Route::get("/ws").upgrade("websocket").to(async || [("x-route", "socket")]))
        .route(Route::any("/ws").to(async || [("x-route", "page")]))
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let service = hyper_util::service::TowerToHyperService::new(router);
        server.enable_connect_protocol().serve_connection(TokioIo::new(stream), service).await
    });
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    // The first response follows the server's settings, which allow extended CONNECT.
    for (method, protocol, expected) in [
        ("GET", None, "page"),
        ("CONNECT", Some("websocket"), "socket"),
        ("CONNECT", Some("webtransport"), "page"),
    ] {
        let request = Request::builder().method(method).uri("http://h/ws").version(Version::HTTP_2);
        let request = match protocol {
            Some(protocol) => request.extension(hyper::ext::Protocol::from_static(protocol)),
            None => request,
        };
        let response =
            client.send_request(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["x-route"], expected, "{method} {protocol:?}");
    }
}
