//! The dashboard for Grafana, checked against the metrics that the API prints.

use std::collections::{BTreeMap, BTreeSet};

use http::{Request, Response};
use serde_json::Value;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use waylay_fault::{EventLog, FaultSet};
use waylay_fault_admin::Traffic;

use crate::support::{PLAN, Server};

const DASHBOARD: &str = include_str!("../../docs/dashboard.json");

const OBSERVE: &str = include_str!("../../docs/observe.md");

/// Labels that Prometheus adds to every sample.
const SCRAPED: [&str; 2] = ["job", "instance"];

/// The names of all samples, with their labels, of a named set with all that can be printed.
async fn printed() -> BTreeMap<String, BTreeSet<String>> {
    let traffic = Traffic::new();
    let set = FaultSet::builder().name("shop").environment("staging").event_log(EventLog::new(10)).build();
    set.apply(&waylay_fault::FaultPlan::from_toml(PLAN).unwrap()).unwrap();
    let measured = traffic.clone();
    let server = Server::with(set.clone(), move |admin| admin.traffic(&measured)).await;
    let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new())));
    let service = ServiceBuilder::new().layer(traffic.layer()).layer(set.layer()).service(inner);
    service.oneshot(Request::new(String::new())).await.unwrap();
    let mut samples: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let text = server.ask("GET", "/metrics", &[], "").await.text;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let labels = rest.split_once('}').map_or("", |(labels, _)| labels.trim_start_matches('{'));
        let labels = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
        samples.entry(name.to_owned()).or_default().extend(labels);
    }
    samples
}

/// The queries of all panels and variables.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| &target["expr"]);
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    queries
        .chain(variables.map(|variable| &variable["definition"]))
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

/// The metrics of a query, each with the labels that it matches.
fn metrics(query: &str) -> Vec<(String, Vec<String>)> {
    let mut metrics = Vec::new();
    let mut rest = query;
    while let Some(start) = rest.find("waylay_") {
        rest = &rest[start..];
        let end =
            rest.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let matchers =
            after.strip_prefix('{').and_then(|after| after.split_once('}')).map_or("", |found| found.0);
        let label = |matcher: &str| matcher.trim().split(['=', '!', '~']).next().unwrap().to_owned();
        let labels = matchers.split(',').filter(|matcher| !matcher.is_empty()).map(label).collect();
        metrics.push((name.to_owned(), labels));
        rest = after;
    }
    metrics
}

#[tokio::test]
async fn its_queries_use_what_is_printed() {
    let printed = printed().await;
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut used = BTreeSet::new();
    for query in queries(&dashboard) {
        let metrics = metrics(&query);
        assert!(!metrics.is_empty(), "{query}");
        let mut known: BTreeSet<&str> = SCRAPED.into();
        for (name, labels) in &metrics {
            let Some(printed) = printed.get(name) else {
                panic!("{name} of {query} is not among {printed:#?}")
            };
            known.extend(printed.iter().map(String::as_str));
            for label in labels {
                let is_known = printed.contains(label) || SCRAPED.contains(&&**label);
                assert!(is_known, "{name} has no label {label}: {query}");
            }
            used.insert(name.clone());
        }
        for (_, group) in query.match_indices(" by (").map(|(at, by)| query.split_at(at + by.len())) {
            for label in group.split(')').next().unwrap().split(", ") {
                assert!(known.contains(label), "{label} in {query}");
            }
        }
    }
    // What is printed is on the dashboard.
    for name in printed.keys() {
        assert!(used.contains(name), "{name} is on no panel");
    }
}

#[tokio::test]
async fn the_documents_name_what_is_printed() {
    for name in printed().await.keys() {
        let family =
            ["_bucket", "_sum", "_count"].iter().fold(&**name, |name, end| name.trim_end_matches(end));
        // Three of one line.
        let is_named = OBSERVE.contains(&format!("`{family}`"))
            || ["expired", "dry_run"].iter().any(|end| family == format!("waylay_fault_{end}"));
        assert!(is_named, "{family}");
    }
}

#[test]
fn its_panels_are_complete() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut cells = BTreeSet::new();
    for panel in panels {
        let grid = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for x in grid("x")..grid("x") + grid("w") {
            for y in grid("y")..grid("y") + grid("h") {
                assert!(x < 24 && cells.insert((x, y)), "{}", panel["title"]);
            }
        }
        assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{}", panel["title"]);
    }
    // Annotations of the reporter have this tag.
    assert_eq!(dashboard["annotations"]["list"][0]["target"]["tags"], serde_json::json!(["waylay"]));
}
