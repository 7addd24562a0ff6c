//! Routers: the same routes in all routers, and their contenders.

use std::collections::HashMap;
use std::hint::black_box;

use http::Method;
use rustc_hash::FxBuildHasher;
use waylay_router::{Route, Table};

use super::paths::{Methods, Outcome, PathRouter, WithMethods, peer, waylay};
use crate::measure::{Contender, Sample};
use crate::report::{Run, Runs};

/// A request without a body.
pub type Request = http::Request<()>;

/// Peers, waylay and the floor excluded; the last two search routes one by one or build sets of states.
pub const NAMES: [&str; 7] = [
    "matchit 0.9",
    "matchit 0.8",
    "path-tree",
    "wayfind",
    "xitca-router",
    "route-recognizer",
    "actix-router",
];

/// The same routes in all routers.
pub struct Routers {
    waylay: Table<u32>,
    nine: WithMethods<matchit::Router<Methods>>,
    eight: WithMethods<matchit_08::Router<Methods>>,
    tree: WithMethods<path_tree::PathTree<Methods>>,
    wayfind: WithMethods<wayfind::Router<Methods>>,
    xitca: WithMethods<xitca_router::Router<Methods>>,
    recognizer: WithMethods<route_recognizer::Router<Methods>>,
    actix: WithMethods<actix_router::Router<Methods>>,
    floor: HashMap<String, Methods, FxBuildHasher>,
}

impl Routers {
    /// Builds all routers; the indices of the routes are the values.
    pub fn new(routes: &[(Method, String)]) -> Self {
        let mut builder = Table::builder();
        for (index, (method, path)) in (0u32..).zip(routes) {
            builder.add(None, Route::any(path).method(method.clone()).value(index));
        }
        Self {
            waylay: builder.build().expect("the tables of the benches are valid"),
            nine: with_methods(routes),
            eight: with_methods(routes),
            tree: with_methods(routes),
            wayfind: with_methods(routes),
            xitca: with_methods(routes),
            recognizer: with_methods(routes),
            actix: with_methods(routes),
            floor: HashMap::default(),
        }
    }

    /// Adds the paths of requests to the floor, a hash map of whole paths.
    pub fn add_to_floor(&mut self, requests: &[(Outcome, Request)]) {
        for (_, request) in requests {
            let path = request.uri().path();
            if let Some(methods) = self.nine.paths().find::<false>(path) {
                self.floor.insert(path.to_owned(), *methods);
            }
        }
    }

    /// Creates contenders that are named after the peer and the set of requests; of all peers, or of `only`.
    pub fn contenders<'a, const READ: bool>(
        &'a self,
        set: &str,
        requests: &'a [(Outcome, Request)],
        only: &[&str],
    ) -> Vec<Contender<'a>> {
        let mut contenders = Vec::new();
        let mut add = |name: &str, find: Box<dyn Fn(&str) -> Contender<'a> + 'a>| {
            if only.is_empty() || only.contains(&name) {
                contenders.push(find(&format!("{name}, {set}")));
            }
        };
        add("waylay", Box::new(|name| contender(name, &self.waylay, requests, waylay::<READ>)));
        add("matchit 0.9", Box::new(|name| contender(name, &self.nine, requests, peer::<_, READ>)));
        add("matchit 0.8", Box::new(|name| contender(name, &self.eight, requests, peer::<_, READ>)));
        add("path-tree", Box::new(|name| contender(name, &self.tree, requests, peer::<_, READ>)));
        add("wayfind", Box::new(|name| contender(name, &self.wayfind, requests, peer::<_, READ>)));
        add("xitca-router", Box::new(|name| contender(name, &self.xitca, requests, peer::<_, READ>)));
        add(
            "route-recognizer",
            Box::new(|name| contender(name, &self.recognizer, requests, peer::<_, READ>)),
        );
        add("actix-router", Box::new(|name| contender(name, &self.actix, requests, peer::<_, READ>)));
        add("HashMap", Box::new(|name| contender(name, &self.floor, requests, floor)));
        contenders
    }
}

fn with_methods<P: PathRouter>(routes: &[(Method, String)]) -> WithMethods<P> {
    WithMethods::new((0u32..).zip(routes).map(|(index, (method, path))| (method, path.as_str(), index)))
}

/// Looks a whole path up, which no router can do faster.
#[inline(never)]
fn floor(map: &HashMap<String, Methods, FxBuildHasher>, request: &Request) -> Outcome {
    map.get(request.uri().path()).map_or(Outcome::NotFound, |methods| methods.outcome(request.method()))
}

/// Creates a contender after a check that it returns what is expected of every request.
pub fn contender<'a, R>(
    name: &str,
    router: &'a R,
    requests: &'a [(Outcome, Request)],
    find: fn(&R, &Request) -> Outcome,
) -> Contender<'a> {
    for (outcome, request) in requests {
        assert_eq!(find(router, request), *outcome, "{name}: {} {}", request.method(), request.uri());
    }
    unchecked(name, router, requests, find)
}

/// As [`contender`], or nothing if the router returns another route for a request.
pub fn contender_if_equal<'a, R>(
    name: &str,
    router: &'a R,
    requests: &'a [(Outcome, Request)],
    find: fn(&R, &Request) -> Outcome,
) -> Option<Contender<'a>> {
    let is_equal = requests.iter().all(|(outcome, request)| find(router, request) == *outcome);
    is_equal.then(|| unchecked(name, router, requests, find))
}

fn unchecked<'a, R>(
    name: &str,
    router: &'a R,
    requests: &'a [(Outcome, Request)],
    find: fn(&R, &Request) -> Outcome,
) -> Contender<'a> {
    Contender::new(name, requests.len(), move || {
        for (_, request) in requests {
            black_box(find(router, black_box(request)));
        }
    })
}

/// Creates a request with four headers.
pub fn get(method: &Method, target: &str, host: &str) -> Request {
    http::Request::builder()
        .method(method)
        .uri(target)
        .header("host", host)
        .header("user-agent", "ratios/1")
        .header("accept", "application/json")
        .header("accept-encoding", "gzip, br")
        .body(())
        .expect("the targets of the benches are valid")
}

/// Returns the figure of the fastest peer in one process.
pub fn best(run: &Run, set: &str) -> f64 {
    let all = NAMES.iter().map(|name| run.value(&format!("{name}, {set}")));
    all.filter(|value| value.is_finite()).fold(f64::INFINITY, f64::min)
}

/// Returns the labels and the names of the contenders of a set of requests.
pub fn peer_names(runs: &Runs, set: &str) -> Vec<(&'static str, String)> {
    let all = ["waylay"].into_iter().chain(NAMES).chain(["HashMap"]);
    all.map(|name| (name, format!("{name}, {set}"))).filter(|(_, name)| runs.has(name)).collect()
}

/// Checks that look-ups of waylay do not allocate.
pub fn check_allocations(samples: &[Sample]) {
    for sample in samples.iter().filter(|sample| sample.name.starts_with("waylay")) {
        assert!(sample.allocations == 0.0, "{} allocates in a look-up", sample.name);
    }
}
