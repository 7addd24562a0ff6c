//! Delays between attempts, jittered, so that the replicas of a fleet do not come back at once.

use std::time::Duration;

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(30);

/// The delay before the second attempt, without jitter.
const FIRST: Duration = Duration::from_millis(250);

/// Jitter before the first attempt.
const IMMEDIATE: Duration = Duration::from_millis(100);

/// Counts failed attempts.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: usize,
}

impl Backoff {
    /// Returns the delay before the next attempt.
    pub(crate) fn next(&mut self) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        delay(self.attempts, rand::random())
    }

    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// Returns the delay before this attempt, counted from 1: up to 100 ms before the first, then 250 ms, doubled up to 30 s,
/// of which the draw leaves between a half and all.
pub(crate) fn delay(attempt: usize, draw: f64) -> Duration {
    let draw = draw.clamp(0.0, 1.0);
    let Some(doublings) = attempt.checked_sub(2) else { return IMMEDIATE.mul_f64(draw) };
    let doublings = u32::try_from(doublings).unwrap_or(u32::MAX);
    let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
    FIRST.saturating_mul(factor).min(LONGEST).mul_f64(0.5 + draw / 2.0)
}

/// Returns an interval that the draw changes by a fifth at most.
pub(crate) fn jitter(interval: Duration, draw: f64) -> Duration {
    interval.mul_f64(0.8 + 0.4 * draw.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let millis = |attempt, draw| delay(attempt, draw).as_millis();
        let rows =
            [(0, 100), (1, 100), (2, 250), (3, 500), (4, 1000), (8, 16000), (9, 30000), (usize::MAX, 30000)];
        for (attempt, longest) in rows {
            assert_eq!(millis(attempt, 1.0), longest, "{attempt}");
        }
        assert_eq!((millis(1, 0.0), millis(2, 0.0), millis(9, 0.0)), (0, 125, 15000));
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..4).map(|_| backoff.next()).collect();
        assert!(delays[3] >= Duration::from_millis(500), "{delays:?}");
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }

    proptest! {
        #[test]
        fn jitter_stays_within_its_bounds(attempt in 2_usize..100, draw in 0.0..1.0) {
            let (shortest, longest) = (delay(attempt, 0.0), delay(attempt, 1.0));
            prop_assert!((shortest..=longest).contains(&delay(attempt, draw)));
            prop_assert!(longest <= LONGEST && shortest * 2 == longest);
            let interval = jitter(Duration::from_secs(10), draw);
            prop_assert!((Duration::from_secs(8)..=Duration::from_secs(12)).contains(&interval));
        }
    }
}
