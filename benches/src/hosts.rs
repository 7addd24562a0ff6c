//! Group `hosts`: 1,000 tenants with a host each, hosts of one domain, and all others.

use std::collections::HashMap;

use http::Method;
use http::header::HOST;
use rustc_hash::FxBuildHasher;
use waylay_router::{Route, Table};

use crate::measure::{Pace, Sample, race};
use crate::numbers::Numbers;
use crate::peers::{
    Methods, NAMES, Outcome, PathRouter, Request, WithMethods, best, check_allocations, contender, get,
    peer_names, waylay,
};
use crate::report::{Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "hosts", is_quick: false, measure, report };

/// Domain whose hosts are matched by a variable.
const DOMAIN: &str = "pages.test";

/// Routes of each host.
const ROUTES: [(Method, &str); 16] = [
    (Method::GET, "/"),
    (Method::GET, "/health"),
    (Method::GET, "/users"),
    (Method::POST, "/users"),
    (Method::GET, "/users/{user_id}"),
    (Method::PUT, "/users/{user_id}"),
    (Method::DELETE, "/users/{user_id}"),
    (Method::GET, "/users/{user_id}/orders"),
    (Method::GET, "/users/{user_id}/orders/{order_id}"),
    (Method::GET, "/orders"),
    (Method::POST, "/orders"),
    (Method::GET, "/orders/search"),
    (Method::GET, "/orders/{order_id}"),
    (Method::GET, "/orders/{order_id}/lines/{line_id}"),
    (Method::GET, "/reports/{year}/{month}"),
    (Method::GET, "/settings/profile"),
];

const SETS: [(&str, &str); 4] = [
    ("exact", "exact host"),
    ("variable", "host variable"),
    ("other", "any other host"),
    ("wrong methods", "wrong methods"),
];

/// Host of the routes of a block of `ROUTES`.
#[derive(Debug, Clone)]
enum Owner {
    Exact(String),
    Domain,
    Any,
}

/// Manual code for hosts: a router of paths for each exact host, for the domain, and for the rest.
struct ByHost<P> {
    exact: HashMap<String, WithMethods<P>, FxBuildHasher>,
    domains: HashMap<String, WithMethods<P>, FxBuildHasher>,
    any: WithMethods<P>,
}

impl<P: PathRouter> ByHost<P> {
    fn new(owners: &[Owner]) -> Self {
        let paths = |number: usize| {
            let first = number * ROUTES.len();
            WithMethods::new(
                (first as u32..).zip(&ROUTES).map(|(index, (method, path))| (method, *path, index)),
            )
        };
        let mut all =
            Self { exact: HashMap::default(), domains: HashMap::default(), any: WithMethods::new([]) };
        for (number, owner) in owners.iter().enumerate() {
            match owner {
                Owner::Exact(host) => drop(all.exact.insert(host.clone(), paths(number))),
                Owner::Domain => drop(all.domains.insert(DOMAIN.to_owned(), paths(number))),
                Owner::Any => all.any = paths(number),
            }
        }
        all
    }
}

/// Looks the host up, then the path; a host without the path is searched no further, as in each request here.
#[inline(never)]
fn by_host<P: PathRouter>(router: &ByHost<P>, request: &Request) -> Outcome {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let host = host.split_once(':').map_or(host, |(name, _port)| name);
    let domain = || router.domains.get(host.split_once('.')?.1);
    router.exact.get(host).or_else(domain).unwrap_or(&router.any).find::<false>(request)
}

fn table(owners: &[Owner]) -> Table<u32> {
    let mut builder = Table::builder();
    let mut index = 0;
    for owner in owners {
        for (method, path) in &ROUTES {
            let route = Route::any(*path).method(method.clone());
            let route = match owner {
                Owner::Exact(host) => route.host(host),
                Owner::Domain => route.host(format!("{{customer}}.{DOMAIN}")),
                Owner::Any => route,
            };
            builder.add(None, route.value(index));
            index += 1;
        }
    }
    builder.build().expect("the tables of the benches are valid")
}

/// Creates requests for random hosts and routes.
fn requests(set: &str, owners: &[Owner], count: usize) -> Vec<(Outcome, Request)> {
    let tenants = owners.len() - 2;
    let mut numbers = Numbers(5);
    let mut request = || {
        let (owner, route) = (numbers.below(tenants), numbers.below(ROUTES.len()));
        let (owner, host) = match set {
            "variable" => (tenants, format!("customer-{owner}.{DOMAIN}")),
            "other" => (tenants + 1, format!("www-{owner}.elsewhere.test")),
            _ => (owner, tenant(owner)),
        };
        let (method, path) = &ROUTES[route];
        let path = path.replace('{', "7-").replace('}', "");
        let (method, outcome) = match set {
            "wrong methods" => (&Method::PATCH, Outcome::MethodNotAllowed),
            _ => (method, Outcome::Found((owner * ROUTES.len() + route) as u32)),
        };
        (outcome, get(method, &path, &host))
    };
    (0..count).map(|_| request()).collect()
}

fn tenant(number: usize) -> String {
    format!("tenant-{number}.shop.test")
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let tenants = (0..pace.size(1_000, 10)).map(|number| Owner::Exact(tenant(number)));
    let owners: Vec<Owner> = tenants.chain([Owner::Domain, Owner::Any]).collect();
    let ours = table(&owners);
    let nine: ByHost<matchit::Router<Methods>> = ByHost::new(&owners);
    let tree: ByHost<path_tree::PathTree<Methods>> = ByHost::new(&owners);
    let wayfind: ByHost<wayfind::Router<Methods>> = ByHost::new(&owners);
    let sets = SETS.map(|(set, _)| (set, requests(set, &owners, pace.size(500, 50))));
    let mut contenders = Vec::new();
    for (set, requests) in &sets {
        contenders.push(contender(&format!("waylay, {set}"), &ours, requests, waylay::<false>));
        contenders.push(contender(&format!("{}, {set}", NAMES[0]), &nine, requests, by_host));
        contenders.push(contender(&format!("{}, {set}", NAMES[2]), &tree, requests, by_host));
        contenders.push(contender(&format!("{}, {set}", NAMES[3]), &wayfind, requests, by_host));
    }
    let samples = race(pace, contenders);
    let hits: Vec<Sample> =
        samples.iter().filter(|sample| !sample.name.ends_with("methods")).cloned().collect();
    check_allocations(&hits);
    samples
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "hosts: 1,000 tenants with 16 routes each, a host variable, and any other host",
        "500 requests for random hosts and routes. Manual code around the peers: a hash map from the host to a router\n\
         of its paths, then one of domains, then the rest; it compares hosts as they are written, waylay ignores case and a final dot.",
    );
    for (set, label) in SETS {
        let ratio = runs.figure(|run| run.value(&format!("waylay, {set}")) / best(run, set));
        let times = peer_names(runs, set);
        let times = times.iter().map(|(label, name)| format!("{label} {:.0}", runs.value(name).median));
        let note = times.collect::<Vec<_>>().join(", ");
        report.line(&format!("{label} / best peer with manual code"), ratio, Goal::None, &note);
    }
    report.bars(runs, "Look-up of a host among 1,000, method and path", &peer_names(runs, "exact"));
}
