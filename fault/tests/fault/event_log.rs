//! EventLog: numbers, bounds, readers that resume.

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;
use tower::ServiceExt;
use tower_layer::Layer;
use waylay_fault::{
    EventLog, Fault, FaultPlacement, FaultSet, Guards, LogEvent, MissedEvents, Phase, SkipReason, error,
};

use crate::support::{block_on, get, send};

fn texts(log: &EventLog) -> Vec<String> {
    log.since(0).entries.iter().map(|entry| entry.event().to_string()).collect()
}

fn flaky() -> waylay_fault::FaultBuilder {
    Fault::new("flaky", error(503)).enabled(true).participation(1.0)
}

async fn through(set: &FaultSet, path: &str) {
    let inner = tower::service_fn(async |_: http::Request<String>| {
        Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
    });
    set.layer().layer(inner).oneshot(get(path)).await.unwrap();
}

#[tokio::test]
async fn a_set_logs_its_faults_and_itself_in_order() {
    let log = EventLog::new(100);
    let set = FaultSet::builder().event_log(log.clone()).build();
    let own = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = own.clone();
    let reporter = move |_: &waylay_fault::Event<'_>| {
        seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    set.replace([flaky().reporter(reporter)]).unwrap();
    through(&set, "/a?token=secret").await;
    set.set_guards(Guards::new().dry_run(true)).unwrap();
    through(&set, "/b").await;
    assert!(set.replace([flaky(), flaky()]).is_err());
    log.note("disabled by an operator");
    set.clear();
    assert_eq!(
        texts(&log),
        [
            "faults applied: revision 1, 1 faults",
            "fault flaky started: error 503 (GET /a)",
            "fault flaky finished: error 503 (GET /a)",
            "fault flaky skipped: dry run: error 503 (GET /b)",
            "disabled by an operator",
            "faults applied: revision 2, 0 faults",
        ]
    );
    assert_eq!(own.load(std::sync::atomic::Ordering::Relaxed), 3, "a fault's own reporter has them too");
    let page = log.since(1);
    let LogEvent::Fault { fault, placement, phase, actions, method, path, .. } = page.entries[0].event()
    else {
        panic!("it is an event of a fault");
    };
    assert_eq!((&**fault, *placement, *phase), ("flaky", FaultPlacement::Server, Phase::Started));
    assert_eq!((actions.len(), method.as_str(), &**path), (1, "GET", "/a"));
}

#[tokio::test]
async fn skips_are_logged_on_demand() {
    for (log, wanted) in [(EventLog::new(9), 0), (EventLog::new(9).with_skips(), 1)] {
        let fault = flaky().participation(0.0).reporter(log.clone()).build().unwrap();
        send(&fault, get("/")).await;
        let page = log.since(0);
        assert_eq!(page.entries.len(), wanted);
        for entry in page.entries {
            assert!(matches!(entry.event(), LogEvent::Fault { phase: Phase::Skipped(reason), .. }
                    if *reason == SkipReason::NotSelected));
        }
    }
}

#[test]
fn texts_are_cut_at_a_character() {
    let log = EventLog::new(2);
    log.note("ä".repeat(100_000));
    let text = texts(&log).remove(0);
    assert_eq!((text.len(), text.ends_with("ä…")), (16 * 1024 + '…'.len_utf8(), true));
    let fault = flaky().reporter(log.clone()).build().unwrap();
    block_on(send(&fault, get(&format!("/{}", "a".repeat(5000)))));
    let LogEvent::Fault { path, .. } = log.since(1).entries[0].event().clone() else { panic!() };
    assert_eq!(path.len(), 512 + '…'.len_utf8());
}

/// Writers and readers of one log in any order, against a list of all events ever logged.
#[derive(Debug, Clone)]
enum Step {
    Note,
    Since(u64),
    Subscribe(u64),
    Read,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Note),
        1 => (0..40_u64).prop_map(Step::Since),
        1 => (0..40_u64).prop_map(Step::Subscribe),
        3 => Just(Step::Read),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn a_log_is_the_tail_of_all_events(capacity in 1..6_usize, steps in steps()) {
        let log = EventLog::new(capacity);
        let mut all: VecDeque<String> = VecDeque::new();
        // The reader, and the number of the last event that it has seen.
        let mut reader = (log.subscribe(0), 0_u64);
        for step in steps {
            let last = all.len() as u64;
            let oldest = last.saturating_sub(capacity as u64) + 1;
            let taken = |number| if number > last { 0 } else { number };
            match step {
                Step::Note => {
                    all.push_back(format!("note {last}"));
                    prop_assert_eq!(log.note(format!("note {last}")), last + 1);
                }
                Step::Since(number) => {
                    let page = log.since(number);
                    let first = (taken(number) + 1).max(oldest);
                    let wanted: Vec<_> =
                        (first..=last).map(|number| format!("{number} {}", all[number as usize - 1])).collect();
                    let texts: Vec<_> = page.entries.iter().map(ToString::to_string).collect();
                    prop_assert_eq!(texts, wanted);
                    prop_assert_eq!((page.missed, page.last), (first - 1 - taken(number), last));
                }
                Step::Subscribe(number) => reader = (log.subscribe(number), taken(number)),
                Step::Read if reader.1 < last => {
                    let next = block_on(reader.0.next());
                    if reader.1 + 1 < oldest {
                        prop_assert_eq!(next, Err(MissedEvents(oldest - 1 - reader.1)));
                        reader.1 = oldest - 1;
                    } else {
                        reader.1 += 1;
                        prop_assert_eq!(next.map(|entry| entry.number()), Ok(reader.1));
                    }
                    prop_assert_eq!(reader.0.number(), reader.1);
                }
                Step::Read => {}
            }
        }
    }
}

/// Readers on other threads have every event, in order, whatever the writers do.
#[test]
fn followers_miss_nothing_without_being_told() {
    let log = EventLog::new(64);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let mut events = log.subscribe(0);
                scope.spawn(move || {
                    block_on(async {
                        let mut seen = 0;
                        while seen < 4000 {
                            match events.next().await {
                                Ok(entry) => {
                                    assert_eq!(entry.number(), seen + 1);
                                    seen = entry.number();
                                }
                                Err(MissedEvents(missed)) => seen += missed,
                            }
                        }
                        seen
                    })
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| (0..2000).for_each(|_| assert!(log.note("n") > 0)));
        }
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 4000);
        }
    });
}

#[cfg(feature = "serde")]
#[tokio::test]
async fn entries_are_data() {
    use waylay_fault::SetEvent;

    let log = EventLog::new(9);
    let set = FaultSet::builder().event_log(log.clone()).build();
    set.replace([flaky()]).unwrap();
    through(&set, "/a").await;
    set.set_guards(Guards::new().dry_run(true)).unwrap();
    through(&set, "/b").await;
    log.note("a note");
    let mut page = serde_json::to_value(log.since(1)).unwrap();
    assert_eq!((page["missed"].as_u64(), page["last"].as_u64()), (Some(0), Some(5)));
    for entry in page["entries"].as_array_mut().unwrap() {
        let time = entry.as_object_mut().unwrap().remove("unix_time").unwrap();
        assert!(time.as_f64().unwrap() > 1.7e9);
    }
    let wanted = serde_json::json!([
        { "number": 2, "event": "started", "fault": "flaky", "placement": "server", "actions": ["error 503"],
          "method": "GET", "path": "/a" },
        { "number": 3, "event": "finished", "fault": "flaky", "placement": "server", "actions": ["error 503"],
          "method": "GET", "path": "/a" },
        { "number": 4, "event": "skipped", "skipped": "dry_run", "fault": "flaky", "placement": "server",
          "actions": ["error 503"], "method": "GET", "path": "/b" },
        { "number": 5, "event": "note", "text": "a note" },
    ]);
    assert_eq!(page["entries"], wanted);
    let rows = [
        (SetEvent::Expired, "expired"),
        (SetEvent::Rearmed, "rearmed"),
        (SetEvent::Applied { revision: 1, faults: 2 }, "applied"),
        (SetEvent::Rejected(String::new()), "rejected"),
        (SetEvent::SourceLost(String::new()), "source_lost"),
    ];
    for (event, name) in rows {
        assert_eq!(event.name(), name);
    }
}
