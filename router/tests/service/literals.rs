//! Literals in another spelling: escapes in segments of text, beside variables, in rules and in URLs.

use http::Request;
use waylay_router::{PathForm, Peer, Policy, Route, Table};

/// Returns the captures of a route; `None` without a match.
fn taken(route: Route, policy: Policy, target: &str) -> Option<Vec<String>> {
    let table = Table::builder().policy(policy).route(route.value(())).build().unwrap();
    let request = Request::get(target).body(()).unwrap();
    let found = table.find(&request, &Peer::default()).ok()?;
    Some(found.captures().map(|capture| capture.decode().unwrap().into_owned()).collect())
}

#[test]
fn escapes_in_literals_and_beside_variables() {
    let said = |values: &[&str]| Some(values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
    for (route, target, expected) in [
        // Text alone, in each place of a path.
        (Route::any("/users/@me"), "/users/%40me", said(&[])),
        (Route::any("/users/@me"), "/users/@me", said(&[])),
        (Route::any("/@a/b"), "/%40a/b", said(&[])),
        (Route::any("/@a/{x}"), "/%40a/1", said(&["1"])),
        (Route::any("/{x}/@a"), "/1/%40a", said(&["1"])),
        (Route::any("/{x}/a:b;c=1/{y}"), "/1/a%3Ab%3bc%3D1/2", said(&["1", "2"])),
        (Route::prefix("/@a"), "/%40a/b", said(&[])),
        (Route::prefix("/x/@a"), "/x/%40ab", None),
        (Route::any("/@a/{*rest}"), "/%40a/%40b/c", said(&["@b/c"])),
        (Route::any("/@a/{x?}"), "/%40a", said(&[])),
        (Route::any("/a b"), "/a%20b", said(&[])),
        // What cannot stand unescaped is never decoded.
        (Route::any("/a/b"), "/a%2Fb", None),
        (Route::any("/a%b"), "/a%2525b", None),
        (Route::any("/@"), "/%2540", None),
        // Beside a variable text separates, and an escape is data.
        (Route::any("/r/{a}@{b}"), "/r/1@2", said(&["1", "2"])),
        (Route::any("/r/{a}@{b}"), "/r/1%402", None),
        (Route::any("/q/{a:[0-9]+}@{b:[0-9]+}"), "/q/1@2", said(&["1", "2"])),
        (Route::any("/q/{a:[0-9]+}@{b:[0-9]+}"), "/q/1%402", None),
        (Route::any("/q/{a:[0-9@]+}@{b:[0-9@]+}"), "/q/1@2%403", said(&["1", "2@3"])),
        (Route::any("/q/{a:[0-9@]+}@{b:[0-9@]+}"), "/q/1%402@3", said(&["1@2", "3"])),
        (Route::any("/q/{a:[^@/]+}@{b}"), "/q/1%402@3", None),
        (Route::any("/q/{a:[^/]+}@{b:[^/]+}"), "/q/caf%C3%A9%40@%20", said(&["caf\u{e9}@", " "])),
        (Route::any("/{a}@x"), "/1%40x", None),
        (Route::any("/{a:[0-9]+}@x"), "/1%40x", None),
        (Route::any("/@{a}"), "/%40joe", None),
        (Route::any("/@{a}"), "/@joe", said(&["joe"])),
        (Route::any("/@a/@{a}/@b"), "/%40a/@joe/%40b", said(&["joe"])),
        (Route::any("/@a/@{a}/@b"), "/%40a/%40joe/%40b", None),
        // A variable alone has no text beside it.
        (Route::any("/{a:@me}"), "/%40me", said(&["@me"])),
        // Rules and regexes over the whole path.
        (Route::rule("Path(`/users/@me`)"), "/users/%40me", said(&[])),
        (Route::rule("PathPrefix(`/@a`) && !Path(`/@a/@b`)"), "/%40a/%40b", None),
        (Route::rule("PathPrefix(`/`) && !Path(`/@a`)"), "/%40a", None),
        (Route::rule("PathPrefix(`/`) && !Path(`/{a}@{b}`)"), "/1%402", said(&[])),
        (Route::new().path_regex("/users/@me"), "/users/%40me", said(&[])),
        (Route::new().path_regex("/users/@me.*"), "/users/%40me/x", said(&[])),
        (Route::rule("!PathRegexp(`/admin;.*`)"), "/admin%3Bx", None),
        (Route::new().path_regex("/a/b"), "/a%2Fb", None),
    ] {
        let shown = format!("{target}\n{}", Table::builder().route(route.clone().value(())).build().unwrap());
        assert_eq!(taken(route, Policy::default(), target), expected, "{shown}");
    }
}

/// Other routes beside a literal do not hide it.
#[test]
fn among_other_routes() {
    let routes = [
        "/users/@me",
        "/users/@{x}",
        "/users/{a}@{b}",
        "/users/{x}",
        "/{*rest}",
        "/users/@me/a",
        "/users/@mx",
    ];
    // Both match `/users/@@a`.
    let route = |path: &str| Route::any(path).priority(i32::from(path == "/users/{a}@{b}"));
    let table = routes.iter().fold(Table::builder(), |all, path| all.route(route(path).value(*path)));
    let table = table.build().unwrap();
    for (target, expected) in [
        ("/users/%40me", "/users/@me"),
        ("/users/@m%65", "/users/@me"),
        ("/users/%40mx", "/users/@mx"),
        ("/users/%40me/a", "/users/@me/a"),
        ("/users/%40you", "/users/{x}"),
        ("/users/@you", "/users/@{x}"),
        ("/users/a%40b", "/users/{x}"),
        ("/users/a@b", "/users/{a}@{b}"),
        ("/users/%40me/b", "/{*rest}"),
    ] {
        let request = Request::get(target).body(()).unwrap();
        assert_eq!(*table.find(&request, &Peer::default()).unwrap().value(), expected, "{target}");
    }
}

/// Other forms of the path are compared as they are.
#[test]
fn other_forms() {
    let policy = |form| Policy::default().path(form);
    assert_eq!(taken(Route::any("/@a"), policy(PathForm::Raw), "/%40a"), None);
    assert_eq!(taken(Route::any("/@a"), policy(PathForm::Decoded), "/%40a"), Some(Vec::new()));
    assert_eq!(taken(Route::any("/@a"), policy(PathForm::Decoded), "/%2540a"), None);
}

/// A value that has the separator is escaped, so that the URL gives it back.
#[test]
fn urls_give_their_values_back() {
    for (template, a, b, expected) in [
        ("/{a}@{b}", "1@2", "3", "/1%402@3"),
        ("/{a}@{b}", "1", "2@3", "/1@2%403"),
        ("/{a:[0-9@]+}@{b}", "1@2", "3@4", "/1%402@3%404"),
        ("/{a}/@{b}", "1@2", "@3", "/1@2/@%403"),
    ] {
        let table = Table::builder().route(Route::any(template).name("r").value(())).build().unwrap();
        let url = table.urls().builder("r").unwrap().set("a", a).set("b", b).build().unwrap();
        assert_eq!(url, expected, "{template}");
        let request = Request::get(url).body(()).unwrap();
        let found = table.find(&request, &Peer::default()).unwrap();
        assert_eq!((found.get("a").as_deref(), found.get("b").as_deref()), (Some(a), Some(b)), "{template}");
    }
}
