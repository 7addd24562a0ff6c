//! Lints of single routes, and the spelling that they propose.

use waylay_router::{
    BuildErrorKind, ConditionLint, LintKind, Policy, Precedence, Route, ScopeConditions, Table,
    TemplateErrorKind,
};

fn lints(routes: Vec<Route>) -> Vec<LintKind> {
    let table = routes.into_iter().fold(Table::builder(), |builder, route| builder.route(route.value(())));
    table
        .build()
        .unwrap()
        .lints()
        .into_iter()
        .map(|lint| lint.kind)
        .filter(|kind| !is_negated_path(kind))
        .collect()
}

/// The default policy accepts paths that an upstream may read differently: `spellings.rs`.
fn is_negated_path(kind: &LintKind) -> bool {
    matches!(kind, LintKind::Condition(ConditionLint::NegatedPath { .. }))
}

#[test]
fn regexes_with_one_anchor() {
    let header = |regex: &str| Route::get("/").header_regex("x-type", regex);
    for (route, expected) in [
        (header("^text/"), Some("text/.*")),
        (header("json$"), Some(".*json")),
        (header("^a|b$"), None),
        (header("^text/$"), None),
        (header("^text/.*"), None),
        (header("^[a-z]+"), None),
        (header(".*json$"), None),
        (header("text/"), None),
        (header("(?:^text/)"), None),
        (Route::get("/").header_all_values("x-type", "^text/"), Some("text/.*")),
        (Route::get("/").query_regex("q", "^a"), Some("a.*")),
        (Route::new().path_regex("^/a/"), Some("/a/.*")),
        (Route::new().path_regex(r"\.php$"), Some(r".*\.php")),
        (Route::get("/").host_regex(r"\.example\.com$"), Some(r".*\.example\.com")),
        (Route::rule("MethodRegexp(`^P`)"), Some("P.*")),
        (Route::rule("Path(`/`) && !HeaderRegexp(`a`, `^b`)"), Some("b.*")),
        (Route::rule("Path(`/`) || HeaderRegexp(`a`, `^b`) && !Path(`/x`)"), Some("b.*")),
    ] {
        let shown = route.to_string();
        let write = lints(vec![route]).into_iter().find_map(|kind| match kind {
            LintKind::Condition(ConditionLint::Anchored { write, .. }) => Some(write),
            _ => None,
        });
        assert_eq!(write.as_deref(), expected, "{shown}");
    }
    // A regex of gorilla/mux searches.
    let gorilla = Table::builder().policy(Policy::gorilla()).route(header("^text/").value(()));
    assert_eq!(gorilla.build().unwrap().lints(), []);
}

#[test]
fn headers_with_a_syntax() {
    for (name, value, expected) in [
        ("content-type", "application/json", None),
        ("Content-Type", "text/html; charset=utf-8", Some("content_type(\"text/html\")")),
        ("accept", "text/html, */*", Some("accept(\"text/html\")")),
        ("cookie", "a=b", Some("cookie(name, value)")),
        ("host", "example.com", Some("host(\"example.com\")")),
        ("upgrade", "websocket", Some("upgrade(\"websocket\")")),
        ("connection", "Upgrade", Some("upgrade(protocol)")),
        ("connection", "close", None),
        ("x-type", "application/json", None),
    ] {
        for route in [
            Route::post("/").header(name, value),
            Route::rule(format!("Path(`/`) && !Header(`{name}`, `{value}`)")),
        ] {
            let write = lints(vec![route]).into_iter().find_map(|kind| match kind {
                LintKind::Condition(ConditionLint::StructuredHeader { write, .. }) => Some(write),
                _ => None,
            });
            assert_eq!(write.as_deref(), expected, "{name}: {value}");
        }
    }
    assert_eq!(lints(vec![Route::post("/").content_type("application/json")]), []);
}

#[test]
fn conditions_that_exclude_each_other() {
    let methods = |conditions: &[&str]| ("methods", conditions.join(" "));
    let paths = |conditions: &[&str]| ("paths", conditions.join(" "));
    for (route, expected) in [
        (Route::get("/a").when("Method(`POST`)"), methods(&[])),
        (Route::get("/a").when("Path(`/b`)"), paths(&["/a", "Path(`/b`)"])),
        (Route::rule("Path(`/a`) && Path(`/b`)"), paths(&["/a", "Path(`/b`)"])),
        (Route::rule("PathPrefix(`/a`) && Path(`/b`)"), paths(&["/b", "PathPrefix(`/a`)"])),
    ] {
        let shown = route.to_string();
        let found = lints(vec![route]);
        let [LintKind::Condition(ConditionLint::Exclusive { what, conditions })] = found.as_slice() else {
            panic!("{shown}: {found:?}")
        };
        assert_eq!((*what, conditions.join(" ")), expected, "{shown}");
        assert!(found[0].to_string().contains("||"), "{}", found[0]);
    }
    let others = Route::rule("Header(`a`, `b`) && !Header(`a`)");
    assert_eq!(lints(vec![others]), [LintKind::Unsatisfiable]);
    assert_eq!(lints(vec![Route::get("/a/b").when("PathPrefix(`/a`)")]), []);
}

/// Conditions within formulas are compared by what they match, not by their text.
#[test]
fn formulas_that_exclude_each_other() {
    let in_scope = |scope: &str, rule: &str| {
        let mut builder = Table::builder();
        let scope = builder.scope(None, ScopeConditions::new().when(scope));
        builder.add(Some(scope), Route::rule(rule).value(()));
        builder.build().unwrap().lints().into_iter().map(|lint| lint.kind).collect::<Vec<_>>()
    };
    for (rule, is_satisfiable) in [
        ("Host(`a.com`) && !Host(`a.com`)", false),
        ("Host(`A.com`) && !Host(`a.COM.`)", false),
        ("Host(`a.com`) && !Host(`*.com`)", false),
        ("Host(`a.com:80`) && !Host(`a.com`)", false),
        ("HostRegexp(`[a-z][.]com`) && !Host(`*.com`)", false),
        ("Host(`*.com`) && !HostRegexp(`.*[.]com`)", false),
        ("Host(`a.com`) && !(Host(`*.com`) || Header(`x`))", false),
        ("Host(`a.com`) && Host(`b.com`)", false),
        ("Host(`a.com:80`) && Host(`a.com:81`)", false),
        ("Header(`x`, `1`) && !HeaderRegexp(`x`, `[0-9]`)", false),
        ("Query(`x`, `1`) && !QueryRegexp(`x`, `[0-9]`)", false),
        ("Path(`/a`) && !PathPrefix(`/a`)", false),
        ("Path(`/a`) && !PathRegexp(`/[a-z]`)", false),
        ("Method(`PUT`) && !MethodRegexp(`P.*`)", false),
        ("ClientIP(`10.1.0.0/16`) && !ClientIP(`10.0.0.0/8`)", false),
        ("Host(`a.com`) && !Host(`a.com:80`)", true),
        ("Host(`*.com`) && !Host(`a.com`)", true),
        ("Host(`*.com`) && !HostRegexp(`[ab][.]com`)", true),
        ("Header(`x`) && !Header(`x`, `1`)", true),
        ("Query(`x`) && !Query(`x`, `1`)", true),
        ("PathPrefix(`/a`) && !Path(`/a`)", true),
        ("!Method(`GET`) && !Method(`HEAD`)", true),
    ] {
        let expected = if is_satisfiable { vec![] } else { vec![LintKind::Unsatisfiable] };
        assert_eq!(lints(vec![Route::rule(rule)]), expected, "{rule}");
    }
    for (rule, unmet, all) in [
        ("Host(`a.com`) && !Host(`*.com`) || Path(`/x`)", 1, 2),
        ("(Host(`a.com`) || Host(`b.com`) || Host(`c.net`)) && !Host(`*.com`)", 2, 3),
    ] {
        let expected = [LintKind::UnsatisfiableAlternatives { unmet, all }];
        assert_eq!(lints(vec![Route::rule(rule)]), expected, "{rule}");
    }
    assert_eq!(
        lints(vec![Route::rule("(Host(`a.com`) || Host(`b.com`)) && !Host(`*.com`)")]),
        [LintKind::Unsatisfiable]
    );
    for (scope, rule, is_satisfiable) in [
        ("Host(`a.com`) || Host(`b.com`)", "!Host(`*.com`)", false),
        ("Host(`a.com`) || Host(`b.com`)", "!Host(`a.com`)", true),
        ("Host(`a.com`) || Header(`x`)", "!Host(`*.com`) && !Header(`x`)", false),
        ("!(Host(`a.com`) && Header(`x`))", "Host(`a.com`) && Header(`x`, `1`)", false),
    ] {
        let expected = if is_satisfiable { vec![] } else { vec![LintKind::Unsatisfiable] };
        assert_eq!(in_scope(scope, rule), expected, "{scope} {rule}");
    }
}

/// Under every policy: a strict one rejects requests without a host, so the request that is searched for has one.
#[test]
fn shadowed_by_a_formula() {
    for (outer, inner, is_shadowed) in [
        ("!Host(`a.com`)", "!Host(`*.com`)", true),
        ("!Host(`*.com`)", "!Host(`a.com`)", false),
        ("!Host(`a.com`)", "Host(`b.com`)", true),
        ("!Host(`a.com`)", "Host(`*.com`)", false),
        ("!Host(`a.com:80`)", "Host(`a.com:81`)", true),
        ("!Host(`a.com:80`)", "Host(`a.com`)", false),
        ("!HostRegexp(`[a-z]+[.]com`)", "Host(`1.com`)", true),
        ("!(Host(`a.com`) && Header(`x`))", "Host(`b.com`)", true),
        ("!(Host(`a.com`) && Header(`x`))", "!Host(`*.com`)", true),
        ("!(Host(`a.com`) && Header(`x`))", "!(Host(`*.com`) && Header(`x`))", true),
        ("!(Host(`*.com`) && Header(`x`))", "!(Host(`a.com`) && Header(`x`))", false),
        ("!(Host(`a.com`) && Header(`x`, `1`))", "!Header(`x`)", true),
        ("!Header(`x`, `1`)", "!HeaderRegexp(`x`, `[0-9]`)", true),
        // The regex is unknown for a value that is not text, and `!` then fails; the other one holds.
        ("!HeaderRegexp(`x`, `[0-9]`)", "!Header(`x`, `1`)", false),
        ("Host(`a.com`) || Host(`b.com`)", "Host(`a.com`)", true),
        ("Host(`a.com`)", "Host(`a.com`) || Host(`b.com`)", false),
        ("Host(`*.com`) || Header(`x`)", "Host(`a.com`) || Host(`b.com`)", true),
        ("(Host(`*.com`) || Header(`x`)) && !Host(`c.com`)", "Host(`a.com`) || Host(`b.com`)", true),
        ("(Host(`*.com`) || Header(`x`)) && !Host(`a.com`)", "Host(`a.com`) || Host(`b.com`)", false),
        ("PathPrefix(`/`)", "Path(`/a`)", true),
        ("Path(`/a`)", "PathPrefix(`/`)", false),
    ] {
        for policy in [Policy::default(), Policy::strict()] {
            let mut builder = Table::builder().policy(policy);
            // The alternatives of a scope are one formula.
            for (name, rule, priority) in [("outer", outer, 1), ("inner", inner, 0)] {
                let scope = builder.scope(None, ScopeConditions::new().when(rule));
                builder.add(Some(scope), Route::new().name(name).priority(priority).value(()));
            }
            let table = builder.build().unwrap();
            let lints = table.lints();
            let found =
                lints.iter().any(|lint| matches!(&lint.kind, LintKind::Shadowed { by, .. } if by == "outer"));
            assert_eq!(found, is_shadowed, "{outer} before {inner}, {policy:?}: {lints:?}");
        }
    }
}

/// What another route precedes of a rule is one lint, whatever the number of alternatives.
#[test]
fn shadowed_alternatives() {
    type Found<'l> = (&'l str, Vec<&'l str>, usize);
    let both = "(Path(`/a/x`) || Path(`/z`)) && (Method(`GET`) || Header(`x`))";
    for (rule, expected) in [
        ("Path(`/a/x`) || Path(`/a/y`)", vec![("first", vec![], 0)]),
        (
            "Path(`/a/x`) || Path(`/z`) || Path(`/a/y`) && Header(`x`)",
            vec![("first", vec!["/a/x", "/a/y Header(`x`)"], 3)],
        ),
        (
            "Path(`/a/x`) || Path(`/b/x`) || Path(`/b/y`) || Path(`/z`)",
            vec![("first", vec!["/a/x"], 4), ("second", vec!["/b/x", "/b/y"], 4)],
        ),
        (both, vec![("first", vec!["GET, HEAD /a/x", "/a/x Header(`x`)"], 4)]),
        ("Path(`/z`) || Path(`/y`)", vec![]),
    ] {
        // The second route has alternatives too.
        let table = Table::builder()
            .route(Route::prefix("/a").priority(1).name("first").value(()))
            .route(Route::rule("PathPrefix(`/b`) || PathPrefix(`/c`)").priority(1).name("second").value(()))
            .route(Route::rule(rule).name("hidden").value(()))
            .route(Route::get("/after").when("Method(`POST`)").name("after").value(()))
            .build()
            .unwrap();
        let mut lints = table.lints();
        assert_eq!(lints.pop().unwrap().route, "after", "lints are in the order of the routes");
        assert!(lints.iter().all(|lint| lint.route == "hidden"), "{lints:?}");
        let found: Vec<Found<'_>> = lints
            .iter()
            .map(|lint| match &lint.kind {
                LintKind::Shadowed { by, .. } => (by.as_str(), vec![], 0),
                LintKind::ShadowedAlternatives { by, alternatives, all, .. } => {
                    (by.as_str(), alternatives.iter().map(String::as_str).collect(), *all)
                }
                kind => panic!("{kind}"),
            })
            .collect();
        assert_eq!(found, expected, "{rule}");
    }
}

/// Neither is what is known of two routes repeated for each pair of their alternatives.
#[test]
fn overlapping_alternatives() {
    let rules = ["(Path(`/a`) || Path(`/b`)) && Header(`x`)", "(Path(`/a`) || Path(`/b`)) && Header(`y`)"];
    let table = |precedence| {
        let builder = Table::builder().policy(Policy::default().precedence(precedence));
        rules.iter().fold(builder, |builder, rule| builder.route(Route::rule(*rule).value(()))).build()
    };
    assert_eq!(table(Precedence::Specificity).unwrap_err().iter().count(), 1);
    let lints = table(Precedence::RegistrationOrder).unwrap().lints();
    assert!(matches!(lints.as_slice(), [lint] if matches!(lint.kind, LintKind::Overlap { .. })), "{lints:?}");
    let unknown = |name| {
        let rule = format!("(Path(`/a`) || Path(`/b`)) && Guard(`{name}`)");
        Route::rule(rule).name(name)
    };
    let table = Table::builder()
        .guard("one", |_| true)
        .guard("two", |_| true)
        .route(unknown("one").value(()))
        .route(unknown("two").value(()))
        .build()
        .unwrap();
    let lints = table.lints();
    assert!(
        matches!(lints.as_slice(), [lint] if matches!(lint.kind, LintKind::OverlapUnknown { .. })),
        "{lints:?}"
    );
}

#[test]
fn conflicts_under_a_strict_policy() {
    let table = |policy| {
        let routes = [Route::get("/a{x}"), Route::get("/{x}a")].map(|route| route.value(()));
        routes
            .into_iter()
            .fold(Table::builder().policy(policy), |builder, route| builder.route(route))
            .build()
    };
    for (policy, shown) in [(Policy::default(), "GET /aa"), (Policy::strict(), "GET /aa (host: example.com)")]
    {
        let errors = table(policy).unwrap_err();
        let BuildErrorKind::Conflict { witness, .. } = &errors.iter().next().unwrap().kind else {
            panic!("{errors}")
        };
        assert_eq!(witness.to_string(), shown);
        let alone = Table::builder().policy(policy).route(Route::get("/a{x}").value(())).build().unwrap();
        assert!(alone.find(&witness.request(), witness.peer()).is_ok());
    }
}

#[test]
fn hosts_of_one_label() {
    let host = |host: &str| Route::get("/").host(host);
    let has_lint = |routes: Vec<Route>| {
        lints(routes).contains(&LintKind::Condition(ConditionLint::OneLabel { host: "{host}".to_owned() }))
    };
    assert!(has_lint(vec![host("{host}"), host("example.com")]));
    assert!(has_lint(vec![host("{host}"), host("a.b"), host("b.c").path("/x")]));
    assert!(!has_lint(vec![host("{host}"), host("example.com"), host("localhost")]));
    assert!(!has_lint(vec![host("{host}")]));
    assert!(!has_lint(vec![host("{*host}"), host("example.com")]));
}

/// Values of queries, headers and cookies in the syntax of a template, here or in another router.
#[test]
fn values_in_the_syntax_of_templates() {
    let get = || Route::get("/");
    for (route, write, literal) in [
        (get().query("p", ":page"), "query(\"p\", \"{page}\")", "query_regex(\"p\", \":page\")"),
        (get().query("p", "<page>"), "query(\"p\", \"{page}\")", "query_regex(\"p\", \"<page>\")"),
        (
            get().query("p", "<int:page>"),
            "query(\"p\", \"{page:[0-9]+}\")",
            "query_regex(\"p\", \"<int:page>\")",
        ),
        (get().query("p", "*rest"), "query(\"p\", \"{rest}\")", r#"query_regex("p", "\\*rest")"#),
        (get().query("p", "*"), "query(\"p\", \"{name}\")", r#"query_regex("p", "\\*")"#),
        (get().when("!Query(`p`, `:page`)"), "query(\"p\", \"{page}\")", "query_regex(\"p\", \":page\")"),
        (get().header("x-a", ":id"), "header_present(\"x-a\")", "header_regex(\"x-a\", \":id\")"),
        (get().header("x-a", "{id}"), "header_present(\"x-a\")", r#"header_regex("x-a", "\\{id\\}")"#),
        (get().header("x-a", "<id>"), "header_present(\"x-a\")", "header_regex(\"x-a\", \"<id>\")"),
        (get().header("x-a", "*"), "header_present(\"x-a\")", r#"header_regex("x-a", "\\*")"#),
        (
            get().header("x-a", "{id:[0-9]+}"),
            "header_regex(\"x-a\", \"[0-9]+\")",
            r#"header_regex("x-a", "\\{id:\\[0\\-9\\]\\+\\}")"#,
        ),
        (
            get().cookie("c", ":id"),
            "cookie_present(\"c\")",
            r#"header_regex("cookie", "(?:.*; *)?c=:id(?:;.*)?")"#,
        ),
        (
            get().cookie("c", "{id}"),
            "cookie_present(\"c\")",
            r#"header_regex("cookie", "(?:.*; *)?c=\\{id\\}(?:;.*)?")"#,
        ),
    ] {
        let shown = route.to_string();
        let found = lints(vec![route]);
        let [LintKind::Condition(lint @ ConditionLint::Foreign { write: w, literal: l, .. })] =
            found.as_slice()
        else {
            panic!("{shown}: {found:?}")
        };
        assert_eq!((w.as_str(), l.as_str()), (write, literal), "{shown}");
        assert!(lint.to_string().contains(&format!("write `.{write}`, or `.{literal}`")), "{lint}");
    }
    for route in [
        get().query("p", "a:b"),
        get().query("p", ":80"),
        get().query("p", "{page}"),
        get().query("p", "a*"),
        get().query_regex("p", ":page"),
        get().header("if-none-match", "*"),
        get().header("access-control-request-headers", "*"),
        get().header("x-a", "{\"a\":1}"),
        get().header("x-a", "<https://example.com/>"),
        get().header("x-a", "*/*"),
        get().header("x-a", "a{id}"),
        get().header_regex("x-a", "<id>"),
        get().cookie("c", "a:b"),
    ] {
        let shown = route.to_string();
        assert_eq!(lints(vec![route]), [], "{shown}");
    }
}

#[test]
fn hosts_of_other_routers() {
    for (host, write) in [
        (":tenant.example.com", "{tenant}"),
        ("a.:tenant.example.com", "{tenant}"),
        ("<tenant>.example.com", "{tenant}"),
        ("<int:n>.example.com", "{n:[0-9]+}"),
    ] {
        let errors = Table::builder().route(Route::get("/").host(host).value(())).build().unwrap_err();
        let BuildErrorKind::Template(error) = &errors.iter().next().unwrap().kind else { panic!("{errors}") };
        assert_eq!(error.kind, TemplateErrorKind::ForeignHost { write: write.to_owned() }, "{host}");
        assert!(errors.to_string().contains(&format!("write `{write}`")), "{errors}");
    }
    for host in ["a.example.com:80", "[::1]:80", "{t}.example.com", "*.example.com"] {
        assert!(Table::builder().route(Route::get("/").host(host).value(())).build().is_ok(), "{host}");
    }
}

/// Templates in the syntax of another router do not build, wherever a path is given.
#[test]
fn templates_of_other_routers() {
    let kinds = |table: waylay_router::TableBuilder<()>| {
        let errors = table.build().unwrap_err();
        let text = errors.to_string();
        (errors.iter().map(|error| error.kind.clone()).collect::<Vec<_>>(), text)
    };
    for route in [
        Route::get("/posts/:id"),
        Route::prefix("/posts/:id"),
        Route::rule("Path(`/posts/:id`)"),
        Route::rule("Path(`/x`) && !PathPrefix(`/posts/:id`)"),
    ] {
        let (_, text) = kinds(Table::builder().route(route.value(())));
        assert!(text.contains("write `{id}` (the text itself is `%3Aid`)") && text.contains("^^^"), "{text}");
    }
    let mut scoped = Table::builder();
    let scope = scoped.scope(None, waylay_router::ScopeConditions::new().prefix("/a/<id>"));
    scoped.add(Some(scope), Route::get("/x").value(()));
    assert!(kinds(scoped).1.contains("write `{id}`"));
    let (found, text) = kinds(Table::builder().route(Route::get("/a?x=1").value(())));
    assert!(
        matches!(&found[..], [BuildErrorKind::Template(error)] if error.kind == TemplateErrorKind::QueryInPath),
        "{text}"
    );
}

/// The escapes match the characters, in every spelling of the request, and in the URL of the route.
#[test]
fn characters_of_other_routers() {
    for (template, target, url) in [
        ("/posts/%3Aid", "/posts/:id", "/posts/:id"),
        ("/files/%2a", "/files/*", "/files/*"),
        ("/a%3Fb", "/a%3Fb", "/a%3Fb"),
        ("/a%23b", "/a%23b", "/a%23b"),
        ("/%3Cid%3E", "/%3Cid%3E", "/%3Cid%3E"),
        ("/%5Bid]/{x}", "/%5Bid%5D/7", "/%5Bid%5D/7"),
        ("/v1/items:batch", "/v1/items:batch", "/v1/items:batch"),
    ] {
        let table = Table::builder().route(Route::get(template).name("it").value(())).build().unwrap();
        let request = http::Request::get(target).body(()).unwrap();
        assert!(table.find(&request, &waylay_router::Peer::default()).is_ok(), "{template} {target}");
        let mut builder = table.urls().builder("it").unwrap();
        if template.contains("{x}") {
            builder = builder.set("x", 7);
        }
        assert_eq!(builder.build().unwrap(), url);
    }
}
