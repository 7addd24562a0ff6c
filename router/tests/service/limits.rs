//! Limits of one request: what conditions share is read once, and what is too long is rejected with its status.

use http::{HeaderName, HeaderValue, Request};
use waylay_router::{
    BadRequest, MAX_MATCHED_BYTES, MAX_PAIRS, Match, MethodSet, Peer, Policy, Reason, Route, Table,
};

fn request(target: &str, lines: &[(&str, String)]) -> Request<()> {
    let mut request = Request::get(target).body(()).unwrap();
    for (name, value) in lines {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    request
}

/// A condition that fails, before a route that always matches.
fn outcome(route: Route, request: &Request<()>) -> Result<bool, BadRequest> {
    let table =
        Table::builder().route(route.priority(1).value(true)).route(Route::new().value(false)).build();
    let table = table.unwrap();
    let found = table.find(request, &Peer::default()).map(|found| *found.value());
    if found.is_err() {
        assert_eq!(table.allowed(request, &Peer::default()), MethodSet::default());
        let explained = table.explain(request, &Peer::default());
        assert!(explained.winner.is_none() && explained.miss.is_some());
    }
    found.map_err(|miss| match miss.reason {
        Reason::BadRequest(reason) => reason,
        other => panic!("{other:?}"),
    })
}

/// The last value below each limit, and the first one beyond: the request is rejected, though another route matches.
#[test]
fn last_and_first() {
    let long = |bytes: usize| "v".repeat(bytes);
    let pairs = |count: usize, end: &str| "a=1".to_owned() + &"&a=1".repeat(count - 1) + end;
    let query = |text: String| request(&format!("/?{text}"), &[]);
    let header = |name: &'static str, text: String| request("/", &[(name, text)]);
    let value = MAX_MATCHED_BYTES - 32;
    let rule = Route::rule;
    for (route, last, first, status) in [
        (
            Route::new().query("b", "2"),
            query(pairs(MAX_PAIRS - 1, "&b=2")),
            query(pairs(MAX_PAIRS, "&b=2")),
            BadRequest::TooManyPairs,
        ),
        (
            rule("!Query(`b`)"),
            query(pairs(MAX_PAIRS, "")),
            query(pairs(MAX_PAIRS + 1, "")),
            BadRequest::TooManyPairs,
        ),
        (
            Route::new().cookie("b", "2"),
            header("cookie", "a=1; ".repeat(MAX_PAIRS - 1) + "b=2"),
            header("cookie", "a=1; ".repeat(MAX_PAIRS) + "b=2"),
            BadRequest::TooManyCookies,
        ),
        (
            Route::new().query_regex("b", "v*"),
            query(format!("b={}", long(value))),
            query(format!("b={}", long(value + 1))),
            BadRequest::QueryTooLong,
        ),
        (
            Route::new().query("b", "{x:v*}"),
            query(format!("b={}", long(value))),
            query(format!("b={}", long(value + 1))),
            BadRequest::QueryTooLong,
        ),
        (
            Route::new().header_regex("x", "v*"),
            header("x", long(value)),
            header("x", long(value + 1)),
            BadRequest::HeaderTooLong,
        ),
        (
            rule("!HeaderRegexp(`x`, `w*`)"),
            header("x", long(value)),
            header("x", long(value + 1)),
            BadRequest::HeaderTooLong,
        ),
        (
            Route::new().content_type("text/plain"),
            header("content-type", format!("text/plain;{}", long(value - 11))),
            header("content-type", format!("text/plain;{}", long(value - 10))),
            BadRequest::HeaderTooLong,
        ),
        (
            Route::new().path_regex("/v*"),
            request(&format!("/{}", long(value - 1)), &[]),
            request(&format!("/{}", long(value)), &[]),
            BadRequest::PathTooLong,
        ),
        (
            Route::any("/{x:v*}"),
            request(&format!("/{}", long(value - 1)), &[]),
            request(&format!("/{}", long(value)), &[]),
            BadRequest::PathTooLong,
        ),
    ] {
        let text = format!("{route:?}");
        assert_eq!(outcome(route.clone(), &last), Ok(true), "{text:.200}");
        assert_eq!(outcome(route.clone(), &first), Err(status), "{text:.200}");
        // A request that is not in canonical form takes another way.
        let table = Table::builder().policy(Policy::strict()).route(route.value(())).build().unwrap();
        let mut hosted = first;
        hosted.headers_mut().insert("host", HeaderValue::from_static("A.example.com:80"));
        let miss = table.find(&hosted, &Peer::default()).unwrap_err();
        assert_eq!(miss.reason, Reason::BadRequest(status), "{text:.200}");
        let expected = match status {
            BadRequest::PathTooLong | BadRequest::QueryTooLong => 414,
            BadRequest::HeaderTooLong | BadRequest::TooManyCookies => 431,
            _ => 400,
        };
        assert_eq!(miss.status().as_u16(), expected, "{status}");
    }
}

/// What no condition reads has no limit.
#[test]
fn unread_parts_have_no_limit() {
    let lines =
        [("cookie", "a=1;".repeat(5000)), ("x", "v".repeat(100_000)), ("accept", "*/*,".repeat(9000))];
    let long = request(&format!("/{}?{}", "v".repeat(20_000), "a&".repeat(20_000)), &lines);
    for route in [
        Route::new(),
        Route::any("/{*x}"),
        Route::new().header("x", "1"),
        Route::new().header_present("cookie"),
        Route::new().query("v", "1").header("y", "1"),
    ] {
        assert!(outcome(route, &long).is_ok());
    }
    // A value that is only captured may be long.
    let long = request(&format!("/?a={}", "v".repeat(20_000)), &[]);
    assert_eq!(outcome(Route::new().query("a", "{x}"), &long), Ok(true));
}

/// Many short and few long texts, in one line or several, with and without an index: the same routes as a scan of each
/// condition alone finds.
#[test]
fn shared_parts_give_the_same_results() {
    let names: Vec<String> = (0..40).map(|n| format!("n{n}")).collect();
    let conditions: Vec<(String, Route)> = names
        .iter()
        .flat_map(|name| {
            let (cookie, query) = (Route::new(), Route::new());
            [
                (format!("cookie {name}"), cookie.clone().cookie(name, "1")),
                (format!("cookie {name} present"), cookie.cookie_present(name)),
                (format!("query {name}"), query.clone().query(name, "1")),
                (format!("query {name} regex"), query.clone().query_regex(name, "[0-9]")),
                (format!("query {name} absent"), query.query_absent(name)),
                (format!("accept {name}"), Route::new().accept(format!("text/{name}"))),
                (format!("no cookie {name}"), Route::rule(format!("!Cookie(`{name}`, `1`)"))),
                (format!("no query {name}"), Route::rule(format!("!Query(`{name}`, `1`)"))),
            ]
        })
        .collect();
    let alone: Vec<Table<()>> = conditions
        .iter()
        .map(|(_, route)| Table::builder().route(route.clone().value(())).build().unwrap())
        .collect();
    // All conditions in one look-up: the last one of each list decides.
    let mut seed = 7u64;
    let mut below = move |bound: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % bound
    };
    for count in [0, 1, 3, 40, 300] {
        let text = |end: &str, item: &mut dyn FnMut(u64) -> String| -> String {
            (0..count).map(|_| item(0)).collect::<Vec<_>>().join(end)
        };
        let cookies = text("; ", &mut |_| format!("n{}={}", below(60), below(3)));
        let query = text("&", &mut |_| format!("n{}={}", below(60), below(12)));
        let accept = text(", ", &mut |_| format!("text/n{};q=0.{}", below(60), below(3)));
        let lines = [("cookie", cookies.clone()), ("cookie", cookies), ("accept", accept)];
        let lines = if count == 0 { &[][..] } else { &lines };
        let request = request(&format!("/?{query}"), lines);
        for (chosen, (name, _)) in conditions.iter().enumerate() {
            let expected = alone[chosen].find(&request, &Peer::default()).is_ok();
            // Conditions that fail come first, so that the shared parts are in use when the chosen one is tested.
            let never = |n: usize| {
                let never = Route::new().priority(9).cookie("never", n.to_string());
                [never.clone().value(false), never.query("never", "1").accept("never/never").value(false)]
            };
            let builder =
                (0..20).flat_map(never).fold(Table::builder(), |builder, route| builder.route(route));
            let table = builder.route(conditions[chosen].1.clone().value(true)).build().unwrap();
            let found = table.find(&request, &Peer::default()).is_ok_and(|found| *Match::value(&found));
            assert_eq!(found, expected, "{name} {count}");
        }
    }
}

/// A value with escapes is decoded once for all patterns: each finds what it finds alone.
#[test]
fn decoded_values_give_the_same_results() {
    let templates = [
        "{a:[0-9@]+}-{b}",
        "{a}-{b:[a-z]+}",
        "{a:.+}",
        "{a:[^-/]+}-{b:[^-/]+}x",
        "{a}x",
        "{a:[^/]+}-b",
        "{a:@+-[^/]+}",
    ];
    let path = |text: &str| Route::any(format!("/s/{text}"));
    let query = |text: &str| Route::new().query("q", text);
    let mut routes: Vec<Route> = templates.iter().flat_map(|text| [path(text), query(text)]).collect();
    routes.push(Route::any("/s/{*a}"));
    for regex in ["@*-b", ".*x", "(?i)@*-B", ".*@@.*", ".*%40.*", "[^x]*"] {
        routes.push(Route::new().query_regex("q", regex));
        routes.push(Route::new().path_regex(format!("/s/{regex}")));
    }
    let captures = |table: &Table<usize>, request: &Request<()>| {
        let found = table.find(request, &Peer::default()).ok()?;
        Some(
            found
                .captures()
                .map(|capture| (capture.name().to_owned(), capture.raw().to_owned()))
                .collect::<Vec<_>>(),
        )
    };
    let table = |routes: &mut dyn Iterator<Item = Route>| {
        routes.fold(Table::builder(), |builder, route| builder.route(route.value(0))).build().unwrap()
    };
    let alone: Vec<_> = routes.iter().map(|route| table(&mut [route.clone()].into_iter())).collect();
    let together: Vec<_> = (0..routes.len())
        .map(|chosen| {
            // The others read the value first, and fail by what they test last.
            let others =
                (0..).zip(&routes).map(|(n, route)| route.clone().priority(99 - n).guard("never", |_| false));
            table(&mut others.chain([routes[chosen].clone()]))
        })
        .collect();
    let mut matched = 0;
    for (text, count) in
        [("%40", 1), ("%40", 9), ("%40", 11), ("%40", 500), ("@", 50), ("%C3%A9", 20), ("%FF", 20)]
    {
        for end in ["", "-b", "-%62", "-a%2Fx", "x", "-x"] {
            let value = text.repeat(count) + end;
            let several = format!("/s/{value}?q={value}&q=%40-{value}&q={value}");
            for target in [format!("/s/{value}?q={value}"), several] {
                let request = request(&target, &[]);
                for (chosen, (alone, together)) in alone.iter().zip(&together).enumerate() {
                    let expected = captures(alone, &request);
                    matched += usize::from(expected.is_some());
                    assert_eq!(captures(together, &request), expected, "{:?} {target}", routes[chosen]);
                }
            }
        }
    }
    assert!(matched > 300, "{matched}");
}

/// Time is printed by `cargo test --release -p waylay-router --test service limits -- --nocapture`.
#[test]
fn worst_requests() {
    let bytes = if cfg!(debug_assertions) { 40_000 } else { 400_000 };
    let of = |route: fn(usize) -> Route| {
        let builder =
            (0..300).fold(Table::builder(), |builder, n| builder.route(route(n).priority(n as i32).value(n)));
        builder.build().unwrap()
    };
    let many = |text: &str| text.repeat(bytes / text.len());
    let fill = |text: &str| text.repeat(60_000.min(bytes) / text.len());
    for (name, table, request) in [
        (
            "cookies",
            of(|n| Route::new().cookie(format!("c{n}"), "1")),
            request("/", &[("cookie", many("a=b;"))]),
        ),
        (
            "a long cookie",
            of(|n| Route::new().cookie(format!("c{n}"), "1")),
            request("/", &[("cookie", many("abcd"))]),
        ),
        (
            "pairs",
            of(|n| Route::new().query(format!("q{n}"), "1")),
            request(&format!("/?{}", fill("a=&")), &[]),
        ),
        ("ranges", of(|n| Route::new().accept(format!("a/b{n}"))), request("/", &[("accept", many("a/b,"))])),
        (
            "a long range",
            of(|n| Route::new().accept(format!("a/b{n}"))),
            request("/", &[("accept", many("a"))]),
        ),
        (
            "header regexes",
            of(|n| Route::new().header_regex("x", format!(".*a{n}"))),
            request("/", &[("x", many("b"))]),
        ),
        (
            "path regexes",
            of(|n| Route::new().path_regex(format!("/.*a{n}"))),
            request(&format!("/{}", fill("b")), &[]),
        ),
    ] {
        let start = std::time::Instant::now();
        let _ = table.find(&request, &Peer::default()).map(|found| *found.value());
        println!("{name}: {:?}", start.elapsed());
    }
}
