//! SlotWindow and EventWindow: counts over the last stretch of time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};

/// Counts over a window, kept in ten slots: what is older than the window by a slot is forgotten.
#[derive(Debug)]
pub(crate) struct SlotWindow<const N: usize> {
    begin: Option<Instant>,
    length: Duration,
    /// Number of the slot since `begin`, and what it counted.
    slots: [(u64, [u64; N]); SLOTS],
}

const SLOTS: usize = 10;

impl<const N: usize> Default for SlotWindow<N> {
    fn default() -> Self {
        Self { begin: None, length: Duration::ZERO, slots: [(0, [0; N]); SLOTS] }
    }
}

impl<const N: usize> SlotWindow<N> {
    pub(crate) fn add(&mut self, now: Instant, length: Duration, amounts: [u64; N]) {
        let slot = self.slot(now, length);
        for (count, amount) in slot.iter_mut().zip(amounts) {
            *count += amount;
        }
    }

    pub(crate) fn remove(&mut self, now: Instant, length: Duration, amounts: [u64; N]) {
        let slot = self.slot(now, length);
        for (count, amount) in slot.iter_mut().zip(amounts) {
            *count = count.saturating_sub(amount);
        }
    }

    pub(crate) fn sum(&mut self, now: Instant, length: Duration) -> [u64; N] {
        let number = self.number(now, length);
        let mut sum = [0; N];
        let live = self.slots.iter().filter(|(slot, _)| slot + SLOTS as u64 > number);
        live.for_each(|(_, counts)| sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count));
        sum
    }

    fn slot(&mut self, now: Instant, length: Duration) -> &mut [u64; N] {
        let number = self.number(now, length);
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        if slot.0 != number {
            *slot = (number, [0; N]);
        }
        &mut slot.1
    }

    /// The number of the slot, counted from `SLOTS` on, so that slots never used are too old.
    fn number(&mut self, now: Instant, length: Duration) -> u64 {
        if self.length != length {
            *self = Self { length, ..Self::default() };
        }
        let begin = *self.begin.get_or_insert(now);
        let slot = (length.as_nanos() / SLOTS as u128).max(1);
        (now.saturating_duration_since(begin).as_nanos() / slot) as u64 + SLOTS as u64
    }
}

/// The instants of the last second.
#[derive(Debug, Default)]
pub(crate) struct EventWindow(VecDeque<Instant>);

impl EventWindow {
    pub(crate) fn count(&mut self, now: Instant) -> u64 {
        while self.0.front().is_some_and(|at| now.saturating_duration_since(*at) >= Duration::from_secs(1)) {
            self.0.pop_front();
        }
        self.0.len() as u64
    }

    pub(crate) fn add(&mut self, now: Instant) {
        self.0.push_back(now);
    }

    pub(crate) fn remove_last(&mut self) {
        self.0.pop_back();
    }
}

/// A window that can be cut into slots.
pub(crate) fn check_window(
    setting: &str,
    window: &DelayTime,
    errors: &mut ErrorCollector,
) -> Option<Duration> {
    let time = errors.time(setting.to_owned(), window.duration())?;
    if time < Duration::from_millis(1) {
        errors.add(setting, window, FaultErrorKind::Zero);
        return None;
    }
    Some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_leave_the_window_one_by_one() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut window = SlotWindow::<1>::default();
        for tenth in 0..20 {
            window.add(start + second / 10 * tenth, second, [1]);
            assert_eq!(window.sum(start + second / 10 * tenth, second), [u64::from(tenth + 1).min(10)]);
        }
        assert_eq!(window.sum(start + second * 60, second), [0]);
        assert_eq!(window.sum(start, second * 2), [0], "another length is another window");
    }
}
