//! Builds faults, injectors and guards from the checked data of a plan.

use std::collections::HashMap;

#[cfg(feature = "http2")]
use crate::connection::command::ResetCode;
use crate::connection::command::{ChunkError, Direction};
use crate::fault::builder::FaultBuilder;
use crate::fault::fault::Fault;
use crate::fault::guards::Guards;
use crate::fault::selection::Group;
use crate::fault::stop::AutoStop;
use crate::injector::abort::{Abort, error, grpc};
use crate::injector::corrupt::{Corruption, corrupt};
use crate::injector::dribble::dribble;
use crate::injector::key::DecideBy;
use crate::injector::messages::{Format, messages};
#[cfg(feature = "panic")]
use crate::injector::panic::panic;
use crate::injector::quota::quota;
use crate::injector::reject::{Reject, reject};
use crate::injector::rewrite::{LengthOffset, patch, replace, wrong_length};
use crate::injector::slow::{rate_limit, slow};
#[cfg(feature = "stress")]
use crate::injector::stress::stress;
use crate::injector::toxic::Toxic;
use crate::injector::tree::{Injector, chain, random};
use crate::injector::truncate::{TruncateAt, TruncateEnd, truncate};
use crate::plan::data::{Data, Table};
use crate::plan::injector_shapes::INJECTORS;
use crate::random::delay::{Delay, DelayPoint};
use crate::report::event::{FaultPlacement, Side};

/// Values of the plan that hold for faults which do not have their own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Defaults {
    pub(crate) is_enabled: bool,
    pub(crate) seed: Option<u64>,
    pub(crate) decide_by: Option<String>,
}

impl Defaults {
    pub(crate) fn of(plan: &Table) -> Self {
        Self {
            is_enabled: plan.bool("enabled").unwrap_or(true),
            seed: plan.count("seed"),
            decide_by: plan.text("decide_by").map(str::to_owned),
        }
    }
}

/// The groups of a plan by name; their seed is the plan's.
#[derive(Debug, Default)]
pub(crate) struct Groups(HashMap<String, Group>);

impl Groups {
    fn get(&mut self, name: &str, seed: Option<u64>) -> &Group {
        self.0.entry(name.to_owned()).or_insert_with(|| {
            let group = Group::new(name);
            match seed {
                Some(seed) => group.seed(seed),
                None => group,
            }
        })
    }
}

pub(crate) fn guards(plan: &Table) -> Guards {
    let mut guards = Guards::new().dry_run(plan.bool("dry_run").unwrap_or(false));
    guards.ttl = plan.time("ttl");
    guards.until = plan.date("until");
    guards.max_active = plan.count("max_active_faults");
    guards.max_per_second = plan.count("max_faults_per_second");
    if let Some(limit) = plan.table("max_affected") {
        let window = limit.text("window").unwrap_or("10s");
        guards.max_affected = limit.number("share").map(|share| (share, window.into()));
    }
    if let Some(protect) = plan.table("protect") {
        guards = guards.protect_paths(protect.texts("paths"));
        for header in protect.tables("headers") {
            guards = guards.protect_header(header.text("name").unwrap_or_default(), header.text("value"));
        }
    }
    if let Some(stop) = plan.table("stop") {
        let mut limits = AutoStop::new(stop.text("window").unwrap_or_default());
        if let Some(count) = stop.count("min_requests") {
            limits = limits.min_requests(count);
        }
        if let Some(share) = stop.number("error_ratio") {
            limits = limits.error_ratio(share);
        }
        if let Some(latency) = stop.table("latency") {
            let quantile = latency.number("quantile").unwrap_or_default();
            limits = limits.latency(quantile, latency.text("above").unwrap_or_default());
        }
        guards = guards.stop(limits);
    }
    guards
}

pub(crate) fn placement(fault: &Table) -> FaultPlacement {
    let name = fault.text("placement").unwrap_or("server");
    FaultPlacement::ALL.into_iter().find(|placement| placement.name() == name).unwrap_or_default()
}

pub(crate) fn fault(fault: &Table, defaults: &Defaults, groups: &mut Groups) -> FaultBuilder {
    let mut builder = Fault::new(fault.text("name").unwrap_or_default(), injector(fault))
        .enabled(defaults.is_enabled && fault.bool("enabled").unwrap_or(true))
        .participation(fault.number("participation").unwrap_or_default());
    if let Some(seed) = fault.count("seed").or(defaults.seed) {
        builder = builder.seed(seed);
    }
    if let Some(key) = fault.text("decide_by").or(defaults.decide_by.as_deref()) {
        builder = builder.decide_by(decide_by(key));
    }
    if let Some(name) = fault.text("attempt_header") {
        builder = builder.attempt_header(name);
    }
    if let Some(group) = fault.table("group") {
        let joined = groups.get(group.text("name").unwrap_or_default(), defaults.seed);
        builder = builder.group(joined, group.number("weight").unwrap_or(1.0));
    }
    builder = counts(builder, fault);
    builder = schedule(builder, fault);
    builder = lists(builder, fault);
    builder = builder
        .protect_probes(fault.bool("protect_probes").unwrap_or(true))
        .mark(fault.bool("mark").unwrap_or(true))
        .unwind(fault.bool("unwind").unwrap_or(false))
        .keeps_head_bodies(fault.bool("keeps_head_bodies").unwrap_or(false))
        .count_while_disabled(fault.bool("count_while_disabled").unwrap_or(false));
    builder.read_ahead(fault.count("read_ahead").and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0))
}

fn counts(mut builder: FaultBuilder, fault: &Table) -> FaultBuilder {
    if let Some(count) = fault.count("skip") {
        builder = builder.skip(count);
    }
    if let Some(count) = fault.count("every") {
        builder = builder.every(count);
    }
    if let Some(count) = fault.count("limit") {
        builder = builder.limit(count);
    }
    if let Some(count) = fault.count("first_per_key") {
        builder = builder.first_per_key(count);
    }
    builder
}

fn schedule(mut builder: FaultBuilder, fault: &Table) -> FaultBuilder {
    if let Some(date) = fault.date("start") {
        builder = builder.starts_at(date);
    }
    if let Some(date) = fault.date("end") {
        builder = builder.ends_at(date);
    }
    if let Some(time) = fault.duration("duration") {
        builder = builder.duration(time);
    }
    if let Some(time) = fault.duration("ramp") {
        builder = builder.ramp(time);
    }
    builder
}

/// Sets the lists that the plan has; one without items is an error of the builder.
fn lists(mut builder: FaultBuilder, fault: &Table) -> FaultBuilder {
    let names = fault
        .0
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| key.starts_with("allow_") || key.starts_with("block_"));
    for key in names {
        let texts = fault.texts(key);
        let pairs = || fault.tables(key).map(pair);
        builder = match key {
            "allow_methods" => builder.allow_methods(texts),
            "block_methods" => builder.block_methods(texts),
            "allow_paths" => builder.allow_paths(texts),
            "block_paths" => builder.block_paths(texts),
            "allow_headers" => builder.allow_headers(pairs()),
            "block_headers" => builder.block_headers(pairs()),
            "allow_hosts" => builder.allow_hosts(texts),
            "block_hosts" => builder.block_hosts(texts),
            "allow_clients" => builder.allow_clients(texts),
            "block_clients" => builder.block_clients(texts),
            #[cfg(any(feature = "axum", feature = "router"))]
            "allow_routes" => builder.allow_routes(texts),
            #[cfg(any(feature = "axum", feature = "router"))]
            "block_routes" => builder.block_routes(texts),
            #[cfg(feature = "router")]
            "allow_rules" => builder.allow_rules(texts),
            #[cfg(feature = "router")]
            "block_rules" => builder.block_rules(texts),
            _ => builder,
        };
    }
    builder
}

fn pair(header: &Table) -> (&str, &str) {
    (header.text("name").unwrap_or_default(), header.text("value").unwrap_or_default())
}

fn decide_by(key: &str) -> DecideBy {
    match key {
        "request_id" => DecideBy::RequestId,
        "trace_id" => DecideBy::TraceId,
        "client_ip" => DecideBy::ClientIp,
        "connection" => DecideBy::Connection,
        other => match other.strip_prefix("header:") {
            Some(name) => DecideBy::Header(name.to_owned()),
            None => DecideBy::Counter,
        },
    }
}

/// The injector of a table that has exactly one; an empty chain, should it have none.
fn injector(parent: &Table) -> Injector {
    let set = parent.0.iter().find(|(key, _)| INJECTORS.contains(key));
    match set {
        Some((key, Data::Table(table))) => simple_injector(key, table),
        #[cfg(feature = "panic")]
        Some(("panic", Data::Text(message))) => panic(message.as_str()),
        Some(("chain", Data::List(_))) => chain(parent.tables("chain").map(injector)),
        Some(("random", Data::List(_))) => {
            let choice = |table: &Table| (table.number("weight").unwrap_or(1.0), injector(table));
            random(parent.tables("random").map(choice))
        }
        _ => chain::<Injector>([]),
    }
}

fn simple_injector(key: &str, table: &Table) -> Injector {
    #[cfg(feature = "stress")]
    let size = |key| table.count(key).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
    match key {
        "error" => error_response(table).into(),
        "grpc" => {
            let status = grpc(table.small("status").unwrap_or_default());
            let status = status.message(table.text("message").unwrap_or_default());
            table
                .tables("headers")
                .map(pair)
                .fold(status, |status, (name, value)| status.header(name, value))
                .into()
        }
        "reject" => reject(rejection(table)),
        "slow" => slow(delay(table)),
        "rate_limit" => {
            rate_limit(table.count("bytes_per_second").unwrap_or_default()).on(side(table)).into()
        }
        "dribble" => {
            let parts = table.count("parts").and_then(|parts| u32::try_from(parts).ok());
            dribble(parts.unwrap_or_default(), table.text("over").unwrap_or_default()).on(side(table)).into()
        }
        "truncate" => truncation(table),
        "corrupt" => corrupt(corruption(table)).on(side(table)).into(),
        "replace" => {
            let body = replace(table.text("body").unwrap_or_default().to_owned()).on(side(table));
            match table.text("content_type") {
                Some(media_type) => body.content_type(media_type).into(),
                None => body.into(),
            }
        }
        "patch" => patches(table),
        "wrong_length" => {
            let length = match table.count("more") {
                Some(more) => LengthOffset::More(more),
                None => LengthOffset::Fewer(table.count("fewer").unwrap_or_default()),
            };
            wrong_length(length).on(side(table)).into()
        }
        "messages" => message_faults(table),
        "quota" => quotas(table),
        #[cfg(feature = "stress")]
        "stress" => {
            let load = stress(table.text("time").unwrap_or_default());
            load.cpu(size("cpu")).memory(size("memory")).at_once(size("at_once").max(1)).into()
        }
        _ => toxic(table).into(),
    }
}

fn side(table: &Table) -> Side {
    if table.text("side") == Some("request") { Side::Request } else { Side::Response }
}

fn error_response(table: &Table) -> Abort {
    let mut response = error(table.small("status").unwrap_or_default());
    if let Some(text) = table.text("text") {
        response = response.text(text);
    }
    if let Some(media_type) = table.text("content_type") {
        response = response.content_type(media_type);
    }
    if let Some(time) = table.text("retry_after") {
        response = response.retry_after(time);
    }
    table.tables("headers").map(pair).fold(response, |response, (name, value)| response.header(name, value))
}

#[cfg(feature = "http2")]
fn reset_code(table: &Table) -> Option<ResetCode> {
    Some(match table.text("code")? {
        "no_error" => ResetCode::NO_ERROR,
        "protocol_error" => ResetCode::PROTOCOL_ERROR,
        "flow_control_error" => ResetCode::FLOW_CONTROL_ERROR,
        "settings_timeout" => ResetCode::SETTINGS_TIMEOUT,
        "stream_closed" => ResetCode::STREAM_CLOSED,
        "frame_size_error" => ResetCode::FRAME_SIZE_ERROR,
        "refused_stream" => ResetCode::REFUSED_STREAM,
        "cancel" => ResetCode::CANCEL,
        "compression_error" => ResetCode::COMPRESSION_ERROR,
        "connect_error" => ResetCode::CONNECT_ERROR,
        "enhance_your_calm" => ResetCode::ENHANCE_YOUR_CALM,
        "inadequate_security" => ResetCode::INADEQUATE_SECURITY,
        "http_1_1_required" => ResetCode::HTTP_1_1_REQUIRED,
        _ => ResetCode::INTERNAL_ERROR,
    })
}

fn rejection(table: &Table) -> Reject {
    match table.text("how").unwrap_or_default() {
        "hang" => Reject::hang(table.text("max").unwrap_or_default()),
        #[cfg(feature = "http2")]
        "stream_reset" => Reject::StreamReset(reset_code(table).unwrap_or(ResetCode::INTERNAL_ERROR)),
        "connection_close" => Reject::ConnectionClose,
        "connection_reset" => Reject::ConnectionReset,
        #[cfg(feature = "http2")]
        "goaway" => reset_code(table).map_or(Reject::GoAway, Reject::GoAwayWith),
        #[cfg(not(feature = "http2"))]
        "goaway" => Reject::GoAway,
        "connection_refused" => Reject::ConnectionRefused,
        "broken_pipe" => Reject::BrokenPipe,
        _ => Reject::EmptyReply,
    }
}

fn delay(table: &Table) -> Delay {
    let time = |key| table.text(key).unwrap_or_default();
    let delay = match table.text("distribution").unwrap_or_default() {
        "uniform" => Delay::uniform(time("low"), time("high")),
        "lognormal" => Delay::lognormal(time("median"), table.number("sigma").unwrap_or_default()),
        "normal" => Delay::normal(time("mean"), time("deviation")),
        "exponential" => Delay::exponential(time("mean")),
        "quantiles" => Delay::quantiles(time("table")),
        _ => Delay::fixed(time("time")),
    };
    let delay = delay.at(match table.text("at").unwrap_or_default() {
        "response_head" => DelayPoint::ResponseHead,
        "request_chunks" => DelayPoint::RequestChunks,
        "response_chunks" => DelayPoint::ResponseChunks,
        _ => DelayPoint::Request,
    });
    match table.text("max") {
        Some(max) => delay.max(max),
        None => delay,
    }
}

fn truncation(table: &Table) -> Injector {
    let at = match table.count("bytes") {
        Some(bytes) => TruncateAt::Bytes(bytes),
        None => TruncateAt::Fraction(table.number("fraction").unwrap_or_default()),
    };
    let end = match table.text("then").unwrap_or_default() {
        "clean" => TruncateEnd::Clean,
        "connection_reset" => TruncateEnd::ConnectionReset,
        #[cfg(feature = "http2")]
        "reset" => TruncateEnd::Reset(reset_code(table).unwrap_or(ResetCode::INTERNAL_ERROR)),
        _ => TruncateEnd::Close,
    };
    let truncation = truncate(at).then(end).on(side(table));
    match table.text("linger") {
        Some(time) => truncation.linger(time).into(),
        None => truncation.into(),
    }
}

fn corruption(table: &Table) -> Corruption {
    match table.text("how").unwrap_or_default() {
        "bit_flips" => Corruption::BitFlips(table.number("bit_flips").unwrap_or_default()),
        "utf8" => Corruption::Utf8,
        "chunk_framing" => Corruption::ChunkFraming(match table.text("framing").unwrap_or_default() {
            "longer" => ChunkError::Longer,
            "shorter" => ChunkError::Shorter,
            "bad_last" => ChunkError::BadLast,
            "missing_last" => ChunkError::MissingLast,
            _ => ChunkError::BadSize,
        }),
        _ => Corruption::Json,
    }
}

fn patches(table: &Table) -> Injector {
    let mut head = patch().on(side(table));
    if let Some(status) = table.small("status") {
        head = head.status(status);
    }
    for edit in table.tables("headers") {
        let value = edit.text("value").unwrap_or_default();
        head = match edit.0.iter().find_map(|(key, data)| Some((*key, text_of(data)?))) {
            Some(("set", name)) => head.set(name, value),
            Some(("add", name)) => head.add(name, value),
            Some(("drop", name)) => head.drop(name),
            Some((_, name)) => head.duplicate(name),
            None => head,
        };
    }
    head.into()
}

fn text_of(data: &Data) -> Option<&str> {
    if let Data::Text(text) = data { Some(text) } else { None }
}

fn message_faults(table: &Table) -> Injector {
    let format = match table.text("format").unwrap_or_default() {
        "grpc" => Format::Grpc,
        "websocket" => Format::WebSocket,
        _ => Format::Sse,
    };
    let share = |key| table.number(key).unwrap_or_default();
    let mut built = messages(format)
        .drop(share("drop"))
        .duplicate(share("duplicate"))
        .reorder(share("reorder"))
        .on(side(table));
    if let Some(delayed) = table.table("delay") {
        built = built.delay(delayed.number("share").unwrap_or_default(), delay(delayed));
    }
    if let Some(count) = table.count("stop_after") {
        built = built.stop_after(count);
    }
    if let Some(code) = table.small("code") {
        built = built.code(code);
    }
    built.into()
}

fn quotas(table: &Table) -> Injector {
    let limit = table.count("limit").unwrap_or_default();
    let mut built = quota(limit, table.text("window").unwrap_or_default())
        .announce(table.bool("announce").unwrap_or(false));
    if let Some(key) = table.text("per") {
        built = built.per(decide_by(key));
    }
    if let Some(count) = table.count("max_clients").and_then(|count| usize::try_from(count).ok()) {
        built = built.max_clients(count);
    }
    if let Some(response) = table.table("response") {
        built = built.response(error_response(response));
    }
    built.into()
}

fn toxic(table: &Table) -> Toxic {
    let time = |key| table.text(key).unwrap_or("0s");
    let size = |key| table.count(key).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
    let share = |key| table.number(key).unwrap_or_default();
    let bytes = table.count("bytes").unwrap_or_default();
    let toxic = match table.text("kind").unwrap_or_default() {
        "bandwidth" => Toxic::bandwidth(table.count("rate").unwrap_or_default()),
        "slow_close" => Toxic::slow_close(time("delay")),
        "timeout" => Toxic::timeout(time("timeout")),
        "reset_peer" => Toxic::reset_peer(time("timeout")),
        "slicer" => Toxic::slicer(size("average_size"), size("size_variation"), time("delay")),
        "limit_data" => Toxic::limit_data(bytes),
        "reset_after" => Toxic::reset_after(bytes),
        "packet_loss" => Toxic::packet_loss(share("loss_rate"), share("correlation")),
        "retransmission" => Toxic::retransmission(share("loss_rate"), share("correlation"), time("rto")),
        "shared_bandwidth" => Toxic::shared_bandwidth(table.count("rate").unwrap_or_default()),
        "close_after" => Toxic::close_after(time("after")),
        "garbage" => Toxic::garbage(size("bytes")),
        _ => Toxic::latency(time("latency"), time("jitter")),
    };
    match table.text("direction") {
        Some("upstream") => toxic.direction(Direction::Upstream),
        _ => toxic,
    }
}
