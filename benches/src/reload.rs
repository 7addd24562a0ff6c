//! Group `reload`: how long the replacement of a large table keeps an async worker from other work.

use std::cell::Cell;
use std::hint::black_box;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use waylay_router::{FileWatcher, ReloadEvent, Route, Router, SwapRouter};

use crate::measure::{Pace, Sample};
use crate::report::{Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "reload", is_quick: true, measure, report };

const ROUNDS: usize = 4;

fn router(text: &str) -> Router {
    let add = |all: waylay_router::Builder, path: &str| all.route(Route::get(path).to(async || "here"));
    text.lines().fold(Router::builder(), add).build().expect("the tables of the benches are valid")
}

/// Replaces a table while another task of the same thread runs without a pause; returns the milliseconds of a build and
/// of the longest pause of that task.
async fn stall(file: PathBuf, routes: usize) -> (f64, f64) {
    let text = |round: usize| (0..routes).map(|i| format!("/{round}/a-{i}/{{id}}\n")).collect::<String>();
    std::fs::write(&file, text(0)).expect("the folder for temporary files is writable");
    let started = Instant::now();
    let swap = SwapRouter::new(black_box(router(&text(0))));
    let build = started.elapsed();
    let (replaced, longest) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(Duration::ZERO)));
    let (count, pause) = (Rc::clone(&replaced), Rc::clone(&longest));
    let other = async move {
        let mut last = Instant::now();
        while count.get() < ROUNDS {
            tokio::task::yield_now().await;
            pause.set(pause.get().max(last.elapsed()));
            last = Instant::now();
        }
    };
    let watcher = FileWatcher::new(&file).every(Duration::from_millis(1));
    let report = |event: ReloadEvent<std::convert::Infallible>| {
        assert!(matches!(event, ReloadEvent::Replaced(_)), "{event}");
        replaced.set(replaced.get() + 1);
        let round = replaced.get();
        let (next, to) = (text(round), file.clone());
        tokio::task::spawn_blocking(move || std::fs::write(to, next));
    };
    tokio::select! {
        () = other => {}
        never = swap.reload(watcher, |text: &str| Ok(router(text)), report) => match never {},
    }
    (build.as_secs_f64() * 1e3, longest.get().as_secs_f64() * 1e3)
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let file = std::env::temp_dir().join(format!("waylay-reload-{}", std::process::id()));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime starts");
    let (build, stall) = runtime.block_on(stall(file.clone(), pace.size(20_000, 200)));
    let _ = std::fs::remove_file(file);
    vec![Sample::figure("build", build), Sample::figure("stall", stall)]
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "reload: a table of 20,000 routes is replaced 4 times",
        "By `SwapRouter::reload` on a runtime of one thread, beside a task that never waits.",
    );
    report.line("ms of one build", runs.value("build"), Goal::None, "");
    report.line("ms of the longest stall of the other task", runs.value("stall"), Goal::AtMost(20.0), "");
}
