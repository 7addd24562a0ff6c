//! Callbacks that panic: the request continues, the process is not aborted.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::time::Duration;

use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::io::duplex;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Delay, DelayPoint, Event, Fault, FaultBuilder, FaultStream, Format, InjectContext, InjectOutcome,
    Injector, Phase, SkipReason, chain, custom, error, messages, random_by, replace, slow,
};

use crate::support::{Log, always, get, send};

/// Panics again when it is dropped, as a value held by a callback's future may.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

fn panicking_custom() -> Injector {
    custom("own", |_: InjectContext| async { panic!("injected") })
}

/// A request whose deciding callback panics is skipped, and counted as such.
#[tokio::test(start_paused = true)]
async fn the_request_continues() {
    fn at_once(_: InjectContext) -> std::future::Ready<InjectOutcome> {
        panic!("before the future")
    }
    let rows: [(&str, FaultBuilder); 7] = [
        ("draw", always(error(500)).draw_with(|_| panic!("draw"))),
        ("pick", always(random_by([error(500)], |_| panic!("pick")))),
        ("delay", always(slow(Delay::custom("1s", |_| panic!("delay"))))),
        (
            "response head",
            always(slow(Delay::custom("1s", |_| panic!("delay")).at(DelayPoint::ResponseHead))),
        ),
        ("custom", always(panicking_custom())),
        ("custom, no future", always(custom("own", at_once))),
        (
            "custom, and its payload",
            always(custom("own", |_: InjectContext| async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                std::panic::panic_any(PanicsOnDrop)
            })),
        ),
    ];
    for (name, builder) in rows {
        let log = Log::default();
        let fault = builder.reporter(log.reporter()).build().unwrap();
        for _ in 0..2 {
            assert_eq!(send(&fault, get("/")).await, (Some(202), "Accepted".into()), "{name}");
        }
        let counts = fault.control().counts();
        assert_eq!(
            (counts.seen, counts.injected, counts.callback_panicked, counts.active),
            (2, 0, 2, 0),
            "{name}"
        );
        assert_eq!(
            log.take().last().unwrap(),
            &(Phase::Skipped(SkipReason::CallbackPanicked), vec![]),
            "{name}"
        );
    }
}

/// A delay whose sleep panics is cancelled, wherever it is.
#[tokio::test(start_paused = true)]
async fn a_sleep_that_panics_is_over() {
    for at in [DelayPoint::Request, DelayPoint::ResponseHead, DelayPoint::ResponseChunks] {
        for early in [false, true] {
            let fault = always(slow(Delay::fixed("1h").at(at))).sleep_with(move |_| {
                assert!(!early, "no future");
                async { panic!("asleep") }
            });
            let fault = fault.build().unwrap();
            assert_eq!(send(&fault, get("/")).await, (Some(202), "Accepted".into()), "{at:?}");
            assert_eq!(fault.control().counts().active, 0);
        }
    }
}

/// Delays of chunks and of messages are drawn within a body, after the decision: there is none.
#[tokio::test(start_paused = true)]
async fn a_delay_that_panics_within_a_body_is_none() {
    let delay = || Delay::custom("1h", |_| panic!("delay"));
    let rows: [Injector; 2] =
        [slow(delay().at(DelayPoint::ResponseChunks)), messages(Format::Sse).delay(1.0, delay()).into()];
    for injector in rows {
        let inner = service_fn(async |_: Request<String>| {
            let response = Response::builder().header("content-type", "text/event-stream");
            Ok::<_, Infallible>(response.body(String::from("data: 1\n\n")).unwrap())
        });
        let service = always(injector).build().unwrap().layer().layer(inner);
        let body = service.oneshot(get("/")).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "data: 1\n\n");
    }
}

fn panicking(_: &Event<'_>) {
    panic!("reported");
}

/// A reporter changes nothing, whichever phase it panics in, and neither does one of a part.
#[tokio::test(start_paused = true)]
async fn a_reporter_that_panics_changes_nothing() {
    let rows: [(Injector, u16, &str); 4] = [
        (error(503).into(), 503, "Service Unavailable"),
        (replace("other").into(), 202, "other"),
        (chain([Injector::from(error(503)).reporter(panicking)]), 503, "Service Unavailable"),
        (panicking_custom(), 202, "Accepted"),
    ];
    for (injector, status, text) in rows {
        let fault = always(injector).reporter(panicking).build().unwrap();
        assert_eq!(send(&fault, get("/")).await, (Some(status), text.into()));
        fault.control().set_enabled(false);
        assert_eq!(send(&fault, get("/")).await, (Some(202), "Accepted".into()));
    }
    let skipped =
        Fault::new("off", error(503)).count_while_disabled(true).reporter(panicking).build().unwrap();
    assert_eq!(send(&skipped, get("/")).await, (Some(202), "Accepted".into()));
}

/// The case that would abort: a panic in a destructor, while another one unwinds.
#[tokio::test(start_paused = true)]
async fn a_panic_while_unwinding_does_not_abort() {
    // The service panics while its response is to be changed, and the reporter panics too.
    let fault = always(replace("other")).reporter(panicking).build().unwrap();
    let inner =
        service_fn(async |_: Request<String>| -> Result<Response<String>, Infallible> { panic!("service") });
    let service = fault.layer().layer(inner);
    let join = tokio::spawn(async move { service.oneshot(get("/")).await.map(drop) }).await;
    assert!(join.unwrap_err().is_panic());
    assert_eq!(fault.control().counts().active, 0);

    // A task unwinds while a custom injector and its reporter run.
    let own = custom("own", |_: InjectContext| async {
        let _held = PanicsOnDrop;
        pending().await
    });
    let fault = always(own).reporter(panicking).build().unwrap();
    let held = fault.clone();
    let join = tokio::spawn(async move {
        let request = send(&held, get("/"));
        let mut request = Box::pin(request);
        assert!(poll_fn(|cx| std::task::Poll::Ready(request.poll_unpin(cx).is_pending())).await);
        panic!("around it");
    });
    assert!(join.await.unwrap_err().is_panic());
    assert_eq!((fault.control().counts().active, fault.control().counts().injected), (0, 1));
}

/// A stream that is dropped with a pending reset is reset, also while its task unwinds.
#[tokio::test]
async fn a_reset_that_panics_does_not_abort() {
    for unwinds in [false, true] {
        let stream = FaultStream::accepted(duplex(64).0, None).reset_by(|_| panic!("reset"));
        let join = tokio::spawn(async move {
            stream.connection().reset();
            assert!(!unwinds, "around it");
        });
        assert_eq!(join.await.is_err(), unwinds);
    }
}
