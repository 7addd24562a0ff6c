//! Paths that other programs read differently: the settings of the policy against a slow, obvious reading.

use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;
use waylay_router::{
    AmbiguousPath, BadRequest, Body, ConditionLint, EmptySegments, LintKind, Peer, Policy, Reason, Route,
    Router, Table, TrailingSlash,
};

use crate::get;

const ACCEPT: AmbiguousPath = AmbiguousPath::Accept;
const REJECT: AmbiguousPath = AmbiguousPath::Reject;

/// Every combination of the settings.
fn policies() -> Vec<Policy> {
    let mut policies = vec![Policy::default()];
    let mut each = |settings: &[fn(Policy) -> Policy]| {
        policies = policies.iter().flat_map(|policy| settings.iter().map(|set| set(*policy))).collect();
    };
    each(&[
        |policy| policy.empty_segments(EmptySegments::Keep),
        |policy| policy.empty_segments(EmptySegments::Merge),
        |policy| policy.empty_segments(EmptySegments::Reject),
    ]);
    each(&[|policy| policy.encoded_slashes(ACCEPT), |policy| policy.encoded_slashes(REJECT)]);
    each(&[|policy| policy.backslashes(ACCEPT), |policy| policy.backslashes(REJECT)]);
    each(&[|policy| policy.dot_parameters(ACCEPT), |policy| policy.dot_parameters(REJECT)]);
    policies
}

/// Paths of these parts.
const PARTS: [&str; 9] = ["/", "a", ".", "%2e", "%2F", "%5c", "\\", ";", "%3B"];

/// Returns the canonical path, part by part; nothing if the request is rejected.
fn expected(parts: &[&str], policy: Policy) -> Option<String> {
    let has = |names: &[&str]| parts.iter().any(|part| names.contains(part));
    let decoded: String = parts
        .iter()
        .map(|part| match *part {
            "%2e" => ".",
            "%2F" => "/",
            "%5c" => "\\",
            "%3B" => ";",
            other => other,
        })
        .collect();
    let is_parameter = |segment: &str| segment.starts_with(".;") || segment.starts_with("..;");
    let is_set = |set: fn(Policy) -> Policy| set(policy) == policy;
    if is_set(|policy| policy.encoded_slashes(REJECT)) && has(&["%2F"])
        || is_set(|policy| policy.backslashes(REJECT)) && has(&["%5c", "\\"])
        || is_set(|policy| policy.dot_parameters(REJECT)) && decoded.split(['/', '\\']).any(is_parameter)
    {
        return None;
    }
    let canonical: String = parts
        .iter()
        .map(|part| match *part {
            "%2e" => ".",
            "%5c" | "\\" => "%5C",
            other => other,
        })
        .collect();
    let path = format!("/{canonical}");
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return None;
    }
    if is_set(|policy| policy.empty_segments(EmptySegments::Reject)) && path.contains("//") {
        return None;
    }
    let mut path = path;
    while is_set(|policy| policy.empty_segments(EmptySegments::Merge)) && path.contains("//") {
        path = path.replace("//", "/");
    }
    Some(path)
}

#[test]
fn agree_with_a_slow_reading() {
    let mut paths: Vec<Vec<&str>> = vec![Vec::new()];
    let mut last = paths.clone();
    for _ in 0..4 {
        last = last
            .iter()
            .flat_map(|path| PARTS.iter().map(move |part| [path.as_slice(), &[*part]].concat()))
            .collect();
        paths.extend(last.iter().cloned());
    }
    let (mut accepted, mut rejected) = (0, 0);
    for policy in policies() {
        let table = Table::builder().policy(policy).route(Route::new().value(())).build().unwrap();
        for parts in &paths {
            let target = format!("/{}", parts.concat());
            let request = Request::get(&target).body(()).unwrap();
            let found =
                table.find(&request, &Peer::default()).map(|found| found.into_matched().path().to_owned());
            let found = found.map_err(|miss| assert_eq!(miss.status(), 400, "{target}")).ok();
            assert_eq!(found, expected(parts, policy), "{target} {policy:?}");
            *if found.is_some() { &mut accepted } else { &mut rejected } += 1;
        }
    }
    assert!(accepted > 10_000 && rejected > 10_000, "{accepted} {rejected}");
}

/// Long paths are scanned in another way than short ones.
#[test]
fn empty_segments_anywhere() {
    let table = |empty_segments| {
        let policy = Policy::default().empty_segments(empty_segments);
        Table::builder().policy(policy).route(Route::prefix("/").value(())).build().unwrap()
    };
    let (merge, reject) = (table(EmptySegments::Merge), table(EmptySegments::Reject));
    for length in 1..140 {
        for at in 0..length {
            let mut path = format!("/{}", "a".repeat(length));
            path.insert(at, '/');
            let has_empty = at <= 1;
            for (path, has_empty) in [(path.clone(), has_empty), (path.replacen('/', "//", 2), true)] {
                let request = Request::get(&path).body(()).unwrap();
                let found = merge.find(&request, &Peer::default()).unwrap().into_matched();
                assert!(!found.path().contains("//"), "{path}");
                assert_eq!(found.path() == path, !has_empty, "{path}");
                let found = reject.find(&request, &Peer::default()).map(|_| ()).map_err(|miss| miss.reason);
                let expected = Err(Reason::BadRequest(BadRequest::EmptySegment));
                assert_eq!(found, if has_empty { expected } else { Ok(()) }, "{path}");
            }
        }
    }
}

#[test]
fn reasons() {
    for (policy, target, reason) in [
        (Policy::strict(), "/a//b", BadRequest::EmptySegment),
        (Policy::strict(), "/a%2fb", BadRequest::EncodedSlash),
        (Policy::strict(), "/a%5Cb", BadRequest::Backslash),
        (Policy::strict(), "/a\\b", BadRequest::Backslash),
        (Policy::strict(), "/a/..;x=1/b", BadRequest::DotParameter),
        (Policy::strict(), "/a/%2e%2E%3b/b", BadRequest::DotParameter),
        (Policy::strict(), "/a/.;", BadRequest::DotParameter),
        (Policy::strict(), "/a/../b", BadRequest::DotSegment),
        (Policy::gorilla().empty_segments(EmptySegments::Reject), "/a%2F/b", BadRequest::EmptySegment),
        (Policy::gorilla().empty_segments(EmptySegments::Reject), "//a", BadRequest::EmptySegment),
        (Policy::gorilla().encoded_slashes(REJECT), "/a%2Fb", BadRequest::EncodedSlash),
        (Policy::gorilla().dot_parameters(REJECT), "/a%2F..;/b", BadRequest::DotParameter),
    ] {
        let table = Table::builder().policy(policy).route(Route::new().value(())).build().unwrap();
        let request = Request::get(target).header("host", "h").body(()).unwrap();
        let found = table.find(&request, &Peer::default()).map(|_| ()).map_err(|miss| miss.reason);
        assert_eq!(found, Err(Reason::BadRequest(reason)), "{target}");
    }
    for target in ["/", "/a/b/", "/a;x=1/b", "/...;x", "/a..;b", "/a/%3B", "/%2520"] {
        let table = Table::builder().policy(Policy::strict()).route(Route::new().value(())).build().unwrap();
        let request = Request::get(target).header("host", "h").body(()).unwrap();
        assert!(table.find(&request, &Peer::default()).is_ok(), "{target}");
    }
}

/// A mount, a redirect and a URL read the path as the table does.
#[tokio::test]
async fn merged_paths_are_matched_redirected_and_mounted() {
    let policy =
        Policy::default().empty_segments(EmptySegments::Merge).trailing_slash(TrailingSlash::Redirect);
    let inner = tower::service_fn(async |request: Request<Body>| {
        let own = request.uri().path().to_owned();
        let response = http::Response::builder().header("location", own.as_str());
        Ok::<_, std::convert::Infallible>(response.body(own).unwrap())
    });
    let router = Router::builder()
        .policy(policy)
        .route(Route::prefix("/in/{x}").mount(inner))
        .route(Route::get("/a/{b}/").to(async |matched: waylay_router::Matched| {
            format!("{} {}", matched.path(), matched.get("b").unwrap())
        }))
        .build()
        .unwrap();
    for (target, status, location, body) in [
        ("//a///b//", 200, "", "/a/b/ b"),
        ("/a//b", 308, "/a/b/", ""),
        ("//in//7///x//y", 200, "/in//7/x//y", "/x//y"),
        ("/in//7", 200, "/in//7/", "/"),
    ] {
        let response = router.clone().oneshot(get(target)).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{target}");
        let found = response.headers().get("location").map_or("", |value| value.to_str().unwrap()).to_owned();
        let text = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((found.as_str(), &*text), (location, body.as_bytes()), "{target}");
    }
}

#[test]
fn urls_are_paths_that_the_policy_accepts() {
    let table = Table::builder()
        .policy(Policy::strict())
        .route(Route::get("/files/{name}").name("file").value(()))
        .build()
        .unwrap();
    let urls = table.urls();
    for (name, accepted) in [("a.txt", true), ("a b", true), ("a/b", false), ("a\\b", false), ("..;x", false)]
    {
        let url = urls.builder("file").unwrap().set("name", name).build();
        assert_eq!(url.is_ok(), accepted, "{name}: {url:?}");
    }
}

#[test]
fn lints_of_paths_that_never_match_and_of_negated_paths() {
    let lints = |policy: Policy, route: Route| {
        let table = Table::builder().policy(policy).route(route.value(())).build().unwrap();
        table.lints().into_iter().map(|lint| lint.kind).collect::<Vec<_>>()
    };
    let merge = Policy::default().empty_segments(EmptySegments::Merge);
    for (policy, path, reason) in [
        (Policy::strict(), "/a//b", Some("the path holds an empty segment")),
        (merge, "/a//b", Some("the path holds an empty segment")),
        (Policy::strict(), "/a\\b/{c}", Some("the path holds a backslash")),
        (Policy::strict(), "/..;a/{c}", Some("the path holds a dot segment with parameters")),
        (Policy::strict(), "/a/{c}/", None),
        (Policy::default(), "/a//b", None),
    ] {
        let found = lints(policy, Route::get(path));
        let has = |kind: &LintKind| matches!(kind, LintKind::Condition(ConditionLint::Rejected { reason: r, .. }) if Some(r.as_str()) == reason);
        assert_eq!(found.iter().any(has), reason.is_some(), "{path} {found:?}");
        assert!(reason.is_some() || found.is_empty(), "{path} {found:?}");
    }
    let open = ["empty_segments", "encoded_slashes", "backslashes", "dot_parameters"];
    for (policy, rule, expected) in [
        (Policy::default(), "PathPrefix(`/`) && !PathPrefix(`/admin`)", &open[..]),
        (Policy::default(), "PathPrefix(`/`) && !PathRegexp(`/admin.*`)", &open),
        (Policy::default(), "!(Path(`/admin`) && Method(`GET`))", &open),
        (Policy::strict().backslashes(ACCEPT), "!Path(`/admin`)", &open[2..3]),
        (Policy::strict(), "!Path(`/admin`)", &[]),
        (Policy::default(), "!(!Path(`/admin`) && Method(`GET`))", &[]),
        (Policy::default(), "Path(`/admin`) && !Header(`x`)", &[]),
    ] {
        let found = lints(policy, Route::rule(rule)).into_iter().find_map(|kind| match kind {
            LintKind::Condition(ConditionLint::NegatedPath { settings, .. }) => Some(settings),
            _ => None,
        });
        assert_eq!(found.unwrap_or_default(), expected, "{rule}");
    }
}
