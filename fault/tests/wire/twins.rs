//! Two processes with one seed: each with its server, each with its clients, one verdict.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use http::Method;
use waylay_fault::{DecideBy, Fault, error};

use crate::rig::{NEVER, Place, Protocol, Seen, ask, serve};

/// Tells a process that it is to serve.
const TWIN: &str = "WAYLAY_TEST_TWIN";

fn fault() -> Fault {
    let fault = Fault::new("flaky", error(503)).enabled(true).participation(0.5).seed(7);
    fault.decide_by(DecideBy::TraceId).attempt_header("x-attempt").build().unwrap()
}

/// Starts a server in a process of its own, which lasts as long as its standard input.
fn twin() -> (Child, BufReader<ChildStdout>, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "twins::serve_until_the_input_ends"])
        .env(TWIN, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let address =
        output.by_ref().lines().find_map(|line| line.unwrap().split(['<', '>']).nth(1)?.parse().ok());
    (child, output, address.expect("it says where it serves"))
}

#[tokio::test]
async fn two_processes_decide_alike() {
    let own = fault();
    let here = serve(Place::AxumRoute, &own, NEVER).await;
    let (mut child, mut output, there) = twin();
    let mut struck = 0_u32;
    // In two orders, by two protocols.
    let numbers: Vec<u32> = (1..=40).collect();
    let seen = async |server, protocol, numbers: Vec<u32>| {
        let mut seen = Vec::new();
        for number in numbers {
            for attempt in ["1", "2"] {
                let trace = format!("00-{number:032x}-00f067aa0ba902b7-01");
                let headers = [("traceparent", &*trace), ("x-attempt", attempt)];
                seen.push(((number, attempt), ask(protocol, server, Method::GET, &headers).await));
            }
        }
        seen.sort_by_key(|(key, _)| *key);
        seen
    };
    let ours = seen(here, Protocol::Http1, numbers.clone()).await;
    let theirs = seen(there, Protocol::Http2, numbers.into_iter().rev().collect()).await;
    assert_eq!(ours, theirs);
    for (_, seen) in ours {
        struck += u32::from(seen == Seen::Status(503));
    }
    // Five sigma around half of 80.
    assert!((18..=62).contains(&struck), "{struck}");
    drop(child.stdin.take());
    // It has a last word, and fails where nobody hears it.
    output.read_to_end(&mut Vec::new()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn serve_until_the_input_ends() {
    if std::env::var_os(TWIN).is_none() {
        return;
    }
    let server = serve(Place::Hyper, &fault(), NEVER).await;
    println!("<{server}>");
    std::io::stdout().flush().unwrap();
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await.unwrap().unwrap();
}
