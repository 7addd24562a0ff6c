//! One plan and seed: the same requests are injected on any number of threads and in every process.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::process::Command;

use http::{Request, Response};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{FaultPlan, FaultSet, INJECTED_HEADER};

/// Makes a process print what it injects.
const CHILD: &str = "WAYLAY_TEST_INJECTIONS";

const REQUESTS: usize = 2_000;

/// Faults of each kind of selection that goes by the key: shares, a group, attempts, responses.
const PLAN: &str = r#"
version = 1
environments = ["staging"]
seed = 42
decide_by = "request_id"

[[fault]]
name = "tenth"
participation = 0.1
attempt_header = "x-attempt"
error = 503

[[fault]]
name = "red"
participation = 0.5
group = "color"
random = [{ weight = 3, error = 500 }, { weight = 1, error = 501 }]

[[fault]]
name = "blue"
participation = 0.5
group = { name = "color", weight = 2 }
allow_statuses = ["200"]
patch = { status = 202 }

[[fault]]
name = "by-trace"
participation = 0.05
decide_by = "trace_id"
chain = [{ slow = "0s" }, { error = 504 }]
"#;

/// The requests into which something was injected: id, attempt, faults, status.
async fn injected(first: usize, step: usize, set: FaultSet) -> BTreeSet<String> {
    let service = set
        .layer()
        .layer(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()))));
    let mut found = BTreeSet::new();
    for number in (first..REQUESTS).step_by(step) {
        for attempt in ["1", "2"] {
            let request = Request::get("/cart")
                .header("x-request-id", format!("request-{number}"))
                .header("traceparent", format!("00-{:032x}-00f067aa0ba902b7-01", number + 1))
                .header("x-attempt", attempt);
            let response = service.clone().oneshot(request.body(()).unwrap()).await.unwrap();
            let marks: Vec<_> = response
                .headers()
                .get_all(INJECTED_HEADER)
                .iter()
                .map(|mark| mark.to_str().unwrap())
                .collect();
            if !marks.is_empty() {
                let status = response.status().as_u16();
                found.insert(format!("{number}.{attempt} {} {status}", marks.join("+")));
            }
            if number % 16 == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    found
}

fn on_threads(count: usize, plan: &str) -> BTreeSet<String> {
    let set = FaultSet::builder().environment("staging").build();
    set.apply(&FaultPlan::from_toml(plan).unwrap()).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(count).enable_time().build().unwrap();
    runtime.block_on(async {
        // Twice as many tasks as threads, so that requests come in an order of their own each time.
        let tasks = 2 * count;
        let running: Vec<_> =
            (0..tasks).map(|first| tokio::spawn(injected(first, tasks, set.clone()))).collect();
        let mut found = BTreeSet::new();
        for task in running {
            found.extend(task.await.unwrap());
        }
        found
    })
}

#[test]
fn the_same_requests_on_any_number_of_threads_and_in_two_processes() {
    let one = on_threads(1, PLAN);
    let share = one.len() as f64 / (2 * REQUESTS) as f64;
    assert!((0.4..0.8).contains(&share), "{share}");
    for fault in ["tenth", "red", "blue", "by-trace"] {
        assert!(one.iter().any(|line| line.contains(fault)), "{fault}");
    }
    for threads in [2, 8] {
        assert_eq!(on_threads(threads, PLAN), one, "{threads} threads");
    }
    let children = [1, 8].map(|threads| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", "determinism::print_injections"]);
        command.env(CHILD, threads.to_string()).output().unwrap()
    });
    for output in children {
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        let lines = text.lines().filter_map(|line| line.strip_prefix("injected "));
        assert_eq!(lines.map(str::to_owned).collect::<BTreeSet<_>>(), one);
    }
    // Another seed is another set of requests.
    let other = PLAN.replace("seed = 42", "seed = 43");
    assert_ne!(on_threads(1, &other), one);
}

#[test]
#[ignore = "run by the test above, in a separate process"]
fn print_injections() {
    let Some(threads) = std::env::var(CHILD).ok().and_then(|threads| threads.parse().ok()) else { return };
    for line in on_threads(threads, PLAN) {
        println!("injected {line}");
    }
}
