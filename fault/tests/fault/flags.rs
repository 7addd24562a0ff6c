//! Participations that feature flags decide.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    DecideBy, Fault, FaultBuilder, FaultErrorKind, FaultPlacement, FaultSet, Flag, FlagKind, FlagRequest,
    FlagSource, SetError, error,
};

use crate::support::{get, request};

type Share = Pin<Box<dyn Future<Output = Option<f64>> + Send>>;

/// A source from a function.
struct Source<F>(F);

impl<F: Fn(FlagRequest) -> Share + Send + Sync + 'static> FlagSource for Source<F> {
    fn share(&self, flag: FlagRequest) -> Share {
        self.0(flag)
    }
}

fn flag(share: impl Fn(FlagRequest) -> Share + Send + Sync + 'static) -> Flag {
    Flag::new("flaky", Source(share))
}

fn enabled(flag: Flag) -> FaultBuilder {
    Fault::new("flagged", error(503)).enabled(true).flag(flag)
}

async fn status(fault: &Fault, request: Request<String>) -> u16 {
    let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    fault.layer().layer(inner).oneshot(request).await.unwrap().status().as_u16()
}

/// The share of the flag, or the participation of the fault if there is none.
#[tokio::test(start_paused = true)]
async fn the_flag_decides_and_errors_leave_the_participation() {
    type Row = (&'static str, fn(FlagRequest) -> Share, bool);
    let rows: [Row; 9] = [
        ("all", |_| Box::pin(async { Some(1.0) }), true),
        ("none", |_| Box::pin(async { Some(0.0) }), false),
        (
            "late",
            |_| {
                Box::pin(async {
                    tokio::time::sleep(Duration::from_millis(99)).await;
                    Some(0.0)
                })
            },
            false,
        ),
        // From here on the participation holds, which is 1.
        ("error", |_| Box::pin(async { None }), true),
        ("not a number", |_| Box::pin(async { Some(f64::NAN) }), true),
        ("too much", |_| Box::pin(async { Some(1.5) }), true),
        ("panic", |_| panic!("a source"), true),
        ("panic later", |_| Box::pin(async { panic!("a future") }), true),
        ("too late", |_| Box::pin(std::future::pending()), true),
    ];
    for (name, share, is_injected) in rows {
        let fault = enabled(flag(share)).participation(1.0).build().unwrap();
        let begin = Instant::now();
        assert_eq!(status(&fault, get("/")).await == 503, is_injected, "{name}");
        assert!(begin.elapsed() <= Duration::from_millis(101), "{name}");
        let counts = fault.control().counts();
        assert_eq!(
            (counts.injected, counts.not_selected),
            (u64::from(is_injected), u64::from(!is_injected)),
            "{name}"
        );
        // The same flag under a participation of 0.
        let fault = enabled(flag(share)).build().unwrap();
        assert_eq!(status(&fault, get("/")).await == 503, name == "all", "{name}");
    }
}

/// A share selects the requests that the same participation selects.
#[tokio::test]
async fn a_share_is_a_participation() {
    let by_id = |fault: FaultBuilder| fault.seed(7).decide_by(DecideBy::RequestId).build().unwrap();
    let plain = by_id(Fault::new("flagged", error(503)).enabled(true).participation(0.2));
    let shared = by_id(enabled(flag(|_| Box::pin(async { Some(0.2) })).kind(FlagKind::Share)));
    let mut injected = 0;
    for number in 0..300 {
        let id = number.to_string();
        let send = |fault: &Fault| {
            let fault = fault.clone();
            let request = request(Method::GET, "/", &[("x-request-id", &id)]);
            async move { status(&fault, request).await }
        };
        let expected = send(&plain).await;
        assert_eq!(send(&shared).await, expected, "{id}");
        injected += u32::from(expected == 503);
    }
    assert!((30..90).contains(&injected), "{injected}");
}

#[tokio::test]
async fn flags_are_evaluated_with_the_context_of_eligible_requests() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let flag = flag(move |flag: FlagRequest| {
        let context: Vec<_> = flag.context().map(|(name, value)| format!("{name}={value}")).collect();
        log.lock().unwrap().push(format!("{} {:?} {}", flag.key(), flag.targeting_key(), context.join(",")));
        Box::pin(async { Some(1.0) })
    });
    let flag = flag.targeting_header("X-Customer").context_headers(["X-Tier", "x-region"]);
    let fault = enabled(flag).block_paths(["/pay"]).build().unwrap();
    let headers = [("x-customer", "acme"), ("x-tier", "free"), ("x-other", "1")];
    assert_eq!(status(&fault, request(Method::GET, "/a", &headers)).await, 503);
    assert_eq!(status(&fault, get("/a")).await, 503);
    // Neither for a request that the lists leave out, nor while the fault is off.
    assert_eq!([status(&fault, get("/pay")).await, status(&fault, get("/healthz")).await], [200, 200]);
    fault.control().set_enabled(false);
    assert_eq!(status(&fault, get("/a")).await, 200);
    assert_eq!(*seen.lock().unwrap(), ["flaky Some(\"acme\") x-tier=free", "flaky None "]);
}

/// All flags of a set at once, under the set with which the request began.
#[tokio::test(start_paused = true)]
async fn flags_of_a_set_are_evaluated_together() {
    let evaluated = Arc::new(AtomicUsize::new(0));
    let slow = |share: f64| {
        let evaluated = evaluated.clone();
        flag(move |_| {
            evaluated.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Some(share)
            })
        })
    };
    let set = FaultSet::new();
    let fault = |name: &str, status, flag| Fault::new(name, error(status)).enabled(true).flag(flag);
    set.replace_at([
        (FaultPlacement::Server, fault("none", 500, slow(0.0))),
        (FaultPlacement::Server, fault("all", 501, slow(1.0))),
        (FaultPlacement::Client, fault("client", 502, slow(1.0))),
    ])
    .unwrap();
    let inner = || service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    let begin = Instant::now();
    let server = tokio::spawn(set.layer().layer(inner()).oneshot(get("/")));
    let client = tokio::spawn(set.client_layer().layer(inner()).oneshot(get("/")));
    tokio::time::sleep(Duration::from_millis(10)).await;
    set.replace([Fault::new("other", error(599)).enabled(true).participation(1.0)]).unwrap();
    assert_eq!(client.await.unwrap().unwrap().status(), 200, "a fault that left is off");
    assert_eq!(server.await.unwrap().unwrap().status(), 200);
    assert!(begin.elapsed() < Duration::from_millis(90), "at the same time");
    assert_eq!(evaluated.load(Ordering::Relaxed), 3);

    let begin = Instant::now();
    set.replace([fault("none", 500, slow(0.0)), fault("all", 501, slow(1.0))]).unwrap();
    assert_eq!(set.layer().layer(inner()).oneshot(get("/")).await.unwrap().status(), 501);
    assert!(begin.elapsed() < Duration::from_millis(90));
    // Explanations know only the participation.
    assert_eq!(
        set.explain(&get("/")).to_string(),
        "none (server): skipped: not selected\nall (server): skipped: not selected"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_ends_the_evaluation() {
    struct Guard(Arc<AtomicUsize>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let counter = dropped.clone();
    let endless = flag(move |_| {
        let guard = Guard(counter.clone());
        Box::pin(async move {
            std::future::pending::<()>().await;
            drop(guard);
            None
        })
    });
    let fault = enabled(endless.timeout("1h")).build().unwrap();
    let left = tokio::time::timeout(Duration::from_secs(1), status(&fault, get("/"))).await;
    assert!(left.is_err());
    assert_eq!((dropped.load(Ordering::Relaxed), fault.control().counts().seen), (1, 0));
}

#[test]
fn wrong_settings_are_errors() {
    let none = || flag(|_| Box::pin(async { None }));
    let wrong = Flag::new("", Source(|_: FlagRequest| -> Share { Box::pin(async { None }) }));
    let wrong = wrong.context_headers(["x-a", "x b"]).timeout("soon");
    let errors = enabled(wrong).build().unwrap_err();
    let found: Vec<_> = errors.iter().map(|error| error.setting()).collect();
    assert_eq!(found, ["flag.key", "flag.context_headers[1]", "flag.timeout"]);
    let errors = enabled(none().targeting_header("x b")).build().unwrap_err();
    assert_eq!(errors.iter().next().unwrap().setting(), "flag.targeting_header");
    let placed = FaultSet::new().replace_at([(FaultPlacement::Listener, enabled(none()))]);
    let Err(SetError::Faults(errors)) = placed else { panic!("{placed:?}") };
    assert_eq!(errors[0].iter().next().unwrap().kind(), &FaultErrorKind::NoRequest);
}
