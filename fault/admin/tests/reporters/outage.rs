//! Grafana that cannot be reached or rejects: what is kept, repeated, lost and reported.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum_core::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower::service_fn;
use waylay_fault::FaultSet;
use waylay_fault_admin::{Grafana, GrafanaBuilder};

use crate::log::Log;
use crate::{ALONE, on, token};

/// What a client returns: a status, or an error of the connection.
type Outcome = Option<u16>;

type Attempts = Arc<Mutex<Vec<(Instant, Value)>>>;

/// A client without a network, whose first calls have these outcomes; all others succeed.
fn client(outcomes: Vec<Outcome>) -> (GrafanaBuilder, Attempts) {
    let attempts = Attempts::default();
    let seen = attempts.clone();
    let service = service_fn(move |request: Request<Body>| {
        let (seen, outcomes) = (seen.clone(), outcomes.clone());
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let number = {
                let mut seen = seen.lock().unwrap();
                seen.push((Instant::now(), serde_json::from_slice(&body).unwrap()));
                seen.len()
            };
            let status = match outcomes.get(number - 1) {
                Some(Some(status)) => *status,
                Some(None) => return Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)),
                None => 200,
            };
            let body = Body::from(json!({"id": number, "message": "a message"}).to_string());
            let response = Response::builder().status(status).header("content-type", "application/json");
            Ok(response.body(body).unwrap())
        }
    });
    (Grafana::builder("https://grafana.test", token()).client(service), attempts)
}

/// Follows a set in paused time, and returns what was reported.
fn run<T>(grafana: GrafanaBuilder, set: &FaultSet, script: impl Future<Output = T>) -> (T, Vec<String>) {
    let log = Log::default();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    // With one subscriber only, an event that another test emits first, outside of it, would be taken for disabled.
    let _other = tracing::Dispatch::new(Log::default());
    let result = tracing::subscriber::with_default(log.clone(), || {
        runtime.block_on(async {
            let grafana = grafana.build().unwrap();
            let (stop, stopped) = oneshot::channel::<()>();
            let script = async {
                let result = script.await;
                stop.send(()).unwrap();
                result
            };
            tokio::join!(script, grafana.follow_until(set, async { _ = stopped.await })).0
        })
    });
    (result, log.take())
}

/// The number of lost changes in a report.
fn lost(report: &str) -> usize {
    let (_, rest) = report.split_once("lost=").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// Lets the other tasks of a paused runtime run for this time.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[test]
fn an_outage_is_reported_once_and_nothing_is_lost() {
    let _alone = ALONE.blocking_lock();
    let outcomes = [vec![None; 9], vec![Some(503), Some(429), Some(408)]].concat();
    let (grafana, attempts) = client(outcomes);
    let set = FaultSet::new();
    let ((), log) = run(grafana, &set, async {
        set.replace([on("a")]).unwrap();
        pass(3600).await;
        set.clear();
        pass(1).await;
    });
    let attempts = attempts.lock().unwrap();
    // The beginning, repeated until it is taken; then its end.
    assert_eq!(attempts.len(), 14, "{attempts:?}");
    assert!(attempts[..13].iter().all(|(_, body)| *body == attempts[0].1));
    assert_eq!(attempts[13].1.as_object().unwrap().keys().collect::<Vec<_>>(), ["timeEnd"]);
    for (index, pair) in attempts[..13].windows(2).enumerate() {
        let most = Duration::from_secs((1 << index).min(60));
        let between = pair[1].0 - pair[0].0;
        // A timer of tokio may be a millisecond late.
        assert!(between >= most / 2 && between <= most + Duration::from_millis(2), "{index}: {between:?}");
    }
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].starts_with("WARN ") && log[0].contains("they are posted again"), "{log:?}");
    assert!(log[0].contains("error=\"the request got no response: connection refused\""), "{log:?}");
    assert!(log[1].starts_with("INFO ") && log[1].contains("posted to Grafana again"), "{log:?}");
    assert_eq!(lost(&log[1]), 0);
}

#[test]
fn a_region_whose_beginning_was_rejected_is_posted_as_a_whole() {
    let _alone = ALONE.blocking_lock();
    let (grafana, attempts) = client(vec![Some(403), Some(403)]);
    let set = FaultSet::new();
    let ((), log) = run(grafana, &set, async {
        set.replace([on("a")]).unwrap();
        pass(60).await;
        set.replace([on("b")]).unwrap();
        pass(60).await;
        set.clear();
        pass(60).await;
    });
    let attempts = attempts.lock().unwrap();
    let shape = |body: &Value| (body["text"].is_string(), body["time"].is_u64(), body["timeEnd"].is_u64());
    let shapes: Vec<_> = attempts.iter().map(|(_, body)| shape(body)).collect();
    let (begin, end, whole) = ((true, true, false), (false, false, true), (true, true, true));
    // Rejected: the beginning of the first, and the first as a whole. Then the second is taken.
    assert_eq!(shapes, [begin, whole, begin, end]);
    assert_eq!(attempts[1].1["time"], attempts[0].1["time"]);
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].contains("the server responded 403") && log[0].contains("they are lost"), "{log:?}");
    assert_eq!(lost(&log[1]), 2, "{log:?}");
}

/// A set that changes faster than Grafana takes it does not wait, and what has no place is counted.
#[test]
fn changes_never_wait() {
    let _alone = ALONE.blocking_lock();
    const CHANGES: usize = 1000;
    let (grafana, attempts) = client(vec![None; 3]);
    let set = FaultSet::new();
    let ((), log) = run(grafana, &set, async {
        set.replace([on("first")]).unwrap();
        pass(1).await;
        for number in 0..CHANGES {
            set.replace([on(&format!("f{number}"))]).unwrap();
            // The events are described meanwhile, or not.
            if number % 10 == 0 {
                tokio::task::yield_now().await;
            }
        }
        pass(3600).await;
    });
    let attempts = attempts.lock().unwrap();
    let begun = attempts[3..].iter().filter(|(_, body)| body["text"].is_string()).count();
    let lost = lost(&log[1]);
    assert!(lost > 0 && begun > 256, "{begun} {log:?}");
    // The first one is among those that were begun.
    assert_eq!(begun + lost, CHANGES + 1, "{log:?}");
    assert_eq!(log.len(), 2, "{log:?}");
}

/// A stop during an outage ends after one more attempt.
#[test]
fn an_end_does_not_wait_for_an_outage() {
    let _alone = ALONE.blocking_lock();
    let (grafana, attempts) = client(vec![None; 1000]);
    let set = FaultSet::new();
    let (begin, log) = run(grafana, &set, async {
        for _ in 0..10 {
            set.replace([on("a")]).unwrap();
            pass(1).await;
        }
        Instant::now()
    });
    let attempts = attempts.lock().unwrap();
    let late = attempts.iter().filter(|(time, _)| *time >= begin).count();
    assert_eq!(late, 1, "{attempts:?}");
    assert_eq!(log.len(), 1, "{log:?}");
}
