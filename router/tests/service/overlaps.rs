//! Routes of equal rank that overlap, and routes that are never reached.

use waylay_router::{
    BuildErrorKind, Lint, LintKind, Policy, Precedence, Route, Table, TrailingSlash, Witness,
};

fn build(routes: impl IntoIterator<Item = Route>) -> Result<Table<usize>, Box<Witness>> {
    let routes = routes.into_iter().enumerate();
    let builder = routes.fold(Table::builder(), |builder, (place, route)| builder.route(route.value(place)));
    builder.build().map_err(|errors| match &errors.iter().next().unwrap().kind {
        BuildErrorKind::Conflict { witness, .. } => witness.clone(),
        other => panic!("{other}"),
    })
}

/// Overlapping pairs are errors, and the witness matches each of the two routes alone.
#[test]
fn conflicts_have_a_witness() {
    let get = Route::get;
    let any = Route::new;
    for (first, second, shown) in [
        (get("/a{x}"), get("/{x}a"), "GET /aa"),
        (get("/{x}"), get("/{y}"), "GET /a"),
        (get("/{x:[0-4]+}/b"), get("/{y:[4-8]+}/b"), "GET /4/b"),
        (get("/a/{x?}"), get("/a/{y?}"), "GET /a"),
        (Route::prefix("/a"), Route::prefix("/a/"), "GET /a"),
        (get("/\u{e9}{x}"), get("/{x}\u{e9}"), "GET /%C3%A9%C3%A9"),
        (any().host("a.{x}"), any().host("a.{y}"), "GET / (host: a.a)"),
        (any().host("x{x}.b"), any().host("{x}y.b"), "GET / (host: xy.b)"),
        (any().host("**.b"), any().host("{*x}.b"), "GET / (host: a.b)"),
        (any().host("a:80"), any().host("A:80"), "GET / (host: a:80)"),
        (any().host_regex("a+"), any().host_regex("a|b"), "GET / (host: a)"),
        (any().header("x-a", "1"), any().header("x-b", "1"), "GET / (x-a: 1, x-b: 1)"),
        (any().header_regex("x-a", "[0-5]+"), any().header_regex("x-a", "[5-9]+"), "GET / (x-a: 5)"),
        (any().query("a", "1"), any().query("b", "2"), "GET /?a=1&b=2"),
        (any().query("a", "{x:[a-c]+}"), any().query_regex("a", "[c-d]+"), "GET /?a=c"),
        (any().cookie("a", "1"), any().cookie("b", "1"), "GET / (cookie: a=1; b=1)"),
        (any().scheme("https").scheme("http"), any().scheme("http").scheme("ws"), "GET / (over http)"),
        (any().client_ip("10.0.0.0/8"), any().client_ip("10.1.0.0/8"), "GET / (from 10.0.0.0)"),
        (
            any().content_type("text/*").content_type("a/b"),
            any().content_type("text/csv").content_type("c/d"),
            "GET / (content-type: text/csv)",
        ),
        (any().accept("text/csv"), any().accept("text/csv"), "GET /"),
        (any().method("PURGE".parse().unwrap()), any().method("PURGE".parse().unwrap()), "PURGE /"),
    ] {
        let witness = build([first.clone(), second.clone()]).expect_err(shown);
        assert_eq!(witness.to_string(), shown);
        for alone in [first, second] {
            let table = Table::builder().route(alone.value(())).build().unwrap();
            assert!(table.find(&witness.request(), witness.peer()).is_ok(), "{shown}\n{table}");
        }
    }
}

/// Pairs of equal rank that no request matches together, if each field has one value.
#[test]
fn disjoint() {
    let get = Route::get;
    let any = Route::new;
    for (first, second) in [
        (get("/a{x}"), get("/b{x}")),
        (get("/{x}a"), get("/{x}b")),
        (get("/{x:[0-9]+}"), get("/{x:[a-z]+}")),
        (get("/{x}"), Route::post("/{x}")),
        (any().host("{x:a+}.b"), any().host("{x:b+}.b")),
        (any().host("a:80"), any().host("a:81")),
        (any().header("x-a", "1"), any().header("x-a", "2")),
        (any().header("x-a", "1").header_absent("x-b"), any().header("x-b", "1").header_absent("x-a")),
        (any().query("a", "1"), any().query("a", "2")),
        (any().cookie("a", "1"), any().cookie("a", "2")),
        (any().scheme("https"), any().scheme("http")),
        (any().client_ip("10.0.0.0/8"), any().client_ip("11.0.0.0/8")),
        (any().content_type("text/csv"), any().content_type("text/html")),
        (any().accept("text/csv"), any().accept("text/html")),
    ] {
        let table = build([first, second]).unwrap();
        assert_eq!(table.lints(), [], "{table}");
    }
}

/// An unknown overlap is a lint, and a priority removes it.
#[test]
fn unknown_overlaps() {
    let large = |length: usize| Route::get(format!("/{{x:[ab]*a[ab]{{{length}}}}}"));
    // Equal regexes need no automaton.
    let witness = build([large(60), large(60)]).unwrap_err();
    assert_eq!(witness.to_string(), format!("GET /{}", "a".repeat(61)));
    for (first, second) in
        [(Route::get("/").guard("a", |_| true), Route::get("/").guard("b", |_| true)), (large(60), large(61))]
    {
        let table = build([first.clone(), second.clone()]).unwrap();
        let lints = table.lints();
        let mut unknown = lints.iter().filter(|lint| matches!(lint.kind, LintKind::OverlapUnknown { .. }));
        assert!(unknown.next().is_some() && unknown.next().is_none(), "{lints:?}");
        assert_eq!(lints.len(), 1);
        let table = build([first.priority(1), second]).unwrap();
        assert!(!table.lints().iter().any(|lint| matches!(lint.kind, LintKind::OverlapUnknown { .. })));
    }
}

/// Many routes that differ by one value are compared quickly.
#[test]
fn hundreds_of_siblings() {
    let value = |n: usize| format!("tenant-{n}");
    for route in [
        (|value| Route::any("/a").header("x-tenant", value)) as fn(String) -> Route,
        |value| Route::any("/a").cookie("tenant", value),
        |value| Route::any("/a").query("tenant", value),
    ] {
        let siblings = || (0..200).map(|n| route(value(n)));
        assert_eq!(build(siblings()).unwrap().lints(), []);
        let witness = build(siblings().chain([route(value(7))])).unwrap_err().to_string();
        assert!(witness.contains("tenant-7") || witness.contains("tenant%2D7"), "{witness}");
    }
}

/// Pairs that are not compared are counted.
#[test]
fn too_many_to_compare() {
    let table = build((0..100).map(|_| Route::get("/").guard("own", |_| true))).unwrap();
    let lints = table.lints();
    let described = lints.iter().filter(|lint| matches!(lint.kind, LintKind::OverlapUnknown { .. })).count();
    let left: Vec<usize> = lints
        .iter()
        .filter_map(|lint| match lint.kind {
            LintKind::NotCompared { pairs } => Some(pairs),
            _ => None,
        })
        .collect();
    assert_eq!((described, left), (256, vec![100 * 99 / 2 - 256]));
}

#[test]
fn never_reached() {
    let specific = Policy::default();
    let registration = specific.precedence(Precedence::RegistrationOrder);
    let get = Route::get;
    for (policy, first, second, hidden) in [
        (specific, Route::prefix("/").priority(1), get("/x"), true),
        (specific, Route::prefix("/a").priority(1), get("/a/{x:[0-9]+}"), true),
        (specific, Route::prefix("/a").priority(1), get("/ab"), false),
        (specific, get("/{x:[^/]+}"), get("/{y}"), true),
        (specific, get("/{x:[a-z]+}"), get("/{y}"), false),
        (specific, get("/{x}").host("**.b").priority(1), get("/a").host("x.b"), true),
        (specific, get("/{x}").host("**.b").priority(1), get("/a"), false),
        (specific, Route::new().header_present("x-a").priority(1), Route::new().header("x-a", "1"), true),
        (specific, Route::new().header("x-a", "1").priority(1), Route::new().header("x-a", "2"), false),
        (registration, Route::prefix("/"), get("/x"), true),
        (registration, get("/x"), Route::prefix("/"), false),
        (registration, get("/{x}"), Route::any("/{y}"), false),
        (registration, Route::any("/{x}"), get("/{y}"), true),
    ] {
        let table =
            Table::builder().policy(policy).route(first.value(0)).route(second.value(1)).build().unwrap();
        let lints = table.lints();
        let found = lints.iter().any(|lint| matches!(lint.kind, LintKind::Shadowed { .. }));
        assert_eq!(found, hidden, "{table}{lints:?}");
    }
}

/// A route is hidden by what the other one means, not by its text.
#[test]
fn hidden_by_meaning() {
    let any = Route::new;
    let rule = |text: &str| Route::rule(text);
    for (first, second) in [
        (any().content_type("application/*"), any().content_type("application/json")),
        (any().accept("application/*"), any().accept("application/json")),
        (any().accept("*/*"), any().accept("text/*")),
        (any().client_ip("10.0.0.0/8"), any().client_ip("10.1.2.3")),
        (any().client_ip("10.0.0.0/8").client_ip("11.0.0.0/8"), any().client_ip("11.1.0.0/16")),
        (any().header_regex("x", "[0-9]+"), any().header_regex("x", "[0-9]{2}")),
        (any().header_regex("x", "[0-9]+"), any().header("x", "12")),
        (any().header_all_values("x", "[0-9]+"), any().header_all_values("x", "1+")),
        (any().query_regex("x", "[0-9]+"), any().query("x", "{y:[0-9]{2}}")),
        (any().query_regex("x", "[0-9]+"), any().query("x", "12")),
        (any().host_regex("[a-z.]+"), any().host_regex("[a-z]+[.]com")),
        (any().host_regex("[a-z.]+"), any().host("a.com")),
        (any().host("**.com"), any().host("*.a.com")),
        (any().path_regex("/a/[0-9]+"), any().path_regex("/a/1[0-9]")),
        (any().path_regex("/a/[0-9]+"), Route::any("/a/7")),
        (any().cookie_present("t"), any().cookie("t", "1")),
        (any().scheme("http").scheme("https"), any().scheme("https")),
        (any().upgrade("websocket").upgrade("h2c"), any().upgrade("WebSocket")),
        (rule("MethodRegexp(`P.*`)"), rule("MethodRegexp(`PU.`)")),
        (rule("MethodRegexp(`P.*`)"), any().method(http::Method::PUT)),
        (rule("Header(`x`, `1`) || Header(`y`)"), any().header("y", "2")),
        (rule("!Header(`x`, `1`)"), any().header_absent("x")),
        (rule("!Path(`/a`)"), Route::any("/b")),
        (any().host("{x:^[a-z]+$}.com"), any().host("a.com")),
    ] {
        let table =
            Table::builder().route(first.priority(1).name("wide").value(0)).route(second.value(1)).build();
        let table = table.unwrap();
        let lints = table.lints();
        let by_wide = |lint: &Lint| matches!(&lint.kind, LintKind::Shadowed { by, .. } if by == "wide");
        assert!(lints.iter().any(by_wide), "{table}{lints:?}");
    }
}

#[test]
fn registration_overlaps_are_lints() {
    let policy = Policy::default().precedence(Precedence::RegistrationOrder);
    let builder = Table::builder().policy(policy).route(Route::get("/a{x}").value(0));
    let table = builder.route(Route::get("/{x}a").value(1)).build().unwrap();
    let lints = table.lints();
    let [Lint { kind: LintKind::Overlap { witness, .. }, route, .. }] = lints.as_slice() else {
        panic!("{lints:?}")
    };
    assert_eq!((witness.to_string().as_str(), route.as_str()), ("GET /aa", "/{x}a"));
}

#[test]
fn unsatisfiable() {
    use waylay_router::ScopeConditions;
    let mut builder = Table::builder();
    let scope = builder.scope(None, ScopeConditions::new().method(http::Method::GET));
    builder.add(Some(scope), Route::post("/x").value(0));
    builder.add(None, Route::get("/{x:[a&&b]}").value(1));
    builder.add(None, Route::get("/y").header("x-a", "1").header_absent("x-a").value(2));
    builder.add(None, Route::get("/z").trailing_slash(TrailingSlash::Redirect).value(3));
    let lints = builder.build().unwrap().lints();
    let routes: Vec<&str> = lints.iter().map(|lint| lint.route.as_str()).collect();
    assert_eq!(routes, ["/x", "/{x:[a&&b]}", "/y"]);
    let methods = LintKind::Condition(waylay_router::ConditionLint::Exclusive {
        what: "methods",
        conditions: Vec::new(),
    });
    let kinds = lints.into_iter().map(|lint| lint.kind).collect::<Vec<_>>();
    assert_eq!(kinds, [methods, LintKind::Unsatisfiable, LintKind::Unsatisfiable]);
}

/// Two values of one field, each required by one route: the order of addition does not decide.
#[test]
fn two_values_of_a_field() {
    let routes = || [Route::new().header("x-a", "1"), Route::new().header("x-a", "2")];
    let request = http::Request::get("/").header("x-a", "2").header("x-a", "1").body(()).unwrap();
    let [one, two] = routes();
    let first = Table::builder().route(one.value(1)).route(two.value(2)).build().unwrap();
    let [one, two] = routes();
    let second = Table::builder().route(two.value(2)).route(one.value(1)).build().unwrap();
    let peer = waylay_router::Peer::default();
    assert_eq!(first.find(&request, &peer).unwrap().value(), second.find(&request, &peer).unwrap().value());
}

/// Between returned types the client's weights decide; between equal weights, the order of addition.
#[test]
fn weights_decide() {
    let table = Table::builder()
        .route(Route::get("/{x}").accept("text/html").value("html"))
        .route(Route::get("/{x}").accept("application/json").value("json"))
        .route(Route::get("/{x}").accept("text/csv").accept("text/plain").value("text"))
        .build()
        .unwrap();
    for (accept, expected) in [
        ("*/*", "html"),
        ("text/html;q=0.5, application/json", "json"),
        ("text/html;q=0.5, */*;q=0.1", "html"),
        ("text/plain;q=0.9, text/html;q=0.8", "text"),
        ("application/json;q=0.3, text/csv;q=0.3", "json"),
    ] {
        let request = http::Request::get("/a").header("accept", accept).body(()).unwrap();
        let found = table.find(&request, &waylay_router::Peer::default()).unwrap();
        assert_eq!((*found.value(), found.get("x").as_deref()), (expected, Some("a")), "{accept}");
    }
}
