//! Cost of large tables: what was quadratic, or needed an automaton for each pair.
//!
//! The assertions count work. The times are printed by
//! `cargo test --release -p waylay-router --test service cost -- --nocapture`.

use std::time::Instant;

use http::Request;
#[cfg(all(feature = "schema", feature = "toml"))]
use waylay_router::RouteSpec;
use waylay_router::{LintKind, Peer, Policy, Precedence, Route, Table, TableBuilder};

fn timed<T>(name: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    println!("{name}: {:?}", start.elapsed());
    result
}

fn build(name: &str, routes: impl Iterator<Item = Route>) -> Table<usize> {
    let builder =
        routes.enumerate().fold(Table::builder(), |builder, (i, route)| builder.route(route.value(i)));
    timed(name, || builder.build().unwrap_or_else(|errors| panic!("{errors}")))
}

/// Returns the pairs and routes that the budgets left out.
fn left_out(table: &Table<usize>) -> usize {
    let lints = timed("lints", || table.lints());
    lints
        .iter()
        .map(|lint| match lint.kind {
            LintKind::NotCompared { pairs } => pairs,
            LintKind::NotChecked { routes } => routes,
            _ => 0,
        })
        .sum()
}

#[test]
fn regexes_with_another_literal_end() {
    let regex = |n: usize| format!(r"[\w-]+\.shop{n:02}\.example\.com");
    for (name, route) in [
        ("host regexes", (|regex| Route::new().host_regex(regex)) as fn(String) -> Route),
        ("header regexes", |regex| Route::any("/").header_regex("x", regex)),
        ("path regexes", |regex| Route::new().path_regex(format!("/{regex}"))),
        ("variables", |regex| Route::any(format!("/{{x:{regex}}}"))),
        ("query templates", |regex| Route::any("/").query("q", format!("{{x:{regex}}}"))),
    ] {
        let table = build(name, (0..90).map(|n| route(regex(n))));
        assert_eq!(left_out(&table), 0, "{name}");
    }
}

#[test]
fn values_of_one_field() {
    let count = if cfg!(debug_assertions) { 2_000 } else { 20_000 };
    for (name, route) in [
        ("header values", (|value| Route::any("/").header("x", value)) as fn(String) -> Route),
        ("cookie values", |value| Route::any("/").cookie("x", value)),
        ("query values", |value| Route::any("/").query("x", value)),
    ] {
        let table = build(name, (0..count).map(|n| route(format!("v{n}"))));
        // The look-up of each request tests all of them.
        let lints = timed("lints", || table.lints());
        let left_out = lints.iter().filter(|lint| !matches!(lint.kind, LintKind::NotChecked { .. }));
        assert_eq!(left_out.count(), 0, "{name}");
    }
}

#[test]
fn literal_hosts() {
    let count = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
    let table = build("literal hosts", (0..count).map(|n| Route::new().host(format!("host{n}.example.com"))));
    assert_eq!(left_out(&table), 0);
    let table =
        build("hosts and paths", (0..count).map(|n| Route::any(format!("/a{n}")).host(format!("h{n}.a"))));
    assert_eq!(left_out(&table), 0);
}

/// A table's file, with a few routes in scopes, and the same with an error in each route.
#[cfg(all(feature = "schema", feature = "toml"))]
#[test]
fn routes_of_a_file() {
    use waylay_router::TableSpec;
    let count = if cfg!(debug_assertions) { 2_000 } else { 20_000 };
    let mut spec = TableSpec::default();
    for n in 0..count {
        let mut route = RouteSpec::new(format!("Path(`/a{n}/{{id}}`) && Method(`GET`)"), format!("h{n}"));
        route.name = Some(format!("n{n}"));
        spec.routes.push(route);
    }
    let json = serde_json::to_string_pretty(&spec).unwrap();
    let toml: String = spec.routes.iter().fold(String::new(), |text, route| {
        let (name, handler) = (route.name.as_deref().unwrap(), &route.handler);
        text + &format!("[[routes]]\nname = '{name}'\nrule = '{}'\nhandler = '{handler}'\n\n", route.rule)
    });
    for (format, read, text) in [
        ("TOML", TableSpec::toml as fn(&str) -> TableSpec, &toml),
        ("JSON", TableSpec::json, &json),
        ("JSON in one line", TableSpec::json, &json.replace('\n', "")),
    ] {
        let spec = timed(&format!("read {count} routes of {format}"), || read(text));
        let builder = Table::builder().spec(&spec, |route| Ok(route.handler.clone()));
        let table = timed("build", || builder.build().unwrap());
        assert_eq!(table.routes().count(), count);
        let invalid = text.replace("/a", "/{");
        let spec = timed(&format!("read {count} invalid routes"), || read(&invalid).named("table"));
        let builder = Table::builder().spec(&spec, |route| Ok(route.handler.clone()));
        let errors = timed("errors", || builder.build().unwrap_err());
        assert_eq!(errors.iter().count(), count);
        assert!(timed("print", || errors.to_string()).len() > count * 100);
        let invalid = text.replace("handler", "handlers");
        let spec = timed(&format!("read {count} unknown fields"), || read(&invalid));
        let errors = Table::builder().spec(&spec, |_| Ok(())).build().unwrap_err();
        assert_eq!(errors.iter().count(), count);
    }
}

/// What cannot be decided in time is left out, and a lint says so.
#[test]
fn budgets_are_spent() {
    let policy = Policy::default().precedence(Precedence::RegistrationOrder);
    let regex = |n: usize| format!(r"[a-z]{{1,{}}}.*x[ab]*", n + 1);
    let routes = (0..300).map(|n| Route::any("/").header_regex("x", regex(n)).value(n));
    let table = routes.fold(Table::builder().policy(policy), TableBuilder::route).build().unwrap();
    assert!(left_out(&table) > 0);
    // Conditions that no analysis sees through.
    let table = build("guards", (0..400).map(|_| Route::any("/").guard("own", |_| true)));
    assert!(left_out(&table) > 0);
}

/// Many conditions on a long query: it is parsed once.
#[test]
fn conditions_on_a_long_query() {
    let table = build(
        "query conditions",
        (0..500).map(|n| Route::any("/").query(format!("key{n}"), "never").priority(n)),
    );
    let pairs: Vec<String> = (0..1_000).map(|n| format!("k{n}={n}")).collect();
    let request = Request::get(format!("/?{}&key499=never", pairs.join("&"))).body(()).unwrap();
    let found = timed("look-up", || table.find(&request, &Peer::default()).map(|found| *found.value()));
    assert_eq!(found.unwrap(), 499);
}
