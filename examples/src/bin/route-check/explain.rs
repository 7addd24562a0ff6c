//! Why an answer is not the expected one: the routes in question, and what each does alone.

use http::Request;
use waylay_router::{Peer, RouteInfo, Table};

use crate::answer::Answer;
use crate::arrival::Arrived;
use crate::expect::Wanted;
use crate::plan::Plan;

/// A line for the route that was expected and one for the route that answered.
pub(crate) fn explain(
    plan: &Plan<'_>,
    arrived: &Arrived,
    wanted: &Wanted,
    got: Option<&Answer>,
) -> Vec<String> {
    let (request, peer) = match arrived {
        Ok((request, peer)) => (request, peer),
        Err(status) => return vec![format!("no server hands this request over: it answers {status}")],
    };
    let wanted = wanted.as_ref().and_then(|wanted| wanted.get("matched")).and_then(|name| name.as_str());
    let got = got.and_then(|got| got.matched.as_deref());
    let mut titles: Vec<&str> = wanted.into_iter().chain(got).collect();
    titles.dedup();
    titles.into_iter().map(|title| alone(plan, request, peer, title)).collect()
}

/// What became of every route of the table.
pub(crate) fn whole(plan: &Plan<'_>, table: &Table<usize>, arrived: &Arrived) -> Vec<String> {
    let (request, peer) = match arrived {
        Ok((request, peer)) => (request, peer),
        Err(status) => return vec![format!("no server hands this request over: it answers {status}")],
    };
    let mut explained = table.explain(request, peer);
    for candidate in &mut explained.candidates {
        let item = candidate.name.as_deref().and_then(|label| plan.item(label));
        candidate.name = item.map(|item| plan.items[item].title.clone());
    }
    format!("{explained:#}").lines().map(str::to_owned).collect()
}

fn alone(plan: &Plan<'_>, request: &Request<()>, peer: &Peer, title: &str) -> String {
    let Some(item) = plan.items.iter().rposition(|item| item.title == title) else {
        return format!("`{title}` is no route of this table");
    };
    let Some(table) = plan.alone(item) else {
        return format!("`{title}` does not compile");
    };
    let own = &plan.items[item];
    let mut row = table.routes().find(|route| route.name() == Some(&own.label)).map(row).unwrap_or_default();
    if own.build_only {
        row.push_str(" (build only)");
    }
    let does = match table.find(request, peer) {
        Ok(_) => "alone, it matches".to_owned(),
        Err(miss) => format!("alone, it answers {}", miss.status().as_u16()),
    };
    format!("`{title}`: {row}: {does}")
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
