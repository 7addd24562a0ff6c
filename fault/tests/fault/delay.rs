//! Delays and hangs, in paused time.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use proptest::prelude::*;
use tokio::time::Instant;
use tower::{Service, ServiceExt};
use tower_layer::Layer;
use waylay_fault::{
    Action, DecideBy, Delay, DelayTime, Fault, INJECTED_HEADER, InjectContext, InjectOutcome, Injector,
    Phase, Reject, SkipReason, chain, custom, error, reject, slow,
};

use crate::support::{Log, always, get, request, send};

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn delays_of_a_chain_add_up() {
    let wait = |ms| slow(Delay::fixed(ms * MS));
    let rows: [(Injector, Option<u16>, u32); 8] = [
        (wait(0), Some(202), 0),
        (wait(90), Some(202), 90),
        (chain([wait(20), wait(30)]), Some(202), 50),
        (chain([wait(20), chain([wait(30), wait(40)]), wait(1)]), Some(202), 91),
        (chain([wait(20), error(503).into(), wait(1000)]), Some(503), 20),
        (chain([wait(2000), reject(Reject::EmptyReply)]), None, 2000),
        (reject(Reject::hang("30s")), None, 30_000),
        (chain([reject(Reject::hang("3s")), wait(1000)]), None, 3000),
    ];
    for (injector, status, elapsed) in rows {
        let text = format!("{injector:?}");
        let fault = always(injector).build().unwrap();
        let start = Instant::now();
        assert_eq!(send(&fault, get("/")).await.0, status, "{text}");
        // tokio's timers tick in whole milliseconds.
        let late = start.elapsed().checked_sub(elapsed * MS).expect("not before the delay is over");
        assert!(late <= 2 * MS, "{text}: {late:?} late");
    }
}

#[tokio::test(start_paused = true)]
async fn delays_are_drawn_and_capped() {
    type Holds = fn(Duration) -> bool;
    let rows: [(Delay, Holds); 6] = [
        (Delay::fixed("90ms"), |delay| delay == 90 * MS),
        (Delay::fixed("90ms").max("50ms"), |delay| delay == 50 * MS),
        (Delay::uniform("20ms", "20ms"), |delay| delay == 20 * MS),
        (Delay::uniform("20ms", "40ms").max("30ms"), |delay| (20 * MS..=30 * MS).contains(&delay)),
        (Delay::lognormal("90ms", 9.0).max("1s"), |delay| delay <= 1000 * MS),
        (Delay::custom("5ms", |_| Duration::MAX), |delay| delay == 5 * MS),
    ];
    for (delay, holds) in rows {
        let log = Log::default();
        let fault = always(slow(delay.clone())).reporter(log.reporter()).build().unwrap();
        for _ in 0..200 {
            send(&fault, get("/")).await;
        }
        let reports = log.take();
        assert_eq!(reports.len(), 400);
        for (_, actions) in reports {
            assert!(matches!(actions[..], [Action::Slow(time)] if holds(time)), "{delay:?}: {actions:?}");
        }
    }
}

/// A distribution of `rand_distr` with the fault's draws: equal keys give equal delays.
#[tokio::test(start_paused = true)]
async fn a_custom_delay_samples_any_distribution() {
    use rand_distr::{Distribution, Gamma};
    let gamma = Gamma::new(2.0, 30.0).unwrap();
    let log = Log::default();
    for _replica in 0..2 {
        let delay = Delay::custom("2s", move |draws| Duration::from_secs_f64(gamma.sample(draws) / 1000.0));
        let fault = always(slow(delay))
            .seed(7)
            .decide_by(DecideBy::Header("x-id".into()))
            .reporter(log.reporter())
            .build()
            .unwrap();
        for id in 0..50 {
            send(&fault, request(http::Method::GET, "/", &[("x-id", &id.to_string())])).await;
        }
    }
    let reports = log.take();
    assert_eq!(reports[..100], reports[100..]);
    assert_ne!(reports[0], reports[2]);
}

#[tokio::test(start_paused = true)]
async fn disabling_cancels_running_delays() {
    let rows: [fn() -> Injector; 4] = [
        || slow(Delay::fixed("1h")),
        || reject(Reject::hang("1h")),
        || chain([slow(Delay::fixed("1h")), error(500).into()]),
        || custom("stuck", |_: InjectContext| std::future::pending::<InjectOutcome>()),
    ];
    for injector in rows {
        let log = Log::default();
        let fault = always(injector()).reporter(log.reporter()).build().unwrap();
        let start = Instant::now();
        let (other, control) = (fault.clone(), fault.control());
        let held = tokio::spawn(async move { send(&other, get("/")).await });
        while control.counts().active == 0 {
            tokio::task::yield_now().await;
        }
        // Enabled again at once: delays that were running have ended nevertheless.
        control.set_enabled(false);
        control.set_enabled(true);
        assert_eq!(held.await.unwrap(), (Some(202), "Accepted".to_owned()));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!((control.counts().active, control.counts().injected), (0, 1));
        let phases: Vec<_> = log.take().into_iter().map(|(phase, actions)| (phase, actions.len())).collect();
        assert_eq!(phases.last(), Some(&(Phase::Cancelled, 1)), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_between_call_and_first_poll_is_observed() {
    let fault = always(reject(Reject::hang("1h"))).build().unwrap();
    let start = Instant::now();
    let mut service = fault.layer().layer(Picky::default());
    service.ready().await.unwrap();
    let response = service.call(Request::new(String::new()));
    fault.control().set_enabled(false);
    assert_eq!(response.await.unwrap().status(), 200);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_releases_its_resources() {
    for poll_first in [true, false] {
        let log = Log::default();
        let fault = always(slow(Delay::fixed("1h"))).reporter(log.reporter()).build().unwrap();
        let mut service = fault.layer().layer(Picky::default());
        let mut response = Box::pin(service.ready().await.unwrap().call(Request::new(String::new())));
        if poll_first {
            assert!(response.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
        }
        assert_eq!(fault.control().counts().active, 1);
        drop(response);
        assert_eq!((fault.control().counts().active, fault.control().counts().injected), (0, 1));
        let phases: Vec<_> = log.take().into_iter().map(|(phase, _)| phase).collect();
        assert_eq!(phases, [Phase::Started, Phase::Abandoned]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_custom_injector_responds_waits_or_continues() {
    let clever = || {
        custom("clever", |mut call: InjectContext| async move {
            let sample = call.draws().uniform();
            assert!((0.0..1.0).contains(&sample));
            match call.request().uri().path() {
                "/answer" => InjectOutcome::Respond(Response::new("own".into())),
                "/reject" => InjectOutcome::EmptyReply,
                _ => {
                    tokio::time::sleep(70 * MS).await;
                    InjectOutcome::Continue
                }
            }
        })
    };
    let log = Log::default();
    let fault = always(chain([clever(), error(503).into()])).reporter(log.reporter()).build().unwrap();
    let start = Instant::now();
    assert_eq!(send(&fault, get("/answer")).await, (Some(200), "own".to_owned()));
    assert_eq!(send(&fault, get("/reject")).await.0, None);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(send(&fault, get("/")).await.0, Some(503));
    assert!(start.elapsed() >= 70 * MS);
    log.take();

    // If a reject is not deliverable, the links after it in the chain do not run either.
    assert_eq!(send(&fault, request(http::Method::HEAD, "/reject", &[])).await.0, Some(202));
    let phases: Vec<_> = log.take().into_iter().map(|(phase, _)| phase).collect();
    assert_eq!(phases, [Phase::Started, Phase::Skipped(SkipReason::NotDeliverable)]);
    assert_eq!((fault.control().counts().injected, fault.control().counts().not_deliverable), (3, 1));

    let mut service = fault.layer().layer(Picky::default());
    let request = request(http::Method::HEAD, "/reject", &[]);
    let response = service.ready().await.unwrap().call(request).await.unwrap();
    assert!(!response.headers().contains_key(INJECTED_HEADER), "what was skipped is not marked");
}

/// A service that requires `poll_ready`, as one with a concurrency limit does.
#[derive(Default)]
struct Picky {
    is_ready: bool,
}

impl Clone for Picky {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<String>> for Picky {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called without having been made ready");
        std::future::ready(Ok(Response::new(String::new())))
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_ready_service_is_called() {
    let fault: Fault = always(slow(Delay::fixed("1s"))).participation(0.5).seed(7).build().unwrap();
    let mut service = fault.layer().layer(Picky::default());
    for _ in 0..50 {
        service.ready().await.unwrap().call(Request::new(String::new())).await.unwrap();
    }
    let counts = fault.control().counts();
    assert!(counts.injected > 0 && counts.not_selected > 0, "{counts:?}");
}

proptest! {
    /// The `Debug` text of a `Duration` is parsed.
    #[test]
    fn duration_debug_text_is_parsed(nanos in any::<u64>(), cut in 0..64_u32) {
        let duration = Duration::from_nanos(nanos >> cut);
        prop_assert_eq!(DelayTime::from(format!("{duration:?}")).duration(), Ok(duration));
    }

    #[test]
    fn no_text_panics(text in "[0-9.]{0,24}[a-zµ １-]{0,4}") {
        let _ = DelayTime::from(text).duration();
    }
}
