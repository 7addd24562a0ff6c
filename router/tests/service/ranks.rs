//! The order of routes: a route that matches a strict subset of another one wins, or a lint names both.

use std::net::SocketAddr;

use http::uri::Scheme;
use http::{Method, Request, Version};
use waylay_router::{BuildErrorKind, Lint, LintKind, Peer, Route, Table};

/// A request and its connection.
type Asked = (Request<()>, Peer);

fn table(routes: &[Route]) -> Table<usize> {
    let routes = routes.iter().cloned().enumerate();
    let builder = routes.fold(Table::builder(), |builder, (place, route)| builder.route(route.value(place)));
    builder.build().unwrap_or_else(|errors| panic!("{errors}"))
}

fn matches(route: &Route, (request, peer): &Asked) -> bool {
    Table::builder().route(route.clone().value(())).build().unwrap().find(request, peer).is_ok()
}

#[test]
fn narrower_routes_win() {
    let any = Route::new;
    let rule = |text: &str| Route::rule(text);
    let get = |target: &str| (Request::get(target).body(()).unwrap(), Peer::default());
    let with =
        |name: &str, value: &str| (Request::get("/").header(name, value).body(()).unwrap(), Peer::default());
    let from =
        |address: &str| (get("/x").0, Peer::default().addr(SocketAddr::new(address.parse().unwrap(), 1)));
    let purge = (Request::builder().method("PUT").uri("/").body(()).unwrap(), Peer::default());
    for (narrow, wide, asked) in [
        // No path is the prefix `/`, and conditions count.
        (any().header_present("x-beta"), Route::prefix("/"), with("x-beta", "1")),
        (rule("!ClientIP(`10.0.0.0/8`)"), Route::prefix("/"), from("9.9.9.9")),
        (rule("Path(`/secret`) || Header(`x-evil`)"), Route::prefix("/"), with("x-evil", "1")),
        (rule("Path(`/secret`) || Header(`x-evil`)"), Route::any("/{*r}"), get("/secret")),
        // A regex over the path is its literal beginning, then a constrained tail.
        (rule("PathRegexp(`(?i)/foo`)"), Route::prefix("/"), get("/FOO")),
        (any().path_regex("/a/[0-9]+"), Route::any("/{*r}"), get("/a/1")),
        (any().path_regex("/a/[0-9]+"), Route::any("/a/{*r}"), get("/a/1")),
        // The number of conditions before their kinds.
        (any().header_present("a").header_present("b"), any().header_regex("a", ".*"), {
            let mut asked = with("a", "1");
            asked.0.headers_mut().insert("b", "2".parse().unwrap());
            asked
        }),
        (rule("!Header(`a`)"), rule("!Header(`a`, `1`)"), get("/")),
        // Strict inclusion between routes of one rank.
        (any().host("helo.com:31380"), any().host("helo.com"), with("host", "helo.com:31380")),
        (any().host("*.com:80"), any().host("*.com"), with("host", "a.com:80")),
        (any().host("[::1]:80"), any().host("[::1]"), with("host", "[::1]:80")),
        (any().host_regex("a[0-9]"), any().host_regex("a."), with("host", "a1")),
        (any().cookie("t", "beta"), any().cookie_present("t"), with("cookie", "t=beta")),
        (
            any().content_type("application/json"),
            any().content_type("application/*"),
            with("content-type", "application/json"),
        ),
        (any().query("v", "{v:[0-9]+}"), any().query("v", "{v}"), get("/?v=1")),
        (any().query_regex("v", "[0-9]"), any().query_regex("v", "[0-9]+"), get("/?v=1")),
        (any().header_regex("x", "[0-9]"), any().header_regex("x", "[0-9]+"), with("x", "1")),
        (any().header_all_values("x", "[0-9]"), any().header_all_values("x", "[0-9]+"), with("x", "1")),
        (any().method(Method::PUT), any().method(Method::PUT).method(Method::POST), purge),
        (any().client_ip("10.1.0.0/16"), any().client_ip("10.0.0.0/8"), from("10.1.0.1")),
        (
            any().client_ip("10.1.0.0/16"),
            any().client_ip("10.1.0.0/16").client_ip("11.1.0.0/16"),
            from("10.1.0.1"),
        ),
        (any().version(Version::HTTP_11), any().version(Version::HTTP_2).version(Version::HTTP_11), get("/")),
        (Route::any("/{x:[0-9]{2}}"), Route::any("/{x:[0-9]+}"), get("/12")),
        (Route::any("/a{x:[0-9]}"), Route::any("/a{x:[0-9]+}"), get("/a1")),
    ] {
        assert!(matches(&narrow, &asked) && matches(&wide, &asked), "{asked:?}");
        for (first, second, winner) in [(&narrow, &wide, 0), (&wide, &narrow, 1)] {
            let table = table(&[first.clone(), second.clone()]);
            let found = *table.find(&asked.0, &asked.1).unwrap().value();
            assert_eq!(found, winner, "{asked:?}\n{table}");
        }
    }
}

/// What a condition looks at, and the values of it that requests have.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Part {
    Path,
    Host,
    Method,
    Header,
    Query,
    Cookie,
    ContentType,
    Accept,
    Upgrade,
    Client,
    Scheme,
    Version,
}

impl Part {
    fn values(self) -> &'static [&'static str] {
        match self {
            Self::Path => {
                &["/", "/a", "/ab", "/a/1", "/a/12", "/a/x", "/a/b", "/b", "/b/1", "/a/1/2", "/1", "/x"]
            }
            Self::Host => &[
                "",
                "a.com",
                "a.com:80",
                "b.com",
                "b.com:80",
                "x.a.com",
                "x1.a.com",
                "x.a.com:80",
                "y.x.a.com",
                "localhost",
            ],
            Self::Method => &["GET", "HEAD", "POST", "PUT", "DELETE"],
            Self::Header => &["", "1", "2", "12", "a", "b", "1,a"],
            Self::Query => &["", "v=1", "v=2", "v=12", "v=a", "w=1", "v=1&v=a"],
            Self::Cookie => &["", "t=1", "t=2", "u=1"],
            Self::ContentType => &[
                "",
                "application/json",
                "Application/JSON",
                "application/xml",
                "Application/xml",
                "text/plain",
                "application/xml|x",
            ],
            Self::Accept => &[
                "",
                "*/*",
                "image/*",
                "image/png",
                "image/gif",
                "text/plain",
                "image/*;q=0",
                "image/png|image/png;q=0",
            ],
            // The last one without `Connection`.
            Self::Upgrade => &["", "websocket", "h2c", "h2c, websocket", "-"],
            Self::Client => &["", "10.1.0.1", "10.1.128.1", "10.2.0.1", "11.0.0.1", "11.0.0.2"],
            Self::Scheme => &["", "http", "https", "ws"],
            Self::Version => &["1.0", "1.1", "2"],
        }
    }

    fn put(self, value: &str, (request, peer): &mut Asked) {
        match self {
            _ if value.is_empty() => {}
            Self::Path => {
                let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
                *request.uri_mut() = format!("{value}{query}").parse().unwrap();
            }
            Self::Query => *request.uri_mut() = format!("{}?{value}", request.uri().path()).parse().unwrap(),
            Self::Host => drop(request.headers_mut().insert("host", value.parse().unwrap())),
            Self::Method => *request.method_mut() = value.parse().unwrap(),
            // Two values of one field.
            Self::Header => value.split(',').for_each(|value| {
                request.headers_mut().append("x", value.parse().unwrap());
            }),
            Self::Cookie => drop(request.headers_mut().insert("cookie", value.parse().unwrap())),
            // Several lines.
            Self::ContentType => value.split('|').for_each(|value| {
                request.headers_mut().append("content-type", value.parse().unwrap());
            }),
            Self::Accept => value.split('|').for_each(|value| {
                request.headers_mut().append("accept", value.parse().unwrap());
            }),
            Self::Upgrade => {
                if value != "-" {
                    request.headers_mut().insert("connection", "upgrade".parse().unwrap());
                }
                request.headers_mut().insert("upgrade", value.parse().unwrap());
            }
            Self::Client => peer.addr = Some(SocketAddr::new(value.parse().unwrap(), 1)),
            Self::Scheme => peer.scheme = Some(Scheme::try_from(value).unwrap()),
            Self::Version => {
                *request.version_mut() = match value {
                    "1.0" => Version::HTTP_10,
                    "2" => Version::HTTP_2,
                    _ => Version::HTTP_11,
                };
            }
        }
    }
}

type Setter = fn(Route) -> Route;

/// Every kind of condition, and those of one kind that contain each other.
const CONDITIONS: &[(Part, Setter)] = &[
    (Part::Path, |r| r.path_regex("/a/[0-9]+")),
    (Part::Path, |r| r.path_regex("/a/[0-9]")),
    (Part::Path, |r| r.path_regex("/[a-z].*")),
    (Part::Path, |r| r.when("!Path(`/a`)")),
    (Part::Path, |r| r.when("!PathPrefix(`/a`)")),
    (Part::Path, |r| r.when("!PathRegexp(`/[a-z]`)")),
    (Part::Path, |r| r.when("PathRegexp(`/a/[0-9]`) && !Path(`/a/1`)")),
    (Part::Path, |r| r.when("PathRegexp(`/[0-9]`) || Path(`/b`)")),
    (Part::Path, |r| r.when("PathPrefix(`/a`) || Path(`/b`)")),
    (Part::Host, |r| r.host("a.com")),
    (Part::Host, |r| r.host("a.com:80")),
    (Part::Host, |r| r.host("*.com")),
    (Part::Host, |r| r.host("*.com:80")),
    (Part::Host, |r| r.host("{h}.a.com")),
    (Part::Host, |r| r.host("{h:[a-z]+}.a.com")),
    (Part::Host, |r| r.host("**.com")),
    (Part::Host, |r| r.host_regex("[a-z.]+")),
    (Part::Host, |r| r.host_regex("[a-z]+[.]com")),
    (Part::Host, |r| r.when("!Host(`a.com`)")),
    (Part::Host, |r| r.when("!Host(`a.com:80`)")),
    (Part::Host, |r| r.when("!Host(`*.com`)")),
    (Part::Host, |r| r.when("!HostRegexp(`[a-z]+[.]com`)")),
    (Part::Host, |r| r.when("!(Host(`a.com`) && Host(`*.com:80`))")),
    (Part::Host, |r| r.when("Host(`**.com`) && !Host(`*.a.com`)")),
    (Part::Method, |r| r.method(Method::GET)),
    (Part::Method, |r| r.method(Method::GET).method(Method::POST)),
    (Part::Method, |r| r.method(Method::PUT)),
    (Part::Method, |r| r.method(Method::HEAD)),
    (Part::Method, |r| r.when("!Method(`GET`)")),
    (Part::Method, |r| r.method(Method::PUT).method(Method::POST)),
    (Part::Method, |r| r.when("MethodRegexp(`P.*`)")),
    (Part::Method, |r| r.when("MethodRegexp(`PUT`)")),
    (Part::Method, |r| r.when("MethodRegexp(`[A-O].*`)")),
    (Part::Method, |r| r.when("!MethodRegexp(`P.*`)")),
    (Part::Method, |r| r.when("!Method(`PUT`) && !Method(`POST`)")),
    (Part::Header, |r| r.header_present("x")),
    (Part::Header, |r| r.header_absent("x")),
    (Part::Header, |r| r.header("x", "1")),
    (Part::Header, |r| r.header_regex("x", "[0-9]+")),
    (Part::Header, |r| r.header_regex("x", "[0-9]")),
    (Part::Header, |r| r.header_all_values("x", "[0-9]+")),
    (Part::Header, |r| r.header_all_values("x", "[0-9]")),
    (Part::Header, |r| r.when("!Header(`x`, `1`)")),
    (Part::Header, |r| r.when("Header(`x`, `1`) || Header(`x`, `a`)")),
    (Part::Query, |r| r.query_present("v")),
    (Part::Query, |r| r.query_absent("v")),
    (Part::Query, |r| r.query("v", "1")),
    (Part::Query, |r| r.query("v", "{q}")),
    (Part::Query, |r| r.query("v", "{q:[0-9]+}")),
    (Part::Query, |r| r.query_regex("v", "[0-9]")),
    (Part::Query, |r| r.when("!Query(`v`, `1`)")),
    (Part::Cookie, |r| r.cookie_present("t")),
    (Part::Cookie, |r| r.cookie("t", "1")),
    (Part::Cookie, |r| r.header_present("cookie")),
    (Part::Cookie, |r| r.header_absent("cookie")),
    (Part::Cookie, |r| r.header_regex("cookie", ".*=.*")),
    (Part::Cookie, |r| r.header_regex("cookie", "t=1")),
    (Part::Cookie, |r| r.when("!Cookie(`t`)")),
    (Part::Cookie, |r| r.when("!Cookie(`t`, `1`)")),
    (Part::ContentType, |r| r.content_type("application/json")),
    (Part::ContentType, |r| r.content_type("application/*")),
    (Part::ContentType, |r| r.content_type("application/json").content_type("text/plain")),
    (Part::ContentType, |r| r.header_present("content-type")),
    (Part::ContentType, |r| r.header_absent("content-type")),
    (Part::ContentType, |r| r.header_regex("content-type", "application/.*")),
    (Part::ContentType, |r| r.header_regex("content-type", "(?i)application/.*")),
    (Part::ContentType, |r| r.header("content-type", "application/xml")),
    (Part::ContentType, |r| r.when("!ContentType(`application/json`)")),
    (Part::ContentType, |r| r.when("!ContentType(`application/*`)")),
    (Part::Accept, |r| r.accept("image/png")),
    (Part::Accept, |r| r.accept("image/*")),
    (Part::Accept, |r| r.accept("*/*")),
    (Part::Accept, |r| r.accept("image/png").accept("text/plain")),
    (Part::Accept, |r| r.header_present("accept")),
    (Part::Accept, |r| r.header_absent("accept")),
    (Part::Accept, |r| r.header("accept", "image/png")),
    (Part::Accept, |r| r.when("!Accept(`image/png`)")),
    (Part::Accept, |r| r.when("!Accept(`image/*`)")),
    (Part::Upgrade, |r| r.upgrade("websocket")),
    (Part::Upgrade, |r| r.upgrade("websocket").upgrade("h2c")),
    (Part::Upgrade, |r| r.upgrade("websocket").version(Version::HTTP_11)),
    (Part::Upgrade, |r| r.header_present("upgrade").version(Version::HTTP_11)),
    (Part::Upgrade, |r| r.when("!Upgrade(`websocket`)")),
    (Part::Upgrade, |r| r.when("!(Upgrade(`websocket`) || Upgrade(`h2c`))")),
    (Part::Client, |r| r.client_ip("10.1.0.0/17").client_ip("10.1.128.0/17")),
    (Part::Client, |r| r.client_ip("10.1.0.0/17").client_ip("10.1.128.0/17").client_ip("11.0.0.1")),
    (Part::Client, |r| r.when("!(ClientIP(`10.0.0.0/8`) || ClientIP(`11.0.0.1`))")),
    (Part::Client, |r| r.client_ip("10.0.0.0/8")),
    (Part::Client, |r| r.client_ip("10.1.0.0/16")),
    (Part::Client, |r| r.client_ip("10.1.0.1").client_ip("11.0.0.1")),
    (Part::Client, |r| r.when("!ClientIP(`10.0.0.0/8`)")),
    (Part::Client, |r| r.when("!ClientIP(`10.1.0.0/16`)")),
    (Part::Scheme, |r| r.scheme("http")),
    (Part::Scheme, |r| r.scheme("http").scheme("https")),
    (Part::Version, |r| r.version(Version::HTTP_2)),
    (Part::Version, |r| r.version(Version::HTTP_2).version(Version::HTTP_11)),
    (Part::Version, |r| r.when("!Version(`HTTP/2`)")),
];

const PATHS: &[fn() -> Route] = &[
    Route::new,
    || Route::any("/a"),
    || Route::prefix("/"),
    || Route::prefix("/a"),
    || Route::any("/{x}"),
    || Route::any("/{x:[0-9]+}"),
    || Route::any("/a/{x}"),
    || Route::any("/a/{x:[0-9]+}"),
    || Route::any("/{*x}"),
    || Route::any("/a/{*x}"),
    || Route::any("/a/{x?}"),
    || Route::any("/a{x}"),
];

/// A small generator with a fixed seed.
struct Draw(u64);

impl Draw {
    fn of(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// A path and up to two conditions on different parts, as indices.
    fn route(&mut self) -> (usize, Vec<usize>) {
        let path = self.of(PATHS.len());
        let mut conditions: Vec<usize> = Vec::new();
        for _ in 0..self.of(3) {
            let condition = self.of(CONDITIONS.len());
            if conditions.iter().all(|other| CONDITIONS[*other].0 != CONDITIONS[condition].0) {
                conditions.push(condition);
            }
        }
        (path, conditions)
    }
}

fn route((path, conditions): &(usize, Vec<usize>)) -> Route {
    conditions.iter().fold(PATHS[*path](), |route, condition| CONDITIONS[*condition].1(route))
}

/// All requests that differ in the parts that a pair of routes looks at.
fn requests(parts: &[Part]) -> Vec<Asked> {
    let mut all = vec![(Request::get("/").body(()).unwrap(), Peer::default())];
    for part in parts {
        all = all
            .iter()
            .flat_map(|asked| {
                part.values().iter().map(move |value| {
                    let mut asked = asked.clone();
                    part.put(value, &mut asked);
                    asked
                })
            })
            .collect();
    }
    all
}

/// What is known of a pair of routes, drawn as indices.
#[derive(PartialEq)]
enum Pair {
    NoSubset,
    Wins,
    Linted,
    Conflict,
    Lost(String),
}

/// A drawn route, and which requests of a list it matches.
type Known = ((usize, Vec<usize>), Vec<bool>);

fn known(drawn: (usize, Vec<usize>), requests: &[Asked]) -> Known {
    let table = Table::builder().route(route(&drawn).value(())).build();
    let table = table.unwrap_or_else(|errors| panic!("{errors}"));
    let matched = requests.iter().map(|(request, peer)| table.find(request, peer).is_ok()).collect();
    (drawn, matched)
}

/// Decides by enumeration whether the first route matches a strict subset of the second one, and what a table of both makes
/// of it, added in these orders.
fn compare((a, of_a): &Known, (b, of_b): &Known, requests: &[Asked], orders: &[[usize; 2]]) -> Pair {
    let sets = || of_a.iter().copied().zip(of_b.iter().copied());
    let is_subset = sets().all(|(one, other)| !one || other)
        && sets().any(|(one, _)| one)
        && sets().any(|(one, other)| !one && other);
    if !is_subset {
        return Pair::NoSubset;
    }
    let mut result = Pair::Wins;
    for order in orders {
        let order = order.map(|place| [a, b][place]);
        let builder = order.map(route).into_iter().enumerate();
        let builder = builder.fold(Table::builder(), |builder, (i, route)| builder.route(route.value(i)));
        let table = match builder.build() {
            Ok(table) => table,
            // An alternative of one route may be the whole other route: the error names both.
            Err(errors) => {
                let conflict = errors.iter().all(|e| matches!(e.kind, BuildErrorKind::Conflict { .. }));
                let alternatives = [a, b].map(|drawn| {
                    let table = Table::builder().route(route(drawn).value(())).build().unwrap();
                    table.alternatives(0).count()
                });
                if !conflict || alternatives == [1, 1] {
                    return Pair::Lost(errors.to_string());
                }
                result = Pair::Conflict;
                continue;
            }
        };
        let narrow = usize::from(order[0] != a);
        let lints = table.lints();
        let is_shadowed = |lint: &Lint| {
            matches!(lint.kind, LintKind::Shadowed { .. } | LintKind::ShadowedAlternatives { .. })
        };
        if lints.iter().any(is_shadowed) {
            result = Pair::Linted;
            continue;
        }
        for ((request, peer), _) in requests.iter().zip(of_a).filter(|(_, is_in_a)| **is_in_a) {
            let found = *table.find(request, peer).unwrap().value();
            if found != narrow {
                return Pair::Lost(format!("{request:?} {peer:?}\n{table}\n{lints:?}"));
            }
        }
    }
    result
}

/// Compares all pairs of some routes, and returns those that lose silently.
fn lost(drawn: impl Iterator<Item = (usize, Vec<usize>)>, parts: &[Part]) -> Vec<String> {
    let requests = requests(parts);
    let known: Vec<Known> = drawn.map(|drawn| known(drawn, &requests)).collect();
    let pairs = (0..known.len()).flat_map(|a| (0..known.len()).map(move |b| (a, b)));
    let lost = pairs.filter_map(|(a, b)| {
        // Other tests compare the orders.
        let order = if (a + b) % 2 == 0 { [0, 1] } else { [1, 0] };
        match compare(&known[a], &known[b], &requests, &[order]) {
            Pair::Lost(why) => Some(why),
            _ => None,
        }
    });
    lost.collect()
}

/// For all pairs of conditions on one part of a request.
#[test]
fn strict_subsets_of_one_part_win_or_are_linted() {
    for (i, (part, _)) in CONDITIONS.iter().enumerate() {
        if CONDITIONS[..i].iter().all(|(other, _)| other != part) {
            let of_part = || (i..CONDITIONS.len()).filter(|i| CONDITIONS[*i].0 == *part);
            for path in [0, 1] {
                let lost = lost(of_part().map(|condition| (path, vec![condition])), &[Part::Path, *part]);
                assert!(lost.is_empty(), "{}\n{}", lost.len(), lost.join("\n\n"));
            }
        }
    }
}

/// For all pairs of paths, with or without one more condition on the path.
#[test]
fn strict_subsets_of_paths_win_or_are_linted() {
    let of_paths = (0..CONDITIONS.len()).filter(|i| CONDITIONS[*i].0 == Part::Path).map(|i| vec![i]);
    let conditions: Vec<Vec<usize>> = of_paths.chain([Vec::new()]).collect();
    let drawn = (0..PATHS.len()).flat_map(|path| conditions.iter().map(move |own| (path, own.clone())));
    let lost = lost(drawn, &[Part::Path]);
    assert!(lost.is_empty(), "{}\n{}", lost.len(), lost.join("\n\n"));
}

/// For pairs of routes over all kinds of conditions, whatever the order of registration.
#[test]
fn strict_subsets_win_or_are_linted() {
    let mut draw = Draw(7);
    let (mut pairs, mut subsets, mut linted) = (0, 0, 0);
    while pairs < 800 {
        let (a, b) = (draw.route(), draw.route());
        // Half of the pairs share their path or a condition, so that there is something to compare.
        let b = if draw.of(2) == 0 { (a.0, b.1) } else { b };
        let mut parts = vec![Part::Path];
        for condition in a.1.iter().chain(&b.1) {
            if !parts.contains(&CONDITIONS[*condition].0) {
                parts.push(CONDITIONS[*condition].0);
            }
        }
        if parts.len() > 4 {
            continue;
        }
        pairs += 1;
        let requests = requests(&parts);
        match compare(&known(a, &requests), &known(b, &requests), &requests, &[[0, 1], [1, 0]]) {
            Pair::NoSubset => continue,
            Pair::Lost(why) => panic!("{why}"),
            result => linted += usize::from(result == Pair::Linted),
        }
        subsets += 1;
    }
    assert!(subsets > 60, "{subsets} of {pairs} pairs are subsets, {linted} linted");
}
