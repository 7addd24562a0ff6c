//! Depth: texts that are nested 100,000 times are an error with a place, on half the usual stack.

use waylay_router::rule::{Dialect, Expr, Function, MAX_RULE_BYTES, MAX_RULE_DEPTH, Rule};
use waylay_router::{
    BuildErrorKind, MAX_SCOPE_DEPTH, Route, RouteSpec, Router, Scope, ScopeSpec, SourceLocation, Table,
    TableSpec,
};

const DEPTH: usize = 100_000;

/// Runs on a small stack: an overflow aborts the process.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1024 * 1024).spawn(run).unwrap().join().unwrap();
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

/// Returns the errors of a table's file; all values that are made of it are dropped.
fn errors(spec: &TableSpec) -> Vec<(BuildErrorKind, SourceLocation)> {
    let built = Table::builder().spec(spec, |_| Ok(())).build();
    let errors = built.err().into_iter().flat_map(|errors| errors.iter().cloned().collect::<Vec<_>>());
    errors.map(|error| (error.kind, error.location)).collect()
}

#[test]
fn json_tables() {
    on_small_stack(|| {
        let (open, close) = (r#"{"scopes":["#, "]}");
        let at = |depth: usize| u32::try_from(depth * open.len() + 1).unwrap();
        let spec = TableSpec::json(&nested(open, "{}", close, MAX_SCOPE_DEPTH));
        assert_eq!(errors(&spec), []);
        for depth in [MAX_SCOPE_DEPTH + 1, DEPTH] {
            let expected =
                (BuildErrorKind::FileTooDeep { column: at(MAX_SCOPE_DEPTH + 1) }, SourceLocation::Line(1));
            assert_eq!(errors(&TableSpec::json(&nested(open, "{}", close, depth))), [expected], "{depth}");
        }
        for (text, message) in [
            (format!("{{\n\"x\": {}}}", nested("[", "", "]", DEPTH)), "unknown field `x`"),
            (format!("{{\n\"trusted_proxies\": {}}}", nested("[", "", "]", DEPTH)), "invalid type: sequence"),
            (
                format!("{{\"routes\": [{{\n\"metadata\": {}}}]}}", nested("{\"a\":", "1", "}", DEPTH)),
                "invalid type: map",
            ),
            ("\n".to_owned() + &"[".repeat(DEPTH), "EOF while parsing"),
        ] {
            let [(kind, location)] = &*errors(&TableSpec::json(&text)) else { panic!("{message}") };
            assert!(kind.to_string().contains(message), "{kind}");
            assert_eq!(*location, SourceLocation::Line(2), "{message}");
        }
    });
}

#[test]
fn toml_tables() {
    on_small_stack(|| {
        let header = |depth: usize| format!("[[{}]]\n", vec!["scopes"; depth].join("."));
        let headers = |depth: usize| (1..=depth).map(header).collect::<String>();
        assert_eq!(errors(&TableSpec::toml(&headers(MAX_SCOPE_DEPTH))), []);
        let scopes = |depth: usize| nested("scopes=[{", "", "}]", depth);
        for (text, line) in [
            (headers(MAX_SCOPE_DEPTH + 1), 65),
            (headers(79), 67),
            // Fewer levels of values than the parser allows, times fewer keys than it allows.
            (format!("\n{}", nested(&format!("{}a = {{", "a.".repeat(70)), "", "}", 70)), 2),
            (
                format!(
                    "\n[{}a]\n{}",
                    "a.".repeat(70),
                    nested(&format!("{}a = {{", "a.".repeat(70)), "", "}", 70)
                ),
                3,
            ),
        ] {
            let found = errors(&TableSpec::toml(&text));
            let too_deep = found.iter().any(|(kind, location)| {
                matches!(kind, BuildErrorKind::FileTooDeep { .. }) && *location == SourceLocation::Line(line)
            });
            assert!(too_deep, "{text:.40} {found:?}");
        }
        for text in [
            headers(500),
            scopes(DEPTH),
            format!("x = {}", nested("[", "", "]", DEPTH)),
            format!("x = {}", nested("{a = ", "1", "}", DEPTH)),
            format!("{}a = 1", "a.".repeat(DEPTH)),
            format!("[{}a]", "a.".repeat(DEPTH)),
            "[".repeat(DEPTH),
        ] {
            assert!(!errors(&TableSpec::toml(&text)).is_empty(), "{text:.40}");
        }
    });
}

/// The deepest table that is read is copied, compared, printed, written, and read again.
#[test]
fn deepest_table() {
    on_small_stack(|| {
        let inner = r#"{"routes":[{"rule":"Path(`/`)","metadata":{"a":"b"}}]}"#;
        let spec = TableSpec::json(&nested(r#"{"scopes":["#, inner, "]}", MAX_SCOPE_DEPTH));
        let copy = spec.clone();
        assert_eq!(copy, spec);
        assert!(format!("{copy:?}").contains("metadata"));
        let written = serde_json::to_string(&copy).unwrap();
        assert_eq!(errors(&TableSpec::json(&written)), []);
        assert_eq!(errors(&spec.named("a.json")), []);
    });
}

#[test]
fn rules() {
    on_small_stack(|| {
        for dialect in [Dialect::Native, Dialect::TraefikV3, Dialect::Vulcand] {
            for (open, close) in
                [("(", ")"), ("!", ""), ("!(", ")"), ("Any() && (", ")"), ("Any() || !(", ")")]
            {
                let text = |depth: usize| dialect.text(nested(open, "Path(`/`)", close, depth));
                for depth in [MAX_RULE_DEPTH + 1, MAX_RULE_BYTES / (open.len() + close.len()) - 10, DEPTH] {
                    assert!(Rule::parse(text(depth)).is_err(), "{open} {depth}");
                    let built = Table::builder().route(Route::rule(text(depth)).value(())).build();
                    assert!(built.is_err(), "{open} {depth}");
                }
            }
        }
        // The deepest ones are lowered, compiled, printed and matched.
        for (open, close) in [("(", ")"), ("!", ""), ("Any() && (", ")"), ("Guard(`g`) || !(", ")")] {
            let levels = MAX_RULE_DEPTH / open.matches(['(', '!']).count().clamp(1, 2);
            let text = (1..=levels).rev().map(|depth| nested(open, "Path(`/`)", close, depth));
            let text = text.into_iter().find(|text| Rule::parse(text.as_str()).is_ok()).unwrap();
            let rule = Rule::parse(text.as_str()).unwrap();
            assert_eq!(Rule::parse(rule.to_string()).unwrap().to_string(), rule.to_string());
            let builder = Table::builder().guard("g", |_| false);
            let table = builder.route(Route::rule(text).value(())).build().unwrap();
            let request = http::Request::get("/").body(()).unwrap();
            let _ = table.explain(&request, &waylay_router::Peer::default()).to_string();
            let lints = table.lints();
            assert!(!table.to_string().is_empty() && lints.len() < 10, "{lints:?}");
        }
    });
}

/// Scopes that a program puts into each other, as data and as values: the innermost has a route.
fn scopes(depth: usize) -> TableSpec {
    let mut scope = ScopeSpec::default();
    scope.routes.push(RouteSpec::new("Path(`/`)", "handler"));
    for _ in 1..depth {
        let mut outer = ScopeSpec::default();
        outer.scopes.push(std::mem::take(&mut scope));
        scope = outer;
    }
    let mut spec = TableSpec::default();
    spec.scopes.push(scope);
    spec
}

#[test]
fn scopes_of_a_program() {
    on_small_stack(|| {
        for (depth, is_valid) in [(MAX_SCOPE_DEPTH, true), (MAX_SCOPE_DEPTH + 1, false), (2 * DEPTH, false)] {
            let spec = scopes(depth).named("scopes.toml");
            let kinds: Vec<_> = errors(&spec).into_iter().map(|(kind, _)| kind).collect();
            let expected: &[_] = if is_valid { &[] } else { &[BuildErrorKind::ScopesTooDeep] };
            assert_eq!(kinds, expected, "{depth}");
            let built = Router::builder().spec(&spec, |_, route| Ok(route.to(async || "route"))).build();
            let kinds: Vec<_> =
                built.err().iter().flat_map(|errors| errors.iter()).map(|e| e.kind.clone()).collect();
            assert_eq!(kinds, expected, "{depth}");
        }
        let scope = (0..2 * DEPTH).fold(Scope::<()>::new(), |inner, _| Scope::new().scope(inner));
        assert!(Router::builder().scope(scope).build().is_err());
    });
}

#[test]
fn rules_of_a_program() {
    on_small_stack(|| {
        let call = || Function::Path.of(["/"]);
        let shapes: [fn(Expr, Expr) -> Expr; 4] = [
            |inner, _| !inner,
            |inner, call| !(inner & call),
            |inner, call| (inner & call.clone()) | call,
            |inner, _| Expr::Either(vec![Expr::All(vec![inner])]),
        ];
        for shape in shapes {
            let nested = |depth: usize| (0..depth).fold(call(), |inner, _| shape(inner, call()));
            assert!(Rule::parse(nested(MAX_RULE_DEPTH / 2 - 2)).is_ok());
            let deep = nested(2 * DEPTH);
            assert!(!deep.calls().is_empty() && deep.to_string().len() > MAX_RULE_BYTES);
            assert!(Rule::parse(&deep).is_err());
            assert!(Table::builder().route(Route::rule(deep).value(())).build().is_err());
        }
    });
}

#[test]
fn templates_and_regexes() {
    on_small_stack(|| {
        for text in [
            nested("{", "a", "}", DEPTH),
            format!("/{{a:{}}}", nested("{", "", "}", DEPTH)),
            format!("/{{a:{}}}", nested("(", "b", ")", DEPTH)),
            format!("/{{a:{}}}", nested("(", "b", ")", 400)),
            format!("/{{a:{}}}", nested("[^", "b", "]", 300)),
        ] {
            assert!(
                Table::builder().route(Route::get(text.as_str()).value(())).build().is_err(),
                "{text:.40}"
            );
        }
        for regex in
            [nested("(", "b", ")", DEPTH), nested("[^", "b", "]", DEPTH), nested("(?:", "b", ")*", 2000)]
        {
            for route in [
                Route::new().path_regex(regex.as_str()),
                Route::new().host_regex(regex.as_str()),
                Route::new().header_regex("x", regex.as_str()),
                Route::new().query_regex("x", regex.as_str()),
            ] {
                assert!(Table::builder().route(route.value(())).build().is_err(), "{regex:.40}");
            }
        }
    });
}
