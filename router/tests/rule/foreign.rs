//! Tables of foreign rules: the results of the originals, and the correct result where they have defects.

use http::Request;
use waylay_router::rule::Dialect;
use waylay_router::{BuildErrorKind, BuildErrors, Peer, Route, Table};

fn table(dialect: Dialect, rules: &[&str]) -> Result<Table<usize>, BuildErrors> {
    let mut builder = Table::builder();
    for (i, rule) in rules.iter().enumerate() {
        builder = builder.route(Route::rule(dialect.text(*rule)).value(i));
    }
    builder.build()
}

/// `METHOD target`, then header lines.
fn request(text: &str) -> Request<()> {
    let mut lines = text.lines();
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target);
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(()).unwrap()
}

/// Rules, and requests with the rule that matches each.
type Row<'r> = (&'r [&'r str], &'r [(&'r str, Option<usize>)]);

fn answers(dialect: Dialect, rows: &[Row<'_>]) {
    for (rules, requests) in rows {
        let table = table(dialect, rules).unwrap_or_else(|errors| panic!("{rules:?}\n{errors}"));
        for (text, expected) in *requests {
            let found = table.find(&request(text), &Peer::default()).ok().map(|found| *found.value());
            assert_eq!(found, *expected, "{rules:?} {text}");
        }
    }
}

#[test]
fn traefik() {
    answers(
        Dialect::TraefikV3,
        &[
            // A prefix is a prefix of the text.
            (
                &["PathPrefix(`/products`)"],
                &[
                    ("GET /products", Some(0)),
                    ("GET /products-for-sale", Some(0)),
                    ("GET /products/1", Some(0)),
                    ("GET /product", None),
                ],
            ),
            (&["PathPrefix(`/a/`)"], &[("GET /a/", Some(0)), ("GET /a/b", Some(0)), ("GET /a", None)]),
            // The longest rule first; an explicit priority precedes.
            (
                &["PathPrefix(`/`)", "PathPrefix(`/a`)", "Path(`/a/b`) || Path(`/a/c`)"],
                &[("GET /a/b", Some(2)), ("GET /a/d", Some(1)), ("GET /b", Some(0))],
            ),
            (
                &["Host(`a`) && PathPrefix(`/`)", "HostRegexp(`^[a-z]$`) && PathPrefix(`/`)"],
                &[("GET /\nhost: a", Some(1))],
            ),
            // Regexes search, and Go's classes are ASCII.
            (&["PathRegexp(`b`)"], &[("GET /abc", Some(0)), ("GET /a", None)]),
            (&["PathRegexp(`^/\\d$`)"], &[("GET /1", Some(0)), ("GET /%D9%A1", None)]),
            (&["HostRegexp(`^[A-Z]+$`)"], &[("GET /\nhost: A", None)]),
            (&["HostRegexp(`test`)"], &[("GET /\nhost: a.TEST:80", Some(0)), ("GET /", None)]),
            // The path of rules is decoded except for `%` and reserved characters.
            (&["Path(`/a b`)"], &[("GET /a%20b", Some(0))]),
            (&["Path(`/{id}`)"], &[("GET /%7Bid%7D", Some(0)), ("GET /7", None)]),
            (&["Path(`/a%2Fb`)"], &[("GET /a%2fb", Some(0)), ("GET /a/b", None)]),
            (&["PathPrefix(`/a%2Fb`)"], &[("GET /a%2Fbc", Some(0)), ("GET /a/b", None)]),
            (&["Path(`/a?b`)"], &[("GET /a%3Fb", None), ("GET /a?b", None)]),
            (&["PathRegexp(`^/(css|js)`)"], &[("GET /css/a", Some(0)), ("GET /a/css", None)]),
            (
                &["PathRegexp(`^/css|/js$`)"],
                &[("GET /css/a", Some(0)), ("GET /a/js", Some(0)), ("GET /js/a", None)],
            ),
            (&["PathRegexp(`^/a%2Fb$`)"], &[("GET /a%2fb", Some(0)), ("GET /a/b", None)]),
            // Hosts.
            (
                &["Host(`*.example.com`)"],
                &[
                    ("GET /\nhost: a.example.com", Some(0)),
                    ("GET /\nhost: a.b.example.com", None),
                    ("GET /\nhost: example.com", None),
                ],
            ),
            (&["Host(`*`)"], &[("GET /\nhost: a", Some(0)), ("GET /", Some(0))]),
            (&["Host(`10::10`)"], &[("GET /\nhost: [10::10]:80", Some(0))]),
            (&["Host(`{sub:.*}.example.com`) || Path(`/x`)"], &[("GET /\nhost: a.example.com", None)]),
            // GET does not include HEAD, and the rule's methods are upper case.
            (&["Method(`get`)"], &[("GET /", Some(0)), ("HEAD /", None), ("get /", None)]),
            (&["!Method(`GET`)"], &[("GET /", None), ("HEAD /", Some(0))]),
            // A key alone requires an empty value; with a regex any value counts.
            (&["Query(`a`)"], &[("GET /?a", Some(0)), ("GET /?a=", Some(0)), ("GET /?a=1", None)]),
            (&["Query(`a`, `{b}`)"], &[("GET /?a=1&a=%7Bb%7D", Some(0)), ("GET /?a=1", None)]),
            (&["QueryRegexp(`a`, `b`)"], &[("GET /?a=1&a=abc", Some(0)), ("GET /?b=b", None)]),
            (&["QueryRegexp(`a`)"], &[("GET /?a", Some(0)), ("GET /?a=b", None)]),
            (&["Header(`x-a`, `1`)"], &[("GET /\nX-A: 2\nX-A: 1", Some(0)), ("GET /\nX-A: 11", None)]),
            (&["HeaderRegexp(`x-a`, `^1`)"], &[("GET /\nX-A: 2\nX-A: 12", Some(0)), ("GET /", None)]),
        ],
    );
}

#[test]
fn traefik_ties_are_not_conflicts() {
    let rules = &["HostRegexp(`a`)", "HostRegexp(`b`)"];
    answers(Dialect::TraefikV3, &[(rules, &[("GET /\nhost: a", Some(0)), ("GET /\nhost: ab", Some(1))])]);
    let route = |name: &str| Route::rule(Dialect::TraefikV3.text("Host(`a`)")).name(name).priority(7);
    let priorities: Vec<i32> = [route("a"), Route::rule(Dialect::TraefikV3.text("Host(`a`)"))]
        .into_iter()
        .map(|route| {
            let table = Table::builder().route(route).build().unwrap();
            table.routes().next().unwrap().priority()
        })
        .collect();
    assert_eq!(priorities, [7, 9]);
}

#[test]
fn vulcand() {
    answers(
        Dialect::Vulcand,
        &[
            (
                &[r#"Path("/a/<id>")"#, r#"Path("/a/<id>/b")"#, r#"Path("/a/<path:rest>")"#],
                &[("GET /a/7", Some(0)), ("GET /a/7/b", Some(1)), ("GET /a/7/c", Some(2)), ("GET /a", None)],
            ),
            (
                &[r#"Path("/v<int:version>/<string:name>")"#],
                &[("GET /v42/x", Some(0)), ("GET /vx/x", None), ("GET /v/x", None), ("GET /v42/", None)],
            ),
            (
                &[r#"Host("<a>.<b>.localhost")"#],
                &[("GET /\nhost: x.y.LOCALHOST:80", Some(0)), ("GET /\nhost: y.localhost", None)],
            ),
            (
                &[r#"Host("<int:n>.test")"#],
                &[("GET /\nhost: 7.test", Some(0)), ("GET /\nhost: a.test", None)],
            ),
            (&[r#"Host("<path:any>")"#], &[("GET /\nhost: a.b", Some(0)), ("GET /", None)]),
            (
                &[
                    r#"Header("Content-Type", "<string>/<string>")"#,
                    r#"Header("Content-Type", "text/plain")"#,
                ],
                &[
                    ("GET /\ncontent-type: text/plain", Some(1)),
                    ("GET /\ncontent-type: a/b", Some(0)),
                    ("GET /\ncontent-type: a", None),
                    ("GET /", None),
                ],
            ),
            (&[r#"MethodRegexp("POST|PUT")"#], &[("PUT /", Some(0)), ("GET /", None), ("XPUTX /", Some(0))]),
            (&[r#"Method("<string:m>")"#], &[("PURGE /", Some(0))]),
            (&[r#"Method("GET")"#], &[("GET /", Some(0)), ("HEAD /", None)]),
            // The path is the escaped one.
            (&[r#"Path("/a%2Fb")"#], &[("GET /a%2Fb", Some(0)), ("GET /a/b", None)]),
            (&[r#"Path("/a%20b/<n>")"#], &[("GET /a%20b/c", Some(0)), ("GET /a%20b/", None)]),
            (&[r#"PathRegexp("^/a%2Fb$")"#], &[("GET /a%2Fb", Some(0)), ("GET /a/b", None)]),
            (&[r#"Path("/a<b")"#], &[("GET /a%3Cb", Some(0))]),
            (&[r#"Path("<path:all>")"#], &[("GET /a/b", Some(0))]),
            (&[r#"Path("/<a><b>/c")"#], &[("GET /xy/c", Some(0)), ("GET /x/c", None)]),
            // If neither is more specific, the greater text ranks first.
            (
                &[r#"PathRegexp("/r1")"#, r#"PathRegexp("/r2")"#],
                &[("GET /r1", Some(0)), ("GET /r2", Some(1)), ("GET /r1/r2", Some(1))],
            ),
        ],
    );
    let errors = table(Dialect::Vulcand, &[r#"Path("/a")"#, r#"Path("/a")"#]).unwrap_err();
    assert!(matches!(errors.iter().next().unwrap().kind, BuildErrorKind::Conflict { .. }), "{errors}");
}

/// Each of these has a different result in vulcand/route.
#[test]
fn defects_of_vulcand_are_not_copied() {
    answers(
        Dialect::Vulcand,
        &[
            // A byte less than `<` does not lower the rank of a path.
            (&[r#"Path("/a/1")"#, r#"Path("/a/<id>")"#], &[("GET /a/1", Some(0)), ("GET /a/2", Some(1))]),
            (
                &[r#"Path("/-")"#, r#"Path("/<id>")"#, r#"Path("/.x")"#, r#"Path("/%41")"#],
                &[("GET /-", Some(0)), ("GET /.x", Some(2)), ("GET /B", Some(1)), ("GET /A", Some(3))],
            ),
            // The name of a variable does not matter.
            (&[r#"Path("/<path:p>")"#, r#"Path("/<id>")"#], &[("GET /a", Some(1)), ("GET /a/b", Some(0))]),
            (&[r#"Path("/<path:a>")"#, r#"Path("/<z>")"#], &[("GET /a", Some(1))]),
            // Adding a rule with a method does not change one without, and a path is not a method.
            (
                &[r#"Host("h") && Path("/a")"#, r#"Host("h") && Method("GET") && Path("/b")"#],
                &[("GET /a\nhost: h", Some(0)), ("POST /a\nhost: h", Some(0)), ("GET /b\nhost: h", Some(1))],
            ),
            (&[r#"Path("GET")"#, r#"Method("GET") && Path("/x")"#], &[("GET /", None), ("GET /x", Some(1))]),
            (&[r#"Host("[::1]")"#], &[("GET /\nhost: [::1]:80", Some(0))]),
            // Variables are not empty.
            (&[r#"Path("/a/<x>")"#], &[("GET /a/", None)]),
            (&[r#"Path("/a<int:n>")"#], &[("GET /a", None), ("GET /a1", Some(0))]),
            // A missing header has no value, and a present one may have several.
            (&[r#"HeaderRegexp("x-a", ".*")"#], &[("GET /", None), ("GET /\nx-a: ", Some(0))]),
            (&[r#"Header("x-a", "1")"#], &[("GET /\nx-a: 2\nx-a: 1", Some(0))]),
            // A class does not change with lower case.
            (&[r#"HostRegexp("^\\D+$")"#], &[("GET /\nhost: ab", Some(0)), ("GET /\nhost: 12", None)]),
            (&[r#"Path("/a%2fb")"#], &[("GET /a%2Fb", Some(0)), ("GET /a%2fb", Some(0))]),
        ],
    );
    // Values are captured.
    let table = table(Dialect::Vulcand, &[r#"Host("<x>.test") && Path("/<x>/<int:n>")"#]);
    assert!(table.is_err(), "one name for two things");
    let rule = Dialect::Vulcand.text(r#"Path("/<x>/<x>/<int:n>")"#);
    let table = Table::builder().route(Route::rule(rule).value(())).build().unwrap();
    let request = request("GET /a/b/7");
    let found = table.find(&request, &Peer::default()).unwrap();
    let captures: Vec<_> = found.captures().map(|capture| (capture.name(), capture.raw())).collect();
    assert_eq!(captures, [("x", "a"), ("x-2", "b"), ("n", "7")]);
}

/// A foreign rule prints in the native language.
#[test]
fn foreign_rules_print_as_native_ones() {
    for (dialect, text, expected) in [
        (Dialect::TraefikV3, "Host(`*.a.test`) && !Path(`/{b}`)", "Host(`*.a.test`) && !Path(`/{{b}}`)"),
        (Dialect::TraefikV3, "PathPrefix(`/a.b`)", r"PathRegexp(`/a\.b(?s:.*)`)"),
        (Dialect::TraefikV3, "Method(`GET`)", "Method(`GET`) && !Method(`HEAD`)"),
        (Dialect::Vulcand, r#"Path("/<int:n>")"#, "Path(`/{n:[0-9]+}`)"),
        (Dialect::Vulcand, r#"MethodRegexp("^P")"#, "MethodRegexp(`(?-is:^P)(?s:.*)`)"),
    ] {
        let route = Route::rule(dialect.text(text));
        assert_eq!(route.to_string(), expected);
    }
}
