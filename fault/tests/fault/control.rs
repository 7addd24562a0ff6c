//! The live handle, the counts and the reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use waylay_fault::{
    Action, CountLimits, Delay, Event, Fault, Injector, Phase, Reject, Reporter, SkipReason, chain, error,
    reject, slow,
};

use crate::support::{Log, always, get, is_injected, request, send};

#[tokio::test]
async fn switches_are_shared_by_clones_layers_and_controls() {
    let fault = Fault::new("test", error(500)).build().unwrap();
    let (control, clone) = (fault.clone().control(), fault.clone());
    assert!(!is_injected(&fault, get("/")).await, "off by default");
    control.set_enabled(true);
    assert!(!is_injected(&fault, get("/")).await, "selects none by default");
    clone.control().set_participation(1.0).unwrap();
    assert!(is_injected(&fault, get("/")).await);
    assert!(is_injected(&clone, get("/")).await);
    for invalid in [f64::NAN, -0.1, 1.1] {
        let error = control.set_participation(invalid).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{invalid} is not a share of requests; give a number from 0 to 1")
        );
        assert_eq!(control.participation(), 1.0);
    }
    control.set_participation(0.0).unwrap();
    assert!(!is_injected(&fault, get("/")).await);
    assert_eq!((control.counts().seen, control.counts().injected), (4, 2));
}

#[tokio::test]
async fn every_request_is_counted_once() {
    let fault = always(reject(Reject::EmptyReply))
        .block_paths(["/blocked"])
        .allow_headers([("x-chaos", "1")])
        .build()
        .unwrap();
    let chaos = [("x-chaos", "1")];
    for _ in 0..3 {
        send(&fault, request(Method::GET, "/", &chaos)).await;
    }
    send(&fault, request(Method::GET, "/healthz", &chaos)).await;
    send(&fault, request(Method::GET, "/blocked", &chaos)).await;
    send(&fault, get("/")).await;
    send(&fault, request(Method::HEAD, "/", &chaos)).await;
    fault.control().set_participation(0.0).unwrap();
    send(&fault, request(Method::GET, "/", &chaos)).await;
    fault.control().set_enabled(false);
    send(&fault, request(Method::GET, "/", &chaos)).await;

    let counts = fault.control().counts();
    assert_eq!(counts.seen, 8, "nothing is counted while the fault is off");
    assert_eq!((counts.injected, counts.protected, counts.no_match), (3, 1, 2));
    assert_eq!((counts.not_selected, counts.not_deliverable, counts.active), (1, 1, 0));
    assert_eq!((counts.halted, counts.not_enabled), (0, 0));
}

#[tokio::test]
async fn a_disabled_fault_counts_on_request() {
    let log = Log::default();
    let fault =
        Fault::new("test", error(500)).count_while_disabled(true).reporter(log.reporter()).build().unwrap();
    assert!(!is_injected(&fault, get("/")).await);
    assert_eq!((fault.control().counts().seen, fault.control().counts().not_enabled), (1, 1));
    assert_eq!(log.take(), [(Phase::Skipped(SkipReason::NotEnabled), vec![])]);
}

#[tokio::test]
pub(crate) async fn reports_come_in_order() {
    let log = Log::default();
    let rows: [(Injector, Vec<Action>); 3] = [
        (error(503).into(), vec![Action::Error(503)]),
        (chain([error(503), error(500)]), vec![Action::Error(503)]),
        (reject(Reject::EmptyReply), vec![Action::EmptyReply]),
    ];
    for (injector, actions) in rows {
        let fault = always(injector).reporter(log.reporter()).block_paths(["/blocked"]).build().unwrap();
        send(&fault, get("/")).await;
        assert_eq!(log.take(), [(Phase::Started, actions.clone()), (Phase::Finished, actions)]);
        send(&fault, get("/blocked")).await;
        assert_eq!(log.take(), [(Phase::Skipped(SkipReason::NoMatch), vec![])]);
    }
}

#[tokio::test]
async fn events_carry_the_request() {
    struct Witness(AtomicBool);
    impl Reporter for Witness {
        fn report(&self, event: &Event<'_>) {
            assert_eq!(
                (event.fault(), event.method(), event.uri().path()),
                ("test", &Method::PUT, "/orders/7")
            );
            assert_eq!(event.headers()["x-attempt-id"], "a41");
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let witness = Arc::new(Witness(AtomicBool::new(false)));
    let fault = always(error(500)).reporter(witness.clone() as Arc<dyn Reporter>).build().unwrap();
    send(&fault, request(Method::PUT, "/orders/7", &[("x-attempt-id", "a41")])).await;
    assert!(witness.0.load(Ordering::Relaxed));
}

/// go-fault's own test of its locks: switches, participations and requests at the same time.
#[test]
pub(crate) fn switches_hold_under_load() {
    let fault = always(error(500)).build().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..1000).for_each(|turn| fault.control().set_enabled(turn % 2 == 0)));
        scope.spawn(|| {
            (0..1000)
                .for_each(|turn| fault.control().set_participation(f64::from(turn % 100) / 100.0).unwrap());
        });
        for _ in 0..2 {
            scope.spawn(|| (0..1000).for_each(|_| drop(crate::support::block_on(send(&fault, get("/"))))));
        }
    });
    let counts = fault.control().counts();
    let skipped = counts.not_enabled + counts.not_selected;
    assert_eq!((counts.seen, counts.active), (counts.injected + skipped, 0));
}

/// The limits that hold for each request, compared with the rule read aloud: of the selected requests after the first
/// `skip`, each `every`-th, as long as fewer than `limit` of them came before.
#[tokio::test]
async fn limits_are_changed_while_the_fault_runs() {
    let fault = always(error(500)).skip(2).build().unwrap();
    let control = fault.control();
    assert_eq!(control.count_limits(), CountLimits { skip: 2, every: 1, limit: None });
    let rows = [(2, 1, None), (2, 3, None), (0, 2, Some(5)), (9, 0, Some(4)), (0, 1, Some(1)), (3, 2, None)];
    let mut number = 0;
    for (skip, every, limit) in rows {
        control.set_count_limits(CountLimits { skip, every, limit });
        for _ in 0..6 {
            let expected = (skip..=number)
                .step_by(usize::try_from(every.max(1)).unwrap())
                .enumerate()
                .any(|(index, due)| due == number && limit.is_none_or(|limit| (index as u64) < limit));
            let (status, _) = send(&fault, get("/")).await;
            assert_eq!(
                status == Some(500),
                expected,
                "request {number}: skip {skip}, every {every}, {limit:?}"
            );
            number += 1;
        }
    }
    assert_eq!(control.counts().seen, number);
    control.reset_counts();
    control.set_count_limits(CountLimits { limit: Some(1), ..CountLimits::default() });
    assert_eq!((control.counts().seen, control.counts().injected), (0, 0));
    for expected in [Some(500), Some(202)] {
        assert_eq!(send(&fault, get("/")).await.0, expected);
    }
    assert_eq!(
        (control.counts().seen, control.counts().injected, control.counts().outside_window),
        (2, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reset_leaves_what_is_under_way() {
    let fault = always(slow(Delay::fixed("10s"))).build().unwrap();
    let waiting = tokio::spawn({
        let fault = fault.clone();
        async move { send(&fault, get("/")).await }
    });
    while fault.control().counts().active == 0 {
        tokio::task::yield_now().await;
    }
    fault.control().reset_counts();
    assert_eq!((fault.control().counts().seen, fault.control().counts().active), (0, 1));
    waiting.await.unwrap();
    assert_eq!(fault.control().counts().active, 0);
}

#[cfg(feature = "serde")]
#[tokio::test]
async fn counts_are_data() {
    let fault = always(error(500)).build().unwrap();
    send(&fault, get("/")).await;
    let counts = serde_json::to_value(fault.control().counts()).unwrap();
    let wanted = r#"{"seen":1,"injected":1,"halted":0,"not_enabled":0,"protected":0,"no_match":0,"not_selected":0,"outside_window":0,"other_in_group":0,"already_decided":0,"not_deliverable":0,"outside_schedule":0,"expired":0,"stopped":0,"max_active":0,"max_rate":0,"max_affected":0,"dry_run":0,"callback_panicked":0,"declined":0,"response_mismatch":0,"not_requested":0,"untrusted":0,"invalid_control":0,"active":0}"#;
    assert_eq!(counts, serde_json::from_str::<serde_json::Value>(wanted).unwrap());
}
