//! What an operator does: plans by compare-and-set, the halt.

use waylay_fault::{FaultPlan, PlanFormat};

use crate::error::{FleetError, PutError};
use crate::fleet::fleet::{FleetParts, NatsFleet};
use crate::names::HALT_KEY;
use crate::replica::halt::parse_halt;
use crate::source::keys::Revision;
use crate::store::bucket::Written;

/// The plan of a fleet, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredPlan {
    /// Its revision, which the next write needs.
    pub revision: u64,
    /// Its text, which may be no valid plan.
    pub text: String,
    /// Its format.
    pub format: PlanFormat,
}

impl NatsFleet {
    /// Returns the plan that the store has, whether it is valid or not.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn plan(&self) -> Result<Option<StoredPlan>, FleetError> {
        let FleetParts { connection, plans, key, format, .. } = self.parts();
        let known = plans.entry(connection, key).await?.map(Revision::from);
        Ok(known.and_then(|Revision { revision, value, .. }| {
            let text = String::from_utf8_lossy(&value?).into_owned();
            Some(StoredPlan { revision, text, format: *format })
        }))
    }

    /// Writes a plan in place of the one of this revision, or, with none, where there is no plan; returns its revision.
    ///
    /// The plan is checked before, apart from what only the replicas know: their environments, and what their programs
    /// register. Its time to live begins with this writing, on every replica; writing it again begins it anew.
    ///
    /// ```no_run
    /// # async fn run(fleet: waylay_fault_nats::NatsFleet) -> Result<(), Box<dyn std::error::Error>> {
    /// let plan = fleet.plan().await?.ok_or("there is no plan")?;
    /// let half = plan.text.replace("participation = 0.2", "participation = 0.1");
    /// let revision = fleet.put_plan(&half, Some(plan.revision)).await?;
    /// // The same again would overwrite the plan of another revision.
    /// assert!(fleet.put_plan(&half, Some(plan.revision)).await.is_err());
    /// # let _ = revision;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The text is no plan, the plan has no end, another revision is there, or the store cannot be reached.
    pub async fn put_plan(&self, text: &str, expected: Option<u64>) -> Result<u64, PutError> {
        let FleetParts { connection, plans, key, format, .. } = self.parts();
        let plan = FaultPlan::parse(text, *format).map_err(PutError::Plan)?;
        if !plan.has_end() {
            return Err(PutError::NoEnd);
        }
        match plans.write(connection, key, text.to_owned().into(), expected).await? {
            Written::Done(revision) => Ok(revision),
            Written::Stale => Err(self.stale(expected).await?),
        }
    }

    /// Deletes the plan of this revision; the replicas remove its faults.
    ///
    /// # Errors
    /// Another revision is there, or the store cannot be reached.
    pub async fn delete_plan(&self, expected: u64) -> Result<(), PutError> {
        let FleetParts { connection, plans, key, .. } = self.parts();
        match plans.delete(connection, key, Some(expected)).await? {
            Written::Done(_) => Ok(()),
            Written::Stale => Err(self.stale(Some(expected)).await?),
        }
    }

    /// Halts every fault of every replica, whatever the plan; the reason is in their events.
    ///
    /// # Errors
    /// The store cannot be reached. It may have been done all the same.
    pub async fn halt(&self, reason: &str) -> Result<(), FleetError> {
        let FleetParts { connection, plans, .. } = self.parts();
        // A reason that reads as the opposite is none.
        let value = if ["", "false"].contains(&reason.trim()) { "true" } else { reason };
        plans.put(connection, HALT_KEY, value.to_owned().into()).await.map(|_| ())
    }

    /// Ends the halt of the fleet; a replica that was halted by itself before stays so.
    ///
    /// # Errors
    /// The store cannot be reached. It may have been done all the same.
    pub async fn resume(&self) -> Result<(), FleetError> {
        let FleetParts { connection, plans, .. } = self.parts();
        plans.delete(connection, HALT_KEY, None).await.map(|_| ())
    }

    /// Returns the reason of the fleet's halt, which may be empty, if it is halted.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn halt_reason(&self) -> Result<Option<String>, FleetError> {
        let FleetParts { connection, plans, .. } = self.parts();
        let known = plans.entry(connection, HALT_KEY).await?.map(Revision::from);
        Ok(known.and_then(|known| known.value).and_then(|value| parse_halt(&value)))
    }

    async fn stale(&self, expected: Option<u64>) -> Result<PutError, FleetError> {
        let found = self.plan().await?.map(|plan| plan.revision);
        Ok(PutError::Stale { expected, found })
    }
}
