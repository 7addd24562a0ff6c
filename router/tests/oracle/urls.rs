//! Reverse URLs of random routes: a built URL is matched by the naive scan, and a matched one is built.

use http::Uri;
use waylay_router::{
    PathCleaning, PathForm, Peer, Precedence, QueryValues, Route, ScopeConditions, Table, TrailingSlash,
    UrlBuilder,
};

use crate::dice::Dice;
use crate::generate;
use crate::model::{Cond, Piece, Query, RouteCase, Rules, TableCase, write};
use crate::naive::Naive;
use crate::requests::TestRequest;
use crate::{REQUESTS, build, tables};

const TABLES: u64 = 100;

/// Values that a careless builder accepts.
const ODD: [&str; 36] = [
    "",
    ".",
    "..",
    "/",
    "a/b",
    "//evil.com",
    "a/../b",
    "a/",
    "caf\u{e9}",
    "a b",
    "50%",
    "%2F",
    "%61",
    "?",
    "#",
    "a?b#c",
    "a+b",
    "a&b=c",
    ";",
    "\u{0}",
    "a\nb",
    "\u{7f}",
    "-",
    "a-b",
    "A",
    "a.b",
    "a.",
    "[::1]",
    "a:80",
    "u@a",
    "1",
    "12",
    "ab",
    "x!",
    "\\",
    "{a}",
];

/// Only conditions that a URL can meet.
fn stripped(mut case: TableCase) -> TableCase {
    let levels = case.scopes.iter_mut().map(|scope| &mut scope.own);
    for own in levels.chain(case.routes.iter_mut().map(|route| &mut route.own)) {
        own.methods.clear();
        own.sealed = false;
        // A regex does not say what it would take, so that most such URLs are refused; but one without a
        // path is not: `Route::new().host("a").query_regex("q", "a")` is built as `http://a`.
        own.conds.retain(|cond| matches!(cond, Cond::Query(_, want) if *want != Query::Regex));
    }
    case
}

fn rules(dice: &mut Dice) -> Rules {
    let form = dice.one(&[PathForm::Canonical, PathForm::Canonical, PathForm::Decoded, PathForm::Raw]);
    // Otherwise routes that are equal would conflict.
    let native = generate::native(dice, Precedence::RegistrationOrder);
    Rules { form, slash: TrailingSlash::Strict, ..native }
}

/// Returns the variables of a route, in any order.
fn variables(case: &TableCase, place: usize) -> Vec<String> {
    let route = &case.routes[place];
    let mut names = Vec::new();
    let mut take = |pieces: &[Piece]| {
        names.extend(pieces.iter().filter_map(|p| {
            if let Piece::Var(name, _) | Piece::Optional(name, _) = p { Some(name.clone()) } else { None }
        }));
    };
    for level in case.chain(route.scope, &route.own) {
        level.path.iter().for_each(|(pieces, _)| take(pieces));
        level.hosts.iter().for_each(|host| take(&host.pieces));
        for cond in &level.conds {
            if let Cond::Query(_, Query::Template(pieces)) = cond {
                take(pieces);
            }
        }
    }
    names
}

/// Returns the URL, absolute if the route has a host, and the request for it.
fn sent(url: &UrlBuilder, hosts: bool) -> Option<(String, TestRequest)> {
    let text = if hosts { url.clone().scheme("http").absolute() } else { url.build() }.ok()?;
    let whole = if hosts { text.clone() } else { format!("http://h{text}") };
    let uri: Uri = whole.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let sent = TestRequest {
        method: "GET",
        path: uri.path().to_owned(),
        query: uri.query().map(str::to_owned),
        absolute: Some(("http", uri.authority().unwrap().to_string())),
        ..TestRequest::default()
    };
    Some((text, sent))
}

#[test]
fn built_urls_match() {
    tables(TABLES, rules, |case, mut dice| {
        let mut case = stripped(case);
        let table = build(&mut case);
        let urls = table.urls();
        // A build-only route is matched like all others here.
        case.routes.iter_mut().for_each(|route| route.build_only = false);
        let naive = Naive::new(&case);
        for _ in 0..REQUESTS {
            let place = dice.of(case.routes.len());
            let route = &case.routes[place];
            let hosts = case.chain(route.scope, &route.own).iter().any(|level| !level.hosts.is_empty());
            let mut url = urls.builder(&place.to_string()).unwrap();
            let mut values = Vec::new();
            for name in variables(&case, place) {
                let value =
                    if dice.once_in(3) { dice.pick(&ODD) } else { dice.pick(&["a", "b", "ab", "1", "a-b"]) };
                url = url.set(&name, value);
                values.push((name, value.to_owned()));
            }
            values.sort();
            let Some((text, sent)) = sent(&url, hosts) else { continue };
            assert!(
                text.starts_with(['/', '?', 'h']) && !text.starts_with("//"),
                "{text} {values:?}\n{case:?}"
            );
            let Some(read) = naive.reads(place, &sent) else { panic!("{text} {values:?}\n{case:?}") };
            let alike = |((_, a), (_, b)): (&(String, String), &(String, String))| {
                a == b || (hosts && a.eq_ignore_ascii_case(b))
            };
            let same = read.len() == values.len() && read.iter().zip(&values).all(alike);
            assert!(same, "{text} {read:?} {values:?}\n{case:?}");
        }
    });
}

/// Every request that a route matches has a URL with the same values.
#[test]
fn matched_urls_are_built() {
    let canonical = |dice: &mut Dice| {
        let form = dice.one(&[PathForm::Canonical, PathForm::Decoded]);
        // A tail is built with slashes for what may have been `%2F`, and path cleaning would merge them.
        Rules { form, query: QueryValues::Any, path_cleaning: PathCleaning::Reject, ..rules(dice) }
    };
    tables(TABLES, canonical, |case, mut dice| {
        let mut case = stripped(case);
        // If one key is required twice, the order of the pairs decides which value belongs to which.
        let once = |keys: Vec<&str>| (1..keys.len()).all(|i| !keys[..i].contains(&keys[i]));
        let routes = case.routes.iter().filter(|route| once(keys(&case, route)));
        case.routes = routes.cloned().collect();
        let table = build(&mut case);
        let urls = table.urls();
        // A build-only route is matched like all others here.
        case.routes.iter_mut().for_each(|route| route.build_only = false);
        let naive = Naive::new(&case);
        for _ in 0..REQUESTS {
            let request = TestRequest::of(&case, &mut dice);
            for place in 0..case.routes.len() {
                let Some(read) = naive.reads(place, &request) else { continue };
                // Two leading slashes are another host, and a value that is not text cannot be set.
                if request.path.starts_with("//") || read.iter().any(|(_, value)| value.starts_with('!')) {
                    continue;
                }
                let route = &case.routes[place];
                let chain = case.chain(route.scope, &route.own);
                let outer = chain.iter().find_map(|level| level.path.as_ref());
                // Of several hosts the innermost is built, which may lack the port of another.
                if chain.iter().map(|level| level.hosts.len()).sum::<usize>() > 1 {
                    continue;
                }
                if outer.is_some_and(|(pieces, _)| write(pieces).starts_with("//")) {
                    continue;
                }
                let hosts = chain.iter().any(|level| !level.hosts.is_empty());
                let asks = |cond: &Cond| !matches!(cond, Cond::Query(_, Query::Absent));
                if !hosts && !chain.iter().any(|level| level.path.is_some() || level.conds.iter().any(asks)) {
                    // A route without anything to build.
                    continue;
                }
                let unnamed = |piece: &Piece| matches!(piece, Piece::Var(name, _) if name.is_empty());
                if chain.iter().flat_map(|level| &level.hosts).any(|host| host.pieces.iter().any(unnamed)) {
                    continue;
                }
                let url =
                    read.iter().fold(urls.builder(&place.to_string()).unwrap(), |url, (k, v)| url.set(k, v));
                let Some((text, sent)) = sent(&url, hosts) else {
                    panic!("{:?} {request:?} {read:?}\n{case:?}", url.build());
                };
                assert_eq!(naive.reads(place, &sent).as_ref(), Some(&read), "{text} {request:?}\n{case:?}");
            }
        }
    });
}

/// Returns the query keys that a route requires, those of its scopes included.
fn keys(case: &TableCase, route: &RouteCase) -> Vec<&'static str> {
    let conds = case.chain(route.scope, &route.own).into_iter().flat_map(|level| &level.conds);
    conds.filter_map(|cond| if let Cond::Query(key, _) = cond { Some(*key) } else { None }).collect()
}

/// A route with an empty path in a scope with prefix `/`.
#[test]
fn an_empty_path_after_a_slash_is_the_root() {
    let mut builder = Table::builder();
    let scope = builder.scope(None, ScopeConditions::new().prefix("/"));
    builder.add(Some(scope), Route::get("").value(()));
    let request = http::Request::get("/").body(()).unwrap();
    assert!(builder.build().unwrap().find(&request, &Peer::default()).is_ok());
}
