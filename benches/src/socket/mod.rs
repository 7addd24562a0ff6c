//! Group `socket`: servers in processes of their own under load, by CPU time of each request.

mod load;
mod server;

use std::time::Duration;

use crate::github::{ROUTES, path};
use crate::measure::{Pace, Sample, median};
use crate::report::{Bars, Goal, Group, Report, Runs};

use load::{Client, Turn};
pub use server::serve;

/// The group of figures.
pub const GROUP: Group = Group { name: "socket", is_quick: true, measure, report };

/// Servers, bare hyper first.
const SERVERS: &[&str] = &[
    "hyper",
    "waylay",
    "axum",
    #[cfg(feature = "peers")]
    "actix-web",
];

const TURNS: usize = 12;
const TURN: Duration = Duration::from_millis(150);

/// Open connections, each with one request at a time.
const CONNECTIONS: usize = 16;

fn measure(pace: &Pace) -> Vec<Sample> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let targets: Vec<String> = ROUTES.iter().map(|template| path(template)).collect();
    let mut clients: Vec<Client> =
        SERVERS.iter().map(|name| Client::new(&runtime, name, &targets, CONNECTIONS)).collect();
    let answers: Vec<_> = clients.iter_mut().map(|client| client.answers(&runtime)).collect();
    for (name, answer) in SERVERS.iter().zip(&answers) {
        assert_eq!(*answer, answers[0], "{name} answers otherwise than bare hyper");
    }
    let (turns, duration) = if pace.is_quick() { (1, Duration::from_millis(20)) } else { (TURNS, TURN) };
    let mut all: Vec<Vec<Turn>> = clients.iter().map(|_| Vec::new()).collect();
    for turn in 0..=turns {
        for server in 0..clients.len() {
            let server = (server + turn) % clients.len();
            let measured = clients[server].turn(&runtime, duration);
            // The first turn opens what a server opens late.
            if turn > 0 {
                all[server].push(measured);
            }
        }
    }
    let figures = SERVERS.iter().zip(all).flat_map(|(name, turns)| {
        let figure = |figure: fn(&Turn) -> f64| median(turns.iter().map(figure).collect());
        [
            Sample::figure(*name, figure(Turn::cpu_nanos)),
            Sample::figure(format!("{name}, p99"), figure(Turn::p99_micros)),
            Sample::figure(format!("{name}, rate"), figure(Turn::rate)),
        ]
    });
    figures.collect()
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "socket: CPU time of a request over loopback TCP, against bare hyper with the same answer",
        "HTTP/1.1, 16 connections with one request at a time, matchit's 130 routes in turn; a server is a process with\n\
         one thread that serves, the load comes from another process through hyper's client. The first three run on the\n\
         same connection code; bare hyper reads no path. The 99th percentile is that of a loaded server, in a closed\n\
         loop: it contains the wait for the other connections.",
    );
    for name in &SERVERS[1..] {
        let goal = if *name == "waylay" { Goal::AtMost(1.05) } else { Goal::None };
        let micros = |name: &str| runs.value(name).median / 1e3;
        let note = format!("{:.2} / {:.2} µs", micros(name), micros(SERVERS[0]));
        report.line(
            &format!("{name} / bare hyper, CPU per request"),
            runs.ratio(name, SERVERS[0]),
            goal,
            &note,
        );
    }
    for name in SERVERS {
        let per_second = runs.figure(|run| 1e9 / run.value(name));
        report.line(&format!("{name}: requests per CPU second"), per_second, Goal::None, "");
        report.line(
            &format!("{name}: 99th percentile, µs"),
            runs.value(&format!("{name}, p99")),
            Goal::None,
            "",
        );
        report.line(
            &format!("{name}: requests per second"),
            runs.value(&format!("{name}, rate")),
            Goal::None,
            "",
        );
    }
    let bars = SERVERS.iter().filter(|name| runs.has(name));
    report.bars.push(Bars {
        title: "CPU time of a request over loopback TCP".to_owned(),
        unit: "µs".to_owned(),
        bars: bars.map(|name| ((*name).to_owned(), runs.value(name).median / 1e3)).collect(),
    });
}
