//! Faults of the process itself: panics of handlers, and load.

use std::convert::Infallible;

use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use waylay_fault::{
    Action, Delay, Fault, FaultSet, FaultStream, InjectedPanic, Injector, Phase, SkipReason, chain, panic,
    slow, stress,
};

use crate::support::{Log, always, get, send};

fn failing() -> Injector {
    chain([slow(Delay::fixed("1s")), panic("no such index")])
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_task_and_nothing_else() {
    let log = Log::default();
    let fault = always(failing()).reporter(log.reporter()).build().unwrap();
    for _ in 0..3 {
        let task = fault.clone();
        let error = tokio::spawn(async move { send(&task, get("/")).await }).await.unwrap_err();
        let payload = error.into_panic();
        let injected = payload.downcast_ref::<InjectedPanic>().unwrap();
        assert_eq!((injected.fault(), injected.message()), ("test", "no such index"));
        assert_eq!(injected.to_string(), "fault test panics: no such index");
    }
    let actions = vec![Action::Slow(std::time::Duration::from_secs(1)), Action::Panic];
    let phases = [Phase::Started, Phase::Finished].into_iter().cycle().take(6);
    assert_eq!(log.take(), phases.map(|phase| (phase, actions.clone())).collect::<Vec<_>>());
    let counts = fault.control().counts();
    assert_eq!((counts.seen, counts.injected, counts.active), (3, 3, 0));
    fault.control().set_enabled(false);
    assert_eq!(send(&fault, get("/")).await.0, Some(202), "the service goes on");
}

/// A catch-panic layer around the fault answers; by the payload it can tell the panic apart.
#[tokio::test(start_paused = true)]
async fn a_layer_that_catches_panics_answers() {
    let handler = service_fn(async |request: Request<String>| {
        assert!(request.uri().path() != "/genuine", "a bug");
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let fault = always(panic("injected")).allow_paths(["/injected"]).build().unwrap();
    let plain = ServiceBuilder::new().layer(CatchPanicLayer::new()).layer(fault.layer()).service(handler);
    let telling = |payload: Box<dyn std::any::Any + Send>| {
        let injected = payload.downcast_ref::<InjectedPanic>().map(|panic| panic.fault().to_owned());
        Response::new(injected.unwrap_or_else(|| "genuine".to_owned()))
    };
    let telling =
        ServiceBuilder::new().layer(CatchPanicLayer::custom(telling)).layer(fault.layer()).service(handler);
    for (path, status, text) in [("/ok", 200, ""), ("/injected", 500, "test"), ("/genuine", 500, "genuine")] {
        assert_eq!(plain.clone().oneshot(get(path)).await.unwrap().status(), status, "{path}");
        let body = telling.clone().oneshot(get(path)).await.unwrap().into_body();
        let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        assert_eq!(body, text, "{path}");
    }
}

/// On a connection there is no handler.
#[tokio::test]
async fn a_panic_is_not_deliverable_on_a_connection() {
    let fault = always(panic("injected")).build().unwrap();
    let (server, mut client) = duplex(64);
    let mut server = FaultStream::accepted(server, None).fault(&fault);
    client.write_all(b"abc").await.unwrap();
    server.read_exact(&mut [0; 3]).await.unwrap();
    let counts = fault.control().counts();
    assert_eq!((counts.injected, counts.not_deliverable), (0, 1));
}

/// Until the threads of a load have ended; without a limit of time, since other programs run.
fn wait_for_end(fault: &Fault) {
    while fault.control().counts().active > 0 {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_load_ends_when_the_fault_is_switched_off() {
    let load = || stress("10m").cpu(2).memory(3 << 20);
    let fault = always(load()).build().unwrap();
    assert_eq!(send(&fault, get("/")).await.0, Some(202), "the request goes on");
    assert_eq!(fault.control().counts().active, 1);
    // A second one has to wait.
    send(&fault, get("/")).await;
    let counts = fault.control().counts();
    assert_eq!((counts.injected, counts.outside_window, counts.active), (1, 1, 1));
    fault.control().set_enabled(false);
    wait_for_end(&fault);
    fault.control().set_enabled(true);
    send(&fault, get("/")).await;
    assert_eq!(fault.control().counts().injected, 2, "its place is free again");
    fault.control().set_enabled(false);
    wait_for_end(&fault);

    // One that leaves its set ends as well, and so does one that is replaced.
    for next in [vec![], vec![Fault::new("test", load())]] {
        let set = FaultSet::new();
        set.replace([always(load())]).unwrap();
        let control = set.control("test").unwrap();
        let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
        tower_layer::Layer::layer(&set.layer(), inner).oneshot(get("/")).await.unwrap();
        assert_eq!(control.counts().active, 1);
        set.replace(next).unwrap();
        while control.counts().active > 0 {
            std::thread::yield_now();
        }
    }
}

#[tokio::test]
async fn loads_run_at_once_up_to_their_number() {
    let fault = always(stress("10m").memory(1).at_once(3)).build().unwrap();
    for _ in 0..5 {
        send(&fault, get("/")).await;
    }
    let counts = fault.control().counts();
    assert_eq!((counts.injected, counts.outside_window, counts.active), (3, 2, 3));
    fault.control().set_enabled(false);
    wait_for_end(&fault);
}

/// A load ends by itself, and an explanation begins none.
#[tokio::test]
async fn a_load_has_an_end_and_a_preview_has_none() {
    let set = FaultSet::new();
    set.replace([always(stress("1ms").cpu(1))]).unwrap();
    let control = set.control("test").unwrap();
    for _ in 0..3 {
        let explanation = set.explain(&get("/"));
        assert_eq!(explanation.to_string(), "test (server): stress 1 threads, 0 bytes 1ms");
    }
    assert_eq!(control.counts().active, 0);
    let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    tower_layer::Layer::layer(&set.layer(), inner).oneshot(get("/")).await.unwrap();
    assert_eq!(control.counts().injected, 1);
    while control.counts().active > 0 {
        std::thread::yield_now();
    }
    assert!(set.explain(&get("/")).faults()[0].skipped() != Some(SkipReason::OutsideWindow));
}

#[test]
fn invalid_loads_are_reported() {
    let rows = [
        (stress("1s"), "stress.cpu: 0 threads without memory is too small; give at least 1"),
        (stress("1s").cpu(65), "stress.cpu: 65 is too large; give at most 64"),
        (stress("1s").memory(5 << 30), "stress.memory: 5368709120 is too large; give at most 4294967296"),
        (stress("1s").cpu(1).at_once(0), "stress.at_once: 0 is too small; give at least 1"),
        (stress("1s").cpu(1).at_once(17), "stress.at_once: 17 is too large; give at most 16"),
        (stress("601s").cpu(1), "stress.time: 601s is too large; give at most 600s"),
    ];
    for (load, wanted) in rows {
        let errors = Fault::new("load", load).build().unwrap_err();
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [wanted]);
    }
}
