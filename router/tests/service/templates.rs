//! Optional segments and host wildcards: matching, captures, URLs.

use http::Request;
use waylay_router::{Peer, Route, Table, TemplateErrorKind, TrailingSlash, UrlError};

/// Returns the captures of a route from a target; `None` without a match.
fn taken(route: Route, host: &str, target: &str) -> Option<Vec<(String, String)>> {
    let table = Table::builder().route(route.value(())).build().unwrap();
    let request = Request::get(target).header("host", host).body(()).unwrap();
    let found = table.find(&request, &Peer::default()).ok()?;
    Some(found.captures().map(|c| (c.name().to_owned(), c.decode().unwrap().into_owned())).collect())
}

fn said(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
    Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

#[test]
fn optional_segments() {
    for (template, target, expected) in [
        ("/a/{id?}", "/a", said(&[])),
        ("/a/{id?}", "/a/7", said(&[("id", "7")])),
        ("/a/{id?}", "/a/", None),
        ("/a/{id?}", "/a/7/", None),
        ("/a/{id?}", "/ab", None),
        ("/{lang?}", "/", said(&[])),
        ("/{lang?}", "/en", said(&[("lang", "en")])),
        ("/{a}/{b?:[0-9]+}", "/x", said(&[("a", "x")])),
        ("/{a}/{b?:[0-9]+}", "/x/1", said(&[("a", "x"), ("b", "1")])),
        ("/{a}/{b?:[0-9]+}", "/x/y", None),
    ] {
        assert_eq!(taken(Route::any(template), "h", target), expected, "{template} {target}");
    }
    // Captures after it keep their position.
    let route = || Route::any("/a/{id?}").host("{sub}.h").query("q", "{q}");
    assert_eq!(taken(route(), "s.h", "/a?q=1"), said(&[("sub", "s"), ("q", "1")]));
    assert_eq!(taken(route(), "s.h", "/a/7?q=1"), said(&[("id", "7"), ("sub", "s"), ("q", "1")]));
    for template in ["/{a?}/b", "/x{a?}", "/{a?}/", "/{a?:.*}", "/{*a?}"] {
        assert!(Table::builder().route(Route::any(template).value(())).build().is_err(), "{template}");
    }
    let errors = Table::builder().route(Route::prefix("/{a?}").value(())).build().unwrap_err();
    assert!(errors.to_string().contains(&TemplateErrorKind::OptionalNotLast.to_string()), "{errors}");
}

#[test]
fn optional_segments_are_built_or_left_out() {
    let build = |template: &str, id: Option<&str>| {
        let route = Route::any(template).name("r").value(());
        let url = Table::builder().route(route).build().unwrap().urls().builder("r").unwrap();
        id.map_or(url.clone(), |id| url.set("id", id)).build()
    };
    assert_eq!(build("/a/{id?}", None).unwrap(), "/a");
    assert_eq!(build("/a/{id?}", Some("7")).unwrap(), "/a/7");
    assert_eq!(build("/{id?}", None).unwrap(), "/");
    assert!(matches!(build("/a/{id?}", Some("")), Err(UrlError::Mismatch { .. })));
    assert!(matches!(build("/a/{id?:[0-9]}", Some("x")), Err(UrlError::Mismatch { .. })));
}

#[test]
fn optional_segments_with_another_final_slash() {
    let table = Table::builder()
        .route(Route::any("/a/{id?}").trailing_slash(TrailingSlash::Ignore).value(()))
        .build()
        .unwrap();
    for (target, found) in [("/a", true), ("/a/", true), ("/a/7/", true), ("/a/7", true), ("/a//", false)] {
        let request = Request::get(target).body(()).unwrap();
        assert_eq!(table.find(&request, &Peer::default()).is_ok(), found, "{target}");
    }
}

#[test]
fn hosts_of_many_names() {
    for (template, host, expected) in [
        ("*.example.com", "a.example.com", said(&[])),
        ("*.example.com", "A.Example.com.:80", said(&[])),
        ("*.example.com", "a.b.example.com", None),
        ("*.example.com", "example.com", None),
        ("*.example.com:80", "a.example.com:80", said(&[])),
        ("*.example.com:80", "a.example.com:81", None),
        ("**.example.com", "a.b.example.com", said(&[])),
        ("**.example.com", "a.example.com", said(&[])),
        ("**.example.com", "example.com", None),
        ("**.example.com", "xexample.com", None),
        ("*", "localhost", said(&[])),
        ("*", "a.b", None),
        ("**", "a.b", said(&[])),
        ("{*sub}.example.com", "a.b.example.com", said(&[("sub", "a.b")])),
        ("{sub:[a-z.]+}.example.com", "a.b.example.com", said(&[("sub", "a.b")])),
        ("{sub:[a-z.]+}.example.com", "1.example.com", None),
        ("{sub:[a-z.]+}.{tld}", "a.b.com", said(&[("sub", "a.b"), ("tld", "com")])),
    ] {
        assert_eq!(taken(Route::new().host(template), host, "/"), expected, "{template} {host}");
    }
    for template in ["{h}:{p:[0-9]+}", "a.com:{p}", "a.*.com", "*a.com", "***.com", "a.{*b}", "x{b:.+}.com"] {
        assert!(Table::builder().route(Route::new().host(template).value(())).build().is_err(), "{template}");
    }
    for (regex, host, found) in
        [("a|b", "A", true), ("a|b", "ab", false), (r"(?:a\.)+b", "a.a.b", true), ("a", "a:80", true)]
    {
        assert_eq!(taken(Route::new().host_regex(regex), host, "/").is_some(), found, "{regex} {host}");
    }
    assert!(Table::builder().route(Route::new().host_regex("(").value(())).build().is_err());
}

/// Exact, then label by label from the right, then a regex, then none.
#[test]
fn hosts_rank() {
    let hosts = ["a.b.c", "x{y}.b.c", "{y:[a-z]+}.b.c", "*.b.c", "**.b.c", "**.c", "**"];
    for reversed in [false, true] {
        let mut builder = Table::builder();
        let mut order: Vec<usize> = (0..hosts.len()).collect();
        if reversed {
            order.reverse();
        }
        for i in order {
            builder.add(None, Route::new().host(hosts[i]).value(i));
        }
        builder.add(None, Route::new().host_regex("(?s:.*)").value(7));
        builder.add(None, Route::new().value(8));
        let table = builder.build().unwrap();
        for (host, expected) in [
            ("a.b.c", 0),
            ("xa.b.c", 1),
            ("za.b.c", 2),
            ("1.b.c", 3),
            ("1.2.b.c", 4),
            ("1.2.c", 5),
            ("1.2", 6),
        ] {
            let request = Request::get("/").header("host", host).body(()).unwrap();
            assert_eq!(*table.find(&request, &Peer::default()).unwrap().value(), expected, "{host}");
        }
        let request = Request::get("/").body(()).unwrap();
        assert_eq!(*table.find(&request, &Peer::default()).unwrap().value(), 8);
    }
    // A wildcard is not a host that a URL could have.
    let table = Table::builder().route(Route::get("/x").host("*.a").name("r").value(())).build().unwrap();
    let url = table.urls().builder("r").unwrap();
    assert_eq!((url.build().unwrap().as_str(), url.host()), ("/x", Err(UrlError::NoHost)));
}

/// Own variables, and those of the scopes.
#[test]
fn captures_know_their_source() {
    use waylay_router::ScopeConditions;
    let mut builder = Table::builder();
    let outer = builder
        .scope(None, ScopeConditions::new().host("{tenant}.h").prefix("/{version}").query("k", "{key}"));
    builder.add(Some(outer), Route::get("/{id}").query("q", "{q}").value(()));
    let table = builder.build().unwrap();
    let request = Request::get("http://t.h/v1/7?k=1&q=2").body(()).unwrap();
    let found = table.find(&request, &Peer::default()).unwrap();
    let seen: Vec<_> = found.captures().map(|c| (c.name().to_owned(), c.is_inherited())).collect();
    let seen: Vec<_> = seen.iter().map(|(name, inherited)| (name.as_str(), *inherited)).collect();
    let expected = [("version", true), ("id", false), ("tenant", true), ("key", true), ("q", false)];
    assert_eq!(seen, expected);
}

/// gorilla/mux's templates may have a variable as port, and a child without a path loses its prefix's slash.
#[test]
fn ports_and_slashes_of_gorilla() {
    use waylay_router::{Policy, ScopeConditions};
    let mut builder = Table::builder().policy(Policy::gorilla());
    builder.add(None, Route::new().host("{h}:{p:[0-9]+}").value("port"));
    let scope = builder.scope(None, ScopeConditions::new().prefix("/a/"));
    builder.add(Some(scope), Route::any("").name("d").value("dead"));
    let table = builder.build().unwrap();
    let request = Request::get("/").header("host", "b:80").body(()).unwrap();
    let found = table.find(&request, &Peer::default()).unwrap();
    assert_eq!((found.get("h").as_deref(), found.get("p").as_deref()), (Some("b"), Some("80")));
    assert_eq!(table.routes().last().unwrap().template(), "/a");
    assert_eq!(table.urls().builder("d").unwrap().build().unwrap(), "/a");
}

/// An anchor at an end of a variable says nothing, in matching, in comparisons and in URLs.
#[test]
fn anchors_at_the_ends_of_variables() {
    for (template, host, target, expected) in [
        ("/at/{h:^[0-9]+}h{m:^[0-9]+}m", "*", "/at/0h42m", said(&[("h", "0"), ("m", "42")])),
        ("/{a:^[0-9]+$}-{b:^x|y$}", "*", "/1-y", said(&[("a", "1"), ("b", "y")])),
        ("/{a:\\A[0-9]+\\z}-{b}", "*", "/1-y", said(&[("a", "1"), ("b", "y")])),
        ("/{a:^[0-9]+$}.png", "*", "/1.png", said(&[("a", "1")])),
        ("/p/{a:^[a-z/]+$}", "*", "/p/a/b", said(&[("a", "a/b")])),
        ("/", "{a:^[a-z]+$}-{b:^[0-9]$}.h", "/", said(&[("a", "x"), ("b", "1")])),
    ] {
        let host_of = if template == "/" { "x-1.h" } else { "h" };
        let route = || Route::any(template).host(host).name("r");
        assert_eq!(taken(route(), host_of, target), expected, "{template} {host}");
        let table = Table::builder().route(route().value(())).build().unwrap();
        assert_eq!(table.lints(), [], "{template} {host}");
        if let Some(values) = expected {
            let url = table.urls().builder("r").unwrap();
            let url = values.iter().fold(url, |url, (name, value)| url.set(name, value));
            assert_eq!(url.build().unwrap(), target, "{template}");
        }
    }
    let query = Route::any("/").query("k", "{a:^[0-9]+$}-x");
    assert_eq!(taken(query.clone(), "h", "/?k=1-x"), said(&[("a", "1")]));
    assert_eq!(Table::builder().route(query.value(())).build().unwrap().lints(), []);
    // The comparison of routes sees through them as well.
    for (one, other) in [
        (Route::any("/{x:^[0-9]+$}"), Route::any("/{y:[0-9]+}")),
        (Route::prefix("/{x:^[0-9]+$}"), Route::prefix("/{y:[0-9]+}")),
        (Route::any("/{x:^[0-9]+$}-{b}"), Route::any("/{y:[0-9]+}-{b}")),
        (Route::any("/").host("{x:^a+$}.h"), Route::any("/").host("{y:a+}.h")),
        (Route::any("/").query("q", "{x:^a+$}-"), Route::any("/").query("q", "{y:a+}-")),
    ] {
        let errors = Table::builder().route(one.value(1)).route(other.value(2)).build().unwrap_err();
        assert!(errors.to_string().contains("matches both"), "{errors}");
    }
}

/// A comment ends before the text that follows its regex, wherever the regex is.
#[test]
fn comments_and_large_classes() {
    let verbose = "(?x) [0-9]+ # digits";
    for (route, host, target) in [
        (Route::any(format!("/{{a:{verbose}}}")), "h", "/12"),
        (Route::any(format!("/{{a:{verbose}}}-{{b:{verbose}}}.x")), "h", "/12-3.x"),
        (Route::any("/").host(format!("{{a:{verbose}}}.h")), "1.h", "/"),
        (Route::any("/").host_regex(format!("x{verbose}")), "x1", "/"),
        (Route::any("/").query("q", format!("{{a:{verbose}}}-")), "h", "/?q=1-"),
        (Route::any("/").query_regex("q", verbose), "h", "/?q=1"),
        (Route::any("/").header_regex("host", verbose), "7", "/"),
        (Route::new().path_regex("(?x) /[0-9]+ # digits"), "h", "/7"),
        (Route::rule("PathRegexp(`(?x) /[0-9]+ # digits`)"), "h", "/7"),
        (Route::any("/watch/{id:\\w{11}}"), "h", "/watch/dQw4w9WgXcQ"),
        (Route::any("/watch/{id:\\w{11}}.{x}"), "h", "/watch/dQw4w9WgXcQ.a"),
    ] {
        assert!(taken(route.clone(), host, target).is_some(), "{host} {target}");
        let lints = Table::builder().route(route.value(())).build().unwrap().lints();
        assert_eq!(lints, [], "{host} {target}");
    }
    let errors =
        Table::builder().route(Route::any("/{x:\\w{99}}").value(())).build().unwrap_err().to_string();
    assert!(errors.contains("(?-u:\\w)"), "{errors}");
}

#[test]
fn assertions_elsewhere_are_errors() {
    let anchor = TemplateErrorKind::Anchor;
    let boundary = TemplateErrorKind::WordBoundary;
    for (route, kind, marked) in [
        (Route::any("/x/{a:[0-9]^}"), &anchor, "{a:[0-9]^}"),
        (Route::any("/x/{a:a$b}"), &anchor, "{a:a$b}"),
        (Route::any("/").host("{a:(?:^a)+}.h"), &anchor, "{a:(?:^a)+}"),
        (Route::any("/").query("q", "{a:a*\\Ab}"), &anchor, "{a:a*\\Ab}"),
        (Route::any("/x{a:\\b[0-9]+}"), &boundary, "{a:\\b[0-9]+}"),
        (Route::any("/{a:[0-9]+\\b}x/y"), &boundary, "{a:[0-9]+\\b}"),
    ] {
        let errors = Table::builder().route(route.value(())).build().unwrap_err().to_string();
        let carets = "^".repeat(marked.len());
        assert!(errors.contains(&kind.to_string()) && errors.contains(&format!(" {carets}")), "{errors}");
    }
    // Inside a value, and between separators, a boundary has its meaning.
    assert_eq!(taken(Route::any("/{a:\\bx\\b-y}/z"), "h", "/x-y/z"), said(&[("a", "x-y")]));
}
