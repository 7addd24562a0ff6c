//! What go-fault's own tests pin down and we keep, and its defects that we mended.
//!
//! Behaviours of github.com/lingrino/go-fault, module version 2, that take more than a row of `rows.rs`.

use http::Method;
use waylay_fault::{
    Action, Delay, Fault, InjectContext, InjectOutcome, Injector, Phase, Reject, SkipReason, chain, custom,
    error, random, reject, slow,
};

use crate::rig::{Log, get, is_struck, request, send, striking};

fn noop() -> Injector {
    custom("noop", |_: InjectContext| async { InjectOutcome::Continue })
}

/// Its request with a first header value that is not wanted escapes every list; ours does not.
#[tokio::test]
async fn second_header_values_count() {
    let sent = [("x-a", "0"), ("x-a", "1")];
    let block = striking(error(500)).block_headers([("X-A", "1")]).build().unwrap();
    assert!(!is_struck(&block, request(Method::GET, "/", &sent)).await);
    let allow = striking(error(500)).allow_headers([("X-A", "1")]).build().unwrap();
    assert!(is_struck(&allow, request(Method::GET, "/", &sent)).await);
    // Its entry with an empty value matches where the header is absent.
    let block = striking(error(500)).block_headers([("x-a", "")]).build().unwrap();
    assert!(is_struck(&block, get("/")).await);
}

/// Its chain, mounted on its own, runs its links once more with every request.
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
    let fault = striking(chain([chain([counter()]), chain([counter()])])).build().unwrap();
    for request in 1..=5 {
        send(&fault, get("/")).await;
        assert_eq!(runs.load(Ordering::Relaxed), 2 * request);
    }
}

/// Its chains and random picks; one draw for the whole of it.
#[tokio::test(start_paused = true)]
async fn trees() {
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
        assert_eq!(send(&striking(injector).build().unwrap(), get("/")).await.0, status, "{text}");
    }
}

/// Two of its faults under one seed strike the same requests; each of ours has its own stream.
#[tokio::test]
async fn faults_do_not_march_in_step() {
    let fault = |name| Fault::new(name, error(500)).enabled(true).participation(0.5).seed(1).build().unwrap();
    let (first, second, twin) = (fault("first"), fault("second"), fault("first"));
    let (mut apart, mut twins_apart) = (0, 0);
    for _ in 0..200 {
        let struck = is_struck(&first, get("/")).await;
        apart += u32::from(struck != is_struck(&second, get("/")).await);
        twins_apart += u32::from(struck != is_struck(&twin, get("/")).await);
    }
    assert!((65..=135).contains(&apart), "{apart} of 200 apart, five sigma around half");
    assert_eq!(twins_apart, 0, "equal seed and name decide alike");
}

/// Its reports run on goroutines of their own, so that the end may come before the start.
#[tokio::test]
async fn reports_end_after_they_start() {
    let log = Log::default();
    let fault = striking(error(500)).reporter(log.reporter()).build().unwrap();
    for _ in 0..100 {
        send(&fault, get("/")).await;
    }
    let phases: Vec<_> = log.take().into_iter().map(|(phase, _)| phase.to_string()).collect();
    assert!(phases.chunks(2).all(|pair| pair == ["started", "finished"]));
}

/// Its lists, entry for entry. Where it looks at the first value of a header only, we look at all;
/// where an entry of nothing matches an absent header, ours does not; and `Host` can be matched.
/// It lets NaN pass, after which nothing ever fires; and so it does a wait function that is none.
/// Its two faults of one seed decide alike; so do ours of one seed and one name, and a request
/// that a list turns away moves neither.
#[tokio::test]
pub(crate) async fn seeds() {
    let fault =
        || striking(error(500)).participation(0.5).seed(100).block_paths(["/blocked"]).build().unwrap();
    let (one, other) = (fault(), fault());
    for _ in 0..200 {
        assert!(!is_struck(&other, get("/blocked")).await);
        assert_eq!(is_struck(&one, get("/")).await, is_struck(&other, get("/")).await);
    }
}

/// Its injectors report under the names of their types; ours say what they do.
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
        let fault = striking(injector).reporter(log.reporter()).build().unwrap();
        send(&fault, get("/")).await;
        for (_, deeds) in log.take() {
            let deeds: Vec<_> = deeds.iter().map(ToString::to_string).collect();
            assert_eq!(deeds.join(", "), wanted);
        }
    }
}

/// Its chains, its random picks and its gate report nothing; ours tell each deed, each pick and why
/// a request was spared.
#[tokio::test]
pub(crate) async fn what_is_reported() {
    let log = Log::default();
    let links: [Injector; 2] = [random([(1.0, noop())]), chain([error(503)])];
    let fault = striking(chain(links)).block_paths(["/spared"]).reporter(log.reporter()).build().unwrap();
    send(&fault, get("/")).await;
    send(&fault, get("/spared")).await;
    let deeds = vec![Action::Custom("noop".into()), Action::Error(503)];
    assert_eq!(
        log.take(),
        [
            (Phase::Started, deeds.clone()),
            (Phase::Finished, deeds),
            (Phase::Skipped(SkipReason::NoMatch), vec![])
        ]
    );
}

/// One draw for a whole chain: its links strike together or not at all.
#[tokio::test]
pub(crate) async fn links_fire_together() {
    let log = Log::default();
    let links: [Injector; 2] = [noop(), error(500).into()];
    let fault = striking(chain(links)).participation(0.5).seed(7).reporter(log.reporter()).build().unwrap();
    for _ in 0..100 {
        send(&fault, get("/")).await;
    }
    let reports = log.take();
    assert!(reports.iter().all(|(_, deeds)| deeds.is_empty() || deeds.len() == 2));
    assert!(reports.iter().any(|(_, deeds)| deeds.is_empty()));
    assert!(reports.iter().any(|(_, deeds)| !deeds.is_empty()));
}
