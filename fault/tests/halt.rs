//! The process-wide halt, in a process of its own.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing where it stands")]

use std::convert::Infallible;
use std::process::Command;
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{Delay, Fault, Injector, Reject, halt, halted, reject, resume, slow};

async fn send(fault: &Fault) -> u16 {
    let inner = service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    let response = fault.layer().layer(inner).oneshot(Request::new(String::new())).await;
    response.unwrap().status().as_u16()
}

fn striking(injector: impl Into<Injector>) -> Fault {
    Fault::new("test", injector).enabled(true).participation(1.0).build().unwrap()
}

// One test, since the halt is the whole process's.
#[tokio::test(start_paused = true)]
async fn a_halt_ends_what_runs_and_lets_nothing_begin() {
    assert!(!halted());
    for injector in [|| slow(Delay::fixed("1h")), || reject(Reject::hang("1h"))] as [fn() -> Injector; 2] {
        let (fault, other) = (striking(injector()), striking(injector()));
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
            assert_eq!(request.await.unwrap(), 200, "it goes on to the service");
        }
        assert_eq!(send(&fault).await, 200);
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!((fault.control().counts().injected, fault.control().counts().halted), (2, 1));
        assert!(fault.control().enabled(), "the switch stays as it was");
        resume();
        assert!(!halted());
        send(&fault).await;
        assert!(start.elapsed() >= Duration::from_secs(3600), "it strikes again");
    }
}

#[test]
fn the_environment_halts_from_the_start() {
    for (value, wanted) in [("1", "halted"), ("0", "running"), ("", "running")] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "tell_whether_halted"])
            .env("WAYLAY_HALT", value)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("<{wanted}>")), "{value:?}: {text}");
    }
}

#[test]
#[ignore = "run by the test above, in a process with the variable set"]
fn tell_whether_halted() {
    println!("<{}>", if halted() { "halted" } else { "running" });
    resume();
    assert!(!halted(), "the environment does not forbid to resume");
}
