//! SharedLink: the bandwidth that several connections share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// One link for many connections, which take turns: a connection has at most one piece on it, and
/// waits for its next turn behind all that wait already.
#[derive(Debug)]
pub(crate) struct SharedLink {
    /// In bytes per second.
    rate: u64,
    /// The time from which on the link is free.
    free_at: Mutex<Option<Instant>>,
}

/// A piece occupies the link for this long at most.
const TURN: Duration = Duration::from_millis(1000 / TURNS_PER_SECOND);

const TURNS_PER_SECOND: u64 = 100;

impl SharedLink {
    /// Returns a link of this rate, at least a byte per second.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { rate: bytes_per_second.max(1), free_at: Mutex::default() }
    }

    /// Returns the length of the longest piece.
    pub(crate) fn max_piece(&self) -> usize {
        usize::try_from((self.rate / TURNS_PER_SECOND).max(1)).unwrap_or(usize::MAX)
    }

    /// Takes the next turn, for a piece of this length. Returns the time at which it has arrived.
    pub(crate) fn take(&self, length: usize, now: Instant) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = match *free_at {
            // A timer is late by a moment, which the link does not lose; idle time is no credit.
            Some(free_at) if now.saturating_duration_since(free_at) <= TURN => free_at,
            _ => now,
        };
        let nanos = (length as u128) * 1_000_000_000 / u128::from(self.rate);
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let end = begin.checked_add(time).unwrap_or(begin);
        *free_at = Some(end);
        end
    }
}
