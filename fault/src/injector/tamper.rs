//! What can be done to a connection's bytes, and on which way.

use std::fmt;
use std::time::Duration;

/// The way that bytes go, seen from the client, as in Toxiproxy.
///
/// ```
/// use waylay_fault::{Direction, Fault, Toxic};
///
/// assert_eq!(Direction::default(), Direction::Downstream);
/// Fault::new("slow-uploads", Toxic::bandwidth(64).direction(Direction::Upstream)).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    #[default]
    Downstream,
}

/// The settings of one toxic, its times as written (`DelayTime`) or found good (`Duration`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind<T> {
    Latency { latency: T, jitter: T },
    Bandwidth { rate: u64 },
    SlowClose { delay: T },
    Timeout { timeout: T },
    ResetPeer { timeout: T },
    Slicer { average: usize, variation: usize, delay: T },
    LimitData { bytes: u64, reset: bool },
}

impl<T> Kind<T> {
    /// Toxiproxy's name for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Bandwidth { .. } => "bandwidth",
            Self::SlowClose { .. } => "slow_close",
            Self::Timeout { .. } => "timeout",
            Self::ResetPeer { .. } => "reset_peer",
            Self::Slicer { .. } => "slicer",
            Self::LimitData { reset: false, .. } => "limit_data",
            Self::LimitData { reset: true, .. } => "reset_after",
        }
    }

    /// Whether it can end in a reset.
    pub(crate) fn resets(&self) -> bool {
        matches!(self, Self::ResetPeer { .. } | Self::LimitData { reset: true, .. })
    }
}

impl fmt::Display for Kind<Duration> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Latency { latency, jitter } => write!(f, " {latency:?} +/- {jitter:?}"),
            Self::Bandwidth { rate } => write!(f, " {rate}kB/s"),
            Self::SlowClose { delay } => write!(f, " {delay:?}"),
            Self::Timeout { timeout } | Self::ResetPeer { timeout } => write!(f, " {timeout:?}"),
            Self::Slicer { average, variation, delay } => {
                write!(f, " {average} +/- {variation} bytes {delay:?}")
            }
            Self::LimitData { bytes, .. } => write!(f, " {bytes} bytes"),
        }
    }
}
