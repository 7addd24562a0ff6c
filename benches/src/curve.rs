//! Group `curve`: look-ups, builds and memory from 10 to 1,000,000 routes, and from 1 to 100,000 hosts.

use std::collections::HashMap;
use std::hint::black_box;

use http::Request;
use http::header::HOST;
use rustc_hash::FxBuildHasher;

use crate::measure::{Pace, Sample, race};
use crate::numbers::Numbers;
use crate::report::{Curves, Goal, Group, Report, Runs};
use crate::scale::{Built, build, build_matchit, contender, host, matchit, request, templates, waylay};

/// The group of figures.
pub const GROUP: Group = Group { name: "curve", is_quick: false, measure, report };

const ROUTES: [usize; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
const HOSTS: [usize; 6] = [1, 10, 100, 1_000, 10_000, 100_000];

/// Number of different requests, hot and cold.
const HOT: usize = 100;
const COLD: usize = 50_000;

/// Routes of each host.
const ROUTES_OF_HOST: usize = 10;

type Floor = HashMap<String, u32, FxBuildHasher>;
type ByHost = HashMap<String, matchit::Router<u32>, FxBuildHasher>;
type Requests = Vec<(u32, Request<()>)>;

#[inline(never)]
fn floor(map: &Floor, request: &Request<()>) -> u32 {
    map[request.uri().path()]
}

#[inline(never)]
fn by_host(hosts: &ByHost, request: &Request<()>) -> u32 {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let host = host.split_once(':').map_or(host, |(name, _port)| name);
    let found = hosts[host].at(request.uri().path());
    *black_box(&found).as_ref().expect("every request has a route").value
}

/// Returns the requests for random routes; the same route has the same path.
fn requests(
    pace: &Pace,
    routes: usize,
    request: impl Fn(usize) -> Request<()>,
) -> [(&'static str, Requests); 2] {
    [("hot", HOT), ("cold", pace.size(COLD, HOT))].map(|(name, count)| {
        let mut numbers = Numbers(13);
        let indices = (0..count).map(|_| numbers.below(routes));
        (name, indices.map(|index| (index as u32, request(index))).collect())
    })
}

/// Measures tables of paths.
fn of_routes(pace: &Pace, routes: usize, samples: &mut Vec<Sample>) {
    let name = format!("{routes} routes");
    let resources = (routes / 10).min(100);
    let paths = templates(routes / 10 / resources, resources, 10);
    let Built { table, figures } = build(&name, paths.iter().map(|path| (None, path.as_str())).collect());
    samples.extend(figures);
    let (peer, seconds, bytes) = build_matchit(&paths);
    samples.push(Sample::figure(format!("matchit, {name}: seconds"), seconds));
    samples.push(Sample::figure(format!("matchit, {name}: bytes per route"), bytes));
    let id = |index: usize| index % 1_000;
    let whole = paths.iter().enumerate().map(|(index, path)| path.replace("{id}", &id(index).to_string()));
    let map: Floor = whole.zip(0..).collect();
    let requests = requests(pace, routes, |index| request(None, &paths[index], id(index)));
    let contenders = requests.iter().flat_map(|(set, requests)| {
        [
            contender(format!("waylay, {set}, {name}"), &table, requests, waylay),
            contender(format!("matchit, {set}, {name}"), &peer, requests, matchit),
            contender(format!("HashMap, {set}, {name}"), &map, requests, floor),
        ]
    });
    samples.extend(race(pace, contenders.collect()));
}

/// Measures tables of hosts.
fn of_hosts(pace: &Pace, hosts: usize, samples: &mut Vec<Sample>) {
    let name = format!("{hosts} hosts");
    let paths = templates(1, 1, ROUTES_OF_HOST);
    let pairs =
        (0..hosts).flat_map(|number| paths.iter().map(move |path| (Some(host(number)), path.as_str())));
    let Built { table, figures } = build(&name, pairs.collect());
    samples.extend(figures);
    let router = |number: usize| {
        let mut router = matchit::Router::new();
        for (index, path) in ((number * ROUTES_OF_HOST) as u32..).zip(&paths) {
            router.insert(path.as_str(), index).expect("the paths do not overlap");
        }
        (host(number), router)
    };
    let peer: ByHost = (0..hosts).map(router).collect();
    let routes = hosts * ROUTES_OF_HOST;
    let requests = requests(pace, routes, |index| {
        request(Some(&host(index / ROUTES_OF_HOST)), &paths[index % ROUTES_OF_HOST], index)
    });
    let contenders = requests.iter().flat_map(|(set, requests)| {
        [
            contender(format!("waylay, {set}, {name}"), &table, requests, waylay),
            contender(format!("matchit, {set}, {name}"), &peer, requests, by_host),
        ]
    });
    samples.extend(race(pace, contenders.collect()));
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let mut samples = Vec::new();
    for routes in ROUTES.into_iter().take(pace.size(ROUTES.len(), 2)) {
        of_routes(pace, routes, &mut samples);
    }
    for hosts in HOSTS.into_iter().take(pace.size(HOSTS.len(), 2)) {
        of_hosts(pace, hosts, &mut samples);
    }
    samples
}

/// Returns a line of a chart for each contender.
fn curves(
    runs: &Runs,
    (title, x, y): (&str, &str, &str),
    (sizes, unit): ([usize; 6], &str),
    contenders: &[(&str, &str, &str)],
) -> Curves {
    let points = |prefix: &str, suffix: &str| {
        let all = sizes
            .iter()
            .map(|size| (*size as f64, runs.value(&format!("{prefix}{size} {unit}{suffix}")).median));
        all.filter(|(_, y)| y.is_finite() && *y > 0.0).collect()
    };
    let series =
        contenders.iter().map(|(label, prefix, suffix)| ((*label).to_owned(), points(prefix, suffix)));
    Curves { title: title.to_owned(), x: x.to_owned(), y: y.to_owned(), series: series.collect() }
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "curve: 10 to 1,000,000 routes, 1 to 100,000 hosts",
        "Routes and hosts as in the group `scale`. Hot: the same 100 requests for random routes in turn; cold: 50,000.\n\
         HashMap: whole paths of all routes as keys, without captures and method. Hosts: a hash map from the host to a\n\
         router of matchit is manual code.",
    );
    for size in [100_000, 1_000_000] {
        let goal = if size == 100_000 { 1.0 } else { 12.0 };
        let seconds = runs.value(&format!("{size} routes: seconds"));
        report.line(&format!("{size} routes: build, seconds"), seconds, Goal::AtMost(goal), "");
        let bytes = runs.value(&format!("{size} routes: bytes per route"));
        report.line(
            &format!("{size} routes: bytes per route without its text"),
            bytes,
            Goal::AtMost(350.0),
            "",
        );
    }
    let name = "1,000,000 / 100,000 routes: build time for each route";
    let linear =
        runs.figure(|run| run.value("1000000 routes: seconds") / run.value("100000 routes: seconds") / 10.0);
    report.line(name, linear, Goal::None, "1 is linear");
    for set in ["hot", "cold"] {
        for (size, unit) in
            [(100_000, "routes"), (1_000_000, "routes"), (10_000, "hosts"), (100_000, "hosts")]
        {
            let (ours, theirs) =
                (format!("waylay, {set}, {size} {unit}"), format!("matchit, {set}, {size} {unit}"));
            let label = format!("{size} {unit}, {set} / matchit 0.9, with manual code for hosts");
            report.ratio(runs, &label, &ours, &theirs, Goal::None);
        }
    }
    let sets = |suffix: &str| format!("Look-up among {suffix}");
    report.curves.push(curves(
        runs,
        (&sets("10 to 1,000,000 routes"), "routes", "ns per look-up"),
        (ROUTES, "routes"),
        &[
            ("waylay, hot", "waylay, hot, ", ""),
            ("waylay, cold", "waylay, cold, ", ""),
            ("matchit 0.9, hot", "matchit, hot, ", ""),
            ("matchit 0.9, cold", "matchit, cold, ", ""),
            ("HashMap, hot", "HashMap, hot, ", ""),
            ("HashMap, cold", "HashMap, cold, ", ""),
        ],
    ));
    report.curves.push(curves(
        runs,
        (&sets("1 to 100,000 hosts of 10 routes each"), "hosts", "ns per look-up"),
        (HOSTS, "hosts"),
        &[
            ("waylay, hot", "waylay, hot, ", ""),
            ("waylay, cold", "waylay, cold, ", ""),
            ("matchit 0.9, hot", "matchit, hot, ", ""),
            ("matchit 0.9, cold", "matchit, cold, ", ""),
        ],
    ));
    report.curves.push(curves(
        runs,
        ("Build of a table", "routes", "seconds"),
        (ROUTES, "routes"),
        &[("waylay", "", ": seconds"), ("matchit 0.9", "matchit, ", ": seconds")],
    ));
    report.curves.push(curves(
        runs,
        ("Memory of a table", "routes", "bytes per route beyond its text"),
        (ROUTES, "routes"),
        &[("waylay", "", ": bytes per route"), ("matchit 0.9", "matchit, ", ": bytes per route")],
    ));
}
