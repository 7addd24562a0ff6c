//! NatsFleet: this process as a member of a fleet, or as its operator.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use waylay_fault::{FaultSet, PlanFormat};

use crate::error::FleetError;
use crate::replica::event::FleetEvent;
use crate::replica::replica::Replica;
use crate::source::source::NatsSource;
use crate::status::report::ReplicaReport;
use crate::status::reporter::Reporter;
use crate::store::bucket::Bucket;
use crate::store::connection::Connection;

/// A fleet: replicas that run one fault plan, which a bucket of NATS JetStream holds.
///
/// A replica [runs](Self::run) with its set of faults; an operator writes plans, halts, and reads what the replicas report.
/// Clones share one connection.
///
/// ```no_run
/// use waylay_fault::FaultSet;
/// use waylay_fault_nats::NatsFleet;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// // A replica: the set follows the plan and the halt of the fleet.
/// let set = FaultSet::builder().environment("staging").build();
/// let fleet = NatsFleet::builder("nats://127.0.0.1:4222").connect().await?;
/// tokio::spawn({
///     let (fleet, set) = (fleet.clone(), set.clone());
///     async move { fleet.run(&set).await }
/// });
///
/// // The operator, in this process or in another.
/// let plan = "version = 1\nenvironments = ['staging']\nttl = '15m'\n";
/// let revision = fleet.put_plan(plan, None).await?;
/// for replica in fleet.replicas().await? {
///     println!("{}: revision {:?}, {}", replica.instance, replica.revision, replica.state);
/// }
/// fleet.halt("the real thing").await?;
/// # let _ = revision;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct NatsFleet {
    parts: Arc<FleetParts>,
}

/// What the clones share.
pub(crate) struct FleetParts {
    pub(crate) connection: Arc<Connection>,
    pub(crate) plans: Arc<Bucket>,
    pub(crate) reporter: Reporter,
    pub(crate) replica: Arc<Replica>,
    pub(crate) key: String,
    pub(crate) format: PlanFormat,
    pub(crate) poll: Duration,
}

impl NatsFleet {
    pub(crate) fn new(parts: FleetParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Puts a set under the plan and the halt of the fleet, and reports what it runs, for as long as this is polled.
    ///
    /// Without a server the last good plan stays until its time is over. A plan that is not one for this process is
    /// [rejected](waylay_fault::SetEvent::Rejected) and reported, and the running one stays. A plan that is deleted takes its
    /// faults with it.
    pub async fn run(&self, set: &FaultSet) {
        let FleetParts { connection, reporter, replica, .. } = &*self.parts;
        tokio::join!(
            set.follow(self.source(set)),
            reporter.run(connection, replica, set),
            self.follow_link(set)
        );
    }

    /// Returns the plan and the halt of the fleet as a source for [`FaultSet::follow`], without reports.
    pub fn source(&self, set: &FaultSet) -> NatsSource {
        let FleetParts { connection, plans, replica, key, format, poll, .. } = &*self.parts;
        NatsSource::new(connection.clone(), plans.clone(), replica.clone(), set.clone(), key, *format, *poll)
    }

    /// Removes the report of this replica, which would vanish by itself some time after its end, and ends its reports.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn leave(&self) -> Result<(), FleetError> {
        self.parts.reporter.leave(&self.parts.connection, &self.parts.replica).await
    }

    /// Returns the name of this replica.
    pub fn instance(&self) -> &str {
        &self.parts.replica.instance
    }

    /// Returns the reports of all replicas, in the order of their names. Those within one second are of one reading.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn replicas(&self) -> Result<Vec<ReplicaReport>, FleetError> {
        self.parts.reporter.table(&self.parts.connection).await
    }

    pub(crate) fn parts(&self) -> &FleetParts {
        &self.parts
    }

    /// Reports each change of the connection.
    async fn follow_link(&self, set: &FaultSet) {
        let mut link = self.parts.connection.link();
        let mut was_connected = false;
        loop {
            let is_connected = link.borrow_and_update().is_connected;
            if is_connected != was_connected {
                let event = if is_connected { FleetEvent::Connected } else { FleetEvent::Disconnected };
                self.parts.replica.emit(set, &event);
                was_connected = is_connected;
            }
            if link.changed().await.is_err() {
                return;
            }
        }
    }
}

impl fmt::Debug for NatsFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FleetParts { connection, plans, replica, key, .. } = &*self.parts;
        f.debug_struct("NatsFleet")
            .field("servers", &connection.servers())
            .field("bucket", &plans.name())
            .field("key", key)
            .field("instance", &replica.instance)
            .finish_non_exhaustive()
    }
}
