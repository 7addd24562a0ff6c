//! Group `scale`: cost of a look-up, of a route and of the build with 100,000 routes.

use std::hint::black_box;
use std::time::Instant;

use http::Request;
use waylay_router::{Peer, Route, Table};

use crate::measure::{Contender, Pace, Sample, allocated_bytes, race};
use crate::numbers::Numbers;
use crate::report::{Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "scale", is_quick: true, measure, report };

/// Number of requests in a hot set.
const HOT: usize = 100;

/// Returns templates `/g…/r…/{id}/a…`: groups, resources in a group, actions on a resource.
pub fn templates(groups: usize, resources: usize, actions: usize) -> Vec<String> {
    let mut templates = Vec::with_capacity(groups * resources * actions);
    for group in 0..groups {
        for resource in 0..resources {
            for action in 0..actions {
                templates.push(format!("/group-{group}/resource-{resource}/{{id}}/action-{action}"));
            }
        }
    }
    templates
}

/// A table, and the cost of its build.
pub struct Built {
    /// The table; its values are the indices of the routes.
    pub table: Table<u32>,
    /// Seconds, and bytes per route beyond its text.
    pub figures: Vec<Sample>,
}

/// Builds a table and measures the time and memory of the build.
pub fn build(name: &str, routes: Vec<(Option<String>, &str)>) -> Built {
    let (count, start, before) = (routes.len() as f64, Instant::now(), allocated_bytes());
    let text: usize =
        routes.iter().map(|(host, path)| path.len() + host.as_ref().map_or(0, String::len)).sum();
    let hosts: usize = routes.iter().filter_map(|(host, _)| host.as_ref()).map(String::capacity).sum();
    let slots = (routes.capacity() * size_of::<(Option<String>, &str)>()) as f64;
    let mut builder = Table::builder();
    for (index, (host, path)) in (0u32..).zip(routes) {
        let route = Route::get(path).value(index);
        builder.add(
            None,
            match host {
                Some(host) => route.host(host),
                None => route,
            },
        );
    }
    let table = builder.build().expect("the tables of the benches are valid");
    let seconds = start.elapsed().as_secs_f64();
    // The list of routes existed before the measurement, and was dropped in it.
    let bytes = (allocated_bytes() - before) as f64 + slots + hosts as f64;
    let figures = vec![
        Sample::figure(format!("{name}: seconds"), seconds),
        Sample::figure(format!("{name}: bytes per route"), (bytes - text as f64) / count),
    ];
    Built { table, figures }
}

/// Builds a router of matchit and returns it with the seconds and the bytes per route.
pub fn build_matchit(paths: &[String]) -> (matchit::Router<u32>, f64, f64) {
    let (start, before) = (Instant::now(), allocated_bytes());
    let mut router = matchit::Router::new();
    for (index, path) in (0u32..).zip(paths) {
        router.insert(path.as_str(), index).expect("the paths do not overlap");
    }
    let text: usize = paths.iter().map(String::len).sum();
    let bytes = (allocated_bytes() - before) as f64 - text as f64;
    (router, start.elapsed().as_secs_f64(), bytes / paths.len() as f64)
}

/// Creates a request for a route.
pub fn request(host: Option<&str>, template: &str, id: usize) -> Request<()> {
    let request = Request::get(template.replace("{id}", &id.to_string()));
    let request = match host {
        Some(host) => request.header("host", host),
        None => request,
    };
    request.body(()).expect("the paths are valid")
}

/// Looks a request up in a table.
#[inline(never)]
pub fn waylay(table: &Table<u32>, request: &Request<()>) -> u32 {
    match &table.find(request, &Peer::default()) {
        Ok(found) => *black_box(found).value(),
        Err(miss) => panic!("{miss:?}"),
    }
}

/// Looks a path up in a router of matchit.
#[inline(never)]
pub fn matchit(router: &matchit::Router<u32>, request: &Request<()>) -> u32 {
    match &router.at(request.uri().path()) {
        Ok(found) => *black_box(found).value,
        Err(error) => panic!("{error}"),
    }
}

/// Creates a contender after a check that it finds the right routes.
pub fn contender<'a, R>(
    name: String,
    router: &'a R,
    requests: &'a [(u32, Request<()>)],
    find: fn(&R, &Request<()>) -> u32,
) -> Contender<'a> {
    for (index, request) in requests {
        assert_eq!(find(router, request), *index, "{name}: {}", request.uri());
    }
    Contender::new(name, requests.len(), move || {
        for (_, request) in requests {
            black_box(find(router, black_box(request)));
        }
    })
}

/// Returns requests for random routes.
fn random_requests(templates: &[String], count: usize) -> Vec<(u32, Request<()>)> {
    let mut numbers = Numbers(7);
    (0..count)
        .map(|_| {
            let index = numbers.below(templates.len());
            (index as u32, request(None, &templates[index], numbers.below(1_000_000)))
        })
        .collect()
}

/// Returns the name of a tenant's host.
pub fn host(number: usize) -> String {
    format!("tenant-{number}.shop.test")
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let (groups, hosts) = (pace.size(100, 2), pace.size(10_000, 100));
    let (few, many) = (templates(5, 5, 4), templates(groups, 100, 10));
    let inner = templates(1, 2, 5);
    let (hot_few, hot_many, cold) =
        (random_requests(&few, HOT), random_requests(&many, HOT), random_requests(&many, 10_000));
    let of_paths =
        |name: &str, paths: &[String]| build(name, paths.iter().map(|path| (None, path.as_str())).collect());
    let of_hosts = |name: &str, hosts: usize| {
        let pairs =
            (0..hosts).flat_map(|number| inner.iter().map(move |path| (Some(host(number)), path.as_str())));
        build(name, pairs.collect())
    };
    let to_hosts = |hosts: usize| -> Vec<(u32, Request<()>)> {
        let mut numbers = Numbers(11);
        let indexs = (0..HOT).map(|_| numbers.below(hosts * inner.len()));
        indexs
            .map(|index| {
                let (host, path) = (host(index / inner.len()), &inner[index % inner.len()]);
                (index as u32, request(Some(&host), path, index))
            })
            .collect()
    };
    let (table_few, table_many) = (of_paths("100 routes", &few), of_paths("100,000 routes", &many));
    let (hosts_few, hosts_many) = (of_hosts("10 hosts", 10), of_hosts("10,000 hosts", hosts));
    let (to_few, to_many) = (to_hosts(10), to_hosts(hosts));
    let (matchit_few, ..) = build_matchit(&few);
    let (matchit_many, seconds, bytes) = build_matchit(&many);
    let mut samples = race(
        pace,
        vec![
            contender("100 routes".into(), &table_few.table, &hot_few, waylay),
            contender("100,000 routes".into(), &table_many.table, &hot_many, waylay),
            contender("100,000 routes, random".into(), &table_many.table, &cold, waylay),
            contender("matchit, 100".into(), &matchit_few, &hot_few, matchit),
            contender("matchit, 100,000".into(), &matchit_many, &hot_many, matchit),
            contender("matchit, 100,000, random".into(), &matchit_many, &cold, matchit),
            contender("10 hosts".into(), &hosts_few.table, &to_few, waylay),
            contender("10,000 hosts".into(), &hosts_many.table, &to_many, waylay),
        ],
    );
    for sample in &samples {
        let is_other = sample.name.starts_with("matchit");
        assert!(is_other || sample.allocations == 0.0, "{} allocates in a look-up", sample.name);
    }
    samples
        .extend([table_few, table_many, hosts_few, hosts_many].into_iter().flat_map(|built| built.figures));
    samples.push(Sample::figure("matchit, 100,000: seconds", seconds));
    samples.push(Sample::figure("matchit, 100,000: bytes per route", bytes));
    samples
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "scale: 100,000 routes against 100, 10,000 hosts against 10",
        "Routes /group-G/resource-R/{id}/action-A, GET; hot: the same 100 random requests in turn;\n\
         random: 10,000 requests for random routes. Hosts: 10 routes each, the same ones, exact names.",
    );
    report.ratio(runs, "100,000 / 100 routes, hot", "100,000 routes", "100 routes", Goal::AtMost(1.5));
    report.ratio(runs, "10,000 / 10 hosts x 10 routes, hot", "10,000 hosts", "10 hosts", Goal::AtMost(1.5));
    report.ratio(
        runs,
        "100,000 routes, random / 100 routes, hot",
        "100,000 routes, random",
        "100 routes",
        Goal::None,
    );
    report.ratio(runs, "matchit: 100,000 / 100 routes, hot", "matchit, 100,000", "matchit, 100", Goal::None);
    report.ratio(runs, "100 routes, hot / matchit", "100 routes", "matchit, 100", Goal::None);
    report.ratio(runs, "100,000 routes, hot / matchit", "100,000 routes", "matchit, 100,000", Goal::None);
    report.ratio(
        runs,
        "100,000 routes, random / matchit",
        "100,000 routes, random",
        "matchit, 100,000, random",
        Goal::None,
    );
    for name in ["100,000 routes", "10,000 hosts", "matchit, 100,000"] {
        let ours = !name.starts_with("matchit");
        let goal = |most| if ours { Goal::AtMost(most) } else { Goal::None };
        report.line(
            &format!("{name}: build, seconds"),
            runs.value(&format!("{name}: seconds")),
            goal(1.0),
            "",
        );
        let bytes = runs.value(&format!("{name}: bytes per route"));
        report.line(&format!("{name}: bytes per route without its text"), bytes, goal(350.0), "");
    }
}
