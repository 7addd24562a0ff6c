//! What came of a drill: a table, and whether it adds up.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::errand::ERRANDS;
use super::ledger::Ledger;
use super::pursuit::{ATTEMPTS, Pursuit};
use super::remote::Told;
use super::sighting::Seen;
use super::verdict::{Terms, judge};

/// How many disagreements are printed.
const SHOWN: usize = 10;

/// Both sides of a drill, compared.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Row>,
    requests: usize,
    answered: usize,
    disagreements: Vec<String>,
}

impl Report {
    /// Holds what the clients saw against what the server did, attempt by attempt, and their sums
    /// against the server's own counts.
    pub(crate) fn of(pursuits: &[Pursuit], ledger: &Ledger, faults: &[Told]) -> Self {
        let mut rows: Vec<Row> = ERRANDS.iter().map(|errand| Row::new(errand.route)).collect();
        let mut disagreements = Vec::new();
        for pursuit in pursuits {
            let errand = pursuit.errand;
            let beset = faults_on(errand.route, faults).next().is_some();
            let terms = Terms { natural: errand.natural, beset, protocol: pursuit.protocol };
            let row = rows.iter_mut().find(|row| row.route == errand.route);
            let Some(row) = row else { continue };
            for (id, sighting) in pursuit.attempts() {
                row.add(&sighting.seen, errand.natural);
                row.times.push(sighting.took);
                if let Err(why) = judge(terms, sighting, &ledger.of(id)) {
                    disagreements.push(format!("{} attempt {id}: {why}", errand.route));
                }
            }
        }
        for row in &mut rows {
            row.times.sort_unstable();
            row.injected = faults_on(row.route, faults).map(|fault| fault.counts.injected).sum();
            let felt = row.sent - row.ok;
            if row.injected != felt {
                let (route, injected) = (row.route, row.injected);
                disagreements
                    .push(format!("{route}: the server counts {injected} injected, the clients felt {felt}"));
            }
        }
        let answered = pursuits.iter().filter(|pursuit| pursuit.is_answered()).count();
        Self { rows, requests: pursuits.len(), answered, disagreements }
    }

    /// Whether both sides tell one story.
    pub(crate) fn agrees(&self) -> bool {
        self.disagreements.is_empty()
    }
}

fn faults_on<'a>(route: &'a str, faults: &'a [Told]) -> impl Iterator<Item = &'a Told> {
    faults.iter().filter(move |fault| fault.routes.iter().any(|beset| beset == route))
}

/// The attempts at one route, by how they ended for the client.
#[derive(Debug, Default)]
struct Row {
    route: &'static str,
    sent: u64,
    ok: u64,
    late: u64,
    failed: u64,
    dropped: u64,
    timed_out: u64,
    odd: u64,
    /// As the server counts.
    injected: u64,
    times: Vec<Duration>,
}

impl Row {
    fn new(route: &'static str) -> Self {
        Self { route, ..Self::default() }
    }

    fn add(&mut self, seen: &Seen, natural: StatusCode) {
        self.sent += 1;
        *match seen {
            Seen::Answer { status, mark: None } if *status == natural => &mut self.ok,
            Seen::Answer { status, mark: Some(_) } if *status == natural => &mut self.late,
            Seen::Answer { mark: Some(_), .. } => &mut self.failed,
            Seen::Closed | Seen::Reset(_) => &mut self.dropped,
            Seen::TimedOut => &mut self.timed_out,
            Seen::Answer { mark: None, .. } | Seen::Odd(_) => &mut self.odd,
        } += 1;
    }

    fn total(rows: &[Self]) -> Self {
        let sum = |count: fn(&Self) -> u64| rows.iter().map(count).sum();
        let mut times: Vec<_> = rows.iter().flat_map(|row| &row.times).copied().collect();
        times.sort_unstable();
        Self {
            route: "total",
            sent: sum(|row| row.sent),
            ok: sum(|row| row.ok),
            late: sum(|row| row.late),
            failed: sum(|row| row.failed),
            dropped: sum(|row| row.dropped),
            timed_out: sum(|row| row.timed_out),
            odd: sum(|row| row.odd),
            injected: sum(|row| row.injected),
            times,
        }
    }

    /// The least time that so many per cent do not exceed, of sorted times.
    fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.times.len() * percent).div_ceil(100);
        self.times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { route, sent, ok, late, failed, dropped, timed_out, odd, injected, .. } = self;
        let millis = |percent| self.percentile(percent).as_secs_f64() * 1000.0;
        let (half, most) = (millis(50), millis(99));
        write!(
            f,
            "{route:18}{sent:>6}{ok:>7}{late:>6}{failed:>8}{dropped:>9}{timed_out:>11}{odd:>5}\
             {injected:>10}{half:>9.1}{most:>9.1}"
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:18}{:>6}{:>7}{:>6}{:>8}{:>9}{:>11}{:>5}{:>10}{:>9}{:>9}",
            "route",
            "sent",
            "ok",
            "late",
            "failed",
            "dropped",
            "timed out",
            "odd",
            "injected",
            "p50 ms",
            "p99 ms"
        )?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        let total = Row::total(&self.rows);
        writeln!(f, "{total}\n")?;

        let Self { requests, answered, .. } = self;
        let given_up = requests - answered;
        writeln!(
            f,
            "{answered} of {requests} requests answered, {given_up} given up after {ATTEMPTS} attempts"
        )?;
        let wrong = self.disagreements.len();
        if wrong == 0 {
            return write!(f, "all {} attempts agree with what the server injected", total.sent);
        }
        write!(f, "{wrong} disagreements with what the server injected")?;
        for disagreement in self.disagreements.iter().take(SHOWN) {
            write!(f, "\n- {disagreement}")?;
        }
        if wrong > SHOWN { write!(f, "\n- and {} more", wrong - SHOWN) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::remote::ToldCounts;
    use crate::drill::sighting::{Protocol, Sighting};

    /// The server struck nobody, and the client saw what `seen` says.
    fn report(seen: Seen, injected: u64) -> Report {
        let errand = ERRANDS.iter().find(|errand| errand.route == "home").unwrap();
        let sightings = vec![Sighting { seen, took: Duration::from_millis(1) }];
        let pursuit = Pursuit { request: 0, errand, protocol: Protocol::Http1, sightings };
        let counts = ToldCounts { injected };
        let other = Told { name: "flaky".to_owned(), routes: vec!["shop.order".to_owned()], counts };
        Report::of(&[pursuit], &Ledger::default(), &[other])
    }

    #[test]
    fn what_nobody_injected_is_a_disagreement() {
        assert!(report(Seen::Answer { status: StatusCode::OK, mark: None }, 0).agrees());

        let closed = report(Seen::Closed, 0);
        assert!(!closed.agrees());
        let text = closed.to_string();
        assert!(text.contains("home attempt 0.1: the client saw a closed connection"), "{text}");
        assert!(text.contains("home: the server counts 0 injected, the clients felt 1"), "{text}");
    }

    #[test]
    fn what_nobody_felt_is_a_disagreement() {
        let unfelt = report(Seen::Answer { status: StatusCode::OK, mark: None }, 1);
        let text = unfelt.to_string();
        assert!(text.contains("shop.order: the server counts 1 injected, the clients felt 0"), "{text}");
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = (1..=200).map(Duration::from_millis).collect();
        let row = Row { times, ..Row::default() };
        let percentiles = [50, 99, 100].map(|percent| row.percentile(percent).as_millis());
        assert_eq!(percentiles, [100, 198, 200]);
        assert_eq!(Row::default().percentile(50), Duration::ZERO);
    }
}
