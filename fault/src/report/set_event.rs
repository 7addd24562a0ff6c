//! SetEvent: what happened to a set of faults as a whole.

use std::fmt;
use std::time::Duration;

use crate::config::one_line::OneLine;

/// Something that happened to a set of faults as a whole.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SetEvent {
    /// Another set of faults is active.
    Applied {
        /// The number of the set, counted from 1.
        revision: u64,
        /// How many faults it holds.
        faults: usize,
    },
    /// A set of faults was rejected; the one before it stays.
    Rejected(String),
    /// The time of the set is over, and every fault is disabled.
    Expired,
    /// The service's own responses broke a limit, and every fault is stopped.
    Stopped(StopReason),
    /// A stop was ended.
    Rearmed,
    /// A source cannot be read; the set stays until its time is over.
    SourceLost(String),
}

impl SetEvent {
    /// The names of all of them.
    #[cfg(feature = "metrics")]
    pub(crate) const NAMES: [&str; 6] =
        ["applied", "rejected", "expired", "stopped", "rearmed", "source_lost"];

    /// Returns its name in reports and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Rejected(_) => "rejected",
            Self::Expired => "expired",
            Self::Stopped(_) => "stopped",
            Self::Rearmed => "rearmed",
            Self::SourceLost(_) => "source_lost",
        }
    }
}

impl fmt::Display for SetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied { revision, faults } => {
                write!(f, "faults applied: revision {revision}, {faults} faults")
            }
            Self::Rejected(why) => write!(f, "faults rejected, the running ones stay: {why}"),
            Self::Expired => f.write_str("faults expired: every fault is disabled"),
            Self::Stopped(reason) => write!(f, "faults stopped: {reason}"),
            Self::Rearmed => f.write_str("faults armed again"),
            Self::SourceLost(why) => {
                write!(f, "source of faults lost, the running ones stay: {}", OneLine(why))
            }
        }
    }
}

/// Why a set of faults stopped by itself, with the figures that led to it.
///
/// Its text is a line for a log: `2 of 10 genuine server responses within 30s failed (20 %), more
/// than 10 %`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StopReason {
    /// Whether the responses were those that a client layer received.
    pub is_client: bool,
    /// Genuine responses within the window.
    pub responses: u64,
    /// Those among them that broke the limit: errors, or responses later than the limit.
    pub exceeding: u64,
    /// The share of them that was allowed.
    pub allowed: f64,
    /// The latency limit, if it was that which was broken.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "latency_seconds", serialize_with = "crate::report::serialize::optional_seconds")
    )]
    pub latency: Option<Duration>,
    /// The length of the window.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "window_seconds", serialize_with = "crate::report::serialize::seconds")
    )]
    pub window: Duration,
}

impl StopReason {
    /// The share of the responses that broke the limit.
    pub fn share(&self) -> f64 {
        self.exceeding as f64 / self.responses.max(1) as f64
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_client, responses, exceeding, allowed, latency, window } = self;
        let side = if *is_client { "client" } else { "server" };
        write!(f, "{exceeding} of {responses} genuine {side} responses within {window:?} ")?;
        match latency {
            Some(limit) => write!(f, "took longer than {limit:?}")?,
            None => f.write_str("failed")?,
        }
        write!(f, " ({:.3} %), more than {:.3} %", self.share() * 100.0, allowed * 100.0)
    }
}
