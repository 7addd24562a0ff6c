//! The fleet in the console of waylay-fault-admin.

use waylay_fault_admin::{Fleet, FleetFuture, FleetOverview, FleetUnreachable, Replica};

use crate::error::chain;
use crate::fleet::fleet::NatsFleet;
use crate::status::report::ReplicaReport;

/// The table of replicas in the console: `Admin::builder(&set).fleet(fleet.clone())`.
impl Fleet for NatsFleet {
    fn overview(&self) -> FleetFuture<'_> {
        Box::pin(async {
            let reports = self.replicas().await.map_err(|error| FleetUnreachable(chain(&error)))?;
            let known = self.parts().replica.state();
            let mut overview =
                FleetOverview::new(reports.into_iter().map(|report| row(report, self.instance())));
            (overview.revision, overview.halt) = (known.stored, known.halt);
            Ok(overview)
        })
    }
}

fn row(report: ReplicaReport, this: &str) -> Replica {
    let mut row = Replica::new(report.instance);
    row.is_this = row.instance == this;
    row.revision = report.revision;
    row.state = report.state.name().to_owned();
    row.reason = report.reason;
    row.plan = report.plan;
    row.rejected =
        report.rejected.map(|rejected| format!("revision {}: {}", rejected.revision, rejected.error));
    row.seen = report.counts.seen;
    row.injected = report.counts.injected;
    row.active = report.counts.active;
    row.age_seconds = report.age.as_secs_f64();
    row
}
