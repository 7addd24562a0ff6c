//! Shapes of a plan, its guards and its faults.

use crate::plan::data::Table;
use crate::plan::injector_shapes::{
    BOOL, COUNT, DATE, DURATION, INJECTORS, KEY, POSITIVE, SECRET_ENV_FIELD, SECRET_HEADER_FIELD, SHARE,
    TEXT, WEIGHT, injector_fields,
};
use crate::plan::node::{Node, Value};
use crate::plan::shape::{Field, Shape, TableShape, field};

const fn of(title: &'static str, fields: &'static [Field]) -> TableShape {
    TableShape { title, short: None, tag: None, one_of: &[], fields }
}

static VERSION: Shape = Shape::Integer { min: 1, max: 1 };
static TEXTS: Shape = Shape::List { item: &TEXT, min: 0, max: 1000 };
static STATUSES: Shape = Shape::List { item: &STATUS_RANGE, min: 0, max: 1000 };
static STATUS_RANGE: Shape = Shape::Statuses;
static ENVIRONMENTS: Shape = Shape::List { item: &TEXT, min: 1, max: 100 };
static MAX_PER_SECOND: Shape = Shape::Integer { min: 1, max: 100_000 };
static READ_AHEAD: Shape = Shape::Integer { min: 0, max: 1 << 30 };
static FAULTS: Shape = Shape::List { item: &FAULT, min: 0, max: 1000 };
pub(crate) static PLAN: Shape = Shape::Table(&PLAN_TABLE);

static PLAN_TABLE: TableShape = of(
    "a plan",
    &[
        field("version", &VERSION, "The version of the format: 1.").required(),
        field("id", &TEXT, "A name of the plan, for reports."),
        field("enabled", &BOOL, "Whether the faults act at all; true by default."),
        field("environments", &ENVIRONMENTS, "The environments in which the plan may be loaded.").required(),
        field("owner", &TEXT, "The team behind the plan, for reports."),
        field("reason", &TEXT, "The occasion of the plan, for reports."),
        field("seed", &COUNT, "The seed of every draw; fresh in each process by default."),
        field("decide_by", &KEY, "What decisions go by, for faults that do not say; the counter by default."),
        field("ttl", &DURATION, "How long after it was loaded the plan ends."),
        field("until", &DATE, "When the plan ends."),
        field("dry_run", &BOOL, "Whether faults decide, count and report, but inject nothing."),
        field("max_active_faults", &POSITIVE, "How many injections may run at once."),
        field("max_faults_per_second", &MAX_PER_SECOND, "How many injections may begin within a second."),
        field("max_affected", &MAX_AFFECTED, "The share of all requests that may be injected."),
        field("protect", &PROTECT, "Requests that no fault touches."),
        field("stop", &STOP, "Limits at which the plan stops by itself."),
        field("fault", &FAULTS, "The faults, the outermost first."),
    ],
);

static MAX_AFFECTED: Shape = Shape::Table(&MAX_AFFECTED_TABLE);
static MAX_AFFECTED_TABLE: TableShape = TableShape {
    short: Some("share"),
    ..of(
        "a limit of the affected share",
        &[
            field("share", &SHARE, "The share of the requests.").required(),
            field("window", &DURATION, "The time over which it is measured; 10 s by default."),
        ],
    )
};

static PROTECT: Shape = Shape::Table(&PROTECT_TABLE);
static PROTECT_TABLE: TableShape = of(
    "a protection",
    &[
        field("paths", &TEXTS, "Paths, prefixes, templates or globs."),
        field("headers", &PROTECTED_HEADERS, "Headers."),
    ],
);
static PROTECTED_HEADERS: Shape = Shape::List { item: &PROTECTED_HEADER, min: 0, max: 100 };
static PROTECTED_HEADER: Shape = Shape::Table(&PROTECTED_HEADER_TABLE);
static PROTECTED_HEADER_TABLE: TableShape = TableShape {
    short: Some("name"),
    ..of(
        "a protected header",
        &[
            field("name", &TEXT, "The name of the header.").required(),
            field("value", &TEXT, "Its value; any by default."),
        ],
    )
};

static STOP: Shape = Shape::Table(&STOP_TABLE);
static STOP_TABLE: TableShape = of(
    "an automatic stop",
    &[
        field("window", &DURATION, "The time over which responses are judged.").required(),
        field("min_requests", &POSITIVE, "How many responses the window must hold; 20 by default."),
        field("error_ratio", &SHARE, "The largest share of genuine errors."),
        field("latency", &LATENCY, "The limit of a quantile of genuine latencies."),
    ],
);
static LATENCY: Shape = Shape::Table(&LATENCY_TABLE);
static LATENCY_TABLE: TableShape = of(
    "a latency limit",
    &[
        field("quantile", &SHARE, "The quantile, such as 0.99.").required(),
        field("above", &DURATION, "The limit of the quantile.").required(),
    ],
);

static PLACEMENT: Shape =
    Shape::Choice(&[("server", ""), ("client", ""), ("listener", ""), ("connector", "")]);
static GROUP: Shape = Shape::Table(&GROUP_TABLE);
static GROUP_TABLE: TableShape = TableShape {
    short: Some("name"),
    ..of(
        "a group",
        &[
            field("name", &TEXT, "The name of the group, of which one fault at most acts on a request.")
                .required(),
            field("weight", &WEIGHT, "How often this fault is picked; 1 by default."),
        ],
    )
};
static FLAG: Shape = Shape::Table(&FLAG_TABLE);
static FLAG_KIND: Shape = Shape::Choice(&[("boolean", ""), ("share", "")]);
static FLAG_TABLE: TableShape = TableShape {
    short: Some("key"),
    ..of(
        "a flag",
        &[
            field("key", &TEXT, "The key of the flag.").required(),
            field("kind", &FLAG_KIND, "What its values are: all or none, by default, or a share."),
            field("targeting_header", &TEXT, "The header whose value is the targeting key."),
            field("context_headers", &TEXTS, "The headers whose values are the context."),
            field("timeout", &DURATION, "How long a request waits for the flag; 100 ms by default."),
        ],
    )
};
static BAGGAGE: Shape = Shape::Table(&BAGGAGE_TABLE);
static TRUST: Shape = Shape::Choice(&[("secret", ""), ("all", "")]);
static BAGGAGE_TABLE: TableShape = TableShape {
    tag: Some(("trust", "secret")),
    ..of(
        "a match of baggage",
        &[
            field(
                "trust",
                &TRUST,
                "The requests whose baggage is believed: those with a secret, by default.",
            ),
            SECRET_HEADER_FIELD.required().only(&["secret"]),
            SECRET_ENV_FIELD.required().only(&["secret"]),
            field("key", &TEXT, "The key of the members that name faults; `waylay.fault` by default."),
        ],
    )
};
static HEADERS: Shape = Shape::List { item: &HEADER, min: 0, max: 1000 };
static HEADER: Shape = Shape::Table(&HEADER_TABLE);
static HEADER_TABLE: TableShape = of(
    "a header",
    &[
        field("name", &TEXT, "The name of the header.").required(),
        field("value", &TEXT, "One of its values, as it is sent.").required(),
    ],
);

static FAULT: Shape = Shape::Table(&FAULT_TABLE);
static FAULT_TABLE: TableShape = TableShape {
    one_of: INJECTORS,
    ..of(
        "a fault",
        injector_fields![
            field("name", &TEXT, "The name, by which counters and decisions go.").required(),
            field(
                "placement",
                &PLACEMENT,
                "Where the fault acts; on requests that the server receives by default."
            ),
            field("enabled", &BOOL, "Whether the fault acts; true by default."),
            field("participation", &SHARE, "The share of the eligible requests.").required(),
            field("flag", &FLAG, "The feature flag that decides about the participation."),
            field("group", &GROUP, "The group of faults of which one at most acts on a request."),
            field("seed", &COUNT, "The seed of its draws; that of the plan by default."),
            field("decide_by", &KEY, "What its decisions go by; as the plan says by default."),
            field("attempt_header", &TEXT, "The header that numbers the attempts of one request."),
            field("skip", &COUNT, "How many selected requests pass first."),
            field("every", &POSITIVE, "Which of the selected requests are injected: each n-th."),
            field("limit", &POSITIVE, "How many requests are injected in all."),
            field("first_per_key", &POSITIVE, "How many requests of each key are injected."),
            field("start", &DATE, "When the fault begins."),
            field("end", &DATE, "When the fault ends."),
            field("duration", &DURATION, "How long the fault acts."),
            field("ramp", &DURATION, "How long the participation takes to rise from 0."),
            field("allow_methods", &TEXTS, "The only methods."),
            field("block_methods", &TEXTS, "Methods to leave alone."),
            field("allow_paths", &TEXTS, "The only paths: exact, prefixes, templates or globs."),
            field("block_paths", &TEXTS, "Paths to leave alone."),
            field("allow_headers", &HEADERS, "The only headers, of which one is enough."),
            field("block_headers", &HEADERS, "Headers to leave alone."),
            field("allow_hosts", &TEXTS, "The only hosts."),
            field("block_hosts", &TEXTS, "Hosts to leave alone."),
            field("allow_clients", &TEXTS, "The only client addresses or ranges."),
            field("block_clients", &TEXTS, "Client addresses or ranges to leave alone."),
            field("allow_routes", &TEXTS, "The only routes, by template or name.").feature("axum or router"),
            field("block_routes", &TEXTS, "Routes to leave alone.").feature("axum or router"),
            field("allow_rules", &TEXTS, "The only requests, by rules of waylay-router.").feature("router"),
            field("block_rules", &TEXTS, "Requests to leave alone, by rules of waylay-router.")
                .feature("router"),
            field("baggage", &BAGGAGE, "The W3C baggage that must name the fault."),
            field(
                "allow_statuses",
                &STATUSES,
                "The only statuses of the service's response, to which the fault then applies."
            ),
            field("block_statuses", &STATUSES, "Statuses of the service's response to leave alone."),
            field(
                "allow_response_headers",
                &HEADERS,
                "The only headers of the service's response, of which one is enough."
            ),
            field("block_response_headers", &HEADERS, "Headers of the service's response to leave alone."),
            field("protect_probes", &BOOL, "Whether health probes are left alone; true by default."),
            field("mark", &BOOL, "Whether responses name the fault in a header; true by default."),
            field("unwind", &BOOL, "Whether a reject may unwind the connection's task."),
            field("keeps_head_bodies", &BOOL, "Whether nothing around the layer empties bodies of HEAD."),
            field("read_ahead", &READ_AHEAD, "How many bytes of a delayed request are read meanwhile."),
            field("count_while_disabled", &BOOL, "Whether requests count while the fault is disabled."),
        ],
    )
};

/// The values of one fault that are good by themselves.
pub(crate) fn check_fault_partly(node: &Node) -> Option<Table> {
    match &node.value {
        Value::Table(entries) => Some(FAULT_TABLE.check_partly(entries)),
        _ => None,
    }
}

/// The key of a plan that a text is, or is near to.
pub(crate) fn plan_key(text: &str) -> Option<&'static str> {
    PLAN_TABLE.field(text).map(|field| field.key).or_else(|| PLAN_TABLE.nearest_key(text))
}

/// The keys of a fault, in their order.
pub(crate) fn fault_keys() -> impl Iterator<Item = &'static str> {
    FAULT_TABLE.fields.iter().map(|field| field.key)
}
