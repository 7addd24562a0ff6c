//! Text from outside: what a terminal or a log obeys is escaped wherever it is printed.

use http::{HeaderValue, Request, Uri};
use waylay_router::rule::{Call, Expr, Function, Rule};
use waylay_router::{
    ConditionLint, LintKind, OneLine, Peer, Route, RouteSpec, ScopeConditions, Table, TableBuilder,
    TableSpec, TemplateError, TemplateErrorKind, UrlError,
};

/// Every character that is escaped, at least one of each kind that a terminal, an editor or a log obeys.
fn hostile() -> Vec<char> {
    let ranges = ['\0'..='\u{1f}', '\u{7f}'..='\u{9f}', '\u{200e}'..='\u{200f}', '\u{2028}'..='\u{202e}'];
    let others =
        ['\u{2066}'..='\u{2069}', '\u{feff}'..='\u{feff}', '\u{61c}'..='\u{61c}', '\u{e0041}'..='\u{e0041}'];
    ranges.into_iter().chain(others).flatten().collect()
}

/// Fails if the text has a hostile character; line breaks are the printer's own, up to a number of lines.
#[track_caller]
fn check(what: &str, text: &str, lines: usize) {
    let found = text.chars().find(|c| *c != '\n' && hostile().contains(c));
    assert_eq!(found, None, "{what}: {text:?}");
    assert!(text.lines().count() <= lines, "{what}: {} lines: {text:?}", text.lines().count());
}

#[test]
fn one_line() {
    for c in hostile() {
        let shown = OneLine(&format!("a{c}b")).to_string();
        assert_eq!(shown, format!("a{}b", c.escape_default()));
    }
    assert_eq!(OneLine("\u{1b}[31mred\u{1b}[0m").to_string(), r"\u{1b}[31mred\u{1b}[0m");
    assert_eq!(OneLine("caf\u{e9} `\"\\\u{1f980}").to_string(), "caf\u{e9} `\"\\\u{1f980}");
}

#[test]
fn build_errors() {
    for c in hostile() {
        let text = format!("a{c}`b\nroute `x`: forged");
        let routes: Vec<(Route, usize)> = vec![
            (Route::any("/{a").name(&text), 3),
            (Route::any(format!("/{{{text}}}")), 3),
            (Route::any(format!("/{{x:({text}}}")), 3),
            (Route::new().header(&text, "1"), 1),
            (Route::new().header_regex("x", format!("({text}")), 1),
            (Route::new().query_regex("x", format!("({text}")), 1),
            (Route::new().host_regex(format!("({text}")), 3),
            (Route::new().path_regex(format!("({text}")), 1),
            (Route::new().scheme(&text), 1),
            (Route::new().content_type(&text), 1),
            (Route::new().client_ip(&text), 1),
            (Route::rule(format!("Unknown{text}(`a`)")), 3),
            (Route::rule(format!("Host(`{{{}`)", text.replace('`', ""))), 3),
            (Route::rule(format!("Guard(\"{}\")", "a\\n\\u202eb")), 3),
            (Route::rule(format!("HeaderRegexp(`x`, `({}`)", text.replace('`', ""))), 3),
            (Route::rule(format!("Scheme(`{}`)", text.replace('`', ""))), 3),
        ];
        for (route, lines) in routes {
            let shown = format!("{route:?}");
            let errors = Table::builder().route(route.value(())).build().unwrap_err();
            for error in errors.iter() {
                check(&shown, &error.kind.to_string(), lines);
                check(&shown, &error.to_string(), lines);
            }
            check(&shown, &errors.to_string(), errors.iter().count() * 3);
        }
        let mut spec = TableSpec::default();
        spec.trusted_proxies.push(text.clone());
        spec.routes.push(RouteSpec::new("Path(`/`)", &text));
        let unknown = |route: &RouteSpec| Err::<(), _>(format!("there is no handler `{}`", route.handler));
        let errors = Table::builder().spec(&spec.named(&text), unknown).build().unwrap_err();
        check("spec", &errors.to_string(), 2);
        let json =
            serde_json::json!({ "routes": [{ "rule": "Path(`/`)", text.as_str(): 1 }], text.as_str(): 1 });
        let errors =
            Table::builder().spec(&TableSpec::json(&json.to_string()), |_| Ok(())).build().unwrap_err();
        check("json", &errors.to_string(), 2);
        let toml = format!("[[routes]]\n{} = 1\n", serde_json::to_string(&text).unwrap());
        let errors = Table::builder().spec(&TableSpec::toml(&toml), |_| Ok(())).build().unwrap_err();
        check("toml", &errors.to_string(), errors.iter().count());
    }
}

#[test]
fn rules_read_back() {
    for c in hostile().into_iter().filter(|c| *c != '\0') {
        let text = format!("a{c}b");
        let expr: Expr = Function::Header.of(["x", text.as_str()]);
        check("rule", &expr.to_string(), 1);
        let parsed = Rule::parse(expr.to_string()).unwrap();
        let values: Vec<&str> = parsed.expr().calls().into_iter().flat_map(arguments).collect();
        assert_eq!(values, ["x", text.as_str()]);
    }
}

fn arguments(call: &Call) -> Vec<&str> {
    call.arguments.iter().map(|argument| argument.text.as_str()).collect()
}

/// Beyond 65,535 characters a width of a format panics, and a column of that width would be one for each row.
#[test]
fn long_texts() {
    let text = "a".repeat(70_000);
    let long = Route::get("/a").name(&text).header("x", &text);
    let short = (0..100).map(|n| Route::get(format!("/{n}")).value(()));
    let builder = short.fold(Table::builder().route(long.value(())), TableBuilder::route);
    let table = builder.build().expect("the routes are valid");
    assert!(table.to_string().len() < 10 * text.len());
    let request = Request::get("/a").header("x", &text).body(()).unwrap();
    let explained = table.explain(&request, &Peer::default());
    assert!(format!("{explained}{explained:#}").contains(&text));
    assert!(table.lints().iter().all(|lint| !lint.to_string().is_empty()));
    for route in
        [Route::get(format!("/{{{text}")), Route::rule(format!("Path(`/a`) && {text}")), Route::get(&text)]
    {
        let errors = Table::builder().route(route.name(&text).value(())).build().unwrap_err();
        assert!(!errors.to_string().is_empty());
    }
    let error = TemplateError { kind: TemplateErrorKind::Control, span: text.len()..text.len(), text };
    assert!(error.to_string().ends_with(" ^"));
}

#[test]
fn tables_explanations_and_lints() {
    for c in hostile() {
        let text = format!("a{c}b\nGET  *  /forged");
        let table = |extra: &str| {
            let mut builder = Table::builder()
                .route(Route::any("/a").name(&text).header("x", &text).value(1))
                .route(
                    Route::any("/b")
                        .name(format!("{text}2{extra}"))
                        .query(&text, &text)
                        .cookie(&text, &text)
                        .value(2),
                )
                .route(Route::any("/a").name(format!("{text}3")).priority(-1).header("x", &text).value(3));
            let scope = builder.scope(None, ScopeConditions::new().name(&text).prefix("/s"));
            builder.add(Some(scope), Route::any("/c").name("c").guard(&text, |_| true).value(4));
            builder.build().unwrap()
        };
        let (one, other) = (table(""), table("x"));
        check("table", &one.to_string(), 6);
        check("diff", &one.diff(&other).to_string(), 6);
        let lints = one.lints();
        assert!(!lints.is_empty());
        for lint in lints {
            check("lint", &lint.to_string(), 4);
        }
        let mut request = Request::get("/a").body(()).unwrap();
        if let Ok(value) = HeaderValue::from_bytes(text.replace('\n', "").as_bytes()) {
            request.headers_mut().insert("x", value);
        }
        *request.uri_mut() = format!("/b?{c}").parse().unwrap_or(Uri::from_static("/b"));
        check("explanation", &format!("{:#}", one.explain(&request, &Peer::default())), 8);
        for error in [
            UrlError::UnknownRoute { name: text.clone(), nearest: Some(text.clone()) },
            UrlError::MissingVariable(text.clone()),
            UrlError::UnknownVariable(text.clone()),
            UrlError::Scheme(text.clone()),
            UrlError::Mismatch { variable: text.clone(), value: text.clone(), template: text.clone() },
        ] {
            check("url", &error.to_string(), 1);
        }
        let lint = ConditionLint::OneLabel { host: text.clone() };
        check("condition", &lint.to_string(), 1);
        check("condition", &LintKind::Condition(lint).to_string(), 1);
    }
}
