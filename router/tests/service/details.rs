//! Details that the crate docs promise: parameters, greedy variables, `OPTIONS *`, empty `Accept`, deep scopes.

use http::{Method, Request};
use waylay_router::{BuildErrorKind, MAX_SCOPE_DEPTH, Peer, Route, Router, Scope, ScopeConditions, Table};

/// Returns the captures, or the status of the miss.
fn read(route: Route, request: &Request<()>) -> Result<Vec<String>, u16> {
    let table = Table::builder().route(route.value(())).build().unwrap();
    let found = table.find(request, &Peer::default()).map_err(|miss| miss.status().as_u16())?;
    Ok(found.captures().map(|capture| capture.decode().unwrap().into_owned()).collect())
}

#[test]
fn segments_and_methods() {
    let get = |target: &str| Request::get(target).body(()).unwrap();
    let options = || Request::options("*").body(()).unwrap();
    let accepts = |text: &str| Request::get("/").header("accept", text).body(()).unwrap();
    let said = |values: &[&str]| Ok(values.iter().map(|value| (*value).to_owned()).collect());
    for (route, request, expected) in [
        (Route::get("/users;v=1/{x}"), get("/users;v=1/2;w"), said(&["2;w"])),
        (Route::get("/users/{x}"), get("/users;v=1/2"), Err(404)),
        (Route::get("/{a}-{b}"), get("/1-2-3"), said(&["1-2", "3"])),
        (Route::get("/{a:[0-9-]+}-{b:[0-9-]+}"), get("/1-2-3"), said(&["1-2", "3"])),
        (Route::any("/{*x}"), options(), Err(404)),
        (Route::any("/"), options(), Err(404)),
        (Route::prefix("/"), options(), Err(404)),
        (Route::new(), options(), said(&[])),
        (Route::new().method(Method::OPTIONS).path_regex("[*]"), options(), said(&[])),
        (Route::get("/").accept("text/html"), get("/"), said(&[])),
        (Route::get("/").accept("text/html"), accepts(""), Err(406)),
        (Route::get("/").accept("text/html"), accepts("nonsense"), Err(406)),
        (Route::get("/").accept("*/*"), accepts(""), Err(406)),
    ] {
        assert_eq!(read(route, &request), expected, "{request:?}");
    }
}

/// A build error, and no overflow of the stack.
#[test]
fn scopes_are_limited_in_depth() {
    let is_too_deep = |kind: &BuildErrorKind| *kind == BuildErrorKind::ScopesTooDeep;
    let nested = |depth: usize| {
        let innermost = Scope::new().prefix("/x").route(Route::get("/y").to(async || ""));
        (1..depth).fold(innermost, |inner, _| Scope::new().scope(inner))
    };
    assert!(Router::builder().scope(nested(MAX_SCOPE_DEPTH)).build().is_ok());
    for depth in [MAX_SCOPE_DEPTH + 1, MAX_SCOPE_DEPTH + 2, 100_000] {
        let errors = Router::builder().scope(nested(depth)).build().unwrap_err();
        assert!(errors.iter().next().is_some_and(|error| is_too_deep(&error.kind)), "{depth} {errors}");
    }
    for (depth, expected) in [(MAX_SCOPE_DEPTH, 0), (MAX_SCOPE_DEPTH + 1, 1), (MAX_SCOPE_DEPTH * 100, 99)] {
        let mut builder = Table::builder();
        let mut scope = None;
        for _ in 0..depth {
            scope = Some(builder.scope(scope, ScopeConditions::new()));
        }
        builder.add(scope, Route::get("/y").value(()));
        let too_deep = builder
            .build()
            .err()
            .map_or(0, |errors| errors.iter().filter(|error| is_too_deep(&error.kind)).count());
        assert_eq!(too_deep, expected, "{depth}");
    }
}
