//! Group `lookup`: `Table::find` against path routers, on the routes of matchit's benches.

use std::collections::HashMap;
use std::hint::black_box;

use http::header::HOST;
use http::{Method, Request};
use rustc_hash::FxBuildHasher;
use waylay_router::{Peer, Route, Table};

use crate::github::{ROUTES, path};
use crate::measure::{Contender, Pace, Sample, race};
use crate::peers::colon;
use crate::report::{Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "lookup", is_quick: true, measure, report };

/// Header that the guarded table requires.
const HEADER: (&str, &str) = ("x-tier", "gold");

/// Host of the requests.
const HOST_NAME: &str = "shop.test";

/// Creates a GET request with five headers.
pub fn request(target: &str) -> Request<()> {
    Request::get(target)
        .header("host", HOST_NAME)
        .header("user-agent", "ratios/1")
        .header("accept", "application/json")
        .header("accept-encoding", "gzip, br")
        .header(HEADER.0, HEADER.1)
        .body(())
        .expect("the targets of the benches are valid")
}

/// Builds a table whose values are the indices of the templates.
fn table(templates: &[&str], conditions: impl Fn(Route) -> Route) -> Table<usize> {
    let mut builder = Table::builder();
    for (index, template) in templates.iter().enumerate() {
        builder.add(None, conditions(Route::any(*template)).value(index));
    }
    builder.build().expect("the tables of the benches are valid")
}

#[inline(never)]
fn uri_path(request: &Request<()>) -> usize {
    request.uri().path().bytes().fold(0, |sum, byte| sum + usize::from(byte))
}

#[inline(never)]
fn find(table: &Table<usize>, request: &Request<()>) -> usize {
    match &table.find(request, &Peer::default()) {
        Ok(found) => *black_box(found).value(),
        Err(miss) => panic!("{miss:?}"),
    }
}

#[inline(never)]
fn find_read(table: &Table<usize>, request: &Request<()>) -> usize {
    let found = table.find(request, &Peer::default()).expect("every request has a route");
    for capture in found.captures() {
        black_box((capture.name(), capture.raw()));
    }
    *found.value()
}

#[inline(never)]
fn matchit_09(router: &matchit::Router<usize>, request: &Request<()>) -> usize {
    match &router.at(request.uri().path()) {
        Ok(found) => *black_box(found).value,
        Err(error) => panic!("{error}"),
    }
}

#[inline(never)]
fn matchit_09_read(router: &matchit::Router<usize>, request: &Request<()>) -> usize {
    let found = router.at(request.uri().path()).expect("every request has a route");
    for capture in found.params.iter() {
        black_box(capture);
    }
    *found.value
}

#[inline(never)]
fn matchit_08(router: &matchit_08::Router<usize>, request: &Request<()>) -> usize {
    match &router.at(request.uri().path()) {
        Ok(found) => *black_box(found).value,
        Err(error) => panic!("{error}"),
    }
}

#[inline(never)]
fn path_tree(router: &path_tree::PathTree<usize>, request: &Request<()>) -> usize {
    let found = router.find(request.uri().path()).expect("every request has a route");
    *black_box(&found).0
}

#[inline(never)]
fn wayfind(router: &wayfind::Router<usize>, request: &Request<()>) -> usize {
    let found = router.search(request.uri().path()).expect("every request has a route");
    *black_box(&found).data()
}

#[inline(never)]
fn xitca(router: &xitca_router::Router<usize>, request: &Request<()>) -> usize {
    let found = router.at(request.uri().path()).expect("every request has a route");
    *black_box(&found).value
}

#[inline(never)]
fn recognizer(router: &route_recognizer::Router<usize>, request: &Request<()>) -> usize {
    let found = router.recognize(request.uri().path()).expect("every request has a route");
    **black_box(&found).handler()
}

/// Looks a whole path up, which no router can do faster.
#[inline(never)]
fn floor(map: &Floor, request: &Request<()>) -> usize {
    map[request.uri().path()]
}

type Floor = HashMap<String, usize, FxBuildHasher>;

/// Manual code in front of a router of paths: exact hosts, then domains.
struct ByHost {
    exact: HashMap<&'static str, matchit::Router<usize>, FxBuildHasher>,
    domains: HashMap<&'static str, matchit::Router<usize>, FxBuildHasher>,
}

#[inline(never)]
fn by_host(router: &ByHost, request: &Request<()>) -> usize {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let host = host.split_once(':').map_or(host, |(name, _port)| name);
    let domain = || router.domains.get(host.split_once('.')?.1);
    let paths = router.exact.get(host).or_else(domain).expect("every host has routes");
    matchit_09(paths, request)
}

#[inline(never)]
fn actix(router: &actix_router::Router<usize>, request: &Request<()>) -> usize {
    let mut path = actix_router::Path::new(request.uri().path());
    let found = *router.recognize(&mut path).expect("every request has a route").0;
    black_box(&path);
    found
}

/// Creates a contender after a check that it finds the right routes.
fn contender<'a, R>(
    name: &str,
    router: &'a R,
    requests: &'a [Request<()>],
    find: fn(&R, &Request<()>) -> usize,
) -> Contender<'a> {
    for (index, request) in requests.iter().enumerate() {
        assert_eq!(find(router, request), index, "{name}: {}", request.uri());
    }
    Contender::new(name, requests.len(), move || {
        for request in requests {
            black_box(find(router, black_box(request)));
        }
    })
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let exact: Vec<&str> = ROUTES.into_iter().filter(|template| !template.contains('{')).collect();
    let requests: Vec<Request<()>> = ROUTES.iter().map(|template| request(&path(template))).collect();
    let exact_requests: Vec<Request<()>> = exact.iter().map(|template| request(template)).collect();

    let any = table(&ROUTES, |route| route);
    let get = table(&ROUTES, |route| route.method(Method::GET));
    let guarded = table(&ROUTES, |route| route.method(Method::GET).header(HEADER.0, HEADER.1));
    let exact_host = table(&ROUTES, |route| route.method(Method::GET).host(HOST_NAME));
    let host_variable = table(&ROUTES, |route| route.method(Method::GET).host("{tenant}.test"));
    let get_exact = table(&exact, |route| route.method(Method::GET));

    let mut nine = matchit::Router::new();
    let mut nine_exact = matchit::Router::new();
    let mut eight = matchit_08::Router::new();
    let mut tree = path_tree::PathTree::new();
    let mut actix_routes = actix_router::Router::build();
    let mut wayfind_routes = wayfind::RouterBuilder::new();
    let mut xitca_routes = xitca_router::Router::new();
    let mut recognizer_routes = route_recognizer::Router::new();
    for (index, template) in ROUTES.iter().enumerate() {
        nine.insert(*template, index).expect("the routes are matchit's own");
        eight.insert(*template, index).expect("the routes are matchit's own");
        let _ = tree.insert(&colon(template), index);
        actix_routes.path(*template, index);
        wayfind_routes
            .insert(&template.replace('{', "<").replace('}', ">"), index)
            .expect("the routes are matchit's own");
        xitca_routes.insert(*template, index).expect("the routes are matchit's own");
        recognizer_routes.add(&colon(template), index);
    }
    for (index, template) in exact.iter().enumerate() {
        nine_exact.insert(*template, index).expect("the routes are matchit's own");
    }
    let actix_routes = actix_routes.finish();
    let wayfind_routes = wayfind_routes.build();
    let map: Floor = (0..).zip(&ROUTES).map(|(index, template)| (path(template), index)).collect();
    let by_exact_host =
        ByHost { exact: [(HOST_NAME, nine.clone())].into_iter().collect(), domains: HashMap::default() };
    let by_domain =
        ByHost { exact: HashMap::default(), domains: [("test", nine.clone())].into_iter().collect() };

    let samples = race(
        pace,
        vec![
            Contender::new("path bytes", requests.len(), || {
                for request in &requests {
                    black_box(uri_path(black_box(request)));
                }
            }),
            contender("any", &any, &requests, find),
            contender("get", &get, &requests, find),
            contender("get, read", &get, &requests, find_read),
            contender("get + header", &guarded, &requests, find),
            contender("get, exact", &get_exact, &exact_requests, find),
            contender("matchit 0.9", &nine, &requests, matchit_09),
            contender("matchit 0.9, read", &nine, &requests, matchit_09_read),
            contender("matchit 0.9, exact", &nine_exact, &exact_requests, matchit_09),
            contender("matchit 0.8", &eight, &requests, matchit_08),
            contender("path-tree", &tree, &requests, path_tree),
            contender("actix-router", &actix_routes, &requests, actix),
            contender("wayfind", &wayfind_routes, &requests, wayfind),
            contender("xitca-router", &xitca_routes, &requests, xitca),
            contender("route-recognizer", &recognizer_routes, &requests, recognizer),
            contender("HashMap", &map, &requests, floor),
            contender("get, exact host", &exact_host, &requests, find),
            contender("get, host variable", &host_variable, &requests, find),
            contender("matchit 0.9, exact host", &by_exact_host, &requests, by_host),
            contender("matchit 0.9, host variable", &by_domain, &requests, by_host),
        ],
    );
    for sample in &samples {
        // Five captures, one of the host, do not fit into a match.
        let may_allocate = sample.name == "get, host variable";
        let ours = sample.name.starts_with("get") || sample.name == "any";
        assert!(!ours || may_allocate || sample.allocations == 0.0, "{} allocates in a look-up", sample.name);
    }
    samples
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "lookup: Table::find on matchit's own 130 routes",
        "A full request (5 headers) each, method checked, captures as ranges, path normalized; the other\n\
         routers get the path only. All 130 requests in turn; exact: the 27 without a variable.",
    );
    let nine = "matchit 0.9";
    report.ratio(runs, "GET, captures / matchit 0.9", "get", nine, Goal::AtMost(0.8));
    let (ours, theirs) = ("get, read", "matchit 0.9, read");
    report.ratio(runs, "GET, captures read / matchit 0.9, params read", ours, theirs, Goal::AtMost(0.75));
    report.ratio(runs, "GET + 1 header guard / matchit 0.9", "get + header", nine, Goal::AtMost(1.3));
    report.ratio(runs, "GET, exact host / matchit 0.9", "get, exact host", nine, Goal::AtMost(1.15));
    report.ratio(runs, "GET, host variable / matchit 0.9", "get, host variable", nine, Goal::AtMost(1.6));
    let (ours, theirs) = ("get, exact", "matchit 0.9, exact");
    report.ratio(runs, "GET, exact paths / matchit 0.9", ours, theirs, Goal::AtMost(0.85));
    for kind in ["exact host", "host variable"] {
        let (ours, theirs) = (format!("get, {kind}"), format!("matchit 0.9, {kind}"));
        let label = format!("GET, {kind} / matchit 0.9 behind a map of hosts");
        report.ratio(runs, &label, &ours, &theirs, Goal::None);
    }
    report.ratio(runs, "any method / matchit 0.9", "any", nine, Goal::None);
    let peers = ["matchit 0.8", "path-tree", "wayfind", "xitca-router", "route-recognizer", "actix-router"];
    for peer in peers {
        report.ratio(runs, &format!("GET, captures / {peer}"), "get", peer, Goal::None);
    }
    report.ratio(runs, "GET, captures / HashMap of whole paths", "get", "HashMap", Goal::None);
    report.ratio(runs, "reading the path's bytes / matchit 0.9", "path bytes", nine, Goal::None);
    for name in ["get", "get + header", "get, host variable", nine].into_iter().chain(peers) {
        report.remark(format!("allocations per look-up: {name:<18} {:.2}", runs.allocations(name)));
    }
    let mut bars = vec![("waylay, method tested", "get".to_owned()), (nine, nine.to_owned())];
    bars.extend(peers.map(|peer| (peer, peer.to_owned())));
    bars.push(("HashMap of whole paths", "HashMap".to_owned()));
    report.bars(runs, "Look-up in matchit's 130 routes", &bars);
}
