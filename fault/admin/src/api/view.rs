//! Views: what the API tells, as JSON with a schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use waylay_fault::{Counts, FaultOverview, FaultPlan, GuardOverview, ResponseCounts, SetOverview};
use waylay_router::RouteInfo;

use crate::api::state::StateInner;
use crate::traffic::traffic::TrafficView;

/// The state of the set of faults as a whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StatusView {
    /// A random text, other after every restart of the process.
    instance: String,
    /// The time since this API was built.
    uptime_seconds: f64,
    /// The version of this API's crate.
    version: &'static str,
    /// The number of the current set; 0 before the first.
    revision: u64,
    /// The environment that the process declared.
    environment: Option<String>,
    /// Whether every fault of the process is halted.
    is_halted: bool,
    /// Whether the time of the set is over.
    is_expired: bool,
    /// The time that is left of the set, if that is limited.
    expires_in_seconds: Option<f64>,
    /// Why the set stopped by itself, if it did.
    stopped: Option<String>,
    /// Whether the process belongs to a fleet, which `GET fleet` shows.
    has_fleet: bool,
    /// The entity tag of the plan, if the faults come from one.
    plan_tag: Option<String>,
    /// The limits of all faults together.
    guards: GuardsView,
    /// The faults in their order.
    faults: Vec<FaultView>,
    /// What the service answered, if that is measured.
    traffic: Option<TrafficView>,
}

/// The limits of all faults together, and what they have counted.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GuardsView {
    /// Whether faults decide and count, but inject nothing.
    is_dry_run: bool,
    /// Paths that no fault touches.
    protected_paths: Vec<String>,
    /// Headers whose requests no fault touches.
    protected_headers: Vec<String>,
    /// Injections at once, at most.
    max_active: Option<u64>,
    /// Injections under way.
    active: u64,
    /// Injections within a second, at most.
    max_per_second: Option<u64>,
    /// Injections of the last second, if they are limited.
    last_second: u64,
    /// The largest share of the requests that is injected.
    max_affected: Option<f64>,
    /// The share that was injected, if it is limited.
    affected: Option<f64>,
    /// The share of genuine errors at which the set stops.
    stop_error_ratio: Option<f64>,
    /// The quantile of genuine latencies at which the set stops.
    stop_quantile: Option<f64>,
    /// The limit of that quantile.
    stop_latency_seconds: Option<f64>,
    /// Genuine responses of the server within the window of the stop.
    server_responses: ResponsesView,
    /// Genuine responses that clients received within that window.
    client_responses: ResponsesView,
}

/// Genuine responses within a window.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ResponsesView {
    /// All of them.
    all: u64,
    /// Errors.
    errors: u64,
    /// Those later than the limit.
    late: u64,
}

/// One fault.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FaultView {
    /// The name.
    name: String,
    /// Where it acts: `server`, `client`, `listener` or `connector`.
    placement: &'static str,
    /// Whether it is enabled.
    enabled: bool,
    /// Why it skips every request now, if it does.
    inactive: Option<String>,
    /// The share of the eligible requests that is selected.
    participation: f64,
    /// The share at this time: less during a ramp, 0 while it is inactive.
    current_participation: f64,
    /// The group of which one fault at most acts on a request.
    group: Option<String>,
    /// Which of the selected requests are injected.
    limits: LimitsView,
    /// The time until it begins.
    starts_in_seconds: Option<f64>,
    /// The time until it ends by itself.
    ends_in_seconds: Option<f64>,
    /// What it does, as in the plan; empty if the fault does not come from one.
    action: String,
    /// The routes, paths and rules to which it is limited, as in the plan.
    routes: Vec<String>,
    /// The outcomes of the requests so far: `seen`, `injected`, `active`, and the number of skipped ones by reason.
    counts: BTreeMap<String, u64>,
}

/// Which of the selected requests are injected.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LimitsView {
    /// Selected requests that pass first.
    skip: u64,
    /// Of those after them, each of this number is injected.
    every: u64,
    /// Injections at most.
    limit: Option<u64>,
    /// Selected requests so far; counted under limits only.
    selected: u64,
}

/// One route of the service.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RouteView {
    /// Its name.
    name: Option<String>,
    /// The methods that it takes.
    methods: String,
    /// The templates of the host, the outermost first.
    hosts: Vec<String>,
    /// The template of the path.
    template: String,
    /// Its other conditions.
    conditions: Vec<String>,
    /// What the program says about it.
    metadata: BTreeMap<String, String>,
}

impl RouteView {
    pub(crate) fn new(route: RouteInfo<'_>) -> Self {
        Self {
            name: route.name().map(str::to_owned),
            methods: route.methods().to_string(),
            hosts: route.hosts().map(str::to_owned).collect(),
            template: route.template().to_owned(),
            conditions: route.conditions().map(str::to_owned).collect(),
            metadata: route
                .metadata()
                .iter()
                .filter(|(key, _)| !key.contains("openapi"))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        }
    }
}

impl StatusView {
    pub(crate) fn new(state: &StateInner) -> Self {
        let overview: SetOverview = state.set.overview();
        let plan = state.set.plan();
        let document = plan.as_ref().and_then(PlanDocument::of);
        Self {
            instance: state.instance.clone(),
            uptime_seconds: state.start.elapsed().as_secs_f64(),
            version: env!("CARGO_PKG_VERSION"),
            revision: overview.revision,
            environment: overview.environment,
            is_halted: overview.is_halted,
            is_expired: overview.is_expired,
            expires_in_seconds: overview.expires_in.map(|time| time.as_secs_f64()),
            stopped: overview.stop.map(|reason| reason.to_string()),
            has_fleet: state.fleet.is_some(),
            plan_tag: plan.as_ref().map(|plan| state.tag(plan)),
            guards: GuardsView::new(overview.guards),
            faults: overview
                .faults
                .into_iter()
                .map(|fault| FaultView::new(fault, document.as_ref()))
                .collect(),
            traffic: state.traffic.as_ref().map(crate::traffic::traffic::Traffic::view),
        }
    }
}

impl GuardsView {
    fn new(guards: GuardOverview) -> Self {
        let responses =
            |ResponseCounts { all, errors, late, .. }: ResponseCounts| ResponsesView { all, errors, late };
        let share = guards.window_injected as f64 / guards.window_requests.max(1) as f64;
        Self {
            is_dry_run: guards.is_dry_run,
            protected_paths: guards.protected_paths,
            protected_headers: guards.protected_headers,
            max_active: guards.max_active,
            active: guards.active,
            max_per_second: guards.max_per_second,
            last_second: guards.last_second,
            max_affected: guards.max_affected,
            affected: guards.max_affected.map(|_| share),
            stop_error_ratio: guards.stop_error_ratio,
            stop_quantile: guards.stop_quantile,
            stop_latency_seconds: guards.stop_latency.map(|time| time.as_secs_f64()),
            server_responses: responses(guards.server_responses),
            client_responses: responses(guards.client_responses),
        }
    }
}

/// Returns all faults, or those of one name.
pub(crate) fn faults(state: &StateInner, name: Option<&str>) -> Vec<FaultView> {
    let document = state.set.plan().as_ref().and_then(PlanDocument::of);
    let faults = state.set.overview().faults.into_iter();
    let wanted = faults.filter(|fault| name.is_none_or(|name| fault.name == name));
    wanted.map(|fault| FaultView::new(fault, document.as_ref())).collect()
}

impl FaultView {
    fn new(fault: FaultOverview, document: Option<&PlanDocument>) -> Self {
        let (action, routes) = document.map(|document| document.fault(&fault.name)).unwrap_or_default();
        Self {
            placement: fault.placement.name(),
            enabled: fault.is_enabled,
            inactive: fault.inactive.map(|reason| reason.to_string()),
            participation: fault.participation,
            current_participation: fault.current_participation,
            group: fault.group,
            limits: LimitsView {
                skip: fault.skip,
                every: fault.every,
                limit: fault.limit,
                selected: fault.selected,
            },
            starts_in_seconds: fault.starts_in.map(|time| time.as_secs_f64()),
            ends_in_seconds: fault.ends_in.map(|time| time.as_secs_f64()),
            action,
            routes,
            counts: counts(&fault.counts),
            name: fault.name,
        }
    }
}

/// Returns the counters by name.
pub(crate) fn counts(counts: &Counts) -> BTreeMap<String, u64> {
    match serde_json::to_value(counts) {
        Ok(Value::Object(counts)) => {
            counts.into_iter().filter_map(|(name, count)| Some((name, count.as_u64()?))).collect()
        }
        _ => BTreeMap::new(),
    }
}

/// A plan as data.
struct PlanDocument(Value);

/// The keys of a fault that say where and when it acts; the others say what it does.
const SELECTION: [&str; 19] = [
    "name",
    "placement",
    "enabled",
    "participation",
    "group",
    "seed",
    "skip",
    "every",
    "limit",
    "start",
    "end",
    "duration",
    "ramp",
    "mark",
    "unwind",
    "keeps_head_bodies",
    "read_ahead",
    "count_while_disabled",
    "protect_probes",
];

/// Beginnings of further such keys.
const SELECTION_PREFIXES: [&str; 5] = ["allow_", "block_", "first_", "decide_", "attempt_"];

impl PlanDocument {
    fn of(plan: &FaultPlan) -> Option<Self> {
        serde_json::from_str(&plan.to_json()).ok().map(Self)
    }

    /// Returns what a fault does, and where.
    fn fault(&self, name: &str) -> (String, Vec<String>) {
        let faults = self.0["fault"].as_array();
        let fault = faults.and_then(|faults| faults.iter().find(|fault| fault["name"] == name));
        let Some(fault) = fault.and_then(Value::as_object) else { return Default::default() };
        let is_selection = |key: &str| {
            SELECTION.contains(&key) || SELECTION_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
        };
        let actions = fault.iter().filter(|(key, _)| !is_selection(key));
        let actions: Vec<String> = actions.map(|(key, value)| format!("{key} = {}", inline(value))).collect();
        let routes = ["allow_routes", "allow_paths", "allow_rules"]
            .iter()
            .filter_map(|key| fault.get(*key)?.as_array());
        let routes = routes.flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        (actions.join(", "), routes)
    }
}

/// Writes a value in one line, as short as a plan may have it: `90ms`, not `{ distribution = "fixed", time = "90ms" }`.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members)
            if members.len() == 2 && members.get("distribution") == Some(&"fixed".into()) =>
        {
            members.get("time").map(inline).unwrap_or_default()
        }
        Value::Object(members) => {
            let only = members.iter().next().filter(|_| members.len() == 1);
            if let Some((_, value)) = only.filter(|(key, _)| ["how", "status"].contains(&key.as_str())) {
                return inline(value);
            }
            // What a reader looks for comes first.
            let is_first = |key: &str| ["weight", "distribution", "status", "kind"].contains(&key);
            let (first, rest): (Vec<_>, Vec<_>) = members.iter().partition(|(key, _)| is_first(key));
            let all = first.into_iter().chain(rest);
            let members: Vec<_> = all.map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Number(number) => number.as_f64().map_or(number.to_string(), |number| number.to_string()),
        other => other.to_string(),
    }
}
