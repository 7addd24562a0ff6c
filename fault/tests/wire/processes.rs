//! Two processes with one seed, whose decisions are equal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use http::Method;
use waylay_fault::{DecideBy, Fault, error};

use crate::support::{NEVER, Place, Protocol, Seen, send_request, serve};

/// Makes a process a server.
const CHILD: &str = "WAYLAY_TEST_TWIN";

fn fault() -> Fault {
    let fault = Fault::new("flaky", error(503)).enabled(true).participation(0.5).seed(7);
    fault.decide_by(DecideBy::TraceId).attempt_header("x-attempt").build().unwrap()
}

/// Starts a server in a separate process, which runs as long as its standard input is open.
fn child_server() -> (Child, BufReader<ChildStdout>, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "processes::serve_until_the_input_ends"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let address =
        output.by_ref().lines().find_map(|line| line.unwrap().split(['<', '>']).nth(1)?.parse().ok());
    (child, output, address.expect("the address"))
}

#[tokio::test]
async fn two_processes_decide_alike() {
    let fault = fault();
    let here = serve(Place::AxumRoute, &fault, NEVER).await;
    let (mut child, mut output, there) = child_server();
    let mut injected = 0_u32;
    // In two orders, by two protocols.
    let numbers: Vec<u32> = (1..=40).collect();
    let seen = async |server, protocol, numbers: Vec<u32>| {
        let mut seen = Vec::new();
        for number in numbers {
            for attempt in ["1", "2"] {
                let trace = format!("00-{number:032x}-00f067aa0ba902b7-01");
                let headers = [("traceparent", &*trace), ("x-attempt", attempt)];
                seen.push(((number, attempt), send_request(protocol, server, Method::GET, &headers).await));
            }
        }
        seen.sort_by_key(|(key, _)| *key);
        seen
    };
    let first = seen(here, Protocol::Http1, numbers.clone()).await;
    let other = seen(there, Protocol::Http2, numbers.into_iter().rev().collect()).await;
    assert_eq!(first, other);
    for (_, seen) in first {
        injected += u32::from(seen == Seen::Status(503));
    }
    // Five sigma around half of 80.
    assert!((18..=62).contains(&injected), "{injected}");
    drop(child.stdin.take());
    // It prints a last line, and fails if it cannot.
    output.read_to_end(&mut Vec::new()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its fault"]
async fn serve_until_the_input_ends() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let server = serve(Place::Hyper, &fault(), NEVER).await;
    println!("<{server}>");
    std::io::stdout().flush().unwrap();
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await.unwrap().unwrap();
}
