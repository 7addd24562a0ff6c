//! Report: the outcomes of a drill by route, and all disagreements.

use std::fmt;
use std::time::Duration;

use comfy_table::{CellAlignment, Table};
use hdrhistogram::Histogram;
use http::StatusCode;
use waylay_examples::route_table::plain_table;

use super::client::Outcome;
use super::comparison::{Expectation, InjectionLog, compare};
use super::runner::FaultState;
use super::workload::{ATTEMPTS, Exchange, SCENARIOS};

/// Maximum number of disagreements that are printed.
const MAX_PRINTED: usize = 10;

/// Comparison of both ends of a drill.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Row>,
    requests: usize,
    successful: usize,
    disagreements: Vec<String>,
}

impl Report {
    /// Compares the observations of the clients with the log, attempt by attempt, and their sums with the
    /// counters of the faults.
    pub(crate) fn new(exchanges: &[Exchange], log: &InjectionLog, faults: &[FaultState]) -> Self {
        let mut rows: Vec<Row> = SCENARIOS.iter().map(|scenario| Row::new(scenario.route)).collect();
        let mut disagreements = Vec::new();
        for exchange in exchanges {
            let scenario = exchange.scenario;
            let has_fault = faults_of(scenario.route, faults).next().is_some();
            let expectation =
                Expectation { success: scenario.success, has_fault, protocol: exchange.protocol };
            let row = rows.iter_mut().find(|row| row.route == scenario.route);
            let Some(row) = row else { continue };
            for (id, observation) in exchange.attempts() {
                row.add(&observation.outcome, observation.duration, scenario.success);
                if let Err(difference) = compare(expectation, observation, &log.of(id)) {
                    disagreements.push(format!("{} attempt {id}: {difference}", scenario.route));
                }
            }
        }
        for row in &mut rows {
            row.injected = faults_of(row.route, faults).map(|fault| fault.counts.injected).sum();
            let observed = row.sent - row.ok;
            if row.injected != observed {
                let (route, injected) = (row.route, row.injected);
                disagreements.push(format!(
                    "{route}: the server counts {injected} injected, the clients observed {observed}"
                ));
            }
        }
        let successful = exchanges.iter().filter(|exchange| exchange.is_successful()).count();
        Self { rows, requests: exchanges.len(), successful, disagreements }
    }

    /// Tests whether both ends agree.
    pub(crate) fn agrees(&self) -> bool {
        self.disagreements.is_empty()
    }
}

fn faults_of<'a>(route: &'a str, faults: &'a [FaultState]) -> impl Iterator<Item = &'a FaultState> {
    faults.iter().filter(move |fault| fault.routes.iter().any(|name| name == route))
}

/// The table of the routes and their total.
pub(super) fn route_table(rows: &[Row]) -> String {
    let total = Row::total(rows);
    let mut table = plain_table(Row::HEAD);
    table.add_rows(rows.iter().chain([&total]).map(Row::cells));
    align_numbers(&mut table);
    table.trim_fmt()
}

/// Aligns all columns but the first to the right.
pub(super) fn align_numbers(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// The attempts of one route, counted by outcome.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) route: &'static str,
    sent: u64,
    ok: u64,
    late: u64,
    failed: u64,
    dropped: u64,
    timed_out: u64,
    other: u64,
    /// Counter of the faults on the server.
    pub(super) injected: u64,
    latency: Latency,
}

impl Row {
    const HEAD: [&str; 11] = [
        "route",
        "sent",
        "ok",
        "late",
        "failed",
        "dropped",
        "timed out",
        "other",
        "injected",
        "p50 ms",
        "p99 ms",
    ];

    pub(super) fn new(route: &'static str) -> Self {
        Self { route, ..Self::default() }
    }

    pub(super) fn add(&mut self, outcome: &Outcome, duration: Duration, success: StatusCode) {
        self.sent += 1;
        *match outcome {
            Outcome::Response { status, mark: None } if *status == success => &mut self.ok,
            Outcome::Response { status, mark: Some(_) } if *status == success => &mut self.late,
            Outcome::Response { mark: Some(_), .. } => &mut self.failed,
            Outcome::Closed | Outcome::Reset(_) => &mut self.dropped,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Response { mark: None, .. } | Outcome::Unexpected(_) => &mut self.other,
        } += 1;
        self.latency.record(duration);
    }

    fn total(rows: &[Self]) -> Self {
        let mut total = Self::new("total");
        for row in rows {
            total.sent += row.sent;
            total.ok += row.ok;
            total.late += row.late;
            total.failed += row.failed;
            total.dropped += row.dropped;
            total.timed_out += row.timed_out;
            total.other += row.other;
            total.injected += row.injected;
            total.latency.add(&row.latency);
        }
        total
    }

    fn cells(&self) -> [String; 11] {
        let Self { route, sent, ok, late, failed, dropped, timed_out, other, injected, latency } = self;
        let [sent, ok, late, failed, dropped, timed_out, other, injected] =
            [sent, ok, late, failed, dropped, timed_out, other, injected].map(u64::to_string);
        let [p50, p99] =
            [50.0, 99.0].map(|percent| format!("{:.1}", latency.percentile(percent).as_secs_f64() * 1000.0));
        [(*route).to_owned(), sent, ok, late, failed, dropped, timed_out, other, injected, p50, p99]
    }
}

/// Durations of attempts: microseconds with three significant digits, at most one minute.
#[derive(Debug)]
struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new_with_max(60_000_000, 3).expect("the limits of the histogram are valid"))
    }
}

impl Latency {
    fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    /// Returns the duration that this percentage of all attempts do not exceed; zero without attempts.
    fn percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(self.0.value_at_percentile(percent))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = Row::total(&self.rows);
        writeln!(f, "{}\n", route_table(&self.rows))?;

        let Self { requests, successful, .. } = self;
        let given_up = requests - successful;
        writeln!(
            f,
            "{successful} of {requests} requests successful, {given_up} given up after {ATTEMPTS} attempts"
        )?;
        let count = self.disagreements.len();
        if count == 0 {
            return write!(f, "all {} attempts agree with what the server injected", total.sent);
        }
        write!(f, "{count} disagreements with what the server injected")?;
        for disagreement in self.disagreements.iter().take(MAX_PRINTED) {
            write!(f, "\n- {disagreement}")?;
        }
        if count > MAX_PRINTED { write!(f, "\n- and {} more", count - MAX_PRINTED) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::client::{Observation, Protocol};
    use crate::drill::runner::FaultCounts;

    /// Reports one attempt at a route without a fault, beside a fault on another route.
    fn report(outcome: Outcome, injected: u64) -> Report {
        let scenario = SCENARIOS.iter().find(|scenario| scenario.route == "home").unwrap();
        let observations = vec![Observation { outcome, duration: Duration::from_millis(1) }];
        let exchange = Exchange { request: 0, scenario, protocol: Protocol::Http1, observations };
        let counts = FaultCounts { injected };
        let other = FaultState { name: "flaky".to_owned(), routes: vec!["shop.order".to_owned()], counts };
        Report::new(&[exchange], &InjectionLog::default(), &[other])
    }

    #[test]
    fn an_outcome_without_an_injection_is_a_disagreement() {
        assert!(report(Outcome::Response { status: StatusCode::OK, mark: None }, 0).agrees());

        let closed = report(Outcome::Closed, 0);
        assert!(!closed.agrees());
        let text = closed.to_string();
        assert!(text.contains("home attempt 0.1: the client saw a closed connection"), "{text}");
        assert!(text.contains("home: the server counts 0 injected, the clients observed 1"), "{text}");
    }

    #[test]
    fn an_injection_without_an_outcome_is_a_disagreement() {
        let report = report(Outcome::Response { status: StatusCode::OK, mark: None }, 1);
        let text = report.to_string();
        assert!(text.contains("shop.order: the server counts 1 injected, the clients observed 0"), "{text}");
    }

    #[test]
    fn percentiles_are_recorded_durations() {
        let mut latency = Latency::default();
        (1..=200).map(Duration::from_millis).for_each(|duration| latency.record(duration));
        let percentiles = [50.0, 99.0, 100.0].map(|percent| latency.percentile(percent).as_millis());
        assert_eq!(percentiles, [100, 198, 200]);
        assert_eq!(Latency::default().percentile(50.0), Duration::ZERO);
    }
}
