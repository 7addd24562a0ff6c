//! ReplicaReport: the value that a replica writes to the bucket of reports.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use waylay_fault::{FaultSet, SetOverview};

use crate::replica::replica::{Replica, State};

/// Bytes of an error that are reported.
const ERROR: usize = 500;

/// What one replica runs, as it has reported it.
///
/// In the bucket of reports it is a JSON object under the name of the replica. Members that are not known are skipped,
/// those that are absent have their default, so that replicas of several versions can be in one fleet.
///
/// ```
/// use waylay_fault_nats::{ReplicaReport, ReplicaState};
///
/// let text = r#"{"instance":"shop-1","revision":7,"state":"running","counts":{"seen":90,"injected":4,"active":1}}"#;
/// let report: ReplicaReport = serde_json::from_str(text)?;
/// assert_eq!((report.revision, report.state, report.counts.injected), (Some(7), ReplicaState::Running, 4));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct ReplicaReport {
    /// The name of the replica.
    pub instance: String,
    /// The revision of the plan that it runs; none if its faults are not from the fleet.
    pub revision: Option<u64>,
    /// What its faults do.
    pub state: ReplicaState,
    /// Why, where that is known: the reason of a halt, the figures of an automatic stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The environment that the process declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The plan that it did not accept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<RejectedPlan>,
    /// The sums over its faults.
    pub counts: ReplicaCounts,
    /// The time since the report was written.
    #[serde(skip)]
    pub age: Duration,
}

/// What the faults of a replica do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum ReplicaState {
    /// There are no faults.
    Empty,
    /// They run.
    Running,
    /// They decide and count, and inject nothing.
    DryRun,
    /// They are halted, by the fleet or by the process.
    Halted,
    /// They stopped by themselves.
    Stopped,
    /// Their time is over.
    Expired,
    /// A state that this version does not know, or a report that it cannot read.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A plan that a replica did not accept; the one before stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct RejectedPlan {
    /// Its revision.
    pub revision: u64,
    /// Everything that is wrong with it, shortened.
    pub error: String,
}

/// The outcomes of the requests so far, over all faults of a replica.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct ReplicaCounts {
    /// Requests that reached a fault.
    pub seen: u64,
    /// Injections.
    pub injected: u64,
    /// Injections under way.
    pub active: u64,
}

impl ReplicaState {
    /// Returns its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Running => "running",
            Self::DryRun => "dry_run",
            Self::Halted => "halted",
            Self::Stopped => "stopped",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ReplicaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ReplicaReport {
    /// Returns the report of this process.
    pub(crate) fn new(replica: &Replica, set: &FaultSet) -> Self {
        let plan = set.plan().and_then(|plan| plan.id().map(str::to_owned));
        Self::of(&replica.instance, replica.state(), &set.overview(), plan)
    }

    fn of(instance: &str, known: State, overview: &SetOverview, plan: Option<String>) -> Self {
        let applied = known.applied.filter(|applied| applied.set_revision == overview.revision);
        let counts = overview.faults.iter().fold(ReplicaCounts::default(), |sum, fault| ReplicaCounts {
            seen: sum.seen + fault.counts.seen,
            injected: sum.injected + fault.counts.injected,
            active: sum.active + fault.counts.active,
        });
        let stop = overview.stop.as_ref().map(ToString::to_string);
        let (state, reason) = if overview.is_halted {
            (ReplicaState::Halted, known.halt.filter(|reason| !reason.is_empty()))
        } else if overview.faults.is_empty() {
            (ReplicaState::Empty, None)
        } else if stop.is_some() {
            (ReplicaState::Stopped, stop)
        } else if overview.is_expired {
            (ReplicaState::Expired, None)
        } else if overview.guards.is_dry_run {
            (ReplicaState::DryRun, None)
        } else {
            (ReplicaState::Running, None)
        };
        Self {
            instance: instance.to_owned(),
            revision: applied.map(|applied| applied.revision),
            state,
            reason,
            plan,
            environment: overview.environment.clone(),
            rejected: known.rejected.map(|rejected| RejectedPlan {
                revision: rejected.revision,
                error: shorten(&rejected.error),
            }),
            counts,
            age: Duration::ZERO,
        }
    }

    /// Reads a report under the name of its replica, written at this time.
    pub(crate) fn parse(instance: &str, value: &[u8], written: SystemTime, now: SystemTime) -> Self {
        let report: Self = serde_json::from_slice(value).unwrap_or_else(|error| Self {
            reason: Some(format!("the report cannot be read: {error}")),
            ..Self::default()
        });
        let age = now.duration_since(written).unwrap_or_default();
        // The key decides: a replica writes no other.
        Self { instance: instance.to_owned(), age, ..report }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Tests for another content than that of the counters.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        let shown = |report: &Self| Self { counts: ReplicaCounts::default(), ..report.clone() };
        shown(self) != shown(other)
    }
}

fn shorten(text: &str) -> String {
    let end = (0..=ERROR.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    if end == text.len() { text.to_owned() } else { format!("{}…", &text[..end]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::replica::{Applied, Rejected};
    use proptest::prelude::*;
    use waylay_fault::{Fault, Guards, error};

    fn report(set: &FaultSet, known: State) -> ReplicaReport {
        ReplicaReport::of("one", known, &set.overview(), None)
    }

    #[test]
    fn a_report_has_the_state_of_the_set() {
        let set = FaultSet::builder().environment("staging").build();
        let known = || State { applied: Some(Applied { revision: 7, set_revision: 1 }), ..State::default() };
        assert_eq!(
            (report(&set, known()).state, report(&set, known()).revision),
            (ReplicaState::Empty, None)
        );

        set.replace([Fault::new("flaky", error(503)).enabled(true).participation(0.1)]).unwrap();
        let running = report(&set, known());
        assert_eq!((running.state, running.revision), (ReplicaState::Running, Some(7)));
        assert_eq!(running.environment.as_deref(), Some("staging"));
        set.set_guards(Guards::new().dry_run(true)).unwrap();
        assert_eq!(report(&set, known()).state, ReplicaState::DryRun);

        // A set that the program or its console put there.
        set.replace([Fault::new("local", error(503)).participation(0.1)]).unwrap();
        assert_eq!(report(&set, known()).revision, None);

        let rejected = Rejected { revision: 8, error: "ü".repeat(400) };
        let with = report(&set, State { rejected: Some(rejected), ..known() });
        let rejected = with.rejected.clone().unwrap();
        assert_eq!((rejected.revision, rejected.error.len()), (8, ERROR + "…".len()));
        assert!(with.differs(&running));
        let counted =
            ReplicaReport { counts: ReplicaCounts { seen: 9, ..Default::default() }, ..with.clone() };
        assert!(!counted.differs(&with), "counters alone are no change");
    }

    #[test]
    fn a_report_is_read_whatever_its_version() {
        let now = SystemTime::now();
        let written = now - Duration::from_secs(3);
        let parse = |text: &str| ReplicaReport::parse("one", text.as_bytes(), written, now);
        let rows = [
            (
                r#"{"instance":"other","revision":7,"state":"running","color":1}"#,
                ReplicaState::Running,
                Some(7),
            ),
            (r#"{"state":"paused"}"#, ReplicaState::Unknown, None),
            (r#"{"state":"dry_run","revision":null}"#, ReplicaState::DryRun, None),
            ("{", ReplicaState::Unknown, None),
            ("", ReplicaState::Unknown, None),
        ];
        for (text, state, revision) in rows {
            let report = parse(text);
            assert_eq!(
                (report.state, report.revision, &*report.instance),
                (state, revision, "one"),
                "{text}"
            );
            assert_eq!(report.age, Duration::from_secs(3));
            assert_eq!(
                report.reason.is_some(),
                serde_json::from_str::<serde_json::Value>(text).is_err(),
                "{text}"
            );
        }
        // A clock that is behind that of the server.
        assert_eq!(ReplicaReport::parse("one", b"{}", now, written).age, Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_report_is_read_as_it_was_written(revision: Option<u64>, seen: u64, plan in proptest::option::of(".*")) {
            let counts = ReplicaCounts { seen, ..Default::default() };
            let state = ReplicaState::Stopped;
            let report = ReplicaReport { instance: "a".into(), revision, state, plan, counts, ..Default::default() };
            let now = SystemTime::now();
            prop_assert_eq!(ReplicaReport::parse("a", &report.to_json(), now, now), report);
        }

        #[test]
        fn no_value_is_too_odd(value: Vec<u8>) {
            let now = SystemTime::now();
            prop_assert_eq!(ReplicaReport::parse("a", &value, now, now).instance, "a");
        }
    }
}
