//! Tables of rules match as the rules say, however they are lowered.

use http::uri::Scheme;
use http::{Request, Version};
use proptest::prelude::*;
use proptest::sample::select;
use waylay_router::rule::{Expr, Function, MAX_ALTERNATIVES, MAX_RULE_BYTES};
use waylay_router::{BuildErrorKind, BuildErrors, LintKind, Miss, Peer, Reason, Route, Table, Verdict};

use crate::naive::{TestRequest, holds};

const HOSTS: [&str; 4] = ["a.test", "b.test", "x.a.test", "b"];
const PATHS: [&str; 6] = ["/", "/a", "/a/b", "/b", "/ab", "/a/"];
const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "PURGE"];

fn leaf() -> impl Strategy<Value = Expr> {
    prop_oneof![
        1 => Just(Function::Any.of::<[&str; 0]>([])),
        4 => select(&HOSTS[..]).prop_map(|host| Function::Host.of([host])),
        1 => Just(Function::Host.of(["{x}.test"])),
        1 => Just(Function::HostRegexp.of(["[ab].*"])),
        4 => select(&PATHS[..]).prop_map(|path| Function::Path.of([path])),
        1 => Just(Function::Path.of(["/{p}"])),
        3 => select(&PATHS[..]).prop_map(|path| Function::PathPrefix.of([path])),
        1 => Just(Function::PathRegexp.of(["/a.*"])),
        1 => Just(Function::PathRegexp.of(["/a/b?"])),
        3 => select(&METHODS[..]).prop_map(|method| Function::Method.of([method])),
        1 => Just(Function::MethodRegexp.of(["P.*"])),
        2 => select(&["h", "i"][..]).prop_map(|name| Function::Header.of([name])),
        2 => select(&["1", "2"][..]).prop_map(|value| Function::Header.of(["h", value])),
        2 => select(&["k", "l"][..]).prop_map(|key| Function::Query.of([key])),
        2 => select(&["1", "2"][..]).prop_map(|value| Function::Query.of(["k", value])),
        2 => select(&["http", "https"][..]).prop_map(|scheme| Function::Scheme.of([scheme])),
        2 => select(&["HTTP/1.0", "HTTP/2"][..]).prop_map(|version| Function::Version.of([version])),
        2 => select(&["10.1.0.0/16", "10.2.0.0/16", "10.1.2.3"][..]).prop_map(|block| Function::ClientIp.of([block])),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| !inner),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a & b),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a | b),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| a | b | c),
        ]
    })
}

fn test_request() -> impl Strategy<Value = TestRequest> {
    let pair = |keys: &'static [&str]| (select(keys), select(&["1", "2"][..]));
    let owned = |pairs: Vec<(&str, &str)>| -> Vec<(String, String)> {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    (
        select(&METHODS[..]),
        select(&HOSTS[..]),
        select(&PATHS[..]),
        prop::collection::vec(pair(&["h", "i"]), 0..3),
        prop::collection::vec(pair(&["k", "l"]), 0..3),
        select(&[None, Some("http"), Some("https")][..]),
        select(&[Version::HTTP_10, Version::HTTP_11, Version::HTTP_2][..]),
        select(&[None, Some([10, 1, 2, 3]), Some([10, 1, 9, 9]), Some([10, 2, 0, 1])][..]),
    )
        .prop_map(move |(method, host, path, headers, query, scheme, version, client)| TestRequest {
            method: method.to_owned(),
            host: host.to_owned(),
            path: path.to_owned(),
            headers: owned(headers),
            query: owned(query),
            scheme: scheme.map(str::to_owned),
            version,
            client,
        })
}

pub fn request(sent: &TestRequest) -> (Request<()>, Peer) {
    let query: Vec<String> = sent.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let target =
        if query.is_empty() { sent.path.clone() } else { format!("{}?{}", sent.path, query.join("&")) };
    let mut request = Request::builder()
        .method(sent.method.as_str())
        .version(sent.version)
        .uri(target)
        .header("host", &sent.host);
    for (name, value) in &sent.headers {
        request = request.header(name, value);
    }
    let mut peer = Peer::default();
    if let Some(scheme) = &sent.scheme {
        peer = peer.scheme(scheme.parse::<Scheme>().unwrap());
    }
    if let Some(client) = sent.client {
        peer = peer.addr((client, 1).into());
    }
    (request.body(()).unwrap(), peer)
}

fn finds(table: &Table<usize>, sent: &TestRequest) -> Option<usize> {
    let (request, peer) = request(sent);
    table.find(&request, &peer).ok().map(|found| *found.value())
}

/// Builds the table; a variable that appears twice in one alternative is the only error of these trees.
fn unless_twice(table: Result<Table<usize>, BuildErrors>) -> Option<Table<usize>> {
    let twice = |errors: &BuildErrors| {
        errors.iter().all(|error| matches!(error.kind, BuildErrorKind::DuplicateVariable(_)))
    };
    table.map_err(|errors| assert!(twice(&errors), "{errors}")).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn a_rule_matches_as_its_tree(expr in expr(), requests in prop::collection::vec(test_request(), 1..24)) {
        prop_assume!(expr.to_string().len() <= MAX_RULE_BYTES);
        let table = Table::builder().route(Route::rule(expr.clone()).value(0)).build();
        let Some(table) = unless_twice(table) else { return Ok(()) };
        for sent in &requests {
            prop_assert_eq!(finds(&table, sent).is_some(), holds(&expr, sent) == Some(true), "{} {:?}", expr, sent);
        }
    }

    /// The printed form of a route has the same conditions.
    #[test]
    fn a_printed_rule_matches_as_its_tree(expr in expr(), requests in prop::collection::vec(test_request(), 1..8)) {
        let written = Route::rule(expr.clone()).to_string();
        prop_assume!(written.len() <= MAX_RULE_BYTES);
        let table = Table::builder().route(Route::rule(written).value(0)).build();
        let Some(table) = unless_twice(table) else { return Ok(()) };
        for sent in &requests {
            prop_assert_eq!(finds(&table, sent).is_some(), holds(&expr, sent) == Some(true));
        }
    }

    /// Several rules: with priorities, the first one that holds is selected.
    #[test]
    fn several_rules(exprs in prop::collection::vec(expr(), 1..6), requests in prop::collection::vec(test_request(), 1..16)) {
        let mut builder = Table::builder();
        for (i, expr) in exprs.iter().enumerate() {
            builder = builder.route(Route::rule(expr.clone()).priority(-(i as i32)).name(i.to_string()).value(i));
        }
        let Some(table) = unless_twice(builder.build()) else { return Ok(()) };
        for sent in &requests {
            let wanted = exprs.iter().position(|expr| holds(expr, sent) == Some(true));
            prop_assert_eq!(finds(&table, sent), wanted, "{:?}", sent);
        }
    }
}

fn any_of(function: Function, texts: impl Iterator<Item = String>) -> Expr {
    texts.map(|text| function.of([text])).reduce(|all, next| all | next).unwrap()
}

fn find(table: &Table<usize>, method: &str, target: &str, host: &str) -> Result<usize, Reason> {
    let request = Request::builder().method(method).uri(target).header("host", host).body(()).unwrap();
    let found = table.find(&request, &Peer::default());
    found.map(|found| *found.value()).map_err(|miss: Miss| miss.reason)
}

#[test]
fn alternatives_are_indexed_up_to_the_limit() {
    for (count, ways) in [(1, 1), (MAX_ALTERNATIVES, MAX_ALTERNATIVES), (MAX_ALTERNATIVES + 1, 1)] {
        let hosts = any_of(Function::Host, (0..count).map(|i| format!("h{i}.test")));
        let table = Table::builder().route(Route::rule(hosts).value(7)).build().unwrap();
        assert_eq!(table.alternatives(0).count(), ways, "{count}");
        assert_eq!(table.routes().count(), 1);
        for i in 0..count {
            assert_eq!(find(&table, "GET", "/", &format!("h{i}.test")), Ok(7));
        }
        assert_eq!(find(&table, "GET", "/", "h.test"), Err(Reason::NotFound));
    }
}

#[test]
fn conditions_next_to_too_many_alternatives_are_indexed() {
    let hosts = any_of(Function::Host, (0..100).map(|i| format!("h{i}.test")));
    let rule = Function::Path.of(["/users/{id}"]) & hosts;
    let table = Table::builder().route(Route::rule(rule).name("user").value(1)).build().unwrap();
    assert_eq!(table.routes().next().unwrap().template(), "/users/{id}");
    let request = Request::get("http://h99.test/users/7").body(()).unwrap();
    assert_eq!(table.find(&request, &Peer::default()).unwrap().get("id").as_deref(), Some("7"));
    assert_eq!(table.urls().builder("user").unwrap().set("id", 7).build().unwrap(), "/users/7");
}

#[test]
fn alternative_methods_and_schemes_are_one_condition() {
    let rule = "Path(`/a`) && (Method(`PUT`) || Method(`POST`)) && (Scheme(`http`) || Scheme(`https`))";
    let table = Table::builder().route(Route::rule(rule).value(1)).build().unwrap();
    assert_eq!(table.alternatives(0).count(), 1);
    let Err(miss) = table.find(&Request::get("/a").body(()).unwrap(), &Peer::default().scheme(Scheme::HTTP))
    else {
        panic!("found")
    };
    assert_eq!(
        miss.reason,
        Reason::MethodNotAllowed([http::Method::PUT, http::Method::POST].into_iter().collect())
    );
}

#[test]
fn alternatives_capture_what_they_match() {
    let rule = "Host(`{tenant}.test`) && Path(`/stats`) || Path(`/{tenant}/stats/{day}`)";
    let table = Table::builder().route(Route::rule(rule).name("stats").value(3)).build().unwrap();
    for (target, host, tenant, day) in
        [("/stats", "acme.test", "acme", None), ("/acme/stats/monday", "x", "acme", Some("monday"))]
    {
        let request = Request::get(target).header("host", host).body(()).unwrap();
        let matched = table.find(&request, &Peer::default()).unwrap().into_matched();
        assert_eq!((matched.get("tenant").as_deref(), matched.get("day").as_deref()), (Some(tenant), day));
        assert_eq!((matched.name(), matched.index()), (Some("stats"), 0));
    }
    let shown = table.to_string();
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert!(shown.lines().skip(1).all(|line| line.ends_with("stats")), "{shown}");
}

#[test]
fn in_scopes_the_paths_of_rules_follow_the_prefix() {
    let mut builder = Table::builder();
    let api = builder.scope(None, waylay_router::ScopeConditions::new().prefix("/api").name("api"));
    let rule = "(Path(`/a`) || PathPrefix(`/b`)) && !Path(`/b/c`)";
    builder.add(Some(api), Route::rule(rule).name("r").value(1));
    let table = builder.build().unwrap();
    for (target, wanted) in [
        ("/api/a", true),
        ("/a", false),
        ("/api/b", true),
        ("/api/b/d", true),
        ("/api/b/c", false),
        ("/b", false),
    ] {
        assert_eq!(find(&table, "GET", target, "h").is_ok(), wanted, "{target}");
    }
    assert_eq!(table.urls().builder("api.r").unwrap().build().unwrap(), "/api/a");
}

#[test]
fn rules_combine_with_other_conditions() {
    let route = Route::post("/a").when("Header(`h`, `1`) || Query(`k`)").header("i", "2");
    let table = Table::builder().route(route.value(1)).build().unwrap();
    let request = |target: &str| Request::post(target).header("i", "2").body(()).unwrap();
    assert!(table.find(&request("/a?k"), &Peer::default()).is_ok());
    assert!(table.find(&request("/a"), &Peer::default()).is_err());
}

#[test]
fn errors_of_rules_are_reported_with_those_of_the_table() {
    let errors = Table::builder()
        .route(Route::rule("Hots(`a`) && Path(`b`)").name("one").value(1))
        .route(Route::rule("Guard(`beta`)").value(2))
        .route(Route::rule("Path(``)").value(3))
        .route(Route::rule("Path(`/{a}`) && Host(`{a}.test`)").value(4))
        .route(Route::get("/{").value(5))
        .build()
        .unwrap_err();
    let shown = errors.to_string();
    assert_eq!(errors.iter().count(), 6, "{shown}");
    assert!(matches!(errors.iter().next().unwrap().kind, BuildErrorKind::Rule(_)));
    for part in [
        "no function is called `Hots`, did you mean `Host`?\n    Hots(`a`) && Path(`b`)\n    ^^^^",
        "the table has no guard `beta`\n    Guard(`beta`)\n          ^^^^^^",
        "variable `a` appears twice",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn equal_rules_conflict_but_alternatives_of_one_do_not() {
    let table = |rules: &[&str]| {
        let mut builder = Table::builder();
        for (i, rule) in rules.iter().enumerate() {
            builder = builder.route(Route::rule(*rule).name(i.to_string()).value(i));
        }
        builder.build()
    };
    assert!(table(&["Path(`/a`) || Path(`/a`)"]).is_ok());
    assert!(table(&["Path(`/a`) || Path(`/b`)", "Path(`/c`) || Path(`/d`)"]).is_ok());
    for rules in [
        &["Path(`/a`) || Path(`/b`)", "Path(`/c`) || Path(`/b`)"][..],
        &["PathRegexp(`/[ab].*`)", "PathRegexp(`/[bc].*`)"],
        &["!Path(`/a`)", "!Path(`/b`)"],
    ] {
        let errors = table(rules).unwrap_err();
        assert_eq!(errors.iter().count(), 1, "{errors}");
        assert!(matches!(errors.iter().next().unwrap().kind, BuildErrorKind::Conflict { .. }), "{errors}");
    }
    assert!(table(&["PathRegexp(`/a.*`)", "PathRegexp(`/b.*`)"]).is_ok());
}

#[test]
fn lints_of_rules_are_lints_of_the_table() {
    let table = Table::builder().route(Route::rule("Method(`get`)").name("r").value(1)).build().unwrap();
    let lints = table.lints();
    assert!(matches!(lints[..], [ref lint] if matches!(lint.kind, LintKind::Rule(_))), "{lints:?}");
}

#[test]
fn an_unreadable_value_does_not_match_the_negation_either() {
    let refuses = |rule: &str, request: Request<()>, peer: &Peer| {
        let table = Table::builder().route(Route::rule(rule).value(1)).build().unwrap();
        assert!(table.find(&request, peer).is_err(), "{rule}");
        let opposite = format!("!({rule})");
        let table = Table::builder().route(Route::rule(opposite).value(1)).build().unwrap();
        assert!(table.find(&request, peer).is_err(), "!{rule}");
    };
    let get = |target: &str| Request::get(target).body(()).unwrap();
    let peer = Peer::default();
    refuses("Scheme(`https`)", get("/"), &peer);
    refuses("ClientIP(`10.0.0.0/8`)", get("/"), &peer);
    refuses("Query(`k`, `1`)", get("/?k=%zz"), &peer);
    refuses("QueryRegexp(`k`, `1`)", get("/?k=%ff"), &peer);
    refuses("PathRegexp(`/a`)", get("/%ff"), &peer);
    refuses("Path(`/{a:[a-z]+}`)", get("/%ff"), &peer);
    let opaque = http::HeaderValue::from_bytes(b"\xff").unwrap();
    let with = |name: &str| Request::get("/").header(name, opaque.clone()).body(()).unwrap();
    refuses("HeaderRegexp(`h`, `[a-z]+`)", with("h"), &peer);
    refuses("HeaderAll(`h`, `[a-z]+`)", with("h"), &peer);
    refuses("Cookie(`a`, `1`)", with("cookie"), &peer);
    // A condition that is known to be false holds under `!`.
    let table = Table::builder().route(Route::rule("!Host(`a`) && !Cookie(`a`)").value(1)).build().unwrap();
    assert!(table.find(&get("/"), &peer).is_ok());
}

#[test]
fn rules_are_explained_by_alternative() {
    let rule =
        "Path(`/a`) && Header(`h`) || Path(`/a`) && Query(`k`) || Path(`/b`) && !ClientIP(`10.0.0.0/8`)";
    let table = Table::builder().route(Route::rule(rule).name("r").value(1)).build().unwrap();
    let explain = |target: &str| {
        let request = Request::get(target).body(()).unwrap();
        table.explain(&request, &Peer::default())
    };
    let found = explain("/a?k");
    assert_eq!(found.winner, Some(0));
    assert_eq!(found.candidates.len(), 3);
    assert!(found.candidates.iter().all(|candidate| candidate.index == 0));
    assert_eq!(found.candidates.iter().filter(|candidate| candidate.verdict == Verdict::Selected).count(), 1);
    let shown = explain("/b").to_string();
    assert!(shown.contains("rule !ClientIP(`10.0.0.0/8`): got unknown"), "{shown}");
    let again = Table::builder().route(Route::rule("Path(`/a`)").name("r").value(1)).build().unwrap();
    let diff = table.diff(&again).to_string();
    assert!(diff.contains("~ r: rule Path(`/a`) && Header(`h`) ||"), "{diff}");
}

#[test]
fn prefixes_in_rules_of_scopes_precede_paths() {
    use waylay_router::ScopeConditions;
    let mut builder = Table::builder();
    let rule = "PathPrefix(`/api/{v}`) && (Host(`a`) || Host(`b`)) && !Path(`/api/0/x`) && (Method(`GET`) || Query(`k`))";
    let api = builder.scope(None, ScopeConditions::new().name("api").when(rule));
    builder.add(Some(api), Route::any("/x").name("x").value(1));
    builder.add(Some(api), Route::rule("Path(`/y`) || Path(`/z`)").value(2));
    let exact = builder.scope(None, ScopeConditions::new().when("Path(`/only`)"));
    builder.add(Some(exact), Route::prefix("/").value(3));
    let table = builder.build().unwrap();
    for (method, target, host, wanted) in [
        ("GET", "/api/1/x", "a", Some(1)),
        ("GET", "/api/1/x", "b", Some(1)),
        ("GET", "/api/1/x", "c", None),
        ("GET", "/api/0/x", "a", None),
        ("PUT", "/api/1/x", "a", None),
        ("PUT", "/api/1/x?k", "a", Some(1)),
        ("GET", "/api/1/z", "a", Some(2)),
        ("GET", "/only", "a", Some(3)),
        ("GET", "/only/x", "a", None),
    ] {
        assert_eq!(find(&table, method, target, host).ok(), wanted, "{method} {target} {host}");
    }
    assert_eq!(table.urls().builder("api.x").unwrap().set("v", 7).build().unwrap(), "/api/7/x");
}

/// The rule of a scope: one list, several, or a negation.
#[test]
fn rules_of_scopes() {
    use waylay_router::ScopeConditions;
    for (rule, inside, outside) in [
        (
            "PathPrefix(`/api`) && Header(`x-a`)",
            &[("h", "/api/x", true)][..],
            &[("h", "/api/x", false), ("h", "/x", true)][..],
        ),
        ("Host(`a`) || Host(`b`)", &[("a", "/x", false), ("b", "/x", true)], &[("c", "/x", false)]),
        ("Host(`a`) || Header(`x-a`)", &[("a", "/x", false), ("c", "/x", true)], &[("c", "/x", false)]),
        ("!Host(`a`)", &[("b", "/x", false)], &[("a", "/x", false)]),
    ] {
        let mut builder = Table::builder();
        let scope = builder.scope(None, ScopeConditions::new().when(rule).sealed());
        builder.add(Some(scope), Route::get("/x").value("inside"));
        builder.add(None, Route::new().value("outside"));
        let table = builder.build().unwrap();
        let ask = |(host, path, header): &(&str, &str, bool)| {
            let request = http::Request::get(*path).header("host", *host);
            let request = if *header { request.header("x-a", "1") } else { request };
            let request = request.body(()).unwrap();
            table.find(&request, &Peer::default()).map(|found| *found.value()).ok()
        };
        assert!(inside.iter().all(|sent| ask(sent) == Some("inside")), "{rule}");
        assert!(outside.iter().all(|sent| ask(sent) == Some("outside")), "{rule}");
    }
    let mut builder = Table::<()>::builder();
    builder.scope(None, ScopeConditions::new().when("Hots(`a`)"));
    let errors = builder.build().unwrap_err().to_string();
    assert!(errors.contains("`Host`"), "{errors}");
}
