//! Unusual headers, queries and methods in raw requests, and too much of anything.

use waylay_router::{MethodMiss, OptionsAnswer, Policy, Route};

use crate::wire::{CONTROL, answers, ask, builder, fields, paths, raw, serve, show, targets};

/// Envoy CVE-2020-25017: any of several lines may match, none is dropped; names are compared exactly.
#[tokio::test]
async fn repeated_and_unusual_headers() {
    let router = builder()
        .route(Route::get("/").header("x-auth", "1").to(async || "exact"))
        .route(Route::get("/").header_regex("x-regex", "[a-z]+").to(async || "regex"))
        .route(Route::get("/").header_present("x-there").to(async || "present"))
        .route(Route::get("/").cookie("sid", "1").to(async || "cookie"))
        .route(Route::get("/").header_present("x-guarded").header_absent("x-debug").to(async || "absent"))
        .build()
        .unwrap();
    fields(
        router,
        &[
            ("x-auth: 1\r\n", "200 exact"),
            ("X-AUTH:1\r\n", "200 exact"),
            ("x-auth: 2\r\nx-auth: 1\r\n", "200 exact"),
            ("x-auth: 1\r\nx-auth: 2\r\n", "200 exact"),
            ("x-auth: 1, 2\r\n", "404"),
            ("x-auth: 2,1\r\n", "404"),
            ("x-auth:   1\t \r\n", "200 exact"),
            ("x-auth: \"1\"\r\n", "404"),
            ("x_auth: 1\r\n", "404"),
            ("x-auth1: 1\r\n", "404"),
            ("x-regex: ab\r\n", "200 regex"),
            ("x-regex: a1\r\nx-regex: b\r\n", "200 regex"),
            ("x-regex: ab1\r\n", "404"),
            ("x-regex: a\u{e9}\r\n", "404"),
            ("x-there:\r\n", "200 present"),
            ("x-guarded: 1\r\n", "200 absent"),
            ("x-guarded: 1\r\nx-debug: \r\n", "404"),
            ("cookie: sid=1\r\n", "200 cookie"),
            ("cookie: a=b;sid=1\r\n", "200 cookie"),
            ("cookie: a=b\r\ncookie: sid=1\r\n", "200 cookie"),
            ("cookie: sid=2; sid=1\r\n", "200 cookie"),
            ("cookie: sid =1\r\n", "404"),
            ("cookie: a=sid=1\r\n", "404"),
            ("cookie: SID=1\r\n", "404"),
            ("x auth: 1\r\n", "hyper 400"),
            ("x-auth\r\n", "hyper 400"),
            (": 1\r\n", "hyper 400"),
            ("x-auth: 1\u{1}\r\n", "hyper 400"),
        ],
    )
    .await;
    // CVE-2026-88004: text after the body is not a header.
    let router = builder()
        .route(Route::post("/").header("x-auth", "1").to(async || "in"))
        .route(Route::post("/").to(async || "out"))
        .build()
        .unwrap();
    let address = serve(router).await;
    let request = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\ntrailer: x-auth\r\n\
        connection: close\r\n\r\n1\r\na\r\n0\r\nx-auth: 1\r\n\r\n";
    assert!(raw(address, request).await.ends_with("\r\n\r\nout"));
}

/// The values of a key that count, and the encodings of keys and values.
#[tokio::test]
async fn repeated_and_unusual_query_keys() {
    let routes = || {
        builder()
            .route(Route::get("/e").query("k", "1").to(async || "1"))
            .route(Route::get("/t").query("k", "{k:[0-9]+}").to(show))
            .route(Route::get("/p").query_present("k k").to(async || "present"))
            .route(Route::get("/a").query_absent("k").to(async || "absent"))
            .route(Route::get("/n").query("k", "{k:[a-z]+.}").to(show))
    };
    targets(
        routes().build().unwrap(),
        &[
            (b"/e?k=1", "200 1"),
            (b"/e?k=2&k=1", "200 1"),
            (b"/e?k=%31", "200 1"),
            (b"/e?%6b=1", "200 1"),
            (b"/e?K=1", "404"),
            (b"/e?k=1;x", "404"),
            (b"/e?x;k=1", "404"),
            (b"/e?k=1&k=1", "200 1"),
            (b"/e?&&k=1&", "200 1"),
            (b"/e?k=1%00", "404"),
            (b"/e?k==1", "404"),
            (b"/e?k", "404"),
            (b"/e??k=1", "404"),
            (b"/e?k=%zz&k=1", "200 1"),
            (b"/t?k=a&k=7&k=8", "200 /t k=7"),
            (b"/t?k=%37", "200 /t k=7"),
            (b"/t?k=+7", "404"),
            (b"/t?k=7%0a", "404"),
            (b"/t?k=%FF&k=7", "200 /t k=7"),
            (b"/p?k+k", "200 present"),
            (b"/p?k%20k=", "200 present"),
            (b"/p?k k", "hyper 400"),
            (b"/p?k%2bk", "404"),
            (b"/a", "200 absent"),
            (b"/a?", "200 absent"),
            (b"/a?K", "200 absent"),
            (b"/a?k", "404"),
            (b"/a?%6B=1", "404"),
            // In a regex the dot matches a line break too.
            (b"/n?k=a%0a", "200 /n k=a\n"),
            (b"/n?k=%C3%A9", "404"),
            (b"/n?k=a\xc3\xa9", "200 /n k=a\u{e9}"),
        ],
    )
    .await;
    targets(
        routes().policy(Policy::gorilla()).build().unwrap(),
        &[
            (b"/e?k=2&k=1", "404"),
            (b"/e?k=1&k=2", "200 1"),
            (b"/e?x;k=1", "200 1"),
            (b"/e?k=%zz&k=1", "200 1"),
            (b"/t?k=7;k=a", "200 /t k=7"),
            (b"/a?x;k", "404"),
        ],
    )
    .await;
}

/// Fastify CVE-2025-32442 and GHSA-jx2c-rxcm-jvmq: one way to read a content type, or none.
#[tokio::test]
async fn content_types() {
    let router = builder()
        .route(Route::post("/").content_type("application/json").to(async || "json"))
        .route(Route::post("/").content_type("text/*").to(async || "text"))
        .build()
        .unwrap();
    let rows = [
        ("application/json", "200 json"),
        ("APPLICATION/Json;charset=utf-8", "200 json"),
        ("application/json\t; a=b", "200 json"),
        ("application/json ;a=\"b;c\"", "200 json"),
        ("text/csv", "200 text"),
        ("text/", "415"),
        ("text/csv, application/json", "415"),
        ("application/json, text/csv", "415"),
        ("application/jsonx", "415"),
        ("application /json", "415"),
        ("application/json\ta", "415"),
        ("json", "415"),
        ("", "415"),
        ("text/csv\r\ncontent-type: application/json", "415"),
        ("*/*", "415"),
    ];
    let lines: Vec<_> = rows
        .iter()
        .map(|(media, _)| {
            format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\ncontent-type: {media}\r\n")
        })
        .collect();
    let rows: Vec<_> =
        lines.iter().map(String::as_bytes).zip(rows.iter().map(|(_, expected)| *expected)).collect();
    answers(router, &rows).await;
}

/// aspnet/Routing #347, Django CVE-2021-44420, Spring CVE-2022-22978: a regex matches the whole value.
#[tokio::test]
async fn regexes_match_the_whole() {
    targets(
        paths(&["/a/{x:a|b}", "/d/{x:\\d+}", "/l/{x:^[a-z]+$}", "/h/{x:.}"]),
        &[
            (b"/a/a", "200 /a/{x:a|b} x=a"),
            (b"/a/ab", "404"),
            (b"/a/xb", "404"),
            (b"/d/12", "200 /d/{x:\\d+} x=12"),
            (b"/d/12a", "404"),
            (b"/d/a12", "404"),
            (b"/l/ab", "200 /l/{x:^[a-z]+$} x=ab"),
            (b"/l/ab%0A", CONTROL),
            (b"/l/ab%E2%80%A8", "404"),
            (b"/l/ab%C2%85", "404"),
            (b"/h/%E2%80%A8", "200 /h/{x:.} x=\u{2028}"),
            (b"/h/%C2%85", "200 /h/{x:.} x=\u{85}"),
            // One character may be many bytes, but two characters are two.
            (b"/h/%F0%9F%A6%80", "200 /h/{x:.} x=\u{1f980}"),
            (b"/h/ab", "404"),
        ],
    )
    .await;
}

/// Limits of find-my-way and actix: too much of anything has a response.
#[tokio::test]
async fn too_much() {
    let router = paths(&["/{a}/{b}/{c}", "/{a}/{*rest}", "/r/{x:[a-z]+}", "/s/{x}-{y}-{z}"]);
    let segments = "/a".repeat(5000);
    // What a pattern reads is limited, what is only captured is not.
    let letters = |count: usize| format!("/r/{}", "a".repeat(count));
    let dashes = |count: usize| format!("/s/{}", "-".repeat(count));
    // Each quote takes three bytes when it is escaped.
    let escaped = format!("/{}", "\"".repeat(30_000));
    let whole = format!("/{}", "a".repeat(66_000));
    let ends = |answer: &str, end: &str| {
        assert!(answer.ends_with(end), "{}", &answer[answer.len().saturating_sub(80)..])
    };
    let address = serve(router).await;
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nhost: h\r\n").into_bytes();
    ends(&ask(address, &get(&segments)).await, "/a/a/a");
    ends(&ask(address, &get(&letters(8_000))).await, "aaaa");
    ends(&ask(address, &get(&dashes(8_000))).await, " y=- z=-");
    assert_eq!(ask(address, &get(&letters(30_000))).await, "414 the path is too long");
    assert_eq!(ask(address, &get(&dashes(20_000))).await, "414 the path is too long");
    assert_eq!(ask(address, &get(&escaped)).await, "414 the path is too long");
    assert_eq!(ask(address, &get(&whole)).await, "hyper 414");
    let queries = format!("/a/b/c?{}", "k=v&".repeat(10_000));
    assert_eq!(ask(address, &get(&queries)).await, "200 /{a}/{b}/{c} a=a b=b c=c");
    let lines = |count: usize| [get("/a/b/c"), "x-a: 1\r\n".repeat(count).into_bytes()].concat();
    assert_eq!(ask(address, &lines(90)).await, "200 /{a}/{b}/{c} a=a b=b c=c");
    assert_eq!(ask(address, &lines(1000)).await, "hyper 431");
}

/// Methods are compared exactly, and nothing overrides them (axum PR #3465 for hiding them).
#[tokio::test]
async fn methods() {
    let router = |policy| {
        builder()
            .policy(policy)
            .route(Route::get("/").to(async || "get"))
            .route(Route::delete("/").header("x-admin", "1").to(async || "deleted"))
            .route(Route::any("/own").method("PURGE".parse().unwrap()).to(async || "purged"))
            .build()
            .unwrap()
    };
    answers(
        router(Policy::default()),
        &[
            (b"GET / HTTP/1.1\r\nhost: h\r\n", "200 get"),
            (b"HEAD / HTTP/1.1\r\nhost: h\r\n", "200"),
            (b"get / HTTP/1.1\r\nhost: h\r\n", "405 GET, HEAD"),
            (b"Get / HTTP/1.1\r\nhost: h\r\n", "405 GET, HEAD"),
            (
                b"POST / HTTP/1.1\r\nhost: h\r\nx-http-method-override: GET\r\ncontent-length: 0\r\n",
                "405 GET, HEAD",
            ),
            (b"POST /?_method=GET HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n", "405 GET, HEAD"),
            (b"POST / HTTP/1.1\r\nhost: h\r\nx-admin: 1\r\ncontent-length: 0\r\n", "405 GET, HEAD, DELETE"),
            (b"PURGE /own HTTP/1.1\r\nhost: h\r\n", "200 purged"),
            (b"purge /own HTTP/1.1\r\nhost: h\r\n", "405 PURGE"),
            (b"PURGE2 /own HTTP/1.1\r\nhost: h\r\n", "405 PURGE"),
            (b"OPTIONS / HTTP/1.1\r\nhost: h\r\n", "405 GET, HEAD"),
            (b"G(T / HTTP/1.1\r\nhost: h\r\n", "hyper 400"),
            (b" / HTTP/1.1\r\nhost: h\r\n", "hyper 400"),
        ],
    )
    .await;
    let hidden = router(Policy::default().method_miss(MethodMiss::NotFound));
    answers(hidden, &[(b"PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n", "404")]).await;
    let automatic = router(Policy::default().options(OptionsAnswer::Automatic));
    answers(
        automatic,
        &[
            (b"OPTIONS / HTTP/1.1\r\nhost: h\r\n", "204 GET, HEAD, OPTIONS"),
            (b"OPTIONS /none HTTP/1.1\r\nhost: h\r\n", "404"),
            (b"OPTIONS * HTTP/1.1\r\nhost: h\r\n", "404"),
        ],
    )
    .await;
}
