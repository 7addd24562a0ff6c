//! Who may read and change: hosts, origins, content types, tokens, senders.

use axum::routing::get;
use http::StatusCode;
use tower::ServiceExt;
use waylay_fault_admin::{Admin, ServeError, Token};

use crate::support::{JSON, Server, TOKEN, TOML, set};

#[tokio::test]
async fn only_hosts_of_this_machine_are_answered() {
    let server = Server::start().await;
    let own = server.address.to_string();
    let rows = [
        (own.as_str(), 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("127.0.0.1", 200),
        ("127.8.9.10:80", 200),
        ("[::1]:9901", 200),
        // DNS rebinding: a name of another site that resolves to this machine.
        ("evil.example", 421),
        ("evil.example:9901", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.1", 421),
        ("0.0.0.0", 421),
        ("[::]", 421),
        ("localhost@evil.example", 400),
        ("a b", 400),
        ("", 400),
    ];
    for (host, status) in rows {
        for target in ["/", "/health", "/faults", "/openapi.json", "/nothing"] {
            let reply = server.ask("GET", target, &[("host", host)], "").await;
            let expected = if status == 200 && target == "/nothing" { 404 } else { status };
            assert_eq!(reply.status, expected, "{host} {target}: {}", reply.text);
        }
        let reply = server.change("PATCH", "/faults/a", &[("host", host)], r#"{"enabled":true}"#).await;
        assert_eq!(reply.status, if status == 200 { 404 } else { status }, "{host}: {}", reply.text);
    }
    let two = server.ask("GET", "/faults", &[("host", "localhost"), ("host", "localhost")], "").await;
    assert_eq!(two.status, 400);
}

#[tokio::test]
async fn pages_of_other_sites_can_neither_read_nor_change() {
    let server = Server::start().await;
    let own = format!("http://{}", server.address);
    let rows: [(&[(&str, &str)], bool); 12] = [
        (&[], true),
        (&[("origin", &own)], true),
        (&[("origin", &own), ("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], true),
        (&[("origin", "http://evil.example")], false),
        (&[("origin", "null")], false),
        (&[("origin", "http://localhost")], false),
        (&[("origin", "http://127.0.0.1:1")], false),
        (&[("origin", &own), ("origin", &own)], false),
        (&[("origin", "file://")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        // Another port of this machine.
        (&[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "navigate")], false),
    ];
    for (headers, is_allowed) in rows {
        let reply = server.ask("GET", "/faults", headers, "").await;
        assert_eq!(reply.status, if is_allowed { 200 } else { 403 }, "{headers:?}: {}", reply.text);
        assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("access-control-")));
        let reply = server.change("POST", "/rearm", headers, "{}").await;
        assert_eq!(reply.status, if is_allowed { 200 } else { 403 }, "{headers:?}: {}", reply.text);
    }
    // A link elsewhere may open the page, which does nothing by itself; a frame or a script may not.
    let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    assert_eq!(server.ask("GET", "/", &link, "").await.status, 200);
    assert_eq!(server.ask("GET", "/faults", &link, "").await.status, 403);
    let script = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")];
    assert_eq!(server.ask("GET", "/", &script, "").await.status, 403);
    let preflight = [("origin", "http://evil.example"), ("access-control-request-method", "PATCH")];
    assert_eq!(server.ask("OPTIONS", "/faults/a", &preflight, "").await.status, 403);
}

#[tokio::test]
async fn a_form_of_another_site_has_no_content_type_that_is_taken() {
    let server = Server::with_plan().await;
    let rows = [
        ("text/plain", 415),
        ("TEXT/PLAIN; charset=utf-8", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=a", 415),
        ("", 415),
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
    ];
    for (kind, status) in rows {
        for (method, target, body) in [
            ("POST", "/rearm", "{}"),
            ("POST", "/tickets", "{}"),
            ("POST", "/faults/flaky/reset", "{}"),
            ("PATCH", "/faults/flaky", r#"{"participation":0.5}"#),
        ] {
            let reply = server.change(method, target, &[("content-type", kind)], body).await;
            assert_eq!(reply.status, status, "{kind} {target}: {}", reply.text);
        }
    }
    let authorization = format!("Bearer {TOKEN}");
    let reply = server.ask("POST", "/rearm", &[("authorization", &authorization)], "").await;
    assert_eq!(reply.status, 415);
    for kind in ["text/plain", "application/octet-stream", "text/toml"] {
        let headers = [("content-type", kind), ("if-match", "*")];
        let reply = server.change("PUT", "/plan", &headers, "version = 1").await;
        assert_eq!(reply.status, 415, "{kind}: {}", reply.text);
    }
}

#[tokio::test]
async fn every_change_needs_the_token() {
    let server = Server::with_plan().await;
    let changes = [
        ("PATCH", "/faults/flaky", JSON),
        ("POST", "/faults/flaky/reset", JSON),
        ("POST", "/halt", JSON),
        ("POST", "/resume", JSON),
        ("POST", "/rearm", JSON),
        ("POST", "/tickets", JSON),
        ("POST", "/plan/validate", TOML),
        ("PUT", "/plan", TOML),
        ("DELETE", "/plan", JSON),
        ("PUT", "/nothing", JSON),
        ("POST", "/faults//flaky", JSON),
    ];
    let tokens = [
        "",
        "Bearer",
        "Bearer ",
        "Bearer a-token-of-the-test",
        "Bearer a-token-of-the-testss",
        "Bearer A-TOKEN-OF-THE-TESTS",
        "Basic a-token-of-the-tests",
        "a-token-of-the-tests",
        "Bearer a-token-of-the-tests x",
    ];
    for (method, target, kind) in changes {
        for token in tokens {
            let headers: Vec<_> =
                if token.is_empty() { vec![kind] } else { vec![kind, ("authorization", token)] };
            let reply = server.ask(method, target, &headers, "{}").await;
            assert_eq!(reply.status, 401, "{method} {target} `{token}`: {}", reply.text);
            assert!(reply.header("www-authenticate").starts_with("Bearer realm="));
            assert!(!reply.text.contains(TOKEN));
        }
    }
    let two = [JSON, ("authorization", "Bearer a-token-of-the-tests"), ("authorization", "Bearer x")];
    assert_eq!(server.ask("POST", "/rearm", &two, "{}").await.status, 401);
    let lower = [JSON, ("authorization", "bearer a-token-of-the-tests")];
    assert_eq!(server.ask("POST", "/rearm", &lower, "{}").await.status, 200);
    assert!(!waylay_fault::halted());
    assert_eq!(server.set.control("flaky").unwrap().participation(), 1.0);
}

/// Behind a proxy of this machine, and under the name of another one, reads need the token too.
#[tokio::test]
async fn reads_of_others_need_the_token() {
    let server = Server::with(set(), |admin| admin.hosts(["chaos.example"])).await;
    let authorization = format!("Bearer {TOKEN}");
    let rows: [&[(&str, &str)]; 4] = [
        &[("host", "chaos.example")],
        &[("host", "Chaos.Example:8080")],
        &[("x-forwarded-for", "10.0.0.7")],
        &[("forwarded", "for=10.0.0.7")],
    ];
    for headers in rows {
        for target in
            ["/faults", "/status", "/plan", "/metrics", "/routes", "/fleet", "/explain?url=/", "/events"]
        {
            let reply = server.ask("GET", target, headers, "").await;
            assert_eq!(reply.status, 401, "{headers:?} {target}: {}", reply.text);
        }
        for target in ["/", "/health", "/openapi.json"] {
            assert_eq!(server.ask("GET", target, headers, "").await.status, 200, "{headers:?} {target}");
        }
        let with_token = [headers, &[("authorization", &authorization)]].concat();
        assert_eq!(server.ask("GET", "/faults", &with_token, "").await.status, 200, "{headers:?}");
    }
    assert_eq!(server.ask("GET", "/faults", &[("host", "other.example")], "").await.status, 421);
    assert_eq!(server.ask("GET", "/faults", &[], "").await.status, 200);
}

/// In a router of axum the sender is known by its `ConnectInfo`; without one, reads need the token.
#[tokio::test]
async fn a_mounted_service_knows_its_senders_or_asks_for_the_token() {
    use axum::extract::connect_info::MockConnectInfo;
    use std::net::SocketAddr;

    let admin = Admin::builder(&set()).token(Token::new(TOKEN).unwrap()).build().unwrap();
    let app = || {
        let service = admin.service();
        axum::Router::new().route("/", get(async || "the service")).nest_service("/_faults", service)
    };
    let near = SocketAddr::from(([127, 0, 0, 1], 9));
    let far = SocketAddr::from(([10, 0, 0, 1], 9));
    let connect = |address: SocketAddr| {
        tower::util::MapRequestLayer::new(move |mut request: http::Request<axum::body::Body>| {
            request.extensions_mut().insert(axum::extract::ConnectInfo(address));
            request
        })
    };
    let _ = MockConnectInfo(near);
    let rows = [
        (app(), "/_faults/faults", StatusCode::UNAUTHORIZED),
        (app(), "/_faults", StatusCode::OK),
        (app(), "/_faults/", StatusCode::OK),
        (app(), "/_faults/health", StatusCode::OK),
        (app(), "/", StatusCode::OK),
        (app().layer(connect(near)), "/_faults/faults", StatusCode::OK),
        (app().layer(connect(far)), "/_faults/faults", StatusCode::FORBIDDEN),
        (app().layer(connect(far)), "/_faults/health", StatusCode::FORBIDDEN),
    ];
    for (app, target, status) in rows {
        let request = http::Request::get(target).header("host", "localhost").body(axum::body::Body::empty());
        let response = app.oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), status, "{target}");
    }
}

#[tokio::test]
async fn a_listener_for_other_machines_needs_a_host() {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let admin = Admin::builder(&set()).token(Token::new(TOKEN).unwrap()).build().unwrap();
    let error = admin.serve(listener).await.unwrap_err();
    assert!(matches!(error, ServeError::NotLoopback(_)), "{error}");
    assert!(error.to_string().contains("AdminBuilder::hosts"), "{error}");
}

#[tokio::test]
async fn bodies_are_limited() {
    let server = Server::with_plan().await;
    let long = format!("# {}\n", "x".repeat(300 * 1024));
    for (method, target, kind) in [
        ("PUT", "/plan", TOML),
        ("POST", "/plan/validate", TOML),
        ("POST", "/halt", JSON),
        ("POST", "/rearm", JSON),
        ("PATCH", "/faults/flaky", JSON),
    ] {
        let reply = server.change(method, target, &[kind, ("if-match", "*")], &long).await;
        assert_eq!(reply.status, 413, "{method} {target}: {}", reply.text);
    }
    assert!(!waylay_fault::halted());
}

#[test]
fn a_token_is_read_from_its_sources() {
    let place = std::env::temp_dir().join(format!("waylay-token-{}", std::process::id()));
    std::fs::write(&place, format!("  {TOKEN}\n")).unwrap();
    assert!(Token::from_file(&place).unwrap().is(TOKEN));
    std::fs::write(&place, "too short").unwrap();
    let rows = [
        (Token::from_file(&place), "letters, digits"),
        (Token::new("tooshort"), "a token of 8 characters; it needs 16 to 1024"),
        (Token::new("x".repeat(1025)), "a token of 1025 characters"),
        (Token::new("sixteen letters ä"), "letters, digits"),
        (Token::from_file(place.join("none")), "the token of"),
        (
            Token::from_env("WAYLAY_NO_SUCH_TOKEN"),
            "the token of `WAYLAY_NO_SUCH_TOKEN`: environment variable not found",
        ),
    ];
    std::fs::remove_file(&place).unwrap();
    for (token, text) in rows {
        let error = token.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    assert_eq!(format!("{:?}", Token::new(TOKEN).unwrap()), "Token(…)");
}

/// The comparison is that of the crate `subtle`, for the token and for tickets; nothing else compares secrets.
#[test]
fn secrets_are_compared_in_constant_time() {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src/access");
    let read = |name: &str| std::fs::read_to_string(format!("{sources}/{name}.rs")).unwrap();
    assert!(read("token").contains("self.0.as_bytes().ct_eq(text.as_bytes()).into()"));
    assert!(read("access").contains("self.token.is(given)"));
    assert!(read("ticket").contains("ticket.is(text) | is_known"));
    for name in ["access", "ticket", "token", "origin"] {
        assert!(!read(name).contains("reveal() =="), "{name}");
    }
}
