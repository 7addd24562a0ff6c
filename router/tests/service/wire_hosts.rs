//! Unusual hosts and targets in raw requests, over HTTP/1.1 and HTTP/2.

use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use waylay_router::{PathCleaning, Policy, Route, TrailingSlash};

use crate::wire::{
    CONTROL, DOTS, ESCAPE, HOST, HOSTS, answers, builder, described, fields, paths, serve, show, targets,
};

/// Caddy CVE-2026-27587 and CVE-2026-27588: case matters in paths, never in hosts, in small and large tables.
#[tokio::test]
async fn case_counts_in_paths_only() {
    targets(
        paths(&["/Admin", "/n/{x:[a-z]+}"]),
        &[
            (b"/Admin", "200 /Admin"),
            (b"/admin", "404"),
            (b"/%41dmin", "200 /Admin"),
            (b"/%61dmin", "404"),
            (b"/n/ab", "200 /n/{x:[a-z]+} x=ab"),
            (b"/n/aB", "404"),
            (b"/N/ab", "404"),
        ],
    )
    .await;
    for filler in [0, 200] {
        let mut builder = builder()
            .route(Route::get("/").host("Exact.Example.com").to(show))
            .route(Route::get("/").host("{t}.Pattern.com").to(show))
            .route(Route::get("/").host("{t:[a-c]+}.limited.com").to(show))
            .route(Route::get("/").host("{t}-X.part.com").to(show));
        for i in 0..filler {
            builder = builder
                .route(Route::get("/").host(format!("h{i}.example.com")).to(show))
                .route(Route::get("/").host(format!("{{t}}.p{i}.com")).to(show));
        }
        fields(
            builder.build().unwrap(),
            &[
                ("host: exact.example.com\r\n", "200 /"),
                ("host: EXACT.EXAMPLE.COM\r\n", "200 /"),
                ("Host: Acme.PATTERN.com:80\r\n", "200 / t=acme"),
                ("HOST: ABC.Limited.Com\r\n", "200 / t=abc"),
                ("host: D.limited.com\r\n", "404"),
                ("host: Acme-x.PART.com\r\n", "200 / t=acme"),
            ],
        )
        .await;
    }
}

/// Traefik CVE-2022-23632 and RFC 9112 §3.2: one host in one form.
#[tokio::test]
async fn one_effective_host() {
    let hosts = || {
        builder()
            .route(Route::get("/").host("example.com").to(show))
            .route(Route::get("/").host("{t}.example.com").to(show))
            .route(Route::get("/").host("example.org.").to(show))
            .route(Route::get("/").host("port.com:8080").to(show))
            .route(Route::get("/").host("[::1]").to(show))
            .route(Route::get("/").host("xn--bcher-kva.example").to(show))
            .route(Route::get("/").header_present("x-any").to(show))
    };
    fields(
        hosts().build().unwrap(),
        &[
            ("host: example.com\r\n", "200 /"),
            ("host: example.com.\r\n", "200 /"),
            ("host: example.com.:80\r\n", "200 /"),
            ("host: example.com:\r\n", "200 /"),
            ("host: a.example.com.\r\n", "200 / t=a"),
            ("host: a.b.example.com\r\n", "404"),
            ("host: .example.com\r\n", "404"),
            ("host: example.org\r\n", "200 /"),
            ("host: port.com:8080\r\n", "200 /"),
            ("host: port.com:08080\r\n", "200 /"),
            ("host: port.com:80\r\n", "404"),
            ("host: port.com\r\n", "404"),
            ("host: [::1]\r\n", "200 /"),
            ("host: [::1]:8080\r\n", "200 /"),
            ("host: [::2]\r\n", "404"),
            ("host: xn--bcher-kva.example\r\n", "200 /"),
            ("host:    example.com   \r\n", "200 /"),
            ("", "404"),
            ("x-any: 1\r\n", "200 /"),
            ("host:\r\nx-any: 1\r\n", "200 /"),
            ("host: example.com..\r\n", HOST),
            ("host: .\r\n", HOST),
            ("host: u@example.com\r\n", HOST),
            ("host: example.com:99999\r\n", HOST),
            ("host: example.com:-1\r\n", HOST),
            ("host: example.com:+80\r\n", HOST),
            ("host: example.com:80a\r\n", HOST),
            ("host: example.com:80:80\r\n", HOST),
            ("host: :80\r\n", HOST),
            ("host: ::1\r\n", HOST),
            ("host: [::1\r\n", HOST),
            ("host: ::1]\r\n", HOST),
            ("host: [::1]x\r\n", HOST),
            ("host: a[::1]\r\n", HOST),
            ("host: a/evil\r\n", HOST),
            ("host: a\\evil\r\n", HOST),
            ("host: a?evil\r\n", HOST),
            ("host: a#evil\r\n", HOST),
            ("host: a evil\r\n", HOST),
            ("host: a\tb\r\n", HOST),
            ("host: b\u{fc}cher.example\r\n", HOST),
            ("host: example.com\r\nhost: example.com\r\n", HOSTS),
            ("host: example.com\r\nHost: other\r\n", HOSTS),
            ("host: example.com, other\r\n", HOST),
            ("host: example.com,other\r\n", HOST),
            ("host: example.com,\r\n", HOST),
            ("host: {t},example.com\r\n", HOST),
            ("host : example.com\r\n", "hyper 400"),
            ("host: example.com\r\n other\r\n", "hyper 400"),
        ],
    )
    .await;
    // A server that requires a host rejects requests without one; no host has such a long name (RFC 1035
    // §2.3.4).
    let long = format!("host: {}.com\r\n", "a".repeat(300));
    fields(
        hosts().policy(Policy::strict()).build().unwrap(),
        &[
            ("host: example.com\r\n", "200 /"),
            ("", "400 the request names no host"),
            ("host:\r\nx-any: 1\r\n", "400 the request names no host"),
            (&long, HOST),
        ],
    )
    .await;
    // HTTP/1.0 requires no host (RFC 9112 §3.2).
    let strict = hosts().policy(Policy::strict()).build().unwrap();
    answers(strict, &[(b"GET / HTTP/1.0\r\nx-any: 1\r\n", "200 /")]).await;
    // The host is checked even if no route requires it.
    fields(
        paths(&["/"]),
        &[("host: u@x\r\n", HOST), ("host: a\r\nhost: b\r\n", HOSTS), ("host: a:b\r\n", HOST), ("", "200 /")],
    )
    .await;
}

/// RFC 9112 §3.2: the four forms of a target.
#[tokio::test]
async fn forms_of_a_target() {
    let router = builder()
        .route(Route::get("/a").host("target.com").to(show))
        .route(Route::get("/a").host("line.com").to(async || "by the line"))
        .route(Route::get("/").host("target.com").to(async || "root"))
        .route(Route::new().method(http::Method::CONNECT).host("tunnel.com").to(async || "tunnel"))
        .route(Route::any("/x").method(http::Method::OPTIONS).to(show))
        .build()
        .unwrap();
    answers(
        router,
        &[
            // Absolute form: the target overrides the line (§3.2.2).
            (b"GET http://target.com/a HTTP/1.1\r\nhost: line.com\r\n", "200 /a"),
            (b"GET http://target.com:80/a HTTP/1.1\r\nhost: line.com\r\n", "200 /a"),
            (b"GET http://TARGET.com./a HTTP/1.1\r\nhost: line.com\r\n", "200 /a"),
            (b"GET HTTP://target.com/a HTTP/1.1\r\nhost: line.com\r\n", "200 /a"),
            (b"GET http://target.com HTTP/1.1\r\nhost: line.com\r\n", "200 root"),
            (b"GET http://target.com?q HTTP/1.1\r\nhost: line.com\r\n", "200 root"),
            (b"GET ftp://target.com/a HTTP/1.1\r\nhost: line.com\r\n", "200 /a"),
            (b"GET http://u:p@target.com/a HTTP/1.1\r\nhost: line.com\r\n", HOST),
            (b"GET http://target.com:99999/a HTTP/1.1\r\nhost: line.com\r\n", HOST),
            (b"GET http://target.com,b/a HTTP/1.1\r\nhost: line.com\r\n", HOST),
            (b"GET /a HTTP/1.1\r\nhost: line.com,target.com\r\n", HOST),
            (b"CONNECT tunnel.com,b:443 HTTP/1.1\r\nhost: tunnel.com\r\n", HOST),
            (b"GET http://target.com..:80/a HTTP/1.1\r\nhost: line.com\r\n", HOST),
            (b"GET http://target.com/a HTTP/1.1\r\nhost: line.com\r\nhost: b\r\n", HOSTS),
            // An invalid line is rejected with any target (RFC 9112 §3.2).
            (b"GET http://target.com/a HTTP/1.1\r\nhost: u@x\r\n", HOST),
            (b"GET http:///a HTTP/1.1\r\nhost: line.com\r\n", "hyper 400"),
            (b"GET http:/a HTTP/1.1\r\nhost: line.com\r\n", "hyper 400"),
            (b"GET /a HTTP/1.1\r\nhost: line.com\r\n", "200 by the line"),
            // Authority form: for CONNECT; other methods have no path then.
            (b"CONNECT tunnel.com:443 HTTP/1.1\r\nhost: tunnel.com\r\n", "200"),
            (b"CONNECT other.com:443 HTTP/1.1\r\nhost: tunnel.com\r\n", "404"),
            (b"CONNECT u@tunnel.com:443 HTTP/1.1\r\nhost: h\r\n", HOST),
            (b"CONNECT /a HTTP/1.1\r\nhost: target.com\r\n", "405 GET, HEAD"),
            (b"GET tunnel.com:443 HTTP/1.1\r\nhost: tunnel.com\r\n", "405 CONNECT"),
            (b"GET target.com HTTP/1.1\r\nhost: target.com\r\n", "404"),
            // Asterisk form: for OPTIONS, without a path.
            (b"OPTIONS * HTTP/1.1\r\nhost: target.com\r\n", "404"),
            (b"GET * HTTP/1.1\r\nhost: target.com\r\n", "404"),
            (b"OPTIONS /x HTTP/1.1\r\nhost: h\r\n", "200 /x"),
            // There is no other form.
            (b"GET a/b HTTP/1.1\r\nhost: target.com\r\n", "hyper 400"),
            (b"GET ?q HTTP/1.1\r\nhost: target.com\r\n", "hyper 400"),
            (b"GET  /a HTTP/1.1\r\nhost: target.com\r\n", "hyper 400"),
            (b"GET /a\r\nhost: target.com\r\n", "hyper 400"),
            (b"GET /a HTTP/1.0\r\nhost: target.com\r\n", "200 /a"),
            (b"GET /a HTTP/1.0\r\n", "404"),
        ],
    )
    .await;
}

/// chi GHSA-vrw8-fxc6-2r93: no redirect is built from a host.
#[tokio::test]
async fn redirects_have_no_host() {
    let router = builder()
        .policy(
            Policy::default().trailing_slash(TrailingSlash::Redirect).path_cleaning(PathCleaning::Redirect),
        )
        .route(Route::get("/a/").to(show))
        .build()
        .unwrap();
    answers(
        router,
        &[
            (b"GET /a HTTP/1.1\r\nhost: evil.com\r\n", "308 /a/"),
            (
                b"GET /a HTTP/1.1\r\nhost: h\r\nx-forwarded-host: evil.com\r\nx-forwarded-prefix: //evil\r\n",
                "308 /a/",
            ),
            (b"GET http://evil.com/a HTTP/1.1\r\nhost: h\r\n", "308 /a/"),
            (b"GET http://evil.com//a/ HTTP/1.1\r\nhost: h\r\n", "301 /a/"),
        ],
    )
    .await;
}

/// Traefik CVE-2024-52003, axum #2998: client input is trusted from no client.
#[tokio::test]
async fn forwarded_headers_are_ignored() {
    let router = builder()
        .route(Route::get("/").host("real.com").to(async || "real"))
        .route(Route::get("/").host("forged.com").to(async || "forged"))
        .route(Route::get("/forged").to(async || "forged"))
        .route(Route::get("/").host("tls.com").scheme("https").to(async || "https"))
        .route(Route::get("/").host("tls.com").client_ip("0.0.0.0/0").to(async || "client"))
        .build()
        .unwrap();
    fields(
        router,
        &[
            ("host: real.com\r\nx-forwarded-host: forged.com\r\n", "200 real"),
            ("host: real.com\r\nforwarded: host=forged.com;proto=https\r\n", "200 real"),
            ("host: real.com\r\nx-original-url: /forged\r\nx-rewrite-url: /forged\r\n", "200 real"),
            ("host: real.com\r\nx-forwarded-prefix: /forged\r\n", "200 real"),
            ("x-forwarded-host: forged.com\r\n", "404"),
            // Unknown differs from false, and matches nothing either way (actix's Host guard).
            ("host: tls.com\r\nx-forwarded-proto: https\r\nx-forwarded-for: 1.2.3.4\r\n", "404"),
        ],
    )
    .await;
}

/// The same over HTTP/2, whose pseudo-headers (RFC 9113 §8.3.1) replace line and target.
#[tokio::test]
async fn http2() {
    let router = builder()
        .route(Route::get("/a").host("target.com").to(show))
        .route(Route::get("/a").host("line.com").to(async || "by the line"))
        .route(Route::get("/{x}/{*rest}").to(show))
        .route(Route::get("/tls").scheme("https").to(async || "https"))
        .build()
        .unwrap();
    let address = serve(router).await;
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let none: &[&str] = &[];
    let mut wrong = String::new();
    for (method, target, lines, expected) in [
        ("GET", "http://target.com/a", none, "200 /a"),
        ("HEAD", "http://target.com/a", none, "200"),
        ("GET", "http://TARGET.com.:80/a", none, "200 /a"),
        ("GET", "http://u@target.com/a", none, HOST),
        ("GET", "http://target.com,b/a", none, HOST),
        ("GET", "http://target.com:99999/a", none, HOST),
        ("GET", "http://target.com/a", &["line.com"], HOSTS),
        ("GET", "http://target.com/a", &["Target.com:80"], "200 /a"),
        ("GET", "http://target.com/a", &["line.com", "target.com"], HOSTS),
        ("GET", "http://h/a/../b", none, DOTS),
        ("GET", "http://h/a/%2e%2e/b", none, DOTS),
        ("GET", "http://h/%00", none, CONTROL),
        ("GET", "http://h/%zz", none, ESCAPE),
        ("GET", "http://h/a%2Fb/c", none, "200 /{x}/{*rest} x=a/b rest=c"),
        ("GET", "http://h//a", none, "404"),
        ("GET", "http://h/a//b", none, "200 /{x}/{*rest} x=a rest=/b"),
        // The scheme is client input.
        ("GET", "https://h/tls", none, "404"),
        ("POST", "http://target.com/a", none, "405 GET, HEAD"),
        ("CONNECT", "target.com:443", none, "404"),
    ] {
        let mut request = Request::builder().method(method).uri(target).version(Version::HTTP_2);
        for line in lines {
            request = request.header("host", *line);
        }
        let request = request.body(Full::new(bytes::Bytes::new())).unwrap();
        let (parts, body) = match client.send_request(request).await {
            Ok(response) => response.into_parts(),
            Err(error) => {
                wrong += &format!("{method} {target} {lines:?}\n  expected {expected}\n  got    {error:?}\n");
                continue;
            }
        };
        let field = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let body = body.collect().await.unwrap().to_bytes();
        let got = described(parts.status.as_u16(), field, std::str::from_utf8(&body).unwrap());
        if got != expected {
            wrong += &format!("{method} {target} {lines:?}\n  expected {expected}\n  got    {got}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
