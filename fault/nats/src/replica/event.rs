//! FleetEvent: what happens between a replica and its fleet.

use std::fmt;

use waylay_template::OneLine;

/// Something that happened between this replica and its fleet. What happens to the plan itself is a
/// [`SetEvent`](waylay_fault::SetEvent).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FleetEvent {
    /// There is a connection to a server.
    Connected,
    /// The connection is lost; the running plan stays until its time is over.
    Disconnected,
    /// The halt key was set: every fault of this process is halted. With the reason that it holds, which may be
    /// empty.
    Halted(String),
    /// The halt key was removed.
    Resumed {
        /// Whether this process was halted before by itself, and stays so.
        is_still_halted: bool,
    },
    /// The plan was deleted: the faults that came from it are removed.
    Deleted {
        /// The revision of the deletion.
        revision: u64,
    },
    /// The plan's time was over before this process saw it; it is not applied.
    Ended {
        /// The revision of the plan.
        revision: u64,
    },
}

impl fmt::Display for FleetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("fleet: connected"),
            Self::Disconnected => {
                f.write_str("fleet: connection lost, the running plan stays until its time is over")
            }
            Self::Halted(reason) if reason.is_empty() => f.write_str("fleet: every fault halted"),
            Self::Halted(reason) => write!(f, "fleet: every fault halted: {}", OneLine(reason)),
            Self::Resumed { is_still_halted: false } => f.write_str("fleet: faults resumed"),
            Self::Resumed { is_still_halted: true } => {
                f.write_str("fleet: halt ended; this process was halted before, and stays so")
            }
            Self::Deleted { revision } => {
                write!(f, "fleet: plan deleted (revision {revision}), its faults are removed")
            }
            Self::Ended { revision } => {
                write!(f, "fleet: the time of the plan (revision {revision}) is over, it is not applied")
            }
        }
    }
}
