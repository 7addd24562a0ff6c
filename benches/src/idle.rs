//! Group `idle`: a disabled fault, against the bare service and another chaos layer at rate 0.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Barrier;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower_layer::Layer;
use tower_resilience_chaos::ChaosLayer;
use tower_service::Service;
use waylay_fault::{Fault, FaultSet, error};

use crate::measure::{Contender, Pace, Sample, race};
use crate::report::{Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "idle", is_quick: true, measure, report };

/// Calls per pass.
const CALLS: usize = 100;

/// A service that responds at once.
#[derive(Debug, Clone)]
struct Bare;

impl Service<Request<()>> for Bare {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = ReadyResponse;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(&request);
        ReadyResponse
    }
}

/// Creates its response when it is polled, as an async function does.
#[derive(Debug)]
struct ReadyResponse;

impl Future for ReadyResponse {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(Response::new(Full::new(Bytes::from_static(b"ok")))))
    }
}

#[inline(never)]
fn call<S: Service<Request<()>, Error = Infallible>>(service: &mut S) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    match pin!(service.call(black_box(Request::new(())))).poll(&mut context) {
        Poll::Ready(response) => drop(black_box(response)),
        Poll::Pending => panic!("the endpoints of the benches never wait"),
    }
}

fn alone<'a, S>(name: &str, service: &S) -> Contender<'a>
where
    S: Service<Request<()>, Error = Infallible> + Clone + 'a,
{
    let mut service = service.clone();
    Contender::new(name, CALLS, move || (0..CALLS).for_each(|_| call(&mut service)))
}

/// Creates a contender with two threads that share the state of the service; the slower one counts.
fn two_threads<'a, S>(name: &str, service: &S) -> Contender<'a>
where
    S: Service<Request<()>, Error = Infallible> + Clone + Send + 'a,
{
    let service = service.clone();
    Contender::timed(format!("{name}, 2 threads"), CALLS, move |passes| {
        let start = Barrier::new(2);
        let work = |mut service: S| -> Duration {
            start.wait();
            let start = Instant::now();
            for _ in 0..passes {
                (0..CALLS).for_each(|_| call(&mut service));
            }
            start.elapsed()
        };
        std::thread::scope(|scope| {
            let (one, other) = (service.clone(), service.clone());
            let work = &work;
            let other = scope.spawn(move || work(other));
            work(one).max(other.join().expect("the other thread does not panic"))
        })
    })
}

/// Creates a set of faults, disabled or with a list that holds no request.
fn set_of(count: usize, enabled: bool) -> FaultSet {
    let set = FaultSet::new();
    let fault = |number| {
        Fault::new(format!("fault-{number}"), error(503))
            .enabled(enabled)
            .participation(1.0)
            .allow_paths(["/none"])
    };
    set.replace((0..count).map(fault)).expect("the faults are valid");
    set
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let fault = || Fault::new("idle", error(503)).build().expect("the fault is valid").layer();
    let disabled = fault().layer(Bare);
    let rare = Fault::new("rare", error(503)).enabled(true).participation(0.01).seed(1);
    let rare = rare.build().expect("the fault is valid").layer().layer(Bare);
    let three = fault().layer(fault().layer(fault().layer(Bare)));
    let chaos = ChaosLayer::builder().name("idle").latency_rate(0.0).build().layer(Bare);
    let sets = [1, 10, 100].map(|count| (count, set_of(count, false).layer().layer(Bare)));
    let no_match = set_of(10, true).layer().layer(Bare);
    // It matches, and its draw selects next to nothing.
    let unlikely = FaultSet::new();
    let fault = Fault::new("unlikely", error(503)).enabled(true).participation(1e-12).seed(1);
    unlikely.replace([fault.allow_paths(["/*"])]).expect("the fault is valid");
    let not_selected = unlikely.layer().layer(Bare);
    let mut contenders: Vec<_> =
        sets.iter().map(|(count, set)| alone(&format!("fault set of {count}"), set)).collect();
    contenders.push(alone("10 enabled", &no_match));
    contenders.push(alone("not selected", &not_selected));
    contenders.push(two_threads("fault set of 10", &sets[1].1));
    let samples = race(
        pace,
        contenders
            .into_iter()
            .chain([
                alone("bare", &Bare),
                alone("fault", &disabled),
                alone("fault x 3", &three),
                alone("rare", &rare),
                alone("chaos", &chaos),
                two_threads("bare", &Bare),
                two_threads("fault", &disabled),
                two_threads("chaos", &chaos),
            ])
            .collect(),
    );
    for sample in &samples {
        let alone = sample.name.starts_with("fault") && !sample.name.ends_with("threads");
        assert!(!alone || sample.allocations == 0.0, "an idle fault allocates: {}", sample.name);
    }
    samples
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "idle: overhead of a disabled fault",
        "A service that responds at once with two bytes; a disabled waylay-fault layer, and\n\
         tower-resilience-chaos 0.14 with latency rate 0 and no error injection. On two threads all\n\
         clones share one fault; the slower thread counts.",
    );
    let added = |name: &str, threads: &str| {
        let (name, bare) = (format!("{name}{threads}"), format!("bare{threads}"));
        runs.figure(move |run| run.value(&name) - run.value(&bare))
    };
    let chaos = |name: &str, threads: &str| {
        let name = format!("{name}{threads}");
        runs.figure(|run| {
            let bare = run.value(&format!("bare{threads}"));
            (run.value(&name) - bare) / (run.value(&format!("chaos{threads}")) - bare)
        })
    };
    let two = ", 2 threads";
    let lines = [
        ("fault", "fault", "", Goal::AtMost(0.06)),
        ("fault, 2 threads", "fault", two, Goal::AtMost(0.06)),
        ("a set of 1 disabled fault", "fault set of 1", "", Goal::AtMost(0.06)),
        ("a set of 10 disabled faults", "fault set of 10", "", Goal::AtMost(0.06)),
        ("a set of 100 disabled faults", "fault set of 100", "", Goal::AtMost(0.06)),
        ("a set of 10 disabled faults, 2 threads", "fault set of 10", two, Goal::None),
        ("3 nested faults", "fault x 3", "", Goal::None),
        ("a set of 10 enabled faults that match nothing", "10 enabled", "", Goal::None),
        ("a set of 1 that matches and is not selected", "not selected", "", Goal::None),
        ("a fault for 1 % of requests", "rare", "", Goal::None),
    ];
    for (label, name, threads, goal) in lines {
        let (ours, bare) = (format!("{name}{threads}"), format!("bare{threads}"));
        let note = format!(
            "adds {:.1} / {:.1} ns; with it / bare {:.2}",
            added(name, threads).median,
            added("chaos", threads).median,
            runs.ratio(&ours, &bare).median
        );
        report.line(&format!("{label} adds / chaos adds"), chaos(name, threads), goal, &note);
    }
    report.line("fault adds, ns", added("fault", ""), Goal::AtMost(10.0), "");
    report.remark(format!(
        "allocations per call: bare {:.0}, fault {:.0}, chaos {:.0}",
        runs.allocations("bare"),
        runs.allocations("fault"),
        runs.allocations("chaos")
    ));
}
