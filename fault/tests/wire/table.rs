//! The table of `docs/effects.md`, which must equal a new run.
//!
//! `WAYLAY_WRITE=1 cargo test -p waylay-fault-wire --features clients --test wire the_table`
//! rewrites it.

use std::fmt::Write;
use std::time::Duration;

use futures_util::future::join_all;
use waylay_fault::{
    ChunkError, Corruption, Delay, DelayPoint, Direction, Fault, Format, Injector, LengthOffset, Reject,
    ResetCode, Side, Toxic, TruncateAt, TruncateEnd, chain, corrupt, dribble, error, grpc, messages, panic,
    patch, quota, random, rate_limit, reject, replace, slow, truncate, wrong_length,
};

use crate::observe::{PROTOCOLS, Place, see};

/// The text in the table, and the injector.
type Row = (&'static str, fn() -> Injector);

const LAYER: &[Row] = &[
    ("`error(503).retry_after(…)`", || error(503).header("retry-after", "2").into()),
    ("`grpc(14)`", || grpc(14).into()),
    ("`slow`, request", || slow(Delay::fixed("1ms"))),
    ("`slow`, response head", || slow(Delay::fixed("1ms").at(DelayPoint::ResponseHead))),
    ("`slow`, response chunks", || slow(Delay::fixed("1ms").at(DelayPoint::ResponseChunks))),
    ("`Reject::EmptyReply`", || reject(Reject::EmptyReply)),
    ("`Reject::StreamReset(REFUSED_STREAM)`", || reject(Reject::StreamReset(ResetCode::REFUSED_STREAM))),
    ("`Reject::hang(…)`, during it", || reject(Reject::hang("1h"))),
    ("`Reject::hang(…)`, at its end", || reject(Reject::hang("1ms"))),
    ("`Reject::ConnectionClose`", || reject(Reject::ConnectionClose)),
    ("`Reject::ConnectionReset`", || reject(Reject::ConnectionReset)),
    ("`Reject::GoAway`", || reject(Reject::GoAway)),
    ("`Reject::GoAwayWith(ENHANCE_YOUR_CALM)`", || reject(Reject::GoAwayWith(ResetCode::ENHANCE_YOUR_CALM))),
    ("`Reject::ConnectionRefused`", || reject(Reject::ConnectionRefused)),
    ("`Reject::BrokenPipe`", || reject(Reject::BrokenPipe)),
    ("`rate_limit`", || rate_limit(10_000_000).into()),
    ("`dribble`", || dribble(4, "4ms").into()),
    ("`panic`", || panic("injected")),
    ("`truncate`, then `TruncateEnd::Close`", || {
        truncate(TruncateAt::Bytes(14)).then(TruncateEnd::Close).into()
    }),
    ("`truncate`, then `TruncateEnd::Reset(CANCEL)`", || {
        truncate(TruncateAt::Bytes(14)).then(TruncateEnd::Reset(ResetCode::CANCEL)).into()
    }),
    ("`truncate`, then `TruncateEnd::Clean`", || {
        truncate(TruncateAt::Bytes(14)).then(TruncateEnd::Clean).into()
    }),
    ("`corrupt(BitFlips(1.0))`", || corrupt(Corruption::BitFlips(1.0)).into()),
    ("`corrupt(Json)`", || corrupt(Corruption::Json).into()),
    ("`corrupt(Utf8)`", || corrupt(Corruption::Utf8).into()),
    ("`corrupt(ChunkFraming(ChunkError::BadSize))`", || {
        corrupt(Corruption::ChunkFraming(ChunkError::BadSize)).into()
    }),
    ("`corrupt(ChunkFraming(ChunkError::Longer))`", || {
        corrupt(Corruption::ChunkFraming(ChunkError::Longer)).into()
    }),
    ("`corrupt(ChunkFraming(ChunkError::BadLast))`", || {
        corrupt(Corruption::ChunkFraming(ChunkError::BadLast)).into()
    }),
    ("`corrupt(ChunkFraming(ChunkError::MissingLast))`", || {
        corrupt(Corruption::ChunkFraming(ChunkError::MissingLast)).into()
    }),
    ("`replace`", || replace("other").into()),
    ("`patch().status(418)`", || patch().status(418).into()),
    ("`patch().set(…)`, response", || patch().set("x-patched", "1").into()),
    ("`patch().set(…)`, request", || patch().set("x-patched", "1").on(Side::Request).into()),
    ("`wrong_length(More)`", || wrong_length(LengthOffset::More(5)).into()),
    ("`wrong_length(Fewer)`", || wrong_length(LengthOffset::Fewer(5)).into()),
    ("`messages(Sse).drop(1.0)`", || messages(Format::Sse).drop(1.0).into()),
    ("`messages(Sse).stop_after(1)`", || messages(Format::Sse).stop_after(1).into()),
    ("`messages(Grpc).drop(1.0)`", || messages(Format::Grpc).drop(1.0).into()),
    ("`messages(Grpc).delay(1.0, …)`", || messages(Format::Grpc).delay(1.0, Delay::fixed("1ms")).into()),
    ("`messages(Grpc).duplicate(1.0)`", || messages(Format::Grpc).duplicate(1.0).into()),
    ("`messages(Grpc).stop_after(1)`", || messages(Format::Grpc).stop_after(1).into()),
    ("`messages(WebSocket).delay(1.0, …)`", || {
        messages(Format::WebSocket).delay(1.0, Delay::fixed("1ms")).into()
    }),
    ("`messages(WebSocket).duplicate(1.0)`", || messages(Format::WebSocket).duplicate(1.0).into()),
    ("`messages(WebSocket).stop_after(1)`", || messages(Format::WebSocket).stop_after(1).into()),
    ("`quota(0, …)`", || quota(0, "1h").into()),
    ("`random([…])`, `chain([…])`", || {
        random([(1.0, chain([slow(Delay::fixed("1ms")), error(500).into()]))])
    }),
];

const TOXICS: &[Row] = &[
    ("`Toxic::latency`", || Toxic::latency("1ms", "0s").into()),
    ("`Toxic::bandwidth`", || Toxic::bandwidth(10_000).into()),
    ("`Toxic::slow_close`", || Toxic::slow_close("1ms").into()),
    ("`Toxic::slicer`", || Toxic::slicer(1000, 0, "0s").into()),
    ("`Toxic::timeout(0)`, during it", || Toxic::timeout("0s").into()),
    ("`Toxic::timeout(…)`, at its end", || Toxic::timeout("10ms").into()),
    ("`Toxic::limit_data(100)`", || Toxic::limit_data(100).into()),
    ("`Toxic::reset_after(100)`", || Toxic::reset_after(100).into()),
    ("`Toxic::reset_peer`", || Toxic::reset_peer("0s").into()),
    ("`Toxic::retransmission`", || Toxic::retransmission(0.5, 0.0, "1ms").into()),
    ("`Toxic::shared_bandwidth`", || Toxic::shared_bandwidth(10_000).into()),
    ("`Toxic::close_after(1h)`", || Toxic::close_after("1h").into()),
    ("`Toxic::garbage(64)`", || Toxic::garbage(64).into()),
];

const CONNECTIONS: &[Row] = &[
    ("`slow`", || slow(Delay::fixed("1ms"))),
    ("`error(503)`", || error(503).into()),
    ("`Reject::EmptyReply`", || reject(Reject::EmptyReply)),
    ("`Reject::hang(…)`, during it", || reject(Reject::hang("1h"))),
    ("`Reject::hang(…)`, at its end", || reject(Reject::hang("1ms"))),
    ("`Reject::ConnectionClose`", || reject(Reject::ConnectionClose)),
    ("`Reject::ConnectionReset`", || reject(Reject::ConnectionReset)),
    ("`Reject::ConnectionRefused`", || reject(Reject::ConnectionRefused)),
    ("`Reject::BrokenPipe`", || reject(Reject::BrokenPipe)),
    ("`Reject::StreamReset`", || reject(Reject::StreamReset(ResetCode::CANCEL))),
    ("`Reject::GoAway`", || reject(Reject::GoAway)),
    ("`Toxic::limit_data(10)`, upstream", || Toxic::limit_data(10).direction(Direction::Upstream).into()),
];

const CLIENT: &[Row] = &[
    ("`slow`", || slow(Delay::fixed("1ms"))),
    ("`error(503)`", || error(503).into()),
    ("`grpc(14)`", || grpc(14).into()),
    ("`Reject::EmptyReply`", || reject(Reject::EmptyReply)),
    ("`Reject::StreamReset(CANCEL)`", || reject(Reject::StreamReset(ResetCode::CANCEL))),
    ("`Reject::hang(…)`, at its end", || reject(Reject::hang("1ms"))),
    ("`Reject::ConnectionReset`", || reject(Reject::ConnectionReset)),
    ("`Reject::ConnectionRefused`", || reject(Reject::ConnectionRefused)),
    ("`Reject::BrokenPipe`", || reject(Reject::BrokenPipe)),
    ("`truncate`, then `TruncateEnd::Close`", || {
        truncate(TruncateAt::Bytes(14)).then(TruncateEnd::Close).into()
    }),
    ("`truncate`, then `TruncateEnd::Clean`", || {
        truncate(TruncateAt::Bytes(14)).then(TruncateEnd::Clean).into()
    }),
    ("`slow`, response head", || slow(Delay::fixed("1ms").at(DelayPoint::ResponseHead))),
    ("`slow`, response chunks", || slow(Delay::fixed("1ms").at(DelayPoint::ResponseChunks))),
    ("`rate_limit`", || rate_limit(10_000_000).into()),
    ("`corrupt(BitFlips(1.0))`", || corrupt(Corruption::BitFlips(1.0)).into()),
    ("`corrupt(ChunkFraming(ChunkError::BadSize))`", || {
        corrupt(Corruption::ChunkFraming(ChunkError::BadSize)).into()
    }),
    ("`replace`", || replace("other").into()),
    ("`patch().status(418)`", || patch().status(418).into()),
    ("`patch().set(…)`, response", || patch().set("x-patched", "1").into()),
    ("`wrong_length(More)`", || wrong_length(LengthOffset::More(5)).into()),
    ("`messages(Sse).stop_after(1)`", || messages(Format::Sse).stop_after(1).into()),
    ("`messages(Grpc).duplicate(1.0)`", || messages(Format::Grpc).duplicate(1.0).into()),
    ("`messages(Grpc).stop_after(1)`", || messages(Format::Grpc).stop_after(1).into()),
    ("`quota(0, …)`", || quota(0, "1h").into()),
    ("`Toxic::limit_data(100)`", || Toxic::limit_data(100).into()),
];

const PARTS: [(&str, Place, &[&[Row]]); 4] = [
    ("A layer on the server, with the handles of a `FaultListener`", Place::Layer, &[LAYER, TOXICS]),
    ("A fault of the `FaultListener`", Place::Listener, &[CONNECTIONS, TOXICS]),
    ("A layer around the client", Place::Client, &[CLIENT]),
    ("A `FaultConnector`; for reqwest the `connect_layer`", Place::Connector, &[CONNECTIONS, TOXICS]),
];

const BEGIN: &str = "<!-- made by tests/wire/table.rs: begin -->\n";
const END: &str = "<!-- made by tests/wire/table.rs: end -->";

// On one thread: on several, the task of an HTTP/2 connection may send a head before it receives
// the reset.
#[tokio::test]
async fn the_table_equals_a_new_run() {
    let mut table = String::new();
    for (title, place, groups) in PARTS {
        writeln!(table, "## {title}\n").unwrap();
        table += "| | HTTP/1.1 | h2c | h2 over TLS | gRPC | WebSocket |\n|---|---|---|---|---|---|\n";
        let rows: Vec<&Row> = groups.iter().copied().flatten().collect();
        for some in rows.chunks(8) {
            for line in join_all(some.iter().map(|row| line(place, row))).await {
                table += &line;
            }
        }
        table += "\n";
    }

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/effects.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (current, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("WAYLAY_WRITE").is_some_and(|value| value == "1") {
        std::fs::write(path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
    } else {
        let changed: Vec<_> =
            current.lines().zip(table.lines()).filter(|(current, fresh)| current != fresh).collect();
        assert!(
            current == table,
            "docs/effects.md differs from this run; first the page, then the run: {changed:#?}"
        );
    }
}

/// A row, from one run per client.
async fn line(place: Place, (name, injector): &Row) -> String {
    // Silence lasts forever; nothing else waits that long.
    let timeout = Duration::from_millis(if name.contains("during it") { 200 } else { 20_000 });
    let races = name.starts_with("`Toxic::timeout");
    let path = if name.contains("Sse") { "/events" } else { "/" };
    let cells = PROTOCOLS.map(|protocol| async move {
        let fault = Fault::new("table", injector()).enabled(true).participation(1.0).seed(7);
        see(place, &fault.build().unwrap(), protocol, timeout, races, path).await
    });
    format!("| {name} | {} |\n", join_all(cells).await.join(" | "))
}
