//! Routes built with setters print as rules that create the same routes.

use http::{Method, Version};
use proptest::prelude::*;
use proptest::sample::subsequence;
use waylay_router::{Route, Table};

type Setter = fn(Route) -> Route;

/// Every condition of a route.
const SETTERS: [Setter; 34] = [
    |route| route.path("/a/{id:[0-9]+}"),
    |route| route.path("/"),
    |route| route.path("/a{{b}}/{name?}"),
    |route| route.path("/a/{*rest}"),
    |route| route.path("/a`b\"c"),
    |route| route.method(Method::GET),
    |route| route.method(Method::HEAD),
    |route| route.method(Method::from_bytes(b"PURGE").unwrap()),
    |route| route.host("example.com"),
    |route| route.host("**.{tenant}.example.com:8080"),
    |route| route.host_regex("[a-z]+(?:-[0-9]+)?"),
    |route| route.scheme("https"),
    |route| route.scheme("http"),
    |route| route.version(Version::HTTP_11),
    |route| route.version(Version::HTTP_3),
    |route| route.header("x-a", "`\"\\"),
    |route| route.header("x-a", ""),
    |route| route.header_present("x-b"),
    |route| route.header_absent("x-c"),
    |route| route.header_regex("x-d", "[0-9]{2,}"),
    |route| route.header_all_values("x-d", "[a-z]*"),
    |route| route.query("page", "{page:[0-9]+}"),
    |route| route.query("k", "a b\n"),
    |route| route.query_present("l"),
    |route| route.query_absent("m`"),
    |route| route.query_regex("n", "(?i)yes"),
    |route| route.cookie("session", "7"),
    |route| route.cookie_present("other"),
    |route| route.client_ip("10.0.0.0/8"),
    |route| route.client_ip("::1"),
    |route| route.content_type("application/json"),
    |route| route.accept("text/html"),
    |route| route.path_regex("/(?:a|b).*"),
    |route| route.guard("odd \"name\"", |_| true),
];

fn table(route: Route) -> Table<()> {
    let table = Table::builder().guard("odd \"name\"", |_| true).route(route).build();
    table.unwrap_or_else(|errors| panic!("{errors}"))
}

/// Returns what a table lists about its only route.
fn facts(table: &Table<()>) -> Vec<String> {
    let route = table.routes().next().unwrap();
    let lists = [
        route.hosts().collect::<Vec<_>>().join(" "),
        route.conditions().collect::<Vec<_>>().join(" "),
        route.variables().collect::<Vec<_>>().join(" "),
    ];
    let mut facts = vec![table.to_string(), route.template().to_owned(), route.methods().to_string()];
    facts.extend(lists);
    facts
}

proptest! {
    #[test]
    fn routes_round_trip(setters in subsequence(SETTERS.to_vec(), 0..12).prop_shuffle(), prefix in any::<bool>()) {
        let start = if prefix { Route::prefix("/p/{q}") } else { Route::new() };
        let route = setters.iter().fold(start, |route, set| set(route));
        let written = route.to_string();
        let again = Route::rule(written.as_str());
        prop_assert_eq!(again.to_string(), written.clone());
        prop_assert_eq!(facts(&table(route)), facts(&table(again)), "{}", written);
    }
}

#[test]
fn each_condition_is_printed() {
    for (i, set) in SETTERS.iter().enumerate() {
        let route = set(Route::new());
        let written = route.to_string();
        assert_ne!(written, "Any()", "{i}");
        assert_eq!(table(Route::rule(written.as_str())).alternatives(0).count(), 1, "{written}");
    }
    assert_eq!(Route::new().to_string(), "Any()");
    let route = Route::get("/a").header_absent("x").scheme("http").scheme("https");
    let expected = "Method(`GET`) && Path(`/a`) && (Scheme(`http`) || Scheme(`https`)) && !Header(`x`)";
    assert_eq!(route.to_string(), expected);
    // A rule that does not parse prints unchanged.
    assert_eq!(Route::rule("Hots(`a`)").to_string(), "Hots(`a`)");
}
