//! Lints of single routes, and the spelling that they propose.

use waylay_router::{BuildErrorKind, ConditionLint, LintKind, Policy, Route, Table, TemplateErrorKind};

fn lints(routes: Vec<Route>) -> Vec<LintKind> {
    let table = routes.into_iter().fold(Table::builder(), |builder, route| builder.route(route.value(())));
    table.build().unwrap().lints().into_iter().map(|lint| lint.kind).collect()
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
