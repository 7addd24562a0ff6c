//! Allow: 405 exactly if another method would match, and exactly these methods are named.

use http::{Method, Request, Version};
#[cfg(feature = "dialects")]
use waylay_router::Policy;
#[cfg(feature = "dialects")]
use waylay_router::rule::Dialect;
use waylay_router::{ConditionLint, LintKind, Peer, Reason, Route, ScopeConditions, Table};

const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PURGE"];

fn request(method: &str, version: Version, headers: &[(&str, &str)]) -> Request<()> {
    let request = Request::builder().method(method).uri("/a").version(version);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap()
}

/// Returns the methods that match, and checks the misses of all others.
fn matching(table: &Table<()>, version: Version, headers: &[(&str, &str)]) -> String {
    let find = |method: &str| table.find(&request(method, version, headers), &Peer::default()).err();
    let matching: Vec<&str> = METHODS.into_iter().filter(|method| find(method).is_none()).collect();
    for miss in METHODS.iter().filter_map(|method| find(method)) {
        let allowed = miss.allow().map(ToString::to_string);
        let expected = (!matching.is_empty()).then(|| matching.join(", "));
        assert_eq!(
            (miss.status().as_u16(), &allowed),
            (if expected.is_some() { 405 } else { 404 }, &expected)
        );
    }
    let allowed = table.allowed(&request("GET", version, headers), &Peer::default());
    assert!(allowed.is_all() || allowed.to_string() == matching.join(", "), "{allowed} {matching:?}");
    matching.join(", ")
}

#[test]
fn lists_of_methods_are_intersected() {
    let put_or_post = "Method(`PUT`) || Method(`POST`)";
    for (route, expected) in [
        (Route::any("/a").method(Method::GET).method(Method::PUT).when(put_or_post), "PUT"),
        (Route::get("/a").when("Method(`HEAD`)"), "HEAD"),
        (Route::any("/a").when(put_or_post).when("Method(`GET`) || Method(`POST`)"), "POST"),
        (Route::any("/a").when("(Method(`PUT`) || Path(`/b`)) && Method(`PUT`)"), "PUT"),
        (Route::any("/a").when("!Method(`GET`)").when(put_or_post), "POST, PUT"),
        (Route::any("/a").method(Method::PUT).method(Method::GET).when("!Method(`PUT`)"), "GET, HEAD"),
        (Route::any("/a").method(Method::PUT).method(Method::GET).when("MethodRegexp(`P.*`)"), "PUT"),
        (Route::any("/a").when("MethodRegexp(`P(UT|ATCH)`)"), "PUT, PATCH"),
        (
            Route::any("/a").method("PURGE".parse().unwrap()).method(Method::PUT).when("!Method(`PUT`)"),
            "PURGE",
        ),
        (Route::any("/a").when("(Method(`GET`) && Header(`x`)) || (Method(`PUT`) && !Header(`x`))"), "PUT"),
        (Route::any("/a").when("Method(`GET`) && Method(`POST`)"), ""),
        (Route::get("/a").when("Method(`POST`)"), ""),
        (Route::any("/a").when("Method(`GET`) && !Method(`GET`)"), ""),
    ] {
        let table = Table::builder().route(route.value(())).build().unwrap();
        assert_eq!(matching(&table, Version::HTTP_11, &[]), expected, "{table}");
    }
    // The same inside a scope.
    let mut builder = Table::builder();
    let scope = builder.scope(None, ScopeConditions::new().when(put_or_post));
    builder.add(Some(scope), Route::any("/a").when("Method(`PUT`) || Method(`GET`)").value(()));
    assert_eq!(matching(&builder.build().unwrap(), Version::HTTP_11, &[]), "PUT");
}

#[cfg(feature = "dialects")]
#[test]
fn dialects_keep_their_methods() {
    let rule = |dialect: Dialect, text: &str| Route::any("/a").when(dialect.text(text));
    for (route, expected) in [
        (rule(Dialect::TraefikV3, "Method(`GET`)").method(Method::GET).method(Method::PUT), "GET"),
        (rule(Dialect::Vulcand, "Method(\"GET\")").when(Dialect::Vulcand.text("MethodRegexp(\"E\")")), "GET"),
    ] {
        let table = Table::builder().route(route.value(())).build().unwrap();
        assert_eq!(matching(&table, Version::HTTP_11, &[]), expected, "{table}");
    }
    let table = Table::builder().policy(Policy::gorilla());
    let table =
        table.route(Route::get("/a").when("Method(`GET`) || Method(`PUT`)").value(())).build().unwrap();
    assert_eq!(matching(&table, Version::HTTP_11, &[]), "GET");
}

#[test]
fn impossible_lists_are_linted() {
    for rule in ["Method(`GET`) && Method(`POST`)", "(Method(`GET`) || Method(`PUT`)) && Method(`POST`)"] {
        let table = Table::builder().route(Route::rule(rule).value(())).build().unwrap();
        let exclusive = ConditionLint::Exclusive { what: "methods", conditions: Vec::new() };
        assert_eq!(table.lints()[0].kind, LintKind::Condition(exclusive), "{rule}");
    }
}

/// CONNECT asks for a WebSocket only from HTTP/2 on, and no method does without the upgrade.
#[test]
fn upgrades_name_the_methods_of_their_protocol() {
    let table = Table::builder().route(Route::get("/a").upgrade("websocket").value(())).build().unwrap();
    let asks = &[("connection", "upgrade"), ("upgrade", "websocket")];
    for (version, headers, expected) in [
        (Version::HTTP_11, &asks[..], "GET"),
        (Version::HTTP_11, &[], ""),
        (Version::HTTP_10, asks, ""),
        (Version::HTTP_2, asks, ""),
    ] {
        assert_eq!(matching(&table, version, headers), expected, "{version:?}");
    }
}

/// A request that fails only by its types gets 415 or 406 with the types that would match, whatever conditions read them.
#[test]
fn lists_of_types_are_intersected() {
    let (json, text) = ("application/json", "text/plain");
    let types = [None, Some(json), Some(text), Some("text/html"), Some("image/png")];
    for (rule, content_type, accept) in [
        ("ContentType(`application/json`)", "415 application/json", "415 application/json"),
        ("ContentType(`text/*`) && ContentType(`text/plain`)", "415 text/plain", "200"),
        (
            "ContentType(`text/*`) && (ContentType(`text/plain`) || ContentType(`application/json`))",
            "415 text/plain",
            "200",
        ),
        (
            "(ContentType(`text/plain`) || ContentType(`image/gif`)) && !ContentType(`image/gif`)",
            "415 text/plain",
            "200",
        ),
        ("!(ContentType(`image/png`) && Method(`POST`))", "415 ", "200"),
        ("!ContentType(`image/*`)", "415 ", "200"),
        ("ContentType(`text/plain`) && ContentType(`image/gif`)", "404", "404"),
        ("Accept(`text/plain`)", "406 text/plain", "406 text/plain"),
        (
            "Accept(`text/plain`) && Accept(`application/json`)",
            "406 text/plain, application/json",
            "406 text/plain, application/json",
        ),
        ("Accept(`text/*`) && Accept(`text/plain`)", "406 text/*, text/plain", "406 text/*, text/plain"),
        ("Accept(`text/plain`) && !Accept(`image/png`)", "406 text/plain", "406 text/plain"),
        ("!Accept(`image/png`)", "406 ", "406 "),
        ("Accept(`text/plain`) && ContentType(`text/*`)", "415 text/*", "406 text/plain"),
    ] {
        for in_scope in [false, true] {
            let mut builder = Table::builder();
            let (scope, route) = match in_scope {
                true => (Some(builder.scope(None, ScopeConditions::new().when(rule))), Route::post("/a")),
                false => (None, Route::post("/a").when(rule)),
            };
            builder.add(scope, route.value(()));
            let table = builder.build().unwrap();
            let find = |content_type: Option<&str>, accept: Option<&str>| {
                let headers = [("content-type", content_type), ("accept", accept)];
                let headers: Vec<_> =
                    headers.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
                match table.find(&request("POST", Version::HTTP_11, &headers), &Peer::default()) {
                    Ok(_) => "200".to_owned(),
                    Err(miss) => match miss.reason {
                        Reason::UnsupportedMediaType(ref types) | Reason::NotAcceptable(ref types) => {
                            format!("{} {}", miss.status().as_u16(), types.join(", "))
                        }
                        _ => miss.status().as_u16().to_string(),
                    },
                }
            };
            let image = Some("image/png");
            assert_eq!(find(image, image), content_type, "{rule}");
            assert_eq!(find(Some(text), image), accept, "{rule}");
            // 404 exactly if no types match at all.
            let all = types.iter().flat_map(|one| types.iter().map(move |other| find(*one, *other)));
            let (found, missing): (Vec<_>, Vec<_>) = all.partition(|found| found == "200");
            assert!(
                found.is_empty() == missing.iter().any(|status| status == "404")
                    || rule.contains("&& Accept("),
                "{rule} {missing:?}"
            );
        }
    }
}

/// The types beside several lists of conditions, as they come together from a route and its scopes.
#[test]
fn types_of_a_route_and_its_scope() {
    let mut builder = Table::builder();
    let scope = builder.scope(None, ScopeConditions::new().content_type("text/*").accept("text/html"));
    let route = Route::post("/a").content_type("text/csv").content_type("image/png");
    builder.add(Some(scope), route.value(()));
    let table = builder.build().unwrap();
    for (content_type, expected) in
        [("text/csv", None), ("text/plain", Some("text/csv")), ("image/png", Some("text/csv"))]
    {
        let request = request("POST", Version::HTTP_11, &[("content-type", content_type)]);
        let found = table.find(&request, &Peer::default()).err().map(|miss| miss.reason);
        assert_eq!(
            found,
            expected.map(|media| Reason::UnsupportedMediaType(vec![media.to_owned()])),
            "{content_type}"
        );
    }
}
