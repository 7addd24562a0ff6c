//! Reporter: writes the report of this replica, and reads those of all.

use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use waylay_fault::FaultSet;

use crate::backoff::jitter;
use crate::error::FleetError;
use crate::replica::replica::Replica;
use crate::status::report::ReplicaReport;
use crate::store::bucket::{Bucket, Value};
use crate::store::connection::Connection;

/// Time between two looks at the set.
const LOOK: Duration = Duration::from_millis(500);

/// The shortest time between two reports.
const PAUSE: Duration = Duration::from_millis(100);

/// Time for which a table that was read is shown again.
const TABLE_TIME: Duration = Duration::from_secs(1);

/// Writes and reads reports.
#[derive(Debug)]
pub(crate) struct Reporter {
    bucket: Bucket,
    interval: Duration,
    table: Mutex<Option<(Instant, Vec<ReplicaReport>)>>,
}

impl Reporter {
    pub(crate) fn new(bucket: Bucket, interval: Duration) -> Self {
        Self { bucket, interval, table: Mutex::default() }
    }

    /// Writes the report of this replica at intervals, and when it changes. Meanwhile it enforces the halt of the fleet.
    pub(crate) async fn run(&self, at: &Connection, replica: &Replica, set: &FaultSet) {
        let mut last: Option<ReplicaReport> = None;
        let mut due = Instant::now();
        loop {
            replica.enforce_halt(set);
            let report = ReplicaReport::new(replica, set);
            let is_changed = last.as_ref().is_none_or(|last| report.differs(last));
            if (is_changed || Instant::now() >= due) && !replica.has_left() {
                // An error is one of the connection, which is reported elsewhere; the next report may pass.
                let is_written =
                    self.bucket.put(at, &replica.instance, report.to_json().into()).await.is_ok();
                last = is_written.then_some(report);
                due = Instant::now() + jitter(self.interval, rand::random());
                sleep(PAUSE).await;
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = replica.changed() => {}
            }
        }
    }

    /// Removes the report of this replica, which writes no other.
    pub(crate) async fn leave(&self, at: &Connection, replica: &Replica) -> Result<(), FleetError> {
        replica.leave();
        self.bucket.delete(at, &replica.instance, None).await.map(|_| ())
    }

    /// Reads the reports of all replicas, in the order of their names. Readers within one second share a table.
    pub(crate) async fn table(&self, at: &Connection) -> Result<Vec<ReplicaReport>, FleetError> {
        let mut table = self.table.lock().await;
        if let Some((read, reports)) = &*table
            && read.elapsed() < TABLE_TIME
        {
            return Ok(reports.clone());
        }
        let now = SystemTime::now();
        let parse = |Value { key, value, created }| ReplicaReport::parse(&key, &value, created, now);
        let mut reports: Vec<_> = self.bucket.values(at).await?.into_iter().map(parse).collect();
        reports.sort_by(|one, other| one.instance.cmp(&other.instance));
        *table = Some((Instant::now(), reports.clone()));
        Ok(reports)
    }
}
