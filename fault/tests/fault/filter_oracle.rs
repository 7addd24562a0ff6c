//! The filter: tables, and all lists against a slow and obvious oracle.

use http::{Method, Request};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use waylay_fault::{Counts, SkipReason, error};

use crate::support::{always, block_on, get, is_injected, request, send};

const PATTERNS: [&str; 27] = [
    "/",
    "/a",
    "/a/",
    "/A",
    "/a/b",
    "/a/*",
    "/a/b/*",
    "/*",
    "/{x}",
    "/{y}",
    "/{x}/",
    "/{x}/b",
    "/a/{x}",
    "/a/{y}/c",
    "/{x}/{y}",
    "/{x}/*",
    "/p-{x}",
    "/{x}.png",
    "/p-{x}.png",
    "/a b",
    "/a%2Fb",
    "/a%2fb",
    "/100%25",
    "/é",
    "/a/{*rest}",
    "/{{x}}",
    "/%25zz",
];
const SEGMENTS: [&str; 19] = [
    "a", "b", "c", "A", "", "p-1", "1.png", "p-1.png", "p-.png", "a%20b", "a%2Fb", "a%2fb", "100%25",
    "%C3%A9", "%61", "%zz", "%7Bx%7D", "%ff", "%252F",
];
const PROBES: [&str; 6] =
    ["/healthz", "/livez", "/readyz", "/health", "/metrics", "/grpc.health.v1.Health/Check"];

/// The segments of a path, each decoded to bytes without a library.
fn decoded(path: &str) -> Vec<Vec<u8>> {
    let hex = |digit: Option<&u8>| digit.and_then(|digit| char::from(*digit).to_digit(16));
    let decode = |segment: &str| {
        let (bytes, mut out, mut at) = (segment.as_bytes(), Vec::new(), 0);
        while at < bytes.len() {
            match (bytes[at], hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
                (b'%', Some(high), Some(low)) => {
                    out.push((high * 16 + low) as u8);
                    at += 3;
                }
                (byte, ..) => {
                    out.push(byte);
                    at += 1;
                }
            }
        }
        out
    };
    path.split('/').map(decode).collect()
}

fn segment_matches(pattern: &str, segment: &[u8]) -> bool {
    let escaped = pattern.contains("{{");
    match (pattern.find('{'), pattern.find('}')) {
        (Some(open), Some(close)) if !escaped => {
            let (prefix, suffix) = (&pattern.as_bytes()[..open], &pattern.as_bytes()[close + 1..]);
            segment.len() > prefix.len() + suffix.len()
                && segment.starts_with(prefix)
                && segment.ends_with(suffix)
        }
        _ => decoded(&pattern.replace("{{", "{").replace("}}", "}"))[0] == segment,
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let segments = decoded(path);
    let (prefix, least) = match (pattern.strip_suffix("/*"), pattern.strip_suffix("/{*rest}")) {
        (Some(prefix), _) => (Some(prefix), 0),
        (_, Some(prefix)) => (Some(prefix), 1),
        _ => (None, 0),
    };
    let parts: Vec<&str> = prefix.unwrap_or(pattern).split('/').collect();
    let heads = segments.len() >= parts.len()
        && parts.iter().zip(&segments).all(|(part, segment)| segment_matches(part, segment));
    // A tail that must not be empty does not match a slash alone.
    let rest =
        segments.get(parts.len()..).map_or(0, |rest| rest.join(&b'/').len() + usize::from(rest.len() > 1));
    match prefix {
        Some(_) => heads && (least == 0 || rest > 0),
        None => heads && segments.len() == parts.len(),
    }
}

#[derive(Debug, Clone)]
struct Case {
    enabled: bool,
    protect: bool,
    paths: [Vec<&'static str>; 2],
    headers: [Vec<(&'static str, &'static str)>; 2],
    path: String,
    sent: Vec<(&'static str, &'static str)>,
}

impl Case {
    fn request(&self) -> Request<String> {
        request(Method::GET, &self.path, &self.sent)
    }

    /// The expected decision, as documented; `None` if the fault is idle.
    fn expected(&self) -> Option<Result<(), SkipReason>> {
        if !self.enabled {
            return None;
        }
        let probe = PROBES.contains(&&*self.path) || self.sent.contains(&("user-agent", "kube-probe/1.30"));
        let [block_paths, allow_paths] = &self.paths;
        let [block_headers, allow_headers] = &self.headers;
        let path_in = |list: &[&str]| list.iter().any(|pattern| path_matches(pattern, &self.path));
        let header_in = |list: &[(&str, &str)]| {
            let equal = |wanted: &(&str, &str), sent: &(&str, &str)| {
                wanted.0.eq_ignore_ascii_case(sent.0) && wanted.1 == sent.1
            };
            list.iter().any(|wanted| self.sent.iter().any(|sent| equal(wanted, sent)))
        };
        let blocked = path_in(block_paths) || header_in(block_headers);
        let allowed = (allow_paths.is_empty() || path_in(allow_paths))
            && (allow_headers.is_empty() || header_in(allow_headers));
        Some(match (self.protect && probe, blocked, allowed) {
            (true, ..) => Err(SkipReason::Protected),
            (_, false, true) => Ok(()),
            _ => Err(SkipReason::NoMatch),
        })
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let pairs = vec![
        ("x-a", "1"),
        ("X-A", "2"),
        ("x-b", "1"),
        ("x-b", ""),
        ("user-agent", "kube-probe/1.30"),
        ("x-c", "é"),
    ];
    let patterns = || subsequence(PATTERNS.to_vec(), 0..6).prop_shuffle();
    let segments = prop::collection::vec(select(SEGMENTS.to_vec()), 0..4)
        .prop_map(|segments| format!("/{}", segments.join("/")));
    let path = prop_oneof![9 => segments, 1 => select(PROBES.to_vec()).prop_map(str::to_owned)];
    let few = |most| subsequence(pairs.clone(), 0..=most);
    let lists = (patterns(), patterns(), few(2), few(3));
    (prop::bool::weighted(0.9), any::<bool>(), lists, path, few(4)).prop_map(
        |(enabled, protect, lists, path, sent)| {
            let (block_paths, allow_paths, block_headers, allow_headers) = lists;
            Case {
                enabled,
                protect,
                paths: [block_paths, allow_paths],
                headers: [block_headers, allow_headers],
                path,
                sent,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filters_agree_with_the_oracle(case in cases()) {
        let fault = always(error(500))
            .enabled(case.enabled)
            .protect_probes(case.protect)
            .block_paths(case.paths[0].iter().copied())
            .allow_paths(case.paths[1].iter().copied())
            .block_headers(case.headers[0].iter().copied())
            .allow_headers(case.headers[1].iter().copied())
            .build()
            .unwrap();
        let expected = case.expected();
        prop_assert_eq!(block_on(is_injected(&fault, case.request())), expected == Some(Ok(())));

        let mut wanted = Counts::default();
        wanted.seen = u64::from(expected.is_some());
        wanted.injected = u64::from(expected == Some(Ok(())));
        wanted.protected = u64::from(expected == Some(Err(SkipReason::Protected)));
        wanted.no_match = u64::from(expected == Some(Err(SkipReason::NoMatch)));
        prop_assert_eq!(fault.control().counts(), wanted);
    }
}

#[tokio::test]
async fn paths() {
    let rows = [
        ("/a", "/a", true),
        ("/a", "/a?b=c", true),
        ("/a", "/a/", false),
        ("/a", "/A", false),
        ("/a", "/a/b", false),
        ("/a", "//a", false),
        ("/a", "/%61", true),
        ("/a b", "/a%20b", true),
        ("/a/b", "/a%2Fb", false),
        ("/a%2Fb", "/a%2fb", true),
        ("/a/*", "/a", true),
        ("/a/*", "/a/", true),
        ("/a/*", "/a/b/c", true),
        ("/a/*", "/ab", false),
        ("/*", "/", true),
        ("/*", "/a/b", true),
        ("/users/{id}", "/users/7", true),
        ("/users/{id}", "/users/", false),
        ("/users/{id}", "/users/7/orders", false),
        ("/users/{id}", "/users/a%2Fb", true),
        ("/users/{id}/*", "/users/7", true),
        ("/users/{id}/*", "/users/7/orders/8", true),
        ("/img-{id}.png", "/img-7.png", true),
        ("/img-{id}.png", "/img-.png", false),
        ("/100%25", "/100%25", true),
        ("/caf\u{e9}", "/caf%C3%A9", true),
    ];
    for (pattern, path, wanted) in rows {
        let allow = always(error(500)).allow_paths([pattern]).build().unwrap();
        assert_eq!(is_injected(&allow, get(path)).await, wanted, "allow {pattern}, {path}");
        let block = always(error(500)).block_paths([pattern]).build().unwrap();
        assert_eq!(is_injected(&block, get(path)).await, !wanted, "block {pattern}, {path}");
    }
}

/// Templates that one table cannot hold together are allowed in a list.
#[tokio::test]
async fn overlapping_templates() {
    let patterns = ["/{a}/x", "/{b}/x", "/y/{c}", "/{*rest}", "/y/{d}", "/{a}"];
    let fault = always(error(500)).allow_paths(patterns).build().unwrap();
    for path in ["/1/x", "/y/1", "/1", "/1/2/3"] {
        assert!(is_injected(&fault, get(path)).await, "{path}");
    }
    assert!(!is_injected(&fault, get("/")).await);
}

#[tokio::test]
async fn any_of_several_values_counts() {
    let fault = always(error(500)).allow_headers([("X-Chaos", "1"), ("x-other", "")]).build().unwrap();
    let rows: [(&[(&str, &str)], bool); 9] = [
        (&[("x-chaos", "1")], true),
        (&[("x-chaos", "0"), ("x-chaos", "1")], true),
        (&[("x-chaos", "1"), ("x-chaos", "0")], true),
        (&[("x-chaos", "1, 2")], false),
        (&[("x-chaos", "01")], false),
        (&[("x-chaos", "")], false),
        (&[("x-other", "")], true),
        (&[("x-other", "1")], false),
        (&[], false),
    ];
    for (headers, wanted) in rows {
        assert_eq!(is_injected(&fault, request(Method::GET, "/", headers)).await, wanted, "{headers:?}");
    }
}

#[tokio::test]
async fn lists_are_replaced_and_empty_lists_are_ignored() {
    let fault = always(error(500)).allow_paths(["/a"]).allow_paths(["/b"]).build().unwrap();
    assert!(!is_injected(&fault, get("/a")).await && is_injected(&fault, get("/b")).await);
    let none: [&str; 0] = [];
    let fault = always(error(500)).allow_paths(["/a"]).allow_paths(none).block_paths(none).build().unwrap();
    assert!(is_injected(&fault, get("/b")).await);
}

#[tokio::test]
async fn probes_are_protected_by_default() {
    let agents = [("user-agent", "kube-probe/1.31"), ("user-agent", "curl/8")];
    let requests = || {
        let probes = PROBES.map(|path| (get(path), true));
        let near = ["/healthz/", "/health/live", "/Metrics", "/grpc.health.v1.Healthy/Check"]
            .map(|path| (get(path), false));
        let agents = [true, false]
            .into_iter()
            .zip(agents)
            .map(|(probe, agent)| (request(Method::GET, "/", &[agent]), probe));
        probes.into_iter().chain(near).chain(agents)
    };
    for protect in [true, false] {
        let fault = always(error(500)).protect_probes(protect).build().unwrap();
        for (request, probe) in requests() {
            let path = request.uri().clone();
            assert_eq!(is_injected(&fault, request).await, !(probe && protect), "{path}");
        }
    }
}

/// Block lists, allow lists and probes take precedence over a participation of 1; so do an inner
/// layer's routes.
#[cfg(feature = "axum")]
#[tokio::test]
async fn routes_of_axum() {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get as route;
    use tower::ServiceExt;

    let rows: [(&[&str], &[&str], &[&str]); 6] = [
        (&[], &["/orders/{id}"], &["/orders/7"]),
        (&["/orders/{id}"], &[], &["/orders", "/nested/deep/7", "/unknown"]),
        (&["/orders"], &["/orders", "/orders/{id}"], &["/orders/7"]),
        (&[], &["/nested/deep/{id}"], &["/nested/deep/7"]),
        (&[], &["/orders/7"], &[]),
        (&[], &["/unknown"], &[]),
    ];
    for (block, allow, injected) in rows {
        let fault =
            always(error(500)).block_routes(block.iter().copied()).allow_routes(allow.iter().copied());
        let fault = fault.build().unwrap();
        let app = Router::new()
            .route("/orders", route(async || "all"))
            .route("/orders/{id}", route(async || "one"))
            .nest("/nested", Router::new().route("/deep/{id}", route(async || "deep")).layer(fault.layer()))
            .layer(fault.layer().boxed());
        // Nested routes pass the layer of the fault twice, with the same decision.
        for path in ["/orders", "/orders/7", "/nested/deep/7", "/unknown"] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let status = app.clone().oneshot(request).await.unwrap().status();
            assert_eq!(status == 500, injected.contains(&path), "{block:?} {allow:?} {path}");
        }
    }
    let errors = always(error(500)).allow_routes(["/ok", ""]).build().unwrap_err();
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, ["allow_routes[1]: `` is not a path pattern: it does not begin with `/`"]);
}

/// Unusual targets from the network are compared and never panic.
#[tokio::test]
async fn unusual_targets() {
    let fault = always(error(500)).allow_paths(["/{x}", "/*"]).block_paths(["/a"]).build().unwrap();
    for target in ["*", "http://host", "http://host/%", "/%%%", "/%f0%9f", "/\u{e9}", "//", "/?", "/{x}"] {
        let Ok(uri) = target.parse::<http::Uri>() else { continue };
        let mut request = get("/");
        *request.uri_mut() = uri;
        send(&fault, request).await;
    }
    assert_eq!(fault.control().counts().seen, 9);
}
