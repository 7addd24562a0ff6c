//! Ledger: who has used how much of which window.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The windows of a quota that are open, one a key. All are of one length, so that they end in the
/// order in which they were opened: what has ended stands at the front, and is swept out by whoever
/// comes next.
#[derive(Debug)]
pub(crate) struct Ledger {
    limit: u64,
    window: Duration,
    /// How many windows may be open at once.
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    windows: HashMap<u64, Window>,
    order: VecDeque<(Instant, u64)>,
}

#[derive(Debug)]
struct Window {
    end: Instant,
    used: u64,
}

impl Ledger {
    /// `most` is at least 1.
    pub(crate) fn new(limit: u64, window: Duration, most: usize) -> Self {
        Self { limit, window, most, open: Mutex::default() }
    }

    /// Takes one of what this key has left.
    ///
    /// # Errors
    /// There is nothing left for so long.
    pub(crate) fn take(&self, key: u64) -> Result<(), Duration> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: of two threads the later one must not open the earlier window.
        let now = Instant::now();
        open.sweep(now);
        if !open.windows.contains_key(&key) {
            if open.windows.len() >= self.most {
                open.close_first();
            }
            open.begin(key, now.checked_add(self.window).unwrap_or_else(|| now + FAR));
        }
        let Some(window) = open.windows.get_mut(&key) else { return Ok(()) };
        if window.used >= self.limit {
            return Err(window.end - now);
        }
        window.used += 1;
        Ok(())
    }
}

/// A year: what clocks can say of any time that is still to come.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Open {
    fn sweep(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(end, _)| *end <= now) {
            self.close_first();
        }
    }

    fn close_first(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.windows.remove(&key);
        }
    }

    fn begin(&mut self, key: u64, end: Instant) {
        self.windows.insert(key, Window { end, used: 0 });
        self.order.push_back((end, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_no_more_than_it_may() {
        let ledger = Ledger::new(1, Duration::MAX, 100);
        for key in 0..10_000 {
            assert!(ledger.take(key).is_ok());
        }
        let open = ledger.open.lock().unwrap();
        assert_eq!((open.windows.len(), open.order.len()), (100, 100));
        assert!((9_900..10_000).all(|key| open.windows.contains_key(&key)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_ended_is_swept_out() {
        let ledger = Ledger::new(1, Duration::from_secs(1), 1000);
        for key in 0..500 {
            assert!(ledger.take(key).is_ok());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(ledger.take(7).is_ok());
        let open = ledger.open.lock().unwrap();
        assert_eq!((open.windows.len(), open.order.len()), (1, 1));
    }
}
