//! The time of a plan, counted from when it was written and not from when a replica has read it.

use std::time::{Duration, SystemTime};

use waylay_fault::FaultPlan;

/// What is left of the time of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeLeft {
    /// It has no time to live.
    Unlimited,
    /// This much.
    Left(Duration),
    /// Nothing.
    Over,
}

/// Returns what is left of the time to live of a plan that was written at this time. Without this, a replica that starts
/// would begin a plan of last week anew.
pub(crate) fn time_left(plan: &FaultPlan, written: SystemTime, now: SystemTime) -> TimeLeft {
    let Some(time) = plan.ttl() else { return TimeLeft::Unlimited };
    // The clock of the server may be ahead of this one.
    let age = now.duration_since(written).unwrap_or_default();
    match time.checked_sub(age) {
        Some(left) if !left.is_zero() => TimeLeft::Left(left),
        _ => TimeLeft::Over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_counted_from_the_writing() {
        let seconds = Duration::from_secs;
        let plan =
            |end: &str| FaultPlan::from_toml(&format!("version = 1\nenvironments = ['a']\n{end}")).unwrap();
        let written = SystemTime::UNIX_EPOCH + seconds(1000);
        let rows = [
            ("ttl = '15m'", 1000, TimeLeft::Left(seconds(900))),
            ("ttl = '15m'", 1899, TimeLeft::Left(seconds(1))),
            ("ttl = '15m'", 1900, TimeLeft::Over),
            ("ttl = '15m'", 1_000_000, TimeLeft::Over),
            ("ttl = '15m'", 900, TimeLeft::Left(seconds(900))),
            ("until = '2000-01-01T00:00:00Z'", 1_000_000, TimeLeft::Unlimited),
        ];
        for (end, now, left) in rows {
            assert_eq!(
                time_left(&plan(end), written, SystemTime::UNIX_EPOCH + seconds(now)),
                left,
                "{end} {now}"
            );
        }
    }
}
