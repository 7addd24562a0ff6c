//! Conditions beside path and method: what each holds of, as a table.

use std::net::SocketAddr;

use http::Request;
use waylay_router::{Peer, RequestHead, Route, Table};

/// A request: target, headers, address of the other end.
type Asked = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>);

/// One route with a condition, and the requests of which it holds, or does not.
struct Row {
    route: Route,
    holds: &'static [Asked],
    fails: &'static [Asked],
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
            // Nobody but the listener knows.
            fails: &[("/", &[], None), ("https://h/", &[], None)],
        },
        Row {
            route: Route::new().guard("odd", odd),
            holds: &[("/", &[], None), ("/aa", &[], None)],
            fails: &[("/a", &[], None)],
        },
    ] {
        let table = Table::builder().route(route.value(())).build().unwrap();
        for (rows, wanted) in [(holds, true), (fails, false)] {
            for (target, headers, address) in rows {
                let mut request = Request::get(*target);
                for (name, value) in *headers {
                    request = request.header(*name, *value);
                }
                let request = request.body(()).unwrap();
                let address = address.map(|text| text.parse::<SocketAddr>().unwrap());
                let peer = address.map_or_else(Peer::default, |address| Peer::default().addr(address));
                let got = table.find(&request, &peer).is_ok();
                assert_eq!(got, wanted, "{target} {headers:?} {address:?}\n{table}");
            }
        }
    }
}

/// More conditions win over fewer, exact ones over loose ones.
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
    for (header, address, wanted) in [
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
        assert_eq!(table.find(&request, &peer).ok().map(|found| *found.value()), Some(wanted));
    }
}
