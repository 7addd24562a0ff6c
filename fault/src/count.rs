//! Count windows: of the requests that the draw chose, which are struck.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The first `skip` pass; of the rest each `every`-th is struck, beginning with the first, until
/// `limit` were.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) skip: u64,
    /// At least 1.
    pub(crate) every: u64,
    pub(crate) limit: u64,
    chosen: AtomicU64,
}

impl Window {
    pub(crate) fn new(skip: u64, every: u64, limit: u64) -> Self {
        Self { skip, every: every.max(1), limit, chosen: AtomicU64::new(0) }
    }

    /// Whether the next chosen request is struck.
    pub(crate) fn admit(&self) -> bool {
        // Nothing to count: most faults leave their counter's cache line alone.
        if (self.skip, self.every, self.limit) == (0, 1, u64::MAX) {
            return true;
        }
        let Some(number) = self.chosen.fetch_add(1, Relaxed).checked_sub(self.skip) else { return false };
        number % self.every == 0 && number / self.every < self.limit
    }
}
