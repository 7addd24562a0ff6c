//! The recorder of the crate `metrics` has what `Counts` have.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use proptest::prelude::*;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    AutoStop, Counts, Delay, DelayPoint, Fault, FaultPlacement, FaultSet, Guards, Injector, Reject, error,
    reject, slow, truncate,
};

use crate::support::get;

/// Runs with a separate recorder, on paused time and one thread.
fn recorded<T>(work: impl Future<Output = T>) -> (T, Snapshotter) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let result = metrics::with_local_recorder(&recorder, || runtime.block_on(work));
    (result, snapshotter)
}

/// Name and labels, and the value, or the number of values of a histogram and their sum.
fn values(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        let labels = key.labels().map(|label| label.value()).collect::<Vec<_>>().join(" ");
        let name = format!("{} {labels}", key.name().trim_start_matches("waylay_fault_"));
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(all) => {
                let sum: f64 = all.iter().map(|value| value.into_inner()).sum();
                values.insert(format!("{} sum", name.trim_end()), sum);
                all.len() as f64
            }
        };
        values.insert(name.trim_end().to_owned(), value);
    }
    values
}

async fn through(set: &FaultSet, status: u16) {
    let inner = service_fn(move |_: Request<String>| {
        let response = Response::builder().status(status).body(String::from("text")).unwrap();
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let response = set.layer().layer(inner).oneshot(get("/")).await.unwrap();
    let _ = http_body_util::BodyExt::collect(response.into_body()).await;
}

/// The outcomes of `Counts`, by the names of its fields.
fn outcomes(counts: Counts) -> Vec<(&'static str, u64)> {
    vec![
        ("injected", counts.injected),
        ("halted", counts.halted),
        ("not_enabled", counts.not_enabled),
        ("protected", counts.protected),
        ("no_match", counts.no_match),
        ("not_selected", counts.not_selected),
        ("outside_window", counts.outside_window),
        ("other_in_group", counts.other_in_group),
        ("already_decided", counts.already_decided),
        ("not_deliverable", counts.not_deliverable),
        ("outside_schedule", counts.outside_schedule),
        ("expired", counts.expired),
        ("stopped", counts.stopped),
        ("max_active", counts.max_active),
        ("max_rate", counts.max_rate),
        ("max_affected", counts.max_affected),
        ("dry_run", counts.dry_run),
        ("callback_panicked", counts.callback_panicked),
        ("declined", counts.declined),
        ("response_mismatch", counts.response_mismatch),
        ("not_requested", counts.not_requested),
        ("untrusted", counts.untrusted),
        ("invalid_control", counts.invalid_control),
    ]
}

/// Every field of `Counts` has its series, whatever fields come.
#[cfg(feature = "serde")]
#[test]
fn every_counter_has_its_series() {
    let ((), snapshotter) = recorded(async {
        let set = FaultSet::builder().metrics().build();
        set.replace([Fault::new("flaky", error(503))]).unwrap();
    });
    let values = values(&snapshotter);
    let counts = serde_json::to_value(Counts::default()).unwrap();
    for field in counts.as_object().unwrap().keys().filter(|field| !["seen", "active"].contains(&&***field)) {
        assert!(values.contains_key(&format!("requests_total flaky server {field}")), "{field}");
    }
    assert_eq!(outcomes(Counts::default()).len() + 2, counts.as_object().unwrap().len());
}

fn injector() -> impl Strategy<Value = u8> {
    0..5_u8
}

fn injector_of(kind: u8) -> Injector {
    match kind {
        0 => error(503).into(),
        1 => slow(Delay::fixed("3ms")),
        2 => reject(Reject::EmptyReply),
        3 => truncate(waylay_fault::TruncateAt::Bytes(1)).into(),
        _ => reject(Reject::ConnectionReset),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, the metrics are the counters, and nothing stays active.
    #[test]
    fn metrics_are_the_counters(
        faults in prop::collection::vec((injector(), 0.0..1.0_f64, any::<bool>(), 0..20_u64), 1..4),
        requests in 1..20_usize,
        max_per_second in 1..10_u64,
    ) {
        let (counts, snapshotter) = recorded(async {
            let set = FaultSet::builder().metrics().build();
            set.replace(faults.iter().enumerate().map(|(number, (kind, share, is_counted, limit))| {
                Fault::new(format!("f{number}"), injector_of(*kind))
                    .enabled(!is_counted)
                    .count_while_disabled(*is_counted)
                    .participation(*share)
                    .limit(limit + 1)
                    .seed(7)
            }))
            .unwrap();
            set.set_guards(Guards::new().max_per_second(max_per_second)).unwrap();
            for _ in 0..requests {
                through(&set, 200).await;
            }
            set.counts()
        });
        let values = values(&snapshotter);
        for (name, counts) in counts {
            for (outcome, count) in outcomes(counts) {
                let seen = values[&format!("requests_total {name} server {outcome}")];
                prop_assert_eq!(seen, count as f64, "{} {}", name, outcome);
            }
            prop_assert_eq!(values[&format!("active {name} server")], 0.0);
        }
    }
}

#[test]
fn delays_are_measured_as_they_were_spent() {
    let ((), snapshotter) = recorded(async {
        let set = FaultSet::builder().metrics().build();
        set.replace([
            Fault::new("request", slow(Delay::fixed("250ms"))).enabled(true).participation(1.0),
            Fault::new("head", slow(Delay::fixed("500ms").at(DelayPoint::ResponseHead)))
                .enabled(true)
                .participation(1.0),
            Fault::new("cancelled", slow(Delay::fixed("1h"))).enabled(true).participation(1.0).limit(1),
        ])
        .unwrap();
        let off = async {
            tokio::time::sleep(Duration::from_millis(1250)).await;
            set.control("cancelled").unwrap().set_enabled(false);
        };
        tokio::join!(through(&set, 200), off);
        through(&set, 200).await;
    });
    let values = values(&snapshotter);
    let rows = [
        ("request server finished", 2.0, 0.5),
        ("head server finished", 2.0, 1.0),
        ("cancelled server finished", 0.0, 0.0),
        ("cancelled server cancelled", 1.0, 1.0),
    ];
    for (labels, count, sum) in rows {
        let name = format!("delay_seconds {labels}");
        assert_eq!(values[&name], count, "{labels}");
        assert!((values[&format!("{name} sum")] - sum).abs() < 0.01, "{labels}: {values:?}");
    }
}

#[test]
fn the_state_of_a_set_is_measured() {
    const EVENTS: [&str; 6] = ["applied", "rejected", "expired", "stopped", "rearmed", "source_lost"];
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    // This recorder takes the counters back with each snapshot.
    let mut events = [0.0; 6];
    let mut row = || {
        let values = values(&snapshotter);
        for (sum, name) in events.iter_mut().zip(EVENTS) {
            *sum += values[&format!("set_events_total {name}")];
        }
        ["plan_revision", "stopped", "expired", "dry_run", "halted"].map(|name| values[name])
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let flaky = || Fault::new("flaky", error(503)).enabled(true).participation(0.0);
            let set = FaultSet::builder().metrics().build();
            set.replace([flaky()]).unwrap();
            assert_eq!(row(), [1.0, 0.0, 0.0, 0.0, 0.0]);
            set.replace_at([(FaultPlacement::Client, flaky())]).unwrap();
            set.set_guards(Guards::new().dry_run(true)).unwrap();
            assert_eq!(row(), [2.0, 0.0, 0.0, 1.0, 0.0]);
            set.replace([flaky()]).unwrap();
            let stop = AutoStop::new("10s").error_ratio(0.5).min_requests(1);
            set.set_guards(Guards::new().stop(stop).ttl("1h")).unwrap();
            through(&set, 500).await;
            assert_eq!(row(), [3.0, 1.0, 0.0, 0.0, 0.0]);
            set.rearm();
            assert_eq!(row(), [3.0, 0.0, 0.0, 0.0, 0.0]);
            tokio::time::advance(Duration::from_secs(3600)).await;
            through(&set, 500).await;
            assert_eq!(row(), [3.0, 0.0, 1.0, 0.0, 0.0]);
        });
    });
    assert_eq!(events, [3.0, 0.0, 1.0, 1.0, 1.0, 0.0], "{EVENTS:?}");
    let values = values(&snapshotter);
    // All series of a fault exist, on each side that it had.
    assert_eq!(values["requests_total flaky server declined"], 0.0);
    assert_eq!(values["requests_total flaky client injected"], 0.0);
}

#[test]
fn a_single_fault_is_measured_on_its_side() {
    let ((), snapshotter) = recorded(async {
        let fault = Fault::new("alone", error(503)).enabled(true).participation(1.0);
        let fault = fault.metrics(FaultPlacement::Client).build().unwrap();
        let client =
            service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new())));
        fault.client_layer().layer(client).oneshot(get("/")).await.unwrap();
    });
    assert_eq!(values(&snapshotter)["requests_total alone client injected"], 1.0);
}

/// Two sets with one fault of the same name: their series are apart where they have names, and an unnamed set has
/// no label more.
#[test]
fn sets_with_names_have_separate_series() {
    let ((), snapshotter) = recorded(async {
        for (name, requests) in [(Some("checkout"), 1), (Some("search"), 2), (None, 3)] {
            let set = FaultSet::builder().metrics();
            let set = name.into_iter().fold(set, |set, name| set.name(name)).build();
            assert_eq!(set.name(), name);
            set.replace([Fault::new("late", slow(Delay::fixed("1ms"))).enabled(true).participation(1.0)])
                .unwrap();
            for _ in 0..requests {
                through(&set, 200).await;
            }
        }
    });
    let values = values(&snapshotter);
    let rows = [
        ("requests_total late server injected", [1.0, 2.0, 3.0]),
        ("delay_seconds late server finished", [1.0, 2.0, 3.0]),
        ("active late server", [0.0; 3]),
        ("plan_revision", [1.0; 3]),
        ("stopped", [0.0; 3]),
        ("set_events_total applied", [1.0; 3]),
    ];
    for (series, expected) in rows {
        let found = [" checkout", " search", ""].map(|set| values[&format!("{series}{set}")]);
        assert_eq!(found, expected, "{series}");
    }
    // It is of the process.
    assert!(!values.contains_key("halted checkout") && values.contains_key("halted"));
}
