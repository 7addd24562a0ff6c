//! What the routes of a line tell of themselves: templates, methods, variables, and the walk over them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};
use waylay_router::RouteInfo;

use crate::answer::written;
use crate::built::Built;
use crate::plan::Plan;

/// What a route tells; what it has not is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Info {
    #[serde(skip_serializing_if = "Option::is_none")]
    path_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_template: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queries_templates: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    var_names: Vec<String>,
}

/// One step of the walk: the path template, and how many scopes and mounted routers are around.
pub(crate) type Step = (String, usize);

/// What each named route and scope tells.
pub(crate) fn infos(plan: &Plan<'_>, built: &Built) -> BTreeMap<String, Info> {
    let routes = built.table.iter().flat_map(|table| table.routes());
    let named = routes.filter_map(|route| {
        let item = &plan.items[plan.item(route.name()?)?];
        item.named.then(|| (item.title.clone(), info(plan, &item.path, route)))
    });
    named.collect()
}

fn info(plan: &Plan<'_>, path: &str, route: RouteInfo<'_>) -> Info {
    let query = |words: &str| {
        let pair = words.strip_prefix("query ")?;
        Some(if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
    };
    let all = route.methods().is_all();
    let methods = route.methods().iter().filter(|_| !all);
    Info {
        path_template: Some(written(route.template(), plan.dialect)).filter(|_| !path.is_empty()),
        // Of several hosts the innermost is the one that URLs are built with.
        host_template: route.hosts().last().map(str::to_owned),
        queries_templates: route.conditions().filter_map(query).collect(),
        methods: methods.map(|method| method.to_string()).collect(),
        var_names: route.variables().map(str::to_owned).collect(),
    }
}

/// The walk over routes and scopes as they were written, mounted routers entered; what has the template to
/// be skipped is left out with all that is in it.
pub(crate) fn walk(plan: &Plan<'_>, built: &Built, skip: Option<&str>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut end = None;
    for route in built.table.iter().flat_map(|table| table.routes()) {
        let Some(number) = route.name().and_then(|label| plan.item(label)) else { continue };
        if end.is_some_and(|end| number <= end) {
            continue;
        }
        let template = written(route.template(), plan.dialect);
        if skip == Some(&template) {
            end = Some(plan.items[number].last);
            continue;
        }
        let depth = plan.line(number).count() - 1;
        steps.push((template, depth));
        let mounted = plan.items[number].mount.as_deref().zip(built.mounts.get(&number));
        let inner = mounted.map(|(plan, built)| walk(plan, built, skip)).unwrap_or_default();
        steps.extend(inner.into_iter().map(|(template, inner)| (template, depth + 1 + inner)));
    }
    steps
}

/// Whether what a route tells is as expected; names of variables come in any order, and no route has one regex.
pub(crate) fn agrees(wanted: &Value, got: Option<&Info>) -> bool {
    let (Value::Object(wanted), Value::Object(mut got)) = (wanted, json!(got)) else { return false };
    let mut wanted = wanted.clone();
    wanted.retain(|key, _| !key.ends_with("_regexp"));
    [&mut wanted, &mut got].into_iter().for_each(sort);
    wanted == got
}

fn sort(info: &mut Map<String, Value>) {
    for key in ["var_names", "methods"] {
        if let Some(Value::Array(names)) = info.get_mut(key) {
            names.sort_by_key(Value::to_string);
        }
    }
}

/// Whether a walk is as expected; a route that has no name is told apart by nothing, so that the names of those
/// around are not compared.
pub(crate) fn walks(wanted: &[Value], got: &[Step]) -> bool {
    let step = |step: &Value| Some((step.get(0)?.as_str()?.to_owned(), step.get(1)?.as_u64()? as usize));
    wanted.iter().map(step).eq(got.iter().cloned().map(Some))
}
