//! Drill under a plan: what its faults did to the requests, and whether it stopped itself.

use std::error::Error;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;
use waylay_examples::plan;
use waylay_examples::route_table::plain_table;
use waylay_examples::server::Limits;
use waylay_fault::{Counts, FaultSet, SetStatus};
use waylay_fault_admin::Token;

use super::client::Client;
use super::comparison::InjectionLog;
use super::report::{Row, align_numbers, route_table};
use super::runner::send_all;
use super::workload::{ATTEMPTS, Exchange, SCENARIOS};
use crate::server::Servers;

/// Starts a shop under the faults of a plan on free ports, sends the requests, and stops the shop.
///
/// # Errors
/// Everything that is wrong with the plan; every fault of the process is halted; a port cannot be bound.
pub(crate) async fn run_plan(
    requests: NonZeroU32,
    file: &Path,
    environment: Option<&str>,
) -> Result<PlanReport, Box<dyn Error>> {
    if waylay_fault::halted() {
        return Err("WAYLAY_HALT=1 stops every fault, so a drill would inject nothing; unset it".into());
    }
    let log = Arc::new(InjectionLog::default());
    let mut faults = FaultSet::builder().reporter(log.clone());
    if let Some(name) = environment {
        faults = faults.environment(name);
    }
    let faults = faults.build();
    faults.apply(&plan::load(file)?)?;

    let port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let servers =
        Servers::bind(port, port, Limits::default(), &faults, Token::generate()?, |admin| admin).await?;
    let client = Client::new(servers.shop_address());
    let (stop, stopped) = oneshot::channel::<()>();
    let servers = tokio::spawn(servers.run(async { _ = stopped.await }));
    let exchanges = send_all(client, requests.get()).await?;
    let (counts, status) = (faults.counts(), faults.status());
    drop(stop);
    servers.await?;
    Ok(PlanReport::new(&exchanges, &log, counts, status))
}

/// The outcome of a drill under a plan.
#[derive(Debug)]
pub(crate) struct PlanReport {
    rows: Vec<Row>,
    requests: usize,
    successful: usize,
    counts: Vec<(String, Counts)>,
    status: SetStatus,
}

impl PlanReport {
    fn new(
        exchanges: &[Exchange],
        log: &InjectionLog,
        counts: Vec<(String, Counts)>,
        status: SetStatus,
    ) -> Self {
        let mut rows: Vec<Row> = SCENARIOS.iter().map(|scenario| Row::new(scenario.route)).collect();
        for exchange in exchanges {
            let Some(row) = rows.iter_mut().find(|row| row.route == exchange.scenario.route) else {
                continue;
            };
            for (id, observation) in exchange.attempts() {
                row.add(&observation.outcome, observation.duration, exchange.scenario.success);
                let is_injected = log.of(id).iter().any(|record| !record.actions.is_empty());
                row.injected += u64::from(is_injected);
            }
        }
        let successful = exchanges.iter().filter(|exchange| exchange.is_successful()).count();
        Self { rows, requests: exchanges.len(), successful, counts, status }
    }

    /// Tests whether the plan stopped itself.
    pub(crate) fn is_stopped(&self) -> bool {
        self.status.stop.is_some()
    }
}

impl fmt::Display for PlanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", route_table(&self.rows))?;
        let mut table =
            plain_table(["fault", "seen", "injected", "not selected", "no match", "stopped", "other"]);
        table.add_rows(self.counts.iter().map(|(name, counts)| {
            let Counts { seen, injected, not_selected, no_match, stopped, .. } = *counts;
            let other = seen.saturating_sub(injected + not_selected + no_match + stopped);
            let numbers =
                [seen, injected, not_selected, no_match, stopped, other].map(|count| count.to_string());
            [name.clone()].into_iter().chain(numbers).collect::<Vec<_>>()
        }));
        align_numbers(&mut table);
        writeln!(f, "{}\n", table.trim_fmt())?;

        let Self { requests, successful, .. } = self;
        let given_up = requests - successful;
        writeln!(
            f,
            "{successful} of {requests} requests successful, {given_up} given up after {ATTEMPTS} attempts"
        )?;
        match &self.status.stop {
            Some(reason) => write!(f, "the plan stopped itself: {reason}"),
            None => f.write_str("the plan ran to the end of the drill"),
        }
    }
}
