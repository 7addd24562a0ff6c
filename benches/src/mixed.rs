//! Group `mixed`: a table with all kinds of conditions, against path routers with manual code.

use std::collections::BTreeSet;
use std::hint::black_box;

use actix_router::ResourceDef;
use http::header::HOST;
use http::{HeaderName, HeaderValue, Method, Request};
use waylay_router::{Peer, Table};

use crate::measure::{Contender, Pace, Sample, race};
use crate::mixed_manual::{Entry, ManualRouter, PathRouter, Wayfind};
use crate::mixed_table::{Extra, Part, Row, rows, table};
use crate::report::{Goal, Group, Report, Run, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "mixed", is_quick: true, measure, report };

/// Name of the set of all requests.
const ALL: &str = "all";

const PEERS: [&str; 4] = ["matchit", "path-tree", "wayfind", "actix"];

#[inline(never)]
fn waylay(table: &Table<usize>, request: &Request<()>) -> usize {
    match &table.find(request, &Peer::default()) {
        Ok(found) => *black_box(found).value(),
        Err(miss) => panic!("{miss:?}"),
    }
}

#[inline(never)]
fn manual<P: PathRouter>(router: &ManualRouter<P>, request: &Request<()>) -> usize {
    router.find(request).expect("every request has a route")
}

/// Conditions of a route of actix-router besides its path.
struct Guards {
    method: Method,
    extra: Extra,
    header: Option<(HeaderName, HeaderValue)>,
    query: String,
}

type Actix = actix_router::Router<usize, Guards>;

#[inline(never)]
fn actix(router: &Actix, request: &Request<()>) -> usize {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let mut path = actix_router::Path::new(request.uri().path());
    let found = router.recognize_fn(&mut path, |_, guards| {
        guards.method == *request.method()
            && match guards.extra {
                Extra::None => true,
                Extra::Host(expected) => host == expected,
                Extra::AnyTenantOf(rest) => host.split_once('.').is_some_and(|(_, other)| other == rest),
                Extra::Header(..) => guards
                    .header
                    .as_ref()
                    .is_none_or(|(name, value)| request.headers().get(name) == Some(value)),
                Extra::Query(..) => request
                    .uri()
                    .query()
                    .is_some_and(|query| query.split('&').any(|pair| pair == guards.query)),
            }
    });
    let index = *found.expect("every request has a route").0;
    black_box(&path);
    index
}

fn actix_router(rows: &[Row]) -> Actix {
    let mut builder = actix_router::Router::build();
    for (index, row) in rows.iter().enumerate() {
        let mut text = String::new();
        for part in row.parts() {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Var(name, None) => text.push_str(&format!("{{{name}}}")),
                Part::Var(name, Some(regex)) => text.push_str(&format!("{{{name}:{regex}}}")),
                Part::Tail(name) => text.push_str(&format!("{{{name}:.+}}")),
            }
        }
        let path = if row.prefix { ResourceDef::prefix(text) } else { ResourceDef::new(text) };
        let (header, query) = match row.extra {
            Extra::Header(name, value) => {
                (Some((HeaderName::from_static(name), HeaderValue::from_static(value))), String::new())
            }
            Extra::Query(key, value) => (None, format!("{key}={value}")),
            _ => (None, String::new()),
        };
        let guards = Guards { method: row.method.clone(), extra: row.extra, header, query };
        builder.push(path, index, guards);
    }
    builder.finish()
}

/// Creates a contender after a check that it finds the right rows.
fn contender<'a, R>(
    name: String,
    router: &'a R,
    requests: &'a [(usize, Request<()>)],
    find: fn(&R, &Request<()>) -> usize,
) -> Contender<'a> {
    for (index, request) in requests {
        assert_eq!(find(router, request), *index, "{name}: {request:?}");
    }
    Contender::new(name, requests.len(), move || {
        for (_, request) in requests {
            black_box(find(router, black_box(request)));
        }
    })
}

fn kinds() -> BTreeSet<&'static str> {
    rows().iter().map(|row| row.kind).chain([ALL]).collect()
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let rows = rows();
    let ours = table(&rows);
    let nine: ManualRouter<matchit::Router<Vec<Entry>>> = ManualRouter::new(&rows);
    let tree: ManualRouter<path_tree::PathTree<Vec<Entry>>> = ManualRouter::new(&rows);
    let wayfind: ManualRouter<Wayfind> = ManualRouter::new(&rows);
    let linear = actix_router(&rows);
    let of_kind = |kind: &str| {
        let rows = rows.iter().enumerate().filter(|(_, row)| kind == ALL || row.kind == kind);
        rows.map(|(index, row)| (index, row.request())).collect::<Vec<_>>()
    };
    let sets: Vec<_> = kinds().into_iter().map(|kind| (kind, of_kind(kind))).collect();
    let mut contenders = Vec::new();
    for (kind, requests) in &sets {
        contenders.push(contender(format!("waylay, {kind}"), &ours, requests, waylay));
        contenders.push(contender(format!("matchit, {kind}"), &nine, requests, manual));
        contenders.push(contender(format!("path-tree, {kind}"), &tree, requests, manual));
        contenders.push(contender(format!("wayfind, {kind}"), &wayfind, requests, manual));
        contenders.push(contender(format!("actix, {kind}"), &linear, requests, actix));
    }
    let samples = race(pace, contenders);
    let ours = samples.iter().filter(|sample| sample.name.starts_with("waylay"));
    let allocating: Vec<_> =
        ours.filter(|sample| sample.allocations > 0.0).map(|sample| &sample.name).collect();
    assert!(allocating.is_empty(), "look-ups allocate: {allocating:?}");
    samples
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "mixed: Table::find on a table with all kinds of conditions",
        &format!(
            "{} routes: exact paths, variables, mixed segments, regexes, prefixes, tails, 2 hosts, guards; one\n\
             request each. matchit 0.9, path-tree and wayfind match paths only: manual code adds a hash map of hosts in front\n\
             and a list of (method, header, query, regex) per path; actix-router has guards, and tries the rows in\n\
             order: those with hosts and guards are the first.",
            rows().len()
        ),
    );
    let best = |run: &Run, kind: &str| {
        PEERS.iter().map(|peer| run.value(&format!("{peer}, {kind}"))).fold(f64::INFINITY, f64::min)
    };
    let ratio = |kind: &str| runs.figure(|run| run.value(&format!("waylay, {kind}")) / best(run, kind));
    let worst = runs.figure(|run| {
        let each = kinds().into_iter().filter(|kind| *kind != ALL);
        each.map(|kind| run.value(&format!("waylay, {kind}")) / best(run, kind)).fold(0.0, f64::max)
    });
    for kind in kinds() {
        let times = ["waylay"].into_iter().chain(PEERS);
        let times = times.map(|name| format!("{name} {:.0}", runs.value(&format!("{name}, {kind}")).median));
        let note = times.collect::<Vec<_>>().join(", ");
        let goal = if kind == ALL { Goal::AtMost(0.9) } else { Goal::None };
        report.line(&format!("{kind} / best peer with manual code"), ratio(kind), goal, &note);
    }
    report.line("worst kind / best peer with manual code", worst, Goal::AtMost(1.5), "");
    let label = |name: &'static str| match name {
        "waylay" => name,
        "matchit" => "matchit 0.9, manual code",
        "path-tree" => "path-tree, manual code",
        "wayfind" => "wayfind, manual code",
        _ => "actix-router, guards",
    };
    let bars = ["waylay"].into_iter().chain(PEERS);
    let bars: Vec<_> = bars.map(|name| (label(name), format!("{name}, {ALL}"))).collect();
    report.bars(runs, "Look-up in a table with all kinds of conditions", &bars);
}
