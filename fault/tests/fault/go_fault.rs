//! Behavior of go-fault's tests that is equal here, and corrected defects.
//!
//! Behavior of github.com/lingrino/go-fault, module version 2, that takes more than a row of
//! `go_fault_rows.rs`.

use http::Method;
use waylay_fault::{
    Action, Delay, Fault, InjectContext, InjectOutcome, Injector, Phase, Reject, SkipReason, chain, custom,
    error, random, reject, slow,
};

use crate::support::{Log, always, get, is_injected, request, send};

fn noop() -> Injector {
    custom("noop", |_: InjectContext| async { InjectOutcome::Continue })
}

/// In go-fault a request whose first header value does not match escapes every list; here all
/// values are compared.
#[tokio::test]
async fn all_header_values_are_compared() {
    let sent = [("x-a", "0"), ("x-a", "1")];
    let block = always(error(500)).block_headers([("X-A", "1")]).build().unwrap();
    assert!(!is_injected(&block, request(Method::GET, "/", &sent)).await);
    let allow = always(error(500)).allow_headers([("X-A", "1")]).build().unwrap();
    assert!(is_injected(&allow, request(Method::GET, "/", &sent)).await);
    // In go-fault an entry with an empty value matches an absent header.
    let block = always(error(500)).block_headers([("x-a", "")]).build().unwrap();
    assert!(is_injected(&block, get("/")).await);
}

/// In go-fault a chain that is mounted on its own runs its links once more with every request.
#[tokio::test]
pub(crate) async fn a_chain_runs_its_links_once_a_request() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let runs = Arc::new(AtomicU32::new(0));
    let counter = || {
        let runs = runs.clone();
        custom("counter", move |_: InjectContext| {
            let runs = runs.clone();
            async move {
                runs.fetch_add(1, Ordering::Relaxed);
                InjectOutcome::Continue
            }
        })
    };
    let fault = always(chain([chain([counter()]), chain([counter()])])).build().unwrap();
    for request in 1..=5 {
        send(&fault, get("/")).await;
        assert_eq!(runs.load(Ordering::Relaxed), 2 * request);
    }
}

/// go-fault's chains and random picks; one draw for the whole tree.
#[tokio::test(start_paused = true)]
async fn chains_and_random() {
    let rows: [(Injector, Option<u16>); 9] = [
        (noop(), Some(202)),
        (chain::<Injector>([]), Some(202)),
        (chain([noop(), noop()]), Some(202)),
        (chain([noop(), error(500).into(), error(418).into()]), Some(500)),
        (chain([slow(Delay::fixed("0s")), reject(Reject::EmptyReply), error(418).into()]), None),
        (random([(1.0, error(418))]), Some(418)),
        (random([(0.0, error(500)), (1e-300, error(418)), (0.0, error(500))]), Some(418)),
        (random([(1.0, chain([slow(Delay::fixed("1h")), random([(2.0, error(418))])]))]), Some(418)),
        (chain([random([(1.0, noop()), (1.0, slow(Delay::fixed("1s")))]), error(418).into()]), Some(418)),
    ];
    for (injector, status) in rows {
        let text = format!("{injector:?}");
        assert_eq!(send(&always(injector).build().unwrap(), get("/")).await.0, status, "{text}");
    }
}

/// In go-fault two faults with one seed select the same requests; here each fault has its own
/// stream.
#[tokio::test]
async fn faults_of_one_seed_decide_independently() {
    let fault = |name| Fault::new(name, error(500)).enabled(true).participation(0.5).seed(1).build().unwrap();
    let (first, second, child_server) = (fault("first"), fault("second"), fault("first"));
    let (mut apart, mut twins_apart) = (0, 0);
    for _ in 0..200 {
        let injected = is_injected(&first, get("/")).await;
        apart += u32::from(injected != is_injected(&second, get("/")).await);
        twins_apart += u32::from(injected != is_injected(&child_server, get("/")).await);
    }
    assert!((65..=135).contains(&apart), "{apart} of 200 apart, five sigma around half");
    assert_eq!(twins_apart, 0, "equal seed and name decide alike");
}

/// In go-fault reports run on separate goroutines, so that the end may come before the start.
#[tokio::test]
async fn reports_end_after_they_start() {
    let log = Log::default();
    let fault = always(error(500)).reporter(log.reporter()).build().unwrap();
    for _ in 0..100 {
        send(&fault, get("/")).await;
    }
    let phases: Vec<_> = log.take().into_iter().map(|(phase, _)| phase.to_string()).collect();
    assert!(phases.chunks(2).all(|pair| pair == ["started", "finished"]));
}

/// go-fault's lists, entry by entry. It compares the first value of a header only, here all are
/// compared; there an empty entry matches an absent header, here it does not; and here `Host` can
/// be matched. It accepts NaN, after which no request is selected, and a nil sleep function. Its
/// two faults with one seed decide alike; here faults with one seed and one name do, and a request
/// that a list rejects does not advance the counter.
#[tokio::test]
pub(crate) async fn seeds() {
    let fault = || always(error(500)).participation(0.5).seed(100).block_paths(["/blocked"]).build().unwrap();
    let (one, other) = (fault(), fault());
    for _ in 0..200 {
        assert!(!is_injected(&other, get("/blocked")).await);
        assert_eq!(is_injected(&one, get("/")).await, is_injected(&other, get("/")).await);
    }
}

/// go-fault's injectors report under the names of their types; here the actions are reported.
#[tokio::test(start_paused = true)]
pub(crate) async fn names_in_reports() {
    let rows: [(Injector, &str); 6] = [
        (reject(Reject::EmptyReply), "reject empty_reply"),
        (error(500).into(), "error 500"),
        (slow(Delay::fixed("90ms")), "slow 90ms"),
        (chain([slow(Delay::fixed("90ms")), error(500).into()]), "slow 90ms, error 500"),
        (random([(1.0, error(418))]), "error 418"),
        (noop(), "custom noop"),
    ];
    for (injector, wanted) in rows {
        let log = Log::default();
        let fault = always(injector).reporter(log.reporter()).build().unwrap();
        send(&fault, get("/")).await;
        for (_, actions) in log.take() {
            let actions: Vec<_> = actions.iter().map(ToString::to_string).collect();
            assert_eq!(actions.join(", "), wanted);
        }
    }
}

/// go-fault's chains, random picks and filter report nothing; here each action, each pick and each
/// skip reason is reported.
#[tokio::test]
pub(crate) async fn events_of_chains_and_random() {
    let log = Log::default();
    let links: [Injector; 2] = [random([(1.0, noop())]), chain([error(503)])];
    let fault = always(chain(links)).block_paths(["/skipped"]).reporter(log.reporter()).build().unwrap();
    send(&fault, get("/")).await;
    send(&fault, get("/skipped")).await;
    let actions = vec![Action::Custom("noop".into()), Action::Error(503)];
    assert_eq!(
        log.take(),
        [
            (Phase::Started, actions.clone()),
            (Phase::Finished, actions),
            (Phase::Skipped(SkipReason::NoMatch), vec![])
        ]
    );
}

/// One draw for a whole chain: its links are selected together or not at all.
#[tokio::test]
pub(crate) async fn links_are_selected_together() {
    let log = Log::default();
    let links: [Injector; 2] = [noop(), error(500).into()];
    let fault = always(chain(links)).participation(0.5).seed(7).reporter(log.reporter()).build().unwrap();
    for _ in 0..100 {
        send(&fault, get("/")).await;
    }
    let reports = log.take();
    assert!(reports.iter().all(|(_, actions)| actions.is_empty() || actions.len() == 2));
    assert!(reports.iter().any(|(_, actions)| actions.is_empty()));
    assert!(reports.iter().any(|(_, actions)| !actions.is_empty()));
}
