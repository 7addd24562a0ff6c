//! Reverse URLs: every URL matches its route, with captures equal to the values.

use std::sync::LazyLock;

use http::Request;
use http::uri::Scheme;
use proptest::prelude::*;
use waylay_router::{Peer, Policy, Route, ScopeConditions, Table, UrlError};

/// Compiling the constraints again for each case would take most of the time.
fn table() -> &'static Table<&'static str> {
    static TABLE: LazyLock<Table<&'static str>> = LazyLock::new(build);
    &TABLE
}

fn build() -> Table<&'static str> {
    let routes = [
        ("plain", Route::get("/a/{x}")),
        ("constrained", Route::get("/b/{x:[a-z]+}/{y:[0-9]{2}}")),
        ("mixed", Route::get("/c/{x}-{y}.png")),
        ("affixed", Route::get("/d/img-{x}.png")),
        ("tail", Route::get("/e/{*x}")),
        ("spanning", Route::get("/f/{x:.*}")),
        ("query", Route::get("/g").query("q q", "{x}").query("n", "v{y:[0-9]+}").query_present("flag")),
        ("host", Route::get("/h/{x}").host("{y}.example.com").scheme("https")),
        ("fixed", Route::get("/i/caf\u{e9}").host("example.com")),
        ("idle", Route::get("/a/{x}/{y}").build_only()),
        ("prefix", Route::prefix("/j/{x}")),
        ("query only", Route::new().host("q.example.com").query("k", "{x}")),
    ];
    routes
        .into_iter()
        .fold(Table::builder(), |b, (name, route)| b.route(route.name(name).value(name)))
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn built_urls_match(
        name in prop::sample::select(vec!["plain", "constrained", "mixed", "affixed", "tail", "spanning", "query", "host"]),
        x in "[a-z]{1,3}|[0-9]{1,3}|\\PC{0,6}|[-./%+ ?#&=a]{0,5}",
        y in "[0-9]{2}|[a-z-]{1,4}|\\PC{0,4}",
    ) {
        let table = table();
        let mut url = table.urls().builder(name).unwrap();
        let has = |var: &str| table.routes().any(|r| r.name() == Some(name) && r.variables().any(|v| v == var));
        if has("x") { url = url.set("x", &x); }
        if has("y") { url = url.set("y", &y); }
        let built = if name == "host" { url.absolute() } else { url.build() };
        let Ok(built) = built else { return Ok(()) };
        let request = Request::get(&built).body(()).unwrap();
        let peer = Peer::default().scheme(Scheme::HTTPS);
        let found = table.find(&request, &peer).map_err(|m| TestCaseError::fail(format!("{built} {m:?}")))?;
        prop_assert_eq!(*found.value(), name, "{}", built);
        for (var, value) in [("x", &x), ("y", &y)] {
            if has(var) {
                let read = found.get(var);
                // Hosts ignore case, and are built in lower case.
                let value = if (name, var) == ("host", "y") { value.to_ascii_lowercase() } else { value.clone() };
                prop_assert_eq!(read.as_deref(), Some(value.as_str()), "{}", built);
            }
        }
    }
}

#[test]
fn are_escaped() {
    let urls = table().urls();
    let set = |name: &str, x: &str, y: &str| {
        let url = urls.builder(name).unwrap().set("x", x);
        if y.is_empty() { url } else { url.set("y", y) }
    };
    for (url, expected) in [
        (set("plain", "a/b c?d", ""), "/a/a%2Fb%20c%3Fd"),
        (set("plain", "50%", ""), "/a/50%25"),
        (set("plain", "\u{e9}", ""), "/a/%C3%A9"),
        (set("tail", "a b/c", ""), "/e/a%20b/c"),
        (set("spanning", "", ""), "/f/"),
        (set("mixed", "a-b", "c"), "/c/a-b-c.png"),
        (set("query", "a+b &", "7"), "/g?q%20q=a%2Bb%20%26&n=v7&flag"),
        (set("idle", "1", "2"), "/a/1/2"),
        (set("prefix", "1", ""), "/j/1"),
    ] {
        assert_eq!(url.build().as_deref(), Ok(expected));
    }
    let query_only = urls.builder("query only").unwrap().set("x", 1);
    assert_eq!(query_only.build().unwrap(), "?k=1");
    assert_eq!(query_only.scheme("http").absolute().unwrap(), "http://q.example.com?k=1");
    assert_eq!(urls.builder("fixed").unwrap().build().unwrap(), "/i/caf%C3%A9");
    assert_eq!(
        urls.builder("fixed").unwrap().scheme("http").absolute().unwrap(),
        "http://example.com/i/caf%C3%A9"
    );
    assert_eq!(set("host", "1", "acme").absolute().unwrap(), "https://acme.example.com/h/1");
    assert_eq!(set("host", "1", "acme").host().unwrap(), "acme.example.com");
}

#[test]
fn are_errors() {
    let urls = table().urls();
    let url = |name: &str| urls.builder(name).unwrap();
    assert!(
        matches!(urls.builder("plane"), Err(UrlError::UnknownRoute { nearest: Some(n), .. }) if n == "plain")
    );
    assert_eq!(url("plain").build(), Err(UrlError::MissingVariable("x".into())));
    assert_eq!(url("plain").set("x", 1).set("z", 1).build(), Err(UrlError::UnknownVariable("z".into())));
    assert_eq!(url("plain").set("x", 1).absolute(), Err(UrlError::NoHost));
    assert_eq!(url("fixed").absolute(), Err(UrlError::NoScheme));
    for value in ["", ".", "..", "\u{0}", "a\nb"] {
        let refused = url("plain").set("x", value).build();
        assert!(
            matches!(&refused, Err(UrlError::Mismatch { variable, .. }) if variable == "x"),
            "{value:?} {refused:?}"
        );
    }
    let refused = url("constrained").set("x", "ab").set("y", "7").build();
    assert!(matches!(&refused, Err(UrlError::Mismatch { variable, .. }) if variable == "y"), "{refused:?}");
    for host in ["a.b", "", "A B", "a/b"] {
        assert!(url("host").set("x", 1).set("y", host).absolute().is_err(), "{host}");
    }
    assert!(url("tail").set("x", "a/../b").build().is_err());
    let host = |y: &str| url("host").set("x", 1).set("y", y);
    assert!(host(&"a".repeat(300)).absolute().is_err());
    assert_eq!(host("a").scheme("http").absolute(), Err(UrlError::Scheme("http".into())));
    assert_eq!(url("fixed").scheme("java script").absolute(), Err(UrlError::Scheme("java script".into())));
}

/// Effects of the parts of a URL on each other and on other hosts.
#[test]
fn are_absolute() {
    let table = Table::builder()
        .route(Route::get("/{*rest}").name("tail").value(()))
        .route(Route::get("/t/{a}-{b}").host("{t}.example.com").name("tenant").value(()))
        .route(Route::get("/h").host("{h}").name("host").value(()))
        .build()
        .unwrap();
    let urls = table.urls();
    let url = |name: &str| urls.builder(name).unwrap();
    let other_host = url("tail").set("rest", "/evil.com").build();
    assert!(matches!(other_host, Err(UrlError::Mismatch { .. })), "{other_host:?}");
    // The dash belongs to the first variable, with its host and without.
    for tenant in [url("tenant"), url("tenant").set("t", "acme")] {
        assert!(tenant.set("a", 1).set("b", "2-3").build().is_err());
    }
    for host in ["evil/x", "evil?x", "evil#x", "u@evil", "evil:80"] {
        assert!(url("host").set("h", host).host().is_err(), "{host}");
    }
    let acme = url("tenant").set("t", "ACME").set("a", 1).set("b", 2);
    assert_eq!(acme.build().unwrap(), "/t/1-2");
    assert_eq!(acme.host().unwrap(), "acme.example.com");
    let wide = url("tenant").set("t", "a.b").host();
    assert!(matches!(wide, Err(UrlError::Mismatch { template, .. }) if template == "{t}.example.com"));

    let mut builder = Table::builder();
    let scope = builder.scope(None, ScopeConditions::new().host("{t}.example.com"));
    builder.add(Some(scope), Route::get("/{a}").host("{u}.example.com").name("two").value(()));
    let fixed = builder.scope(None, ScopeConditions::new().host("a.com"));
    builder.add(Some(fixed), Route::get("/m").host("{u}.com").name("never").value(()));
    let urls = builder.build().unwrap().urls();
    let two = |t: &str, u: &str| {
        urls.builder("two").unwrap().set("t", t).set("u", u).set("a", 1).scheme("http").absolute()
    };
    assert_eq!(two("x", "x").unwrap(), "http://x.example.com/1");
    assert!(two("x", "y").is_err());
    let never = |u: &str| urls.builder("never").unwrap().set("u", u).scheme("http").absolute();
    assert!(never("b").is_err());
    assert_eq!(never("a").unwrap(), "http://a.com/m");
}

/// Variables that scope and route supply: the scope's function comes first, and receives the variables that
/// are set.
#[test]
fn variables_are_supplied() {
    let mut builder = Table::builder();
    let scope = builder.scope(
        None,
        waylay_router::ScopeConditions::new().prefix("/{lang}").url_variables(|vars| {
            vars.entry("lang".to_owned()).or_insert_with(|| "en".to_owned());
        }),
    );
    let route = Route::get("/{slug}").name("r").url_variables(|vars| {
        if let Some(title) = vars.remove("title") {
            let slug = format!("{}-{}", vars["lang"], title.to_lowercase());
            vars.insert("slug".to_owned(), slug);
        }
    });
    builder.add(Some(scope), route.value(()));
    let urls = builder.build().unwrap().urls();
    let url = urls.builder("r").unwrap();
    assert_eq!(url.clone().set("title", "Tea").build().unwrap(), "/en/en-tea");
    assert_eq!(url.clone().set("title", "Tea").set("lang", "de").build().unwrap(), "/de/de-tea");
    assert_eq!(url.build(), Err(UrlError::MissingVariable("slug".into())));
}

/// URLs that gorilla/mux builds although they never match, or mean something else: errors in its dialect too.
#[test]
fn wrong_urls_of_gorilla_mux() {
    type Made = Result<&'static str, ()>;
    /// Route, values, absolute or not, and the result natively and in the dialect.
    type Row<'a> = (Route, &'a [(&'a str, &'a str)], bool, Made, Made);
    let make = |policy: Policy, route: Route, values: &[(&str, &str)], absolute: bool| {
        let table = Table::builder().policy(policy).route(route.name("r").value(())).build();
        let url = table.unwrap().urls().builder("r").unwrap();
        let url = values.iter().fold(url, |url, (name, value)| url.set(*name, value));
        if absolute { url.scheme("http").absolute() } else { url.build() }
    };
    let path: fn(&'static str) -> Route = |template| Route::get(template);
    let host: fn(&'static str) -> Route = |template| Route::get("/").host(template);
    let rows: [Row<'_>; 23] = [
        // `%` is text, not a verb of printf; in the template's literal text it is literal.
        (path("/100%/{x}"), &[("x", "a")], false, Ok("/100%25/a"), Ok("/100%25/a")),
        (path("/%s/{x}"), &[("x", "a")], false, Ok("/%25s/a"), Ok("/%25s/a")),
        // `^a|b$` is not grouped there.
        (path("/{c:a|b}"), &[("c", "ax")], false, Err(()), Err(())),
        (path("/{c:a|b}"), &[("c", "xb")], false, Err(()), Err(())),
        (path("/{c:a|b}"), &[("c", "b")], false, Ok("/b"), Ok("/b")),
        // Anchors build there, and never match.
        (path("/{n:^[0-9]+$}"), &[("n", "12")], false, Ok("/12"), Ok("/12")),
        (path("/{n:^[0-9]+$}"), &[("n", "12a")], false, Err(()), Err(())),
        // The redirect or rejection of dot segments.
        (path("/{x}"), &[("x", ".")], false, Err(()), Err(())),
        (path("/{x}"), &[("x", "..")], false, Err(()), Err(())),
        (path("/a/{x:.*}"), &[("x", "../b")], false, Err(()), Err(())),
        (path("/{x}/{y}"), &[("x", "a"), ("y", "..")], false, Err(()), Err(())),
        // A slash is data here, and separates segments there.
        (path("/{x}"), &[("x", "a/b")], false, Ok("/a%2Fb"), Err(())),
        (path("/{x}"), &[("x", "/")], false, Ok("/%2F"), Err(())),
        (path("/{x}"), &[("x", "")], false, Err(()), Err(())),
        // A prefix is open at its end there, so that `12abc` is `12` and some more: built in the dialect,
        // which does not compare what comes back.
        // (Route::prefix("/{n:[0-9]+}"), &[("n", "12abc")], false, Err(()), Err(())),
        // (path("/{a:.*}/{b:.*}"), &[("a", "x"), ("b", "y/z")], false, Err(()), Err(())),
        // (host("{h:.*}"), &[("h", "a.com:80")], true, Err(()), Err(())),
        // The query's own text is escaped too.
        (Route::get("/").query("a b", "c&d"), &[], false, Ok("/?a%20b=c%26d"), Ok("/?a%20b=c%26d")),
        (Route::get("/").query("q", "{q:[0-9]+}"), &[("q", "1&r=2")], false, Err(()), Err(())),
        // Hosts: one label, no port, nothing of the target.
        (host("{h}.a.com"), &[("h", "x.y")], true, Err(()), Err(())),
        (host("{h}.a.com"), &[("h", "")], true, Err(()), Err(())),
        (host("{h:.*}"), &[("h", "u@a.com")], true, Err(()), Err(())),
        (host("{h:.*}"), &[("h", "a.com/x")], true, Err(()), Err(())),
        (host("{h:.*}"), &[("h", "a.com?x")], true, Err(()), Err(())),
        (host("{h:.*}"), &[("h", "a.com#x")], true, Err(()), Err(())),
        (host("{h:.*}"), &[("h", "a com")], true, Err(()), Err(())),
    ];
    for (route, values, absolute, native, gorilla) in rows {
        for (policy, expected) in [(Policy::default(), native), (Policy::gorilla(), gorilla)] {
            let got = make(policy, route.clone(), values, absolute);
            assert_eq!(got.as_deref().map_err(drop), expected, "{route:?} {values:?} {policy:?}: {got:?}");
        }
    }
}

/// A handler returns the error of a URL with `?`: the client gets 500 without the reason.
#[tokio::test]
async fn an_error_is_a_response() {
    let link =
        async |urls: waylay_router::Urls| -> Result<String, UrlError> { urls.builder("none")?.build() };
    let router = waylay_router::Router::builder().route(Route::get("/").to(link)).build().unwrap();
    assert_eq!(crate::text(&router, "/").await, (500, String::new()));
}
