//! Group `lookup`: `Table::find` against path routers, on the routes of matchit's benches.

use std::hint::black_box;

use http::{Method, Request};
use waylay_router::{Peer, Route, Table};

use crate::github::{ROUTES, colon, path};
use crate::measure::{Contender, Pace, Sample, race};
use crate::report::{Goal, Group, Runs, head};

/// The group of figures.
pub const GROUP: Group = Group { name: "lookup", measure, report };

/// Header that the guarded table requires.
const HEADER: (&str, &str) = ("x-tier", "gold");

/// Creates a GET request with five headers.
pub fn request(target: &str) -> Request<()> {
    Request::get(target)
        .header("host", "shop.test")
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
    let get_exact = table(&exact, |route| route.method(Method::GET));

    let mut nine = matchit::Router::new();
    let mut nine_exact = matchit::Router::new();
    let mut eight = matchit_08::Router::new();
    let mut tree = path_tree::PathTree::new();
    let mut actix_routes = actix_router::Router::build();
    for (index, template) in ROUTES.iter().enumerate() {
        nine.insert(*template, index).expect("the routes are matchit's own");
        eight.insert(*template, index).expect("the routes are matchit's own");
        let _ = tree.insert(&colon(template), index);
        actix_routes.path(*template, index);
    }
    for (index, template) in exact.iter().enumerate() {
        nine_exact.insert(*template, index).expect("the routes are matchit's own");
    }
    let actix_routes = actix_routes.finish();

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
        ],
    );
    for sample in &samples {
        let ours = sample.name.starts_with("get") || sample.name == "any";
        assert!(!ours || sample.allocations == 0.0, "{} allocates in a look-up", sample.name);
    }
    samples
}

fn report(runs: &Runs) {
    head(
        "lookup: Table::find on matchit's own 130 routes",
        "A full request (5 headers) each, method checked, captures as ranges, path normalized; the other\n\
         routers get the path only. All 130 requests in turn; exact: the 27 without a variable.",
    );
    runs.line("GET, captures / matchit 0.9", "get", "matchit 0.9", Goal::AtMost(0.9));
    runs.line("GET, captures read / matchit 0.9, params read", "get, read", "matchit 0.9, read", Goal::None);
    runs.line("any method / matchit 0.9", "any", "matchit 0.9", Goal::None);
    runs.line("GET + 1 header guard / matchit 0.9", "get + header", "matchit 0.9", Goal::AtMost(1.0));
    runs.line("GET, exact paths / matchit 0.9", "get, exact", "matchit 0.9, exact", Goal::AtMost(0.5));
    runs.line("GET, captures / matchit 0.8", "get", "matchit 0.8", Goal::None);
    runs.line("GET, captures / path-tree", "get", "path-tree", Goal::None);
    runs.line("actix-router / GET, captures", "actix-router", "get", Goal::AtLeast(50.0));
    runs.line("reading the path's bytes / matchit 0.9", "path bytes", "matchit 0.9", Goal::None);
    for name in ["get", "get + header", "matchit 0.9", "matchit 0.8", "path-tree", "actix-router"] {
        println!("  allocations per look-up: {name:<14} {:.2}", runs.allocations(name));
    }
}
