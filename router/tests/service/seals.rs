//! Sealed routes and scopes, settings of one scope, and trusted proxies.

use http::uri::Scheme;
use http::{Request, Version};
use waylay_router::{
    BadRequest, Builder, ConnectionInfo, MethodMiss, Miss, OptionsAnswer, Peer, Policy, Precedence, Reason,
    Route, Router, Scope, ScopeConditions, Table,
};

use crate::{answer, get, text};

fn ask<'t>(table: &'t Table<&'static str>, method: &str, target: &str) -> Result<&'t str, Miss> {
    let request = Request::builder().method(method).uri(target).body(()).unwrap();
    table.find(&request, &Peer::default()).map(|found| *found.value())
}

#[test]
fn a_sealed_route_keeps_its_path() {
    for precedence in [Precedence::Specificity, Precedence::RegistrationOrder] {
        let table = Table::builder()
            .policy(Policy::default().precedence(precedence))
            .route(Route::get("/users/me").sealed().value("me"))
            .route(Route::post("/users/me").value("post me"))
            .route(Route::any("/users/{id}").value("one"))
            .route(Route::get("/open").value("open"))
            .route(Route::any("/{*rest}").value("rest"))
            .build()
            .unwrap();
        assert_eq!(ask(&table, "GET", "/users/me").unwrap(), "me");
        assert_eq!(ask(&table, "PUT", "/users/you").unwrap(), "one");
        assert_eq!(ask(&table, "PUT", "/open").unwrap(), "rest");
        let miss = ask(&table, "PUT", "/users/me").unwrap_err();
        let expected = if precedence == Precedence::Specificity { "GET, HEAD, POST" } else { "GET, HEAD" };
        assert_eq!(miss.allow().unwrap().to_string(), expected);
    }
}

#[test]
fn a_sealed_scope_keeps_its_requests() {
    let mut builder = Table::builder()
        .route(Route::get("/api/{*rest}").value("outside"))
        .route(Route::get("/api/v1/exact").value("more specific, outside"));
    let api = builder.scope(None, ScopeConditions::new().prefix("/api/v1").header("x-a", "1").sealed());
    builder.add(Some(api), Route::get("/in").value("in"));
    let inner = builder.scope(Some(api), ScopeConditions::new().prefix("/deep"));
    builder.add(Some(inner), Route::get("/{id:[0-9]+}").value("deep"));
    let table = builder.build().unwrap();
    for (target, header, expected) in [
        ("/api/v1/in", true, Ok("in")),
        ("/api/v1/in", false, Ok("outside")),
        ("/api/v1/deep/7", true, Ok("deep")),
        ("/api/v1/deep/x", true, Err(404)),
        ("/api/v1/exact", true, Err(404)),
        ("/api/v1/exact", false, Ok("more specific, outside")),
        ("/api/v2/x", true, Ok("outside")),
    ] {
        let request = Request::get(target);
        let request = if header { request.header("x-a", "1") } else { request };
        let request = request.body(()).unwrap();
        let found = table.find(&request, &Peer::default());
        assert_eq!(found.map(|f| *f.value()).map_err(|m| m.status().as_u16()), expected, "{target} {header}");
    }
}

/// A scope sets its response to a wrong method and to OPTIONS; inner scopes inherit it.
#[tokio::test]
async fn scopes_have_settings() {
    let router = Router::builder()
        .route(Route::get("/open").to(async || "open"))
        .scope(
            Scope::new()
                .prefix("/hidden")
                .method_miss(MethodMiss::NotFound)
                .options(OptionsAnswer::Automatic)
                .scope(Scope::new().prefix("/deep").route(Route::get("/x").to(async || "x")))
                .scope(
                    Scope::new()
                        .prefix("/shown")
                        .method_miss(MethodMiss::MethodNotAllowed)
                        .route(Route::get("/x").to(async || "x")),
                ),
        )
        .build()
        .unwrap();
    for (method, target, expected) in [
        ("POST", "/open", 405),
        ("OPTIONS", "/open", 405),
        ("POST", "/hidden/deep/x", 404),
        ("OPTIONS", "/hidden/deep/x", 204),
        ("POST", "/hidden/shown/x", 405),
    ] {
        let mut request = get(target);
        *request.method_mut() = method.parse().unwrap();
        assert_eq!(answer(&router, request).await.status(), expected, "{method} {target}");
    }
    assert_eq!(text(&router, "/hidden/deep/x").await, (200, "x".into()));
}

#[test]
fn only_trusted_proxies_count() {
    let builder = || {
        Table::builder()
            .trusted_proxy("10.0.0.0/8")
            .route(Route::any("/").host("shop.example").scheme("https").client_ip("1.2.3.0/24").value("all"))
            .route(Route::any("/").scheme("https").client_ip("1.2.3.0/24").value("no host"))
            .route(Route::any("/").value("none"))
    };
    let table = builder().trusted_forwarded_host().build().unwrap();
    let without_host = builder().build().unwrap();
    for (table, peer, expected) in [
        (&table, "10.1.1.1:9", "all"),
        (&table, "11.1.1.1:9", "none"),
        (&without_host, "10.1.1.1:9", "no host"),
        (&without_host, "11.1.1.1:9", "none"),
    ] {
        let request = Request::get("/")
            .header("host", "inner")
            .header("x-forwarded-for", "6.6.6.6, 1.2.3.4")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "shop.example")
            .body(())
            .unwrap();
        let peer = Peer::default().addr(peer.parse().unwrap());
        assert_eq!(*table.find(&request, &peer).unwrap().value(), expected, "{peer:?}");
    }
    // An invalid host is rejected from any source.
    let peer = Peer::default().addr("10.1.1.1:9".parse().unwrap());
    for invalid in ["a b", "u@a", "a/b", "a:b"] {
        let request = Request::get("/").header("x-forwarded-host", invalid).body(()).unwrap();
        assert!(
            matches!(table.find(&request, &peer).unwrap_err().reason, Reason::BadRequest(_)),
            "{invalid}"
        );
        // It is not read at all without its switch.
        assert_eq!(*without_host.find(&request, &peer).unwrap().value(), "none");
    }
    #[cfg(feature = "toml")]
    for (text, expected) in [("", "none"), ("trusted_forwarded_host = true", "all")] {
        let text = format!(
            "trusted_proxies = ['10.0.0.0/8']\n{text}\n[[routes]]\nrule = 'Host(`shop.example`)'\nhandler = 'all'\n"
        );
        let builder = Table::builder().spec(&waylay_router::TableSpec::toml(&text), |_| Ok("all"));
        let table = builder.route(Route::any("/").value("none")).build().unwrap();
        let request = Request::get("/").header("x-forwarded-host", "shop.example").body(()).unwrap();
        assert_eq!(*table.find(&request, &peer).unwrap().value(), expected, "{text}");
    }
    let errors = Table::<()>::builder().trusted_proxy("10.0.0.0/99").build().unwrap_err();
    assert!(errors.to_string().contains("10.0.0.0/99"), "{errors}");
    let _: Builder = Router::builder().trusted_proxy("::1");
}

#[test]
fn upgrades_over_http_1() {
    let table = Table::builder()
        .route(Route::get("/ws").upgrade("websocket").value("socket"))
        .route(Route::get("/ws").value("page"))
        .build()
        .unwrap();
    let ask = |method: &str, version: Version, headers: &[(&str, &str)]| {
        let mut request = Request::builder().method(method).uri("/ws").version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        table.find(&request, &Peer::default()).map(|found| *found.value()).map_err(|m| m.status().as_u16())
    };
    let asks: &[(&str, &str)] = &[("connection", "keep-alive, Upgrade"), ("upgrade", "h2c, WebSocket")];
    assert_eq!(ask("GET", Version::HTTP_11, asks), Ok("socket"));
    assert_eq!(ask("GET", Version::HTTP_10, asks), Ok("page"));
    assert_eq!(ask("GET", Version::HTTP_11, &asks[1..]), Ok("page"));
    assert_eq!(ask("GET", Version::HTTP_11, &[asks[0], ("upgrade", "websockets")]), Ok("page"));
    assert_eq!(ask("CONNECT", Version::HTTP_11, asks), Err(405));
    assert_eq!(ask("CONNECT", Version::HTTP_2, &[]), Err(405));
    assert_eq!(ask("POST", Version::HTTP_11, asks), Err(405));
}

#[cfg(feature = "http2")]
#[test]
fn upgrades_over_http_2() {
    let table = Table::builder().route(Route::get("/ws").upgrade("websocket").value(1)).build().unwrap();
    for (protocol, expected) in [("websocket", true), ("webtransport", false)] {
        let request = Request::builder().method("CONNECT").uri("https://h/ws").version(Version::HTTP_2);
        let request = request.extension(hyper::ext::Protocol::from_static(protocol)).body(()).unwrap();
        assert_eq!(table.find(&request, &Peer::default()).is_ok(), expected, "{protocol}");
    }
}

#[tokio::test]
async fn handlers_have_the_client_behind_a_trusted_proxy() {
    let tell = async |effective: ConnectionInfo| {
        format!("{:?} {}", effective.addr.map(|addr| addr.ip()), effective.origin().unwrap_or_default())
    };
    let router = Router::builder()
        .trusted_proxy("10.0.0.0/8")
        .trusted_forwarded_host()
        .route(Route::get("/").to(tell))
        .fallback(tell)
        .build()
        .unwrap();
    for (peer, target, expected) in [
        (Some("10.1.1.1:9"), "/", "Some(1.2.3.4) https://shop.example:8443"),
        (Some("10.1.1.1:9"), "/missed", "Some(1.2.3.4) https://shop.example:8443"),
        (Some("11.1.1.1:9"), "/", "Some(11.1.1.1) http://inner"),
        (None, "/", "None "),
    ] {
        let mut request = get(target);
        for (name, value) in [
            ("host", "inner"),
            ("x-forwarded-for", "6.6.6.6, 1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "shop.example:8443"),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        if let Some(peer) = peer {
            let peer = Peer::default().addr(peer.parse().unwrap()).scheme(Scheme::HTTP);
            request.extensions_mut().insert(peer);
        }
        let response = answer(&router, request).await;
        let body = axum::body::to_bytes(response.into_body(), 999).await.unwrap();
        assert_eq!(body, expected, "{peer:?} {target}");
    }
}

#[test]
fn two_hosts_for_one_request() {
    let table = Table::builder().route(Route::any("/").host("a.example").value(())).build().unwrap();
    for (version, line, found) in [
        (Version::HTTP_11, "b.example", true),
        (Version::HTTP_2, "b.example", false),
        (Version::HTTP_2, "A.example", true),
        (Version::HTTP_2, "a.example:443", true),
        (Version::HTTP_3, "a.example:443", true),
        (Version::HTTP_3, "aa.example", false),
    ] {
        let request =
            Request::get("https://a.example/").version(version).header("host", line).body(()).unwrap();
        let got = table.find(&request, &Peer::default()).map(|_| ()).map_err(|miss| miss.reason);
        let expected = if found { Ok(()) } else { Err(Reason::BadRequest(BadRequest::SeveralHosts)) };
        assert_eq!(got, expected, "{version:?} {line}");
    }
}
