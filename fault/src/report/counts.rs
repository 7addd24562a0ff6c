//! Counts: the counters of one fault, as one snapshot.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::report::event::SkipReason;

/// The outcomes of the requests that a fault has seen.
///
/// Each request is counted once: as injected, or under the first reason for which it was skipped.
/// While the fault is disabled nothing is counted, which saves two atomic additions per request,
/// unless [`count_while_disabled`](crate::FaultBuilder::count_while_disabled) is set. The counters
/// are read one by one: under load they may differ by a few requests.
///
/// ```
/// use waylay_fault::{Fault, error};
///
/// let control = Fault::new("flaky", error(503)).build()?.control();
/// let counts = control.counts();
/// assert_eq!((counts.seen, counts.injected, counts.active), (0, 0, 0));
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Counts {
    /// Requests that reached the fault.
    pub seen: u64,
    /// Requests into which the fault was injected.
    pub injected: u64,
    /// Skipped: every fault of the process was halted.
    pub halted: u64,
    /// Skipped: the fault was disabled; see
    /// [`count_while_disabled`](crate::FaultBuilder::count_while_disabled).
    pub not_enabled: u64,
    /// Skipped: a probe.
    pub protected: u64,
    /// Skipped by a block or allow list.
    pub no_match: u64,
    /// Skipped by the draw.
    pub not_selected: u64,
    /// Selected, but outside of the count window or within a quota.
    pub outside_window: u64,
    /// Selected, but the group had picked another fault.
    pub other_in_group: u64,
    /// Skipped: this fault had already decided on the request.
    pub already_decided: u64,
    /// Selected, but the action cannot be delivered by this layer; see [`effects`](crate::effects).
    pub not_deliverable: u64,
    /// Skipped outside of the schedule of the fault.
    pub outside_schedule: u64,
    /// Skipped because the time of the set of faults was over.
    pub expired: u64,
    /// Skipped because the set of faults stopped by itself.
    pub stopped: u64,
    /// Selected, but as many injections ran as the set of faults allows.
    pub max_active: u64,
    /// Selected, but as many injections began within the second as the set of faults allows.
    pub max_rate: u64,
    /// Selected, but as large a share was injected as the set of faults allows.
    pub max_affected: u64,
    /// Selected in a dry run: counted and reported, not injected.
    pub dry_run: u64,
    /// Drawn, but a draw, a delay or a custom injector of the user panicked.
    pub callback_panicked: u64,
    /// Selected, but skipped by a custom injector.
    pub declined: u64,
    /// Selected, but the service's response was not one that the fault matches, or there was none.
    pub response_mismatch: u64,
    /// Skipped: the request asked for no fault, by header or baggage.
    pub not_requested: u64,
    /// Skipped: the request asked for a fault without the secret.
    pub untrusted: u64,
    /// Skipped: a header that asked for a fault had a wrong value.
    pub invalid_control: u64,
    /// Active now: delays, hangs, custom injectors, and bodies in transfer.
    pub active: u64,
}

impl Counts {
    /// Returns the number of requests that were skipped for this reason.
    ///
    /// ```
    /// use waylay_fault::{Fault, SkipReason, error};
    ///
    /// let counts = Fault::new("flaky", error(503)).build()?.control().counts();
    /// let skipped: u64 = SkipReason::ALL.iter().map(|reason| counts.skipped(*reason)).sum();
    /// assert_eq!(counts.seen, counts.injected + skipped);
    /// # Ok::<(), waylay_fault::FaultErrors>(())
    /// ```
    pub fn skipped(&self, reason: SkipReason) -> u64 {
        match reason {
            SkipReason::Halted => self.halted,
            SkipReason::NotEnabled => self.not_enabled,
            SkipReason::Protected => self.protected,
            SkipReason::NoMatch => self.no_match,
            SkipReason::NotSelected => self.not_selected,
            SkipReason::OutsideWindow => self.outside_window,
            SkipReason::OtherInGroup => self.other_in_group,
            SkipReason::AlreadyDecided => self.already_decided,
            SkipReason::NotDeliverable => self.not_deliverable,
            SkipReason::OutsideSchedule => self.outside_schedule,
            SkipReason::Expired => self.expired,
            SkipReason::Stopped => self.stopped,
            SkipReason::MaxActive => self.max_active,
            SkipReason::MaxRate => self.max_rate,
            SkipReason::MaxAffected => self.max_affected,
            SkipReason::DryRun => self.dry_run,
            SkipReason::CallbackPanicked => self.callback_panicked,
            SkipReason::Declined => self.declined,
            SkipReason::ResponseMismatch => self.response_mismatch,
            SkipReason::NotRequested => self.not_requested,
            SkipReason::Untrusted => self.untrusted,
            SkipReason::InvalidControl => self.invalid_control,
        }
    }

    /// Returns the outcomes of requests with their names in metrics: `injected`, and the name of each
    /// [`SkipReason`].
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = *self;
        let skipped = SkipReason::ALL.iter().map(move |reason| (reason.name(), counts.skipped(*reason)));
        [("injected", self.injected)].into_iter().chain(skipped)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    seen: AtomicU64,
    injected: AtomicU64,
    halted: AtomicU64,
    not_enabled: AtomicU64,
    protected: AtomicU64,
    no_match: AtomicU64,
    not_selected: AtomicU64,
    outside_window: AtomicU64,
    other_in_group: AtomicU64,
    already_decided: AtomicU64,
    not_deliverable: AtomicU64,
    outside_schedule: AtomicU64,
    expired: AtomicU64,
    stopped: AtomicU64,
    max_active: AtomicU64,
    max_rate: AtomicU64,
    max_affected: AtomicU64,
    dry_run: AtomicU64,
    callback_panicked: AtomicU64,
    declined: AtomicU64,
    response_mismatch: AtomicU64,
    not_requested: AtomicU64,
    untrusted: AtomicU64,
    invalid_control: AtomicU64,
    active: AtomicU64,
}

impl Counters {
    pub(crate) fn add_seen(&self) {
        self.seen.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_injected(&self) {
        self.injected.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_skipped(&self, reason: SkipReason) {
        let counter = match reason {
            SkipReason::Halted => &self.halted,
            SkipReason::NotEnabled => &self.not_enabled,
            SkipReason::Protected => &self.protected,
            SkipReason::NoMatch => &self.no_match,
            SkipReason::NotSelected => &self.not_selected,
            SkipReason::OutsideWindow => &self.outside_window,
            SkipReason::OtherInGroup => &self.other_in_group,
            SkipReason::AlreadyDecided => &self.already_decided,
            SkipReason::NotDeliverable => &self.not_deliverable,
            SkipReason::OutsideSchedule => &self.outside_schedule,
            SkipReason::Expired => &self.expired,
            SkipReason::Stopped => &self.stopped,
            SkipReason::MaxActive => &self.max_active,
            SkipReason::MaxRate => &self.max_rate,
            SkipReason::MaxAffected => &self.max_affected,
            SkipReason::DryRun => &self.dry_run,
            SkipReason::CallbackPanicked => &self.callback_panicked,
            SkipReason::Declined => &self.declined,
            SkipReason::ResponseMismatch => &self.response_mismatch,
            SkipReason::NotRequested => &self.not_requested,
            SkipReason::Untrusted => &self.untrusted,
            SkipReason::InvalidControl => &self.invalid_control,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_active(&self) {
        self.active.fetch_add(1, Relaxed);
    }

    pub(crate) fn remove_active(&self) {
        self.active.fetch_sub(1, Relaxed);
    }

    /// Sets all but the number of active ones to 0.
    pub(crate) fn reset(&self) {
        let counters = [
            &self.seen,
            &self.injected,
            &self.halted,
            &self.not_enabled,
            &self.protected,
            &self.no_match,
            &self.not_selected,
            &self.outside_window,
            &self.other_in_group,
            &self.already_decided,
            &self.not_deliverable,
            &self.outside_schedule,
            &self.expired,
            &self.stopped,
            &self.max_active,
            &self.max_rate,
            &self.max_affected,
            &self.dry_run,
            &self.callback_panicked,
            &self.declined,
            &self.response_mismatch,
            &self.not_requested,
            &self.untrusted,
            &self.invalid_control,
        ];
        counters.iter().for_each(|counter| counter.store(0, Relaxed));
    }

    pub(crate) fn snapshot(&self) -> Counts {
        Counts {
            seen: self.seen.load(Relaxed),
            injected: self.injected.load(Relaxed),
            halted: self.halted.load(Relaxed),
            not_enabled: self.not_enabled.load(Relaxed),
            protected: self.protected.load(Relaxed),
            no_match: self.no_match.load(Relaxed),
            not_selected: self.not_selected.load(Relaxed),
            outside_window: self.outside_window.load(Relaxed),
            other_in_group: self.other_in_group.load(Relaxed),
            already_decided: self.already_decided.load(Relaxed),
            not_deliverable: self.not_deliverable.load(Relaxed),
            outside_schedule: self.outside_schedule.load(Relaxed),
            expired: self.expired.load(Relaxed),
            stopped: self.stopped.load(Relaxed),
            max_active: self.max_active.load(Relaxed),
            max_rate: self.max_rate.load(Relaxed),
            max_affected: self.max_affected.load(Relaxed),
            dry_run: self.dry_run.load(Relaxed),
            callback_panicked: self.callback_panicked.load(Relaxed),
            declined: self.declined.load(Relaxed),
            response_mismatch: self.response_mismatch.load(Relaxed),
            not_requested: self.not_requested.load(Relaxed),
            untrusted: self.untrusted.load(Relaxed),
            invalid_control: self.invalid_control.load(Relaxed),
            active: self.active.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_counted_and_reset() {
        let counters = Counters::default();
        counters.add_active();
        counters.add_seen();
        counters.add_injected();
        for (index, reason) in SkipReason::ALL.iter().enumerate() {
            (0..=index).for_each(|_| counters.add_skipped(*reason));
        }
        let counts = counters.snapshot();
        assert_eq!(counts.outcomes().next(), Some(("injected", 1)));
        for (index, (reason, outcome)) in SkipReason::ALL.iter().zip(counts.outcomes().skip(1)).enumerate() {
            assert_eq!(outcome, (reason.name(), index as u64 + 1));
        }
        counters.reset();
        assert_eq!(counters.snapshot(), Counts { active: 1, ..Counts::default() });
    }
}
