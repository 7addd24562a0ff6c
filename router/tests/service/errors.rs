//! Every mistake of a user, and its error.

use waylay_router::{BuildErrorKind, Route, Router, Scope, Table, TemplateErrorKind as Kind};

fn fault(route: Route) -> BuildErrorKind {
    let errors = Table::builder().route(route.value(())).build().unwrap_err();
    assert!(errors.to_string().contains("errors.rs"), "{errors}");
    errors.iter().next().unwrap().kind.clone()
}

#[test]
fn templates() {
    for (path, expected, marked) in [
        ("/a/{id", "Unclosed", "{id"),
        ("/a/{id:[0-9]{2}", "Unclosed", "{id:[0-9]{2}"),
        ("/a/id}", "Unopened", "}"),
        ("/a/{}", "EmptyName", "{}"),
        ("/a/{:x}", "EmptyName", "{:x}"),
        ("/a/{id:}", "EmptyName", "{id:}"),
        ("/a/{i d}", "BadName(' ')", " "),
        ("/{a}/{b}/{a}", "Duplicate(\"a\")", "{a}"),
        ("/{a}{b}", "Adjacent", "{a}"),
        ("/{id:(a|b)}", "CapturingGroup", "{id:(a|b)}"),
        ("/{id:(?P<x>a)}", "CapturingGroup", "{id:(?P<x>a)}"),
        ("/{id:[0-9}", "Regex", "{id:[0-9}"),
        ("/{id:*}", "Regex", "{id:*}"),
        ("/{id:a{1000}{1000}}", "RegexTooLarge", "{id:a{1000}{1000}}"),
        ("/{*rest}/x", "TailNotLast", "{*rest}"),
        ("/{a:.*}/x", "TailNotLast", "{a:.*}"),
        ("/{a:[0-9]*}/x", "TailNotLast", "{a:[0-9]*}"),
        ("/x{*rest}", "TailNotLast", "{*rest}"),
        ("a", "NoLeadingSlash", "a"),
        ("\u{e9}", "NoLeadingSlash", "\u{e9}"),
        ("/a\nb", "Control", "\n"),
        ("", "NoLeadingSlash", ""),
        ("/a/../b", "DotSegment", "/a/../b"),
        ("/{a}/..", "DotSegment", "/{a}/.."),
        ("/a%20b", "Escape", "%20"),
        ("/a\u{7}b", "Control", "\u{7}"),
    ] {
        let BuildErrorKind::Template(error) = fault(Route::get(path)) else { panic!("{path}") };
        assert!(format!("{:?}", error.kind).starts_with(expected), "{path}: {:?}", error.kind);
        assert_eq!(&error.text[error.span.clone()], marked, "{path}");
        assert_eq!(error.to_string().lines().count(), 3, "{error}");
    }
    let many: String = (0..65).map(|i| format!("/{i}")).collect();
    assert!(
        matches!(fault(Route::get(many)), BuildErrorKind::Template(e) if e.kind == Kind::TooManySegments)
    );
    let many: String = (0..33).map(|i| format!("/{{v{i}}}")).collect();
    assert!(
        matches!(fault(Route::get(many)), BuildErrorKind::Template(e) if e.kind == Kind::TooManyVariables)
    );
}

#[test]
fn conditions() {
    let kind = |route| format!("{:?}", fault(route));
    for (route, expected) in [
        (Route::new().host("a b"), "BadHost(' ')"),
        (Route::new().host("{a"), "Unclosed"),
        (Route::new().host("h:99999"), "BadPort"),
        (Route::new().header("a b", "1"), "HeaderName(\"a b\")"),
        (Route::new().header_regex("a", "["), "HeaderRegex"),
        (Route::new().header_regex("a", ")("), "HeaderRegex"),
        (Route::new().header_regex("a", "a)|(?:b"), "HeaderRegex"),
        (Route::new().query("q", "{q"), "Unclosed"),
        (Route::new().scheme("ht tp"), "Scheme(\"ht tp\")"),
        (Route::new().content_type("json"), "MediaType(\"json\")"),
        (Route::new().accept("a/b/c"), "MediaType(\"a/b/c\")"),
        (Route::new().client_ip("10.0.0.0/33"), "Network(\"10.0.0.0/33\")"),
        (Route::get("/{a}").host("{a}.x"), "DuplicateVariable(\"a\")"),
        (Route::get("/{a}").query("q", "{a}"), "DuplicateVariable(\"a\")"),
        (Route::prefix("/{*a}"), "TailNotLast"),
    ] {
        let got = kind(route);
        assert!(got.contains(expected), "{got} is not {expected}");
    }
}

/// A handler that reads a variable of its own route, of a scope, of a host or of a query; or one that is not there.
#[test]
fn variables_of_handlers() {
    #[derive(Clone)]
    struct Show;
    impl waylay_router::Handler<(), ()> for Show {
        fn call(
            self,
            _: http::Request<waylay_router::Body>,
            _: std::sync::Arc<()>,
        ) -> waylay_router::HandlerFuture {
            Box::pin(async { http::Response::default() })
        }

        fn variables(&self) -> &'static [&'static str] {
            &["id", "page"]
        }
    }
    let in_scope = |route: Route| {
        Router::builder().scope(Scope::new().prefix("/{page}").route(route.to(Show))).build().map(drop)
    };
    let missing = |result: Result<(), waylay_router::BuildErrors>| -> Vec<(String, Vec<String>)> {
        let Err(errors) = result else { return Vec::new() };
        let kinds = errors.iter().map(|error| match &error.kind {
            BuildErrorKind::MissingVariable { name, variables, .. } => (name.clone(), variables.clone()),
            other => panic!("{other}"),
        });
        kinds.collect()
    };
    for (route, expected) in [
        (Route::get("/{id}"), None),
        (Route::get("/{id?}"), None),
        (Route::get("/").host("{id}.example"), None),
        (Route::get("/").query("id", "{id}"), None),
        (Route::rule("Path(`/a/{id}`) || Path(`/b/{id}`)"), None),
        (Route::get("/novar"), Some(vec!["page"])),
        (Route::get("/{ID}"), Some(vec!["page", "ID"])),
        (Route::rule("Path(`/a/{id}`) || Path(`/b`)"), Some(vec!["page"])),
        (Route::rule("Path(`/b`) || !Path(`/{id}`)"), Some(vec!["page"])),
    ] {
        let shown = route.to_string();
        let expected =
            expected.map(|names| ("id".to_owned(), names.into_iter().map(str::to_owned).collect()));
        let found = missing(in_scope(route));
        assert_eq!(found.first().cloned(), expected, "{shown}");
    }
    let both = missing(Router::builder().route(Route::get("/").to(Show)).build().map(drop));
    assert_eq!(both, [("id".to_owned(), vec![]), ("page".to_owned(), vec![])]);
    let named = Route::get("/{a}").reads_variables(["a", "b"]).to(async || "");
    let errors = Router::builder().route(named).build().unwrap_err().to_string();
    assert!(errors.contains("reads the variable `b`") && errors.contains("`a`"), "{errors}");
    let build_only = Route::get("/").reads_variables(["b"]).build_only().to(async || "");
    assert!(Router::builder().route(build_only).build().is_ok());
}

#[test]
fn all_at_once() {
    let errors = Router::builder()
        .route(Route::get("/{a").to(async || ""))
        .scope(
            Scope::new()
                .prefix("/{b:[}")
                .scope(Scope::new().host("{").route(Route::get("/{c}/{c}").to(async || "")))
                .route(Route::get("/fine").header("", "").to(async || "")),
        )
        .build()
        .unwrap_err();
    let shown = errors.to_string();
    for expected in ["/{a", "/{b:[}", "{", "/{c}/{c}", "`` is not a header name"] {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }
}

/// The errors of a scope are reported once, not again for its routes.
#[test]
fn an_error_of_a_scope_is_reported_once() {
    let routes = |scope: Scope| {
        (0..3).fold(scope, |scope, i| scope.route(Route::get(format!("/{i}")).to(async || "")))
    };
    let inner = routes(Scope::new().prefix("/b")).route(Route::get("").to(async || ""));
    let outer = routes(Scope::new().prefix("/{a")).scope(inner).route(Route::get("/{").to(async || ""));
    let errors = Router::builder().scope(outer).build().unwrap_err();
    assert_eq!(errors.iter().count(), 2, "{errors}");

    let deep = Scope::new().prefix("/x".repeat(60)).scope(routes(Scope::new().prefix("/y".repeat(60))));
    let errors = Router::builder().scope(deep).build().unwrap_err();
    assert!(errors.to_string().contains("more than 64 segments"), "{errors}");
    let long = Table::builder().route(Route::get(format!("/{}", "a".repeat(2000))).value(())).build();
    assert!(long.unwrap_err().to_string().contains("longer than 1024 bytes"));
}

#[test]
fn conflicts_name_both_locations() {
    let errors = Table::builder()
        .route(Route::get("/a/{x}").method(http::Method::POST).name("first").value(1))
        .route(
            Route::any("/a/{y}").method(http::Method::GET).method(http::Method::PUT).name("second").value(2),
        )
        .build()
        .unwrap_err();
    let shown = errors.to_string();
    assert!(shown.contains("`first`") && shown.contains("`second`"), "{shown}");
    assert_eq!(shown.matches("errors.rs").count(), 2, "{shown}");

    for (first, second) in [
        (Route::prefix("/a"), Route::prefix("/a/")),
        (Route::new().host("A.com"), Route::new().host("a.com.")),
        (Route::new().header("a", "1").header("b", "2"), Route::new().header("b", "2").header("a", "1")),
        (Route::new().query("a", "1").query("b", "{x}"), Route::new().query("b", "{y}").query("a", "1")),
        (Route::new().scheme("http").scheme("https"), Route::new().scheme("https").scheme("HTTP")),
    ] {
        let errors = Table::builder().route(first.value(1)).route(second.value(2)).build().unwrap_err();
        assert!(matches!(errors.iter().next().unwrap().kind, BuildErrorKind::Conflict { .. }), "{errors}");
    }

    let fine = Table::builder()
        .route(Route::get("/a/{x}").value(1))
        .route(Route::put("/a/{x}").value(2))
        .route(Route::get("/a/{x}").header("x-a", "1").value(3))
        .route(Route::get("/a/{x}").header("x-a", "2").value(4))
        .route(Route::get("/a/{x:[0-9]+}").value(5))
        .route(Route::get("/a/{x}").priority(1).value(6))
        .route(Route::get("/a/{x}").host("h").value(7))
        .build();
    assert!(fine.is_ok(), "{}", fine.unwrap_err());

    let twice = Table::builder()
        .route(Route::get("/a").name("n").value(1))
        .route(Route::get("/b").name("n").value(2))
        .build();
    assert!(matches!(twice.unwrap_err().iter().next().unwrap().kind, BuildErrorKind::DuplicateName { .. }));
}
