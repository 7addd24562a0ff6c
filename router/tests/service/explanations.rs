//! Explanations of requests.

use http::Request;
use waylay_router::{Peer, Policy, Route, ScopeConditions, Table, TrailingSlash, Verdict};

/// One route, one request, and the first condition that fails.
#[test]
fn the_first_condition_that_fails() {
    let get = Request::get("http://h.example/a/b?q=1&q=2")
        .header("x-a", "1")
        .header("x-a", "2")
        .header("cookie", "c=1")
        .header("content-type", "text/csv")
        .header("accept", "text/html");
    let get = get.body(()).unwrap();
    let peer = Peer::default().addr("1.2.3.4:5".parse().unwrap());
    let any = Route::new;
    for (route, matcher, wanted, got) in [
        (any().host("{x}.other"), "host", "{x}.other", "h.example"),
        (any().host("h.example:80"), "host", "h.example:80", "h.example"),
        (any().host_regex("x+"), "host", "~x+", "h.example"),
        (Route::any("/a/{x:[0-9]}"), "path", "/a/{x:[0-9]}", "/a/b"),
        (Route::post("/a/b"), "method", "POST", "GET"),
        (any().method("PURGE".parse().unwrap()), "method", "PURGE", "GET"),
        (any().scheme("https"), "scheme", "https", "unknown"),
        (any().version(http::Version::HTTP_2), "version", "HTTP/2", "HTTP/1.1"),
        (any().header("X-A", "3"), "header", "x-a=3", "1 and 2"),
        (any().header_present("x-b"), "header", "x-b", "none"),
        (any().header_absent("x-a"), "header", "not x-a", "1 and 2"),
        (any().header_regex("x-a", "a|b"), "header", "x-a~a|b", "1 and 2"),
        (any().header_all_values("x-a", "1"), "header", "each x-a~1", "1 and 2"),
        (any().cookie("c", "2"), "cookie", "c=2", "1"),
        (any().client_ip("10.0.0.0/8"), "client", "10.0.0.0/8", "1.2.3.4"),
        (any().content_type("text/html"), "content type", "text/html", "text/csv"),
        (any().accept("text/csv").accept("a/b"), "accept", "text/csv|a/b", "text/html"),
        (any().upgrade("websocket"), "upgrade", "websocket", "none"),
        (any().query("q", "3"), "query", "q=3", "1 and 2"),
        (any().query("q", "{x:[a-z]+}"), "query", "q={x:[a-z]+}", "1 and 2"),
        (any().query_regex("q", "[a-z]"), "query", "q~[a-z]", "1 and 2"),
        (any().query_absent("q"), "query", "not q", "1 and 2"),
        (any().query_present("r"), "query", "r", "none"),
        (any().guard("odd", |_| false), "guard", "odd", "no"),
        (any().path_regex("/x.*"), "path", "~/x.*", "/a/b"),
        (Route::rule("MethodRegexp(`P.*`)"), "method", "~P.*", "GET"),
        (Route::rule("!Header(`x-a`, `1`)"), "rule", "!Header(`x-a`, `1`)", "no"),
        (Route::rule("!Scheme(`http`)"), "rule", "!Scheme(`http`)", "unknown"),
        // The cheapest of several.
        (any().guard("odd", |_| false).header("x-a", "3").host("x"), "host", "x", "h.example"),
    ] {
        let table = Table::builder().route(route.value(())).build().unwrap();
        let explained = table.explain(&get, &peer);
        let [candidate] = explained.candidates.as_slice() else { panic!("{explained:#}") };
        let fails = Verdict::Failed { matcher: matcher.into(), wanted: wanted.into(), got: got.into() };
        assert_eq!(candidate.verdict, fails);
        assert!(explained.winner.is_none() && explained.miss.is_some());
    }
}

#[test]
fn every_outcome() {
    let mut builder = Table::builder()
        .policy(Policy::default().trailing_slash(TrailingSlash::Redirect))
        .route(Route::get("/a/{id}").name("one").value(1))
        .route(Route::get("/a/{id:[0-9]+}").name("number").value(2))
        .route(Route::get("/slash/").name("slash").value(3))
        .route(Route::get("/{*rest}").name("rest").priority(-1).value(4))
        .route(Route::get("/x").name("link").build_only().value(5));
    let scope = builder.scope(None, ScopeConditions::new().prefix("/in").sealed());
    builder.add(Some(scope), Route::post("/x").name("inside").value(6));
    let table = builder.build().unwrap();
    for (target, wanted) in [
        (
            "/a/7",
            "goes to route `number`\n  selected  number  /a/{id:[0-9]+}\n  outranked one     /a/{id}\n  outranked rest    /{*rest}\n",
        ),
        (
            "/slash",
            "goes to route `slash` by 308 to /slash/\n  selected  slash  /slash/\n  outranked rest   /{*rest}\n  3 routes",
        ),
        (
            "/in/x",
            "is a miss: 405, allowed are POST\n  failed    inside  /in/x     method POST: got GET\n  sealed    rest    /{*rest}\n",
        ),
        ("/a/../b", "is a miss: 400, "),
    ] {
        let request = Request::get(target).body(()).unwrap();
        let explained = table.explain(&request, &Peer::default()).to_string();
        assert!(explained.contains(wanted), "{target}\n{explained}");
    }
    let request = Request::get("/a/x").body(()).unwrap();
    let all = format!("{:#}", table.explain(&request, &Peer::default()));
    assert!(all.contains("failed    number  /a/{id:[0-9]+}  path /a/{id:[0-9]+}: got /a/x"), "{all}");
    #[cfg(feature = "serde")]
    {
        let json = serde_json::to_value(table.explain(&request, &Peer::default())).unwrap();
        let of = |place: u64| {
            let mut candidates = json["candidates"].as_array().unwrap().iter();
            &candidates.find(|candidate| candidate["index"] == place).unwrap()["verdict"]
        };
        assert_eq!((&json["winner"], of(0)), (&0.into(), &"selected".into()));
        let fails = &of(1)["failed"];
        assert_eq!((&fails["matcher"], &fails["got"]), (&"path".into(), &"/a/x".into()));
    }
}

/// The alternatives of a rule are one route.
#[test]
fn hidden_routes_are_counted_once() {
    let others = |count: usize| (0..count).map(|i| format!("Path(`/o{i}`)")).collect::<Vec<_>>().join(" || ");
    for (rules, expected) in [
        (vec![others(1)], "  1 route has another host or path\n"),
        (vec![others(3)], "  1 route has another host or path\n"),
        (vec![others(3), "Path(`/x`) && Host(`a`)".to_owned()], "  2 routes have another host or path\n"),
        // One alternative is shown.
        (vec![format!("{} || Path(`/a`) && Header(`x`)", others(3))], "got none\n"),
        (vec![], "selected  -  /a\n"),
    ] {
        let builder = Table::builder().route(Route::get("/a").value(()));
        let builder =
            rules.iter().fold(builder, |builder, rule| builder.route(Route::rule(rule.as_str()).value(())));
        let request = Request::get("/a").body(()).unwrap();
        let explained = builder.build().unwrap().explain(&request, &Peer::default()).to_string();
        assert!(explained.ends_with(expected), "{rules:?}\n{explained}");
    }
}
