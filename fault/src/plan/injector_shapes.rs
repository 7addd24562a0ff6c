//! Shapes of the injectors.

use crate::plan::shape::{Field, Shape, TableShape, field};

pub(crate) static BOOL: Shape = Shape::Bool;
/// A name, a pattern, a header's value.
pub(crate) static TEXT: Shape = Shape::Text { max: 1024 };
static BODY: Shape = Shape::Text { max: 65_536 };
pub(crate) static DURATION: Shape = Shape::Duration;
pub(crate) static DATE: Shape = Shape::Date;
pub(crate) static SHARE: Shape = Shape::Share;
pub(crate) static KEY: Shape = Shape::Key;
/// Any count, of which TOML can write 63 bits.
pub(crate) static COUNT: Shape = Shape::Integer { min: 0, max: i64::MAX };
pub(crate) static POSITIVE: Shape = Shape::Integer { min: 1, max: i64::MAX };
pub(crate) static WEIGHT: Shape = Shape::Number { min: 0.0, max: 1e12 };
static SIGMA: Shape = Shape::Number { min: 0.0, max: 1e6 };
static STATUS: Shape = Shape::Integer { min: 200, max: 599 };
static GRPC_STATUS: Shape = Shape::Integer { min: 0, max: 16 };
static U16: Shape = Shape::Integer { min: 0, max: 65_535 };
static SIZE: Shape = Shape::Integer { min: 1, max: 1 << 30 };
static VARIATION: Shape = Shape::Integer { min: 0, max: 1 << 30 };
static SIDE: Shape = Shape::Choice(&[("request", ""), ("response", "")]);
static RESET_CODE: Shape = Shape::Choice(&[
    ("no_error", "http2"),
    ("protocol_error", "http2"),
    ("internal_error", "http2"),
    ("flow_control_error", "http2"),
    ("settings_timeout", "http2"),
    ("stream_closed", "http2"),
    ("frame_size_error", "http2"),
    ("refused_stream", "http2"),
    ("cancel", "http2"),
    ("compression_error", "http2"),
    ("connect_error", "http2"),
    ("enhance_your_calm", "http2"),
    ("inadequate_security", "http2"),
    ("http_1_1_required", "http2"),
]);

/// The keys of an injector, of which a fault, a link of a chain and a choice each have one.
pub(crate) const INJECTORS: &[&str] = &[
    "error",
    "grpc",
    "reject",
    "slow",
    "rate_limit",
    "dribble",
    "truncate",
    "corrupt",
    "replace",
    "patch",
    "wrong_length",
    "messages",
    "quota",
    "toxic",
    "panic",
    "stress",
    "chain",
    "random",
];

// In place, since constants that refer to statics which hold them go in circles.
macro_rules! injector_fields {
    ($($first:expr,)*) => {
        &[
            $($first,)*
            $crate::plan::shape::field("error", &$crate::plan::injector_shapes::ERROR, "Answer with a status in the service's place."),
            $crate::plan::shape::field("grpc", &$crate::plan::injector_shapes::GRPC, "Answer with a gRPC status in the service's place."),
            $crate::plan::shape::field("reject", &$crate::plan::injector_shapes::REJECT, "End the exchange without a response."),
            $crate::plan::shape::field("slow", &$crate::plan::injector_shapes::SLOW, "Delay the request, the response's head or each chunk."),
            $crate::plan::shape::field("rate_limit", &$crate::plan::injector_shapes::RATE_LIMIT, "Limit the speed of a body."),
            $crate::plan::shape::field("dribble", &$crate::plan::injector_shapes::DRIBBLE, "Send a body in parts, spread over a time."),
            $crate::plan::shape::field("truncate", &$crate::plan::injector_shapes::TRUNCATE, "End a body early."),
            $crate::plan::shape::field("corrupt", &$crate::plan::injector_shapes::CORRUPT, "Corrupt the bytes of a body."),
            $crate::plan::shape::field("replace", &$crate::plan::injector_shapes::REPLACE, "Send another body."),
            $crate::plan::shape::field("patch", &$crate::plan::injector_shapes::PATCH, "Change the head of a response or of a request."),
            $crate::plan::shape::field("wrong_length", &$crate::plan::injector_shapes::WRONG_LENGTH, "Announce a length that the body does not have."),
            $crate::plan::shape::field("messages", &$crate::plan::injector_shapes::MESSAGES, "Act on single messages of server-sent events, gRPC or WebSocket."),
            $crate::plan::shape::field("quota", &$crate::plan::injector_shapes::QUOTA, "Let a number of requests pass in each window."),
            $crate::plan::shape::field("toxic", &$crate::plan::injector_shapes::TOXIC, "Act on the bytes of the connection, as Toxiproxy does."),
            $crate::plan::shape::field("panic", &$crate::plan::injector_shapes::TEXT, "Panic in the task of the handler, with this message.").feature("panic"),
            $crate::plan::shape::field("stress", &$crate::plan::injector_shapes::STRESS, "Load the processors and the memory of the process.").feature("stress"),
            $crate::plan::shape::field("chain", &$crate::plan::injector_shapes::CHAIN, "Do one thing after the other."),
            $crate::plan::shape::field("random", &$crate::plan::injector_shapes::RANDOM, "Do one of several things, by weight."),
        ]
    };
}
pub(crate) use injector_fields;

const fn of(title: &'static str, fields: &'static [Field]) -> TableShape {
    TableShape { title, short: None, tag: None, one_of: &[], fields }
}

const SIDE_FIELD: Field = field("side", &SIDE, "Which half of the exchange; the response by default.");

pub(crate) static ERROR: Shape = Shape::Table(&ERROR_TABLE);
static ERROR_TABLE: TableShape = TableShape {
    short: Some("status"),
    ..of(
        "an error",
        &[
            field("status", &STATUS, "The status, from 200 to 599.").required(),
            field("text", &BODY, "The body; the status's phrase by default."),
            field("content_type", &TEXT, "The media type of the body; plain text by default."),
            field("headers", &HEADERS, "Further headers."),
            field("retry_after", &DURATION, "When to come again."),
        ],
    )
};

static HEADERS: Shape = Shape::List { item: &HEADER, min: 0, max: 100 };
static HEADER: Shape = Shape::Table(&HEADER_TABLE);
static HEADER_TABLE: TableShape = of(
    "a header",
    &[
        field("name", &TEXT, "The name of the header.").required(),
        field("value", &TEXT, "The value of the header.").required(),
    ],
);

pub(crate) static GRPC: Shape = Shape::Table(&GRPC_TABLE);
static GRPC_TABLE: TableShape = TableShape {
    short: Some("status"),
    ..of(
        "a gRPC status",
        &[
            field("status", &GRPC_STATUS, "The status, from 0 to 16.").required(),
            field("message", &TEXT, "The message beside the status."),
            field("headers", &HEADERS, "Further headers, which clients see as metadata."),
        ],
    )
};

static REJECT_HOW: Shape = Shape::Choice(&[
    ("empty_reply", ""),
    ("hang", ""),
    ("stream_reset", "http2"),
    ("connection_close", ""),
    ("connection_reset", ""),
    ("goaway", ""),
    ("connection_refused", ""),
    ("broken_pipe", ""),
]);
pub(crate) static REJECT: Shape = Shape::Table(&REJECT_TABLE);
static REJECT_TABLE: TableShape = TableShape {
    short: Some("how"),
    tag: Some(("how", "empty_reply")),
    ..of(
        "a reject",
        &[
            field("how", &REJECT_HOW, "How the exchange ends."),
            field("max", &DURATION, "How long a hang lasts at most.").required().only(&["hang"]),
            field("code", &RESET_CODE, "The HTTP/2 code; of GOAWAY, `NO_ERROR` by default.")
                .only(&["stream_reset", "goaway"]),
        ],
    )
};

static DISTRIBUTION: Shape = Shape::Choice(&[
    ("fixed", ""),
    ("uniform", ""),
    ("lognormal", ""),
    ("normal", ""),
    ("exponential", ""),
    ("quantiles", ""),
]);
static DELAY_POINT: Shape =
    Shape::Choice(&[("request", ""), ("response_head", ""), ("request_chunks", ""), ("response_chunks", "")]);
const DISTRIBUTION_FIELD: Field =
    field("distribution", &DISTRIBUTION, "How the delays are spread; fixed by default.");
const TIME_FIELD: Field = field("time", &DURATION, "The delay.").required().only(&["fixed"]);
const LOW_FIELD: Field = field("low", &DURATION, "The shortest delay.").required().only(&["uniform"]);
const HIGH_FIELD: Field = field("high", &DURATION, "The longest delay.").required().only(&["uniform"]);
const MEDIAN_FIELD: Field =
    field("median", &DURATION, "Half of the delays are shorter.").required().only(&["lognormal"]);
const SIGMA_FIELD: Field =
    field("sigma", &SIGMA, "The spread of the logarithm.").required().only(&["lognormal"]);
const MEAN_FIELD: Field =
    field("mean", &DURATION, "The mean delay.").required().only(&["normal", "exponential"]);
const DEVIATION_FIELD: Field =
    field("deviation", &DURATION, "The standard deviation.").required().only(&["normal"]);
const QUANTILES_FIELD: Field =
    field("table", &TEXT, "Measured quantiles, such as `p50=20ms p99=1s`.").required().only(&["quantiles"]);
const MAX_FIELD: Field = field("max", &DURATION, "The longest delay; distributions without one need it.");

pub(crate) static SLOW: Shape = Shape::Table(&SLOW_TABLE);
static SLOW_TABLE: TableShape = TableShape {
    short: Some("time"),
    tag: Some(("distribution", "fixed")),
    ..of(
        "a delay",
        &[
            DISTRIBUTION_FIELD,
            TIME_FIELD,
            LOW_FIELD,
            HIGH_FIELD,
            MEDIAN_FIELD,
            SIGMA_FIELD,
            MEAN_FIELD,
            DEVIATION_FIELD,
            QUANTILES_FIELD,
            MAX_FIELD,
            field("at", &DELAY_POINT, "Where the delay is spent; before the request by default."),
        ],
    )
};

pub(crate) static RATE_LIMIT: Shape = Shape::Table(&RATE_LIMIT_TABLE);
static RATE_LIMIT_TABLE: TableShape = TableShape {
    short: Some("bytes_per_second"),
    ..of(
        "a rate limit",
        &[field("bytes_per_second", &POSITIVE, "The speed of each body.").required(), SIDE_FIELD],
    )
};

static PARTS: Shape = Shape::Integer { min: 1, max: 1_000_000 };
pub(crate) static DRIBBLE: Shape = Shape::Table(&DRIBBLE_TABLE);
static DRIBBLE_TABLE: TableShape = of(
    "a dribble",
    &[
        field("parts", &PARTS, "The number of parts, of equal size.").required(),
        field("over", &DURATION, "The time until the last part.").required(),
        SIDE_FIELD,
    ],
);

static TRUNCATE_THEN: Shape =
    Shape::Choice(&[("close", ""), ("clean", ""), ("connection_reset", ""), ("reset", "http2")]);
pub(crate) static TRUNCATE: Shape = Shape::Table(&TRUNCATE_TABLE);
static TRUNCATE_TABLE: TableShape = TableShape {
    tag: Some(("then", "close")),
    one_of: &["bytes", "fraction"],
    ..of(
        "a truncation",
        &[
            field("bytes", &COUNT, "How many bytes are sent."),
            field("fraction", &SHARE, "Which share of the body is sent."),
            field("then", &TRUNCATE_THEN, "How the body ends."),
            field("code", &RESET_CODE, "The HTTP/2 code of the reset.").required().only(&["reset"]),
            field("linger", &DURATION, "The time for sending what comes before the end; 50 ms by default."),
            SIDE_FIELD,
        ],
    )
};

static CORRUPT_HOW: Shape =
    Shape::Choice(&[("bit_flips", ""), ("json", ""), ("utf8", ""), ("chunk_framing", "")]);
static CHUNK_ERROR: Shape = Shape::Choice(&[
    ("bad_size", ""),
    ("longer", ""),
    ("shorter", ""),
    ("bad_last", ""),
    ("missing_last", ""),
]);
pub(crate) static CORRUPT: Shape = Shape::Table(&CORRUPT_TABLE);
static CORRUPT_TABLE: TableShape = TableShape {
    short: Some("how"),
    tag: Some(("how", "json")),
    ..of(
        "a corruption",
        &[
            field("how", &CORRUPT_HOW, "What is done to the bytes.").required(),
            field("bit_flips", &SHARE, "The probability that a byte has a bit flipped.")
                .required()
                .only(&["bit_flips"]),
            field("framing", &CHUNK_ERROR, "What is wrong with the chunks.")
                .required()
                .only(&["chunk_framing"]),
            SIDE_FIELD,
        ],
    )
};

pub(crate) static REPLACE: Shape = Shape::Table(&REPLACE_TABLE);
static REPLACE_TABLE: TableShape = TableShape {
    short: Some("body"),
    ..of(
        "a replacement",
        &[
            field("body", &BODY, "The body to send.").required(),
            field("content_type", &TEXT, "Its media type; that of the replaced body by default."),
            SIDE_FIELD,
        ],
    )
};

static EDITS: Shape = Shape::List { item: &EDIT, min: 0, max: 100 };
static EDIT: Shape = Shape::Table(&EDIT_TABLE);
static EDIT_TABLE: TableShape = TableShape {
    one_of: &["set", "add", "drop", "duplicate"],
    ..of(
        "a header edit",
        &[
            field("set", &TEXT, "The header that gets this value alone."),
            field("add", &TEXT, "The header that gets this value beside its own."),
            field("drop", &TEXT, "The header to leave out."),
            field("duplicate", &TEXT, "The header whose lines are sent twice."),
            field("value", &TEXT, "The value to set or add."),
        ],
    )
};
pub(crate) static PATCH: Shape = Shape::Table(&PATCH_TABLE);
static PATCH_TABLE: TableShape = of(
    "a patch",
    &[
        field("status", &STATUS, "Another status, of a response only."),
        field("headers", &EDITS, "Edits of headers, in order."),
        SIDE_FIELD,
    ],
);

pub(crate) static WRONG_LENGTH: Shape = Shape::Table(&WRONG_LENGTH_TABLE);
static WRONG_LENGTH_TABLE: TableShape = TableShape {
    one_of: &["more", "fewer"],
    ..of(
        "a wrong length",
        &[
            field("more", &COUNT, "How many bytes more than the body has are announced."),
            field("fewer", &COUNT, "How many bytes fewer than the body has are announced."),
            SIDE_FIELD,
        ],
    )
};

static FORMAT: Shape = Shape::Choice(&[("sse", ""), ("grpc", ""), ("websocket", "")]);
static MESSAGE_DELAY: Shape = Shape::Table(&MESSAGE_DELAY_TABLE);
static MESSAGE_DELAY_TABLE: TableShape = TableShape {
    tag: Some(("distribution", "fixed")),
    ..of(
        "a delay of messages",
        &[
            field("share", &SHARE, "The share of the messages.").required(),
            DISTRIBUTION_FIELD,
            TIME_FIELD,
            LOW_FIELD,
            HIGH_FIELD,
            MEDIAN_FIELD,
            SIGMA_FIELD,
            MEAN_FIELD,
            DEVIATION_FIELD,
            QUANTILES_FIELD,
            MAX_FIELD,
        ],
    )
};
pub(crate) static MESSAGES: Shape = Shape::Table(&MESSAGES_TABLE);
static MESSAGES_TABLE: TableShape = of(
    "a message injector",
    &[
        field("format", &FORMAT, "What the messages are.").required(),
        field("drop", &SHARE, "The share of the messages to drop."),
        field("duplicate", &SHARE, "The share of the messages to send twice."),
        field("reorder", &SHARE, "The share of the messages that the next one overtakes."),
        field("delay", &MESSAGE_DELAY, "The share of the messages to delay, and by how much."),
        field("stop_after", &COUNT, "How many messages come before the stream ends."),
        field("code", &U16, "The gRPC status or WebSocket close code of the end."),
        SIDE_FIELD,
    ],
);

static MAX_CLIENTS: Shape = Shape::Integer { min: 1, max: 1_000_000 };
pub(crate) static QUOTA: Shape = Shape::Table(&QUOTA_TABLE);
static QUOTA_TABLE: TableShape = of(
    "a quota",
    &[
        field("limit", &COUNT, "How many requests pass in each window.").required(),
        field("window", &DURATION, "The length of a window.").required(),
        field("per", &KEY, "What has a quota of its own; all share one by default."),
        field("max_clients", &MAX_CLIENTS, "How many windows are open at once; 10,000 by default."),
        field("response", &ERROR, "What the requests beyond the limit get; 429 by default."),
        field("announce", &BOOL, "Whether to send `ratelimit-*` headers."),
    ],
);

static TOXIC_KIND: Shape = Shape::Choice(&[
    ("latency", ""),
    ("bandwidth", ""),
    ("slow_close", ""),
    ("timeout", ""),
    ("reset_peer", ""),
    ("slicer", ""),
    ("limit_data", ""),
    ("reset_after", ""),
    ("packet_loss", ""),
    ("retransmission", ""),
    ("shared_bandwidth", ""),
    ("close_after", ""),
    ("garbage", ""),
]);
static DIRECTION: Shape = Shape::Choice(&[("upstream", ""), ("downstream", "")]);
pub(crate) static TOXIC: Shape = Shape::Table(&TOXIC_TABLE);
static TOXIC_TABLE: TableShape = TableShape {
    tag: Some(("kind", "latency")),
    ..of(
        "a toxic",
        &[
            field("kind", &TOXIC_KIND, "The name of the toxic, Toxiproxy's where it has one.").required(),
            field("latency", &DURATION, "How much later each chunk comes.").required().only(&["latency"]),
            field("jitter", &DURATION, "By how much the latency varies.").only(&["latency"]),
            field("rate", &POSITIVE, "Kilobytes a second.")
                .required()
                .only(&["bandwidth", "shared_bandwidth"]),
            field("delay", &DURATION, "The delay of the end, or between slices.")
                .required()
                .only(&["slow_close", "slicer"]),
            field("timeout", &DURATION, "When the connection ends; zero waits for ever.")
                .required()
                .only(&["timeout", "reset_peer"]),
            field("average_size", &SIZE, "The size of a slice.").required().only(&["slicer"]),
            field("size_variation", &VARIATION, "By how much the size varies.").only(&["slicer"]),
            field("bytes", &COUNT, "How many bytes are delivered.").required().only(&[
                "limit_data",
                "reset_after",
                "garbage",
            ]),
            field("loss_rate", &SHARE, "The probability that a chunk is lost.")
                .required()
                .only(&["packet_loss", "retransmission"]),
            field("correlation", &SHARE, "What is added to it after a lost chunk; 0 by default.")
                .only(&["packet_loss", "retransmission"]),
            field("rto", &DURATION, "How long after a loss the chunk is sent again, doubled each time.")
                .required()
                .only(&["retransmission"]),
            field("after", &DURATION, "When the connection is closed.").required().only(&["close_after"]),
            field("direction", &DIRECTION, "The way of the bytes; downstream by default."),
        ],
    )
};

static THREADS: Shape = Shape::Integer { min: 0, max: 64 };
static MEMORY: Shape = Shape::Integer { min: 0, max: 4 << 30 };
static LOADS: Shape = Shape::Integer { min: 1, max: 16 };
pub(crate) static STRESS: Shape = Shape::Table(&STRESS_TABLE);
static STRESS_TABLE: TableShape = of(
    "a load",
    &[
        field("time", &DURATION, "How long it lasts, at most 10 minutes.").required(),
        field("cpu", &THREADS, "How many threads compute without pause."),
        field("memory", &MEMORY, "How many bytes are held."),
        field("at_once", &LOADS, "How many such loads may run at the same time; one by default."),
    ],
);

pub(crate) static CHAIN: Shape = Shape::List { item: &LINK, min: 0, max: 100 };
static LINK: Shape = Shape::Table(&LINK_TABLE);
static LINK_TABLE: TableShape =
    TableShape { one_of: INJECTORS, ..of("a link of a chain", injector_fields![]) };
pub(crate) static RANDOM: Shape = Shape::List { item: &CHOICE, min: 1, max: 100 };
static CHOICE: Shape = Shape::Table(&CHOICE_TABLE);
static CHOICE_TABLE: TableShape = TableShape {
    one_of: INJECTORS,
    ..of("a choice", injector_fields![field("weight", &WEIGHT, "How often it is picked; 1 by default."),])
};
