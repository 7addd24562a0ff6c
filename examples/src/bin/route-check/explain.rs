//! Why an answer is not the expected one: the routes in question, and what each does alone.

use waylay_router::RouteInfo;

use crate::answer::{Answer, Arrived, answer};
use crate::expect::Wanted;
use crate::plan::Plan;

/// A line for the route that was expected and one for the route that answered.
pub(crate) fn explain(
    plan: &Plan<'_>,
    arrived: &Arrived,
    wanted: &Wanted,
    got: Option<&Answer>,
) -> Vec<String> {
    if let Err(status) = arrived {
        return vec![format!("no server hands this request over: it answers {status}")];
    }
    let wanted = wanted.as_ref().and_then(|wanted| wanted.get("matched")).and_then(|name| name.as_str());
    let got = got.and_then(|got| got.matched.as_deref());
    let mut titles: Vec<&str> = wanted.into_iter().chain(got).collect();
    titles.dedup();
    titles.into_iter().map(|title| alone(plan, arrived, title)).collect()
}

fn alone(plan: &Plan<'_>, arrived: &Arrived, title: &str) -> String {
    let Some(item) = plan.items.iter().rposition(|item| item.title == title) else {
        return format!("`{title}` is no route of this table");
    };
    let Some(table) = plan.alone(item) else {
        return format!("`{title}` does not compile");
    };
    let row = table.routes().find(|route| route.name() == Some(&plan.items[item].label)).map(row);
    let found = answer(&table, plan, arrived);
    let does = match found.matched {
        Some(_) => "alone, it matches".to_owned(),
        None => format!("alone, it answers {}", found.status),
    };
    format!("`{title}`: {}: {does}", row.unwrap_or_default())
}

fn row(route: RouteInfo<'_>) -> String {
    let methods = if route.methods().is_all() { "*".to_owned() } else { route.methods().to_string() };
    let mut parts = vec![methods];
    parts.extend(route.hosts().map(str::to_owned));
    parts.push(route.template().to_owned());
    parts.extend(route.conditions().map(|condition| format!("[{condition}]")));
    parts.extend(route.is_build_only().then(|| "(build only)".to_owned()));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}
