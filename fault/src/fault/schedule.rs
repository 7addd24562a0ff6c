//! Schedule: when a fault is active, and how its participation rises.

use std::collections::{HashMap, VecDeque};
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::config::sync::{Mutex, MutexGuard};

/// The times of a fault as they were given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ScheduleConfig {
    pub(crate) start: Option<SystemTime>,
    pub(crate) end: Option<SystemTime>,
    pub(crate) duration: Option<Duration>,
    pub(crate) ramp: Duration,
}

/// The same times on the clock that runs, or is paused, with the runtime.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Option<Instant>,
    end: Option<Instant>,
    duration: Option<Duration>,
    ramp: Duration,
    /// When the fault was last enabled.
    enabled_at: Mutex<Instant>,
}

impl Schedule {
    pub(crate) fn new(config: ScheduleConfig) -> Self {
        let now = Instant::now();
        let today = SystemTime::now();
        Self {
            start: config.start.map(|time| to_instant(time, today, now)),
            end: config.end.map(|time| to_instant(time, today, now)),
            duration: config.duration,
            ramp: config.ramp,
            enabled_at: Mutex::new(now),
        }
    }

    /// Begins the duration and the ramp anew.
    pub(crate) fn restart(&self) {
        if !self.is_unlimited() {
            *self.enabled_at() = Instant::now();
        }
    }

    /// Whether the fault is active at all times, at its whole participation.
    pub(crate) fn is_unlimited(&self) -> bool {
        (self.start, self.end, self.duration) == (None, None, None) && self.ramp.is_zero()
    }

    /// The factor of the participation at this time; none while the fault is not active.
    pub(crate) fn factor(&self, now: Instant) -> Option<f64> {
        if self.is_unlimited() {
            return Some(1.0);
        }
        let begin = self.begin();
        if now < begin || self.deadline().is_some_and(|end| now >= end) {
            return None;
        }
        if self.ramp.is_zero() {
            return Some(1.0);
        }
        Some(((now - begin).as_secs_f64() / self.ramp.as_secs_f64()).min(1.0))
    }

    /// When the fault ends, if it does by itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let by_duration = self.duration.and_then(|duration| self.begin().checked_add(duration));
        earlier(self.end, by_duration)
    }

    /// When the fault begins to act, counted from its last enabling.
    pub(crate) fn begin(&self) -> Instant {
        let enabled_at = *self.enabled_at();
        self.start.map_or(enabled_at, |start| start.max(enabled_at))
    }

    fn enabled_at(&self) -> MutexGuard<'_, Instant> {
        self.enabled_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first of two times, where there is any.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A date as a point of the monotonic clock. Dates before its beginning are its beginning.
pub(crate) fn to_instant(date: SystemTime, today: SystemTime, now: Instant) -> Instant {
    match date.duration_since(today) {
        Ok(ahead) => now.checked_add(ahead).unwrap_or_else(|| now + FAR),
        Err(past) => now.checked_sub(past.duration()).unwrap_or(now),
    }
}

/// Ten years: beyond what any clock overflows at.
const FAR: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How often each key was injected, for faults of the first attempts only.
#[derive(Debug)]
pub(crate) struct AttemptTable {
    first: u64,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    counts: HashMap<u64, u64>,
    order: VecDeque<u64>,
}

/// Keys remembered at once, each of some 30 bytes; the oldest is forgotten first.
const MAX_KEYS: usize = 10_000;

impl AttemptTable {
    pub(crate) fn new(first: u64) -> Self {
        Self { first, used: Mutex::default() }
    }

    /// How many attempts of each key are injected.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Tests whether this key has attempts left.
    pub(crate) fn has_left(&self, key: u64) -> bool {
        self.used().counts.get(&key).is_none_or(|count| *count < self.first)
    }

    /// Takes one attempt of this key, if it has any left.
    pub(crate) fn take(&self, key: u64) -> bool {
        let mut used = self.used();
        if let Some(count) = used.counts.get_mut(&key) {
            let has_left = *count < self.first;
            *count += u64::from(has_left);
            return has_left;
        }
        if used.order.len() >= MAX_KEYS
            && let Some(oldest) = used.order.pop_front()
        {
            used.counts.remove(&oldest);
        }
        used.counts.insert(key, 1);
        used.order.push_back(key);
        true
    }

    /// Gives back an attempt that came to nothing.
    pub(crate) fn give_back(&self, key: u64) {
        if let Some(count) = self.used().counts.get_mut(&key) {
            *count = count.saturating_sub(1);
        }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempt_table_is_bounded() {
        let table = AttemptTable::new(2);
        assert!(table.take(7) && table.take(7) && !table.take(7));
        for key in 100..100 + MAX_KEYS as u64 {
            assert!(table.take(key));
        }
        assert!(table.take(7), "the oldest key was forgotten");
        assert_eq!(table.used().counts.len(), MAX_KEYS);
    }
}
