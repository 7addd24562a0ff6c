//! Output lines: results, differences, errors, explanations.

use std::collections::BTreeMap;

use http::Request;
use serde::Serialize;
use serde_json::Value;
use waylay_router::{Peer, RouteInfo, Table};

use crate::expect::Expected;
use crate::input::{RequestSpec, UrlSpec};
use crate::results::{Description, RequestResult, UrlResult, WalkStep};
use crate::server::Received;
use crate::table::{RouteError, RouteTree};

/// Results of a line.
#[derive(Debug, Serialize)]
pub(crate) struct LineOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Value>,
    pub(crate) results: Vec<Option<RequestResult>>,
    pub(crate) build_results: Vec<Option<UrlResult>>,
    pub(crate) route_errors: Vec<String>,
    pub(crate) lints: Vec<String>,
    /// Per request, the outcome of every route.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) explain: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) info: Option<BTreeMap<String, Description>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) walk_result: Option<Vec<WalkStep>>,
    #[serde(skip)]
    pub(crate) errors: Vec<RouteError>,
}

/// A line that is not evaluated.
#[derive(Debug, Serialize)]
pub(crate) struct LineError {
    pub(crate) line: usize,
    pub(crate) error: String,
}

/// What differs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject<'c> {
    Request {
        number: usize,
        method: &'c str,
        url: &'c str,
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<&'c str>,
    },
    Build {
        number: usize,
        name: &'c str,
    },
    Route(&'c str),
    #[serde(rename = "info")]
    Description(&'c str),
    Walk,
}

impl<'c> Subject<'c> {
    pub(crate) fn request(number: usize, spec: &'c RequestSpec) -> Self {
        Self::Request { number, method: &spec.method, url: &spec.url, host: spec.host.as_deref() }
    }

    pub(crate) fn build(number: usize, build: &'c UrlSpec) -> Self {
        Self::Build { number, name: &build.name }
    }
}

/// A difference between an expected result and the actual one.
#[derive(Debug, Serialize)]
pub(crate) struct Difference<'c> {
    pub(crate) line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'c Value>,
    #[serde(flatten)]
    pub(crate) subject: Subject<'c>,
    pub(crate) expected: Value,
    pub(crate) got: Value,
    pub(crate) explain: Vec<String>,
}

/// Explains a difference: one line for the expected route, one for the route that matched.
pub(crate) fn explain_difference(
    tree: &RouteTree<'_>,
    received: &Received,
    expected: &Expected,
    got: Option<&RequestResult>,
) -> Vec<String> {
    let (request, peer) = match received {
        Ok((request, peer)) => (request, peer),
        Err(status) => return vec![format!("a server rejects this request with {status}")],
    };
    let expected =
        expected.as_ref().and_then(|expected| expected.get("matched")).and_then(|name| name.as_str());
    let got = got.and_then(|got| got.matched.as_deref());
    let mut titles: Vec<&str> = expected.into_iter().chain(got).collect();
    titles.dedup();
    titles.into_iter().map(|title| explain_route(tree, request, peer, title)).collect()
}

/// Explains the outcome of every route of the table.
pub(crate) fn explain_request(
    tree: &RouteTree<'_>,
    table: &Table<usize>,
    received: &Received,
) -> Vec<String> {
    let (request, peer) = match received {
        Ok((request, peer)) => (request, peer),
        Err(status) => return vec![format!("a server rejects this request with {status}")],
    };
    let mut explanation = table.explain(request, peer);
    for candidate in &mut explanation.candidates {
        let node = candidate.name.as_deref().and_then(|label| tree.node(label));
        candidate.name = node.map(|node| tree.nodes[node].title.clone());
    }
    format!("{explanation:#}").lines().map(str::to_owned).collect()
}

/// Describes a route, and what it does without all other routes.
fn explain_route(tree: &RouteTree<'_>, request: &Request<()>, peer: &Peer, title: &str) -> String {
    let Some(node) = tree.nodes.iter().rposition(|node| node.title == title) else {
        return format!("`{title}` is not a route of this table");
    };
    let Some(table) = tree.table_of(node) else {
        return format!("`{title}` does not compile");
    };
    let own = &tree.nodes[node];
    let mut row = table.routes().find(|route| route.name() == Some(&own.label)).map(row).unwrap_or_default();
    if own.build_only {
        row.push_str(" (build only)");
    }
    let outcome = match table.find(request, peer) {
        Ok(_) => "alone, it matches".to_owned(),
        Err(miss) => format!("alone, it returns {}", miss.status().as_u16()),
    };
    format!("`{title}`: {row}: {outcome}")
}

fn row(route: RouteInfo<'_>) -> String {
    let methods = if route.methods().is_all() { "*".to_owned() } else { route.methods().to_string() };
    let mut parts = vec![methods];
    parts.extend(route.hosts().map(str::to_owned));
    parts.push(route.template().to_owned());
    parts.extend(route.conditions().map(|condition| format!("[{condition}]")));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}
