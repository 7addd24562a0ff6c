//! The process-wide halt, in a separate process.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of its expectation")]

use std::convert::Infallible;
use std::future::IntoFuture;
use std::process::Command;
use std::time::Duration;

use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Mutex, oneshot};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Delay, Event, Fault, Injector, Phase, Reject, chain, error, halt, halt_changed, halted, quota, random,
    reject, resume, slow,
};

async fn send(fault: &Fault) -> u16 {
    let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    let response = fault.layer().layer(inner).oneshot(Request::new(String::new())).await;
    response.unwrap().status().as_u16()
}

fn always(injector: impl Into<Injector>) -> Fault {
    Fault::new("test", injector).enabled(true).participation(1.0).build().unwrap()
}

/// The halt is process-wide, so its tests run one by one.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test(start_paused = true)]
async fn a_halt_ends_running_delays_and_prevents_new_ones() {
    let _alone = ALONE.lock().await;
    assert!(!halted());
    for injector in [|| slow(Delay::fixed("1h")), || reject(Reject::hang("1h"))] as [fn() -> Injector; 2] {
        let (fault, other) = (always(injector()), always(injector()));
        let start = Instant::now();
        let held: Vec<_> = [&fault, &fault, &other]
            .map(|fault| {
                let fault = fault.clone();
                tokio::spawn(async move { send(&fault).await })
            })
            .into();
        while fault.control().counts().active + other.control().counts().active < 3 {
            tokio::task::yield_now().await;
        }
        halt();
        for request in held {
            assert_eq!(request.await.unwrap(), 200, "it continues to the service");
        }
        assert_eq!(send(&fault).await, 200);
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!((fault.control().counts().injected, fault.control().counts().halted), (2, 1));
        assert!(fault.control().enabled(), "the switch is unchanged");
        resume();
        assert!(!halted());
        send(&fault).await;
        assert!(start.elapsed() >= Duration::from_secs(3600), "it delays again");
    }
}

/// A draining server need not wait for the fault: a client delayed by an hour receives its
/// response.
#[tokio::test]
async fn a_halt_lets_a_server_shut_down() {
    let _alone = ALONE.lock().await;
    for injector in [|| slow(Delay::fixed("1h")), || reject(Reject::hang("1h"))] as [fn() -> Injector; 2] {
        let (started, mut starts) = unbounded_channel();
        let fault = Fault::new("test", injector())
            .enabled(true)
            .participation(1.0)
            .reporter(move |event: &Event<'_>| started.send(event.phase()).unwrap_or_default())
            .build()
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let app = axum::Router::new().fallback(async || "real").layer(fault.layer());
        let server =
            axum::serve(listener, app).with_graceful_shutdown(async { stopped.await.unwrap_or_default() });
        let server = tokio::spawn(server.into_future());

        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n").await.unwrap();
        assert_eq!(starts.recv().await, Some(Phase::Started));
        halt();
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("real"), "{reply}");
        resume();
    }
}

/// A quota protects; it is lifted where it is declared a fault, or is part of one.
#[tokio::test]
async fn a_halt_does_not_lift_a_quota() {
    let _alone = ALONE.lock().await;
    let none = || quota(0, "1h");
    let rows: [(Injector, u16); 6] = [
        (none().into(), 429),
        (Injector::from(none()).reporter(|_: &Event<'_>| {}), 429),
        (chain([none(), none()]), 429),
        (none().as_fault().into(), 200),
        (chain::<Injector>([slow(Delay::fixed("0s")), none().into()]), 200),
        (random::<Injector>([(1.0, none().into()), (0.0, error(503).into())]), 200),
    ];
    for (number, (injector, status)) in rows.into_iter().enumerate() {
        let fault = always(injector);
        assert_eq!(send(&fault).await, 429, "{number}");
        halt();
        assert_eq!(send(&fault).await, status, "{number}");
        resume();
        fault.control().set_enabled(false);
        assert_eq!(send(&fault).await, 200, "{number}");
    }
}

#[test]
fn the_environment_halts_from_the_start() {
    let halting = ["1", "true", "yes", "on", "TRUE", "2", " ", "off", "false"];
    let rows = halting.map(|value| (value, "halted")).into_iter().chain([("0", "running"), ("", "running")]);
    for (value, wanted) in rows {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "print_whether_halted"])
            .env("WAYLAY_HALT", value)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("<{wanted}>")), "{value:?}: {text}");
    }
}

#[test]
#[ignore = "run by the test above, in a process with the variable set"]
fn print_whether_halted() {
    println!("<{}>", if halted() { "halted" } else { "running" });
    resume();
    assert!(!halted(), "the environment does not forbid to resume");
}

/// A follower learns of each change, also of one that came before it waited.
#[tokio::test]
async fn changes_of_the_halt_can_be_followed() {
    let _alone = ALONE.lock().await;
    let (sender, mut changes) = unbounded_channel();
    let follower = tokio::spawn(async move {
        let mut state = false;
        loop {
            state = halt_changed(state).await;
            sender.send(state).unwrap();
        }
    });
    for _ in 0..3 {
        halt();
        assert_eq!(changes.recv().await, Some(true));
        halt();
        resume();
        assert_eq!(changes.recv().await, Some(false));
    }
    follower.abort();
    assert!(changes.try_recv().is_err(), "a second halt is no change");
    halt();
    assert!(halt_changed(false).await);
    resume();
}
