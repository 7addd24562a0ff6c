//! Conditions other than path and method: matching and other requests, as a table.

use std::net::SocketAddr;

use http::{Request, Version};
use waylay_router::{BuildErrorKind, LintKind, Peer, RequestHead, Route, ScopeConditions, Table};

/// A request: target, headers, address of the peer.
type TestRequest = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>);

/// One route with a condition, and requests that match or do not.
struct Row {
    route: Route,
    holds: &'static [TestRequest],
    fails: &'static [TestRequest],
}

#[test]
fn hold_or_fail() {
    let odd = |head: &RequestHead<'_>| head.uri.path().len() % 2 == 1;
    for Row { route, holds, fails } in [
        Row {
            route: Route::new().header("X-A", "1"),
            holds: &[("/", &[("x-a", "1")], None), ("/", &[("x-a", "2"), ("x-a", "1")], None)],
            fails: &[("/", &[], None), ("/", &[("x-a", "11")], None), ("/", &[("x-a", "1, 2")], None)],
        },
        Row {
            route: Route::new().header_present("x-a"),
            holds: &[("/", &[("x-a", "")], None)],
            fails: &[("/", &[("x-b", "")], None)],
        },
        Row {
            route: Route::new().header_absent("x-a"),
            holds: &[("/", &[], None), ("/", &[("x-b", "1")], None)],
            fails: &[("/", &[("x-a", "")], None)],
        },
        Row {
            route: Route::new().header_regex("x-a", "a+|b"),
            holds: &[("/", &[("x-a", "aa")], None), ("/", &[("x-a", "c"), ("x-a", "b")], None)],
            fails: &[("/", &[("x-a", "ab")], None), ("/", &[], None)],
        },
        Row {
            route: Route::new().query("q", "a b"),
            holds: &[("/?q=a+b", &[], None), ("/?x&q=c&%71=a%20b", &[], None)],
            fails: &[("/?q=a", &[], None), ("/?Q=a+b", &[], None), ("/", &[], None), ("/?q=a;b", &[], None)],
        },
        Row {
            route: Route::new().query_present("q"),
            holds: &[("/?q", &[], None), ("/?q=", &[], None), ("/?a&q=1", &[], None)],
            fails: &[("/", &[], None), ("/?qq", &[], None), ("/?a=q", &[], None)],
        },
        Row {
            route: Route::new().query_absent("q"),
            holds: &[("/", &[], None), ("/?qq=1&a=q", &[], None)],
            fails: &[("/?q", &[], None), ("/?a&q=1", &[], None), ("/?%71=1", &[], None)],
        },
        Row {
            route: Route::new().query("v", "v{major:[0-9]+}.{minor}"),
            holds: &[("/?v=v1.2", &[], None), ("/?v=%76%31%2E0", &[], None), ("/?v=x&v=v2.x", &[], None)],
            fails: &[("/?v=v.2", &[], None), ("/?v=1.2", &[], None), ("/?v=v1.", &[], None)],
        },
        Row {
            route: Route::new().cookie("sid", "1"),
            holds: &[
                ("/", &[("cookie", "sid=1")], None),
                ("/", &[("cookie", "a=b; sid=2; sid=1")], None),
                ("/", &[("cookie", "a=b"), ("cookie", "sid=1")], None),
            ],
            fails: &[
                ("/", &[("cookie", "ssid=1; sid=")], None),
                ("/", &[("cookie", "sid")], None),
                ("/", &[], None),
            ],
        },
        Row {
            route: Route::new().cookie_present("sid"),
            holds: &[("/", &[("cookie", "sid=")], None)],
            fails: &[("/", &[("cookie", "a=sid")], None)],
        },
        Row {
            route: Route::new().client_ip("10.0.0.0/8").client_ip("::1"),
            holds: &[
                ("/", &[], Some("10.1.2.3:9")),
                ("/", &[], Some("[::1]:9")),
                ("/", &[], Some("[::ffff:10.0.0.1]:9")),
            ],
            fails: &[("/", &[], Some("11.0.0.1:9")), ("/", &[("x-forwarded-for", "10.0.0.1")], None)],
        },
        Row {
            route: Route::new().scheme("HTTPS"),
            holds: &[],
            // Only the listener knows these.
            fails: &[("/", &[], None), ("https://h/", &[], None)],
        },
        Row {
            route: Route::new().guard("odd", odd),
            holds: &[("/", &[], None), ("/aa", &[], None)],
            fails: &[("/a", &[], None)],
        },
    ] {
        let table = Table::builder().route(route.value(())).build().unwrap();
        for (rows, expected) in [(holds, true), (fails, false)] {
            for (target, headers, address) in rows {
                let mut request = Request::get(*target);
                for (name, value) in *headers {
                    request = request.header(*name, *value);
                }
                let request = request.body(()).unwrap();
                let address = address.map(|text| text.parse::<SocketAddr>().unwrap());
                let peer = address.map_or_else(Peer::default, |address| Peer::default().addr(address));
                let got = table.find(&request, &peer).is_ok();
                assert_eq!(got, expected, "{target} {headers:?} {address:?}\n{table}");
            }
        }
    }
}

/// More conditions rank before fewer, exact ones before patterns.
#[test]
fn rank() {
    let table = Table::builder()
        .route(Route::get("/").value("none"))
        .route(Route::get("/").header_absent("x-a").value("absent"))
        .route(Route::get("/").header_present("x-a").value("present"))
        .route(Route::get("/").header("x-a", "1").value("exact"))
        .route(Route::get("/").client_ip("10.0.0.0/8").value("wide"))
        .route(Route::get("/").client_ip("10.1.0.0/16").value("narrow"))
        .build()
        .unwrap();
    for (header, address, expected) in [
        (None, None, "absent"),
        (Some("2"), None, "present"),
        (Some("1"), Some("10.1.0.1:1"), "exact"),
        (None, Some("10.1.0.1:1"), "narrow"),
        (None, Some("10.2.0.1:1"), "wide"),
        (None, Some("11.2.0.1:1"), "absent"),
    ] {
        let request = Request::get("/");
        let request = header.into_iter().fold(request, |request, value| request.header("x-a", value));
        let peer = address.map(|text: &str| Peer::default().addr(text.parse().unwrap())).unwrap_or_default();
        let request = request.body(()).unwrap();
        assert_eq!(table.find(&request, &peer).ok().map(|found| *found.value()), Some(expected));
    }
}

/// The text of each kind of condition in `RouteInfo::conditions`; the rule of that text has the same list.
#[test]
fn lists_have_rule_texts() {
    let any = Route::new;
    for (route, text) in [
        (any().path_regex("/x.*"), "PathRegexp(`/x.*`)"),
        (any().scheme("https").scheme("http"), "Scheme(`https`) || Scheme(`http`)"),
        (
            any().version(Version::HTTP_2).version(Version::HTTP_10),
            "Version(`HTTP/2`) || Version(`HTTP/1.0`)",
        ),
        (any().header("x-a", "1"), "Header(`x-a`, `1`)"),
        (any().header_present("x-a"), "Header(`x-a`)"),
        (any().header_absent("x-a"), "!Header(`x-a`)"),
        (any().header_regex("x-a", "[0-9]"), "HeaderRegexp(`x-a`, `[0-9]`)"),
        (any().header_all_values("x-a", "[0-9]"), "HeaderAll(`x-a`, `[0-9]`)"),
        (any().query("q", "{page}"), "Query(`q`, `{page}`)"),
        (any().query_present("q"), "Query(`q`)"),
        (any().query_absent("q"), "!Query(`q`)"),
        (any().query_regex("q", "[0-9]"), "QueryRegexp(`q`, `[0-9]`)"),
        (any().cookie("c", "1"), "Cookie(`c`, `1`)"),
        (any().cookie_present("c"), "Cookie(`c`)"),
        (any().content_type("text/*"), "ContentType(`text/*`)"),
        (any().accept("a/b").accept("a/c"), "Accept(`a/b`) || Accept(`a/c`)"),
        (any().upgrade("websocket"), "Upgrade(`websocket`)"),
        (any().client_ip("10.0.0.0/8"), "ClientIP(`10.0.0.0/8`)"),
    ] {
        for route in [route, Route::rule(text)] {
            let table = Table::builder().route(route.value(())).build().unwrap();
            let route = table.routes().next().unwrap();
            assert_eq!(route.conditions().collect::<Vec<_>>(), [text]);
        }
    }
    // In one order, independent of the order of setters.
    let route = any().cookie_present("c").query_present("q").header_present("x-a").scheme("https");
    let table = Table::builder().route(route.value(())).build().unwrap();
    let list: Vec<_> = table.routes().next().unwrap().conditions().map(str::to_owned).collect();
    assert_eq!(list, ["Scheme(`https`)", "Header(`x-a`)", "Query(`q`)", "Cookie(`c`)"]);
}

#[test]
fn versions_select_and_rank() {
    let mut builder = Table::builder()
        .route(Route::get("/a").value("any"))
        .route(Route::get("/a").version(Version::HTTP_2).value("second"))
        .route(Route::get("/a").version(Version::HTTP_11).header_present("x-a").value("header"))
        .route(Route::rule("Path(`/b`) && !Version(`HTTP/1.1`)").value("not first"));
    let scope = builder.scope(None, ScopeConditions::new().prefix("/s").version(Version::HTTP_3));
    builder.add(Some(scope), Route::get("/c").value("third"));
    let table = builder.build().unwrap();
    for (target, version, header, value) in [
        ("/a", Version::HTTP_11, false, Some("any")),
        ("/a", Version::HTTP_2, false, Some("second")),
        ("/a", Version::HTTP_2, true, Some("second")),
        ("/a", Version::HTTP_11, true, Some("header")),
        ("/b", Version::HTTP_11, false, None),
        ("/b", Version::HTTP_10, false, Some("not first")),
        ("/s/c", Version::HTTP_3, false, Some("third")),
        ("/s/c", Version::HTTP_2, false, None),
    ] {
        let mut request = Request::get(target).version(version).body(()).unwrap();
        if header {
            request.headers_mut().insert("x-a", "1".parse().unwrap());
        }
        let found = table.find(&request, &Peer::default()).ok().map(|found| *found.value());
        assert_eq!(found, value, "{target} {version:?}");
    }
}

#[test]
fn versions_keep_routes_apart() {
    let route = |version: Version| Route::get("/a").version(version);
    let build = |a: Route, b: Route| Table::builder().route(a.value(1)).route(b.value(2)).build();
    assert!(build(route(Version::HTTP_11), route(Version::HTTP_2)).unwrap().lints().is_empty());
    let errors = build(
        route(Version::HTTP_2).version(Version::HTTP_11),
        route(Version::HTTP_3).version(Version::HTTP_2),
    )
    .unwrap_err();
    let BuildErrorKind::Conflict { witness, .. } = &errors.iter().next().unwrap().kind else { panic!() };
    assert_eq!(witness.request().version(), Version::HTTP_2);
    assert_eq!(witness.to_string(), "GET /a (HTTP/2)");
    // A route for fewer versions is shadowed by one for more.
    let shadow = route(Version::HTTP_2).version(Version::HTTP_3).priority(1);
    let lints = build(shadow, route(Version::HTTP_2)).unwrap().lints();
    assert!(
        matches!(lints.as_slice(), [lint] if matches!(lint.kind, LintKind::Shadowed { .. })),
        "{lints:?}"
    );
    let mut builder = Table::builder();
    let scope = builder.scope(None, ScopeConditions::new().version(Version::HTTP_2));
    builder.add(Some(scope), route(Version::HTTP_3).value(1));
    let lints = builder.build().unwrap().lints();
    assert!(matches!(lints.as_slice(), [lint] if lint.kind == LintKind::Unsatisfiable), "{lints:?}");
}

#[test]
fn versions_of_rules_are_checked() {
    for text in ["HTTP/4", "http/2", "2", "HTTP/2.0"] {
        let route = Route::rule(format!("Version(`{text}`)")).value(());
        let errors = Table::builder().route(route).build().unwrap_err().to_string();
        let expected = format!("`{text}` is not a protocol version: `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or");
        assert!(errors.contains(&expected), "{errors}");
    }
}

/// A `content-type` header without parameters is a media type, as in `content_type`; in other languages it is a text.
#[test]
fn content_types_as_headers() {
    let json = "application/json";
    let native = || Route::post("/").header("Content-Type", json);
    let mut routes = vec![
        (native(), true),
        (Route::rule(native().to_string()), true),
        (Route::rule("Path(`/`) && Header(`content-type`, `application/json`)"), true),
        (Route::post("/").header("content-type", "application/json; charset=utf-8"), false),
        (Route::post("/").header("content-type", json).header("content-type", json), true),
    ];
    #[cfg(feature = "dialects")]
    for dialect in [waylay_router::rule::Dialect::TraefikV3, waylay_router::rule::Dialect::Vulcand] {
        let foreign = || Route::rule(dialect.text("Header(`Content-Type`, `application/json`)"));
        routes.extend([(foreign(), false), (Route::rule(foreign().to_string()), false)]);
    }
    for (route, is_media) in routes {
        let shown = route.to_string();
        let table = Table::builder().route(route.value(())).build().unwrap();
        for (value, is_same, is_text) in [
            ("application/json", true, !shown.contains("charset")),
            ("application/json; charset=utf-8", true, shown.contains("charset")),
            ("Application/JSON", true, false),
            ("application/json-seq", false, false),
            ("text/plain", false, false),
        ] {
            let request = http::Request::post("/").header("content-type", value).body(()).unwrap();
            let found = table.find(&request, &Peer::default());
            assert_eq!(found.is_ok(), if is_media { is_same } else { is_text }, "{shown}: {value}");
            if let (Err(miss), true) = (found, is_media) {
                assert_eq!(miss.status(), 415, "{shown}: {value}");
            }
        }
    }
    let gorilla = Table::builder().policy(waylay_router::Policy::gorilla()).route(native().value(()));
    let request = http::Request::post("/").header("content-type", "application/json; charset=utf-8");
    assert!(gorilla.build().unwrap().find(&request.body(()).unwrap(), &Peer::default()).is_err());
}
