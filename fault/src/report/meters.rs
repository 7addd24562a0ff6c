//! Meters: counters, gauges and histograms of the facade `metrics`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::report::event::{FaultPlacement, SkipReason};
use crate::report::set_event::SetEvent;

/// The meters of one fault, of which all exist from the start on, with 0.
pub(crate) struct Meters {
    injected: Counter,
    /// By the number of the reason.
    skipped: [Counter; SkipReason::ALL.len()],
    active: Gauge,
    delay: Histogram,
    cancelled_delay: Histogram,
}

impl Meters {
    pub(crate) fn new(fault: &str, placement: FaultPlacement) -> Self {
        let labels = |outcome: &'static str| {
            [
                ("fault", fault.to_owned()),
                ("side", placement.name().to_owned()),
                ("outcome", outcome.to_owned()),
            ]
        };
        let requests = |outcome| counter!("waylay_fault_requests_total", &labels(outcome));
        let [name, side, _] = labels("");
        Self {
            injected: requests("injected"),
            skipped: SkipReason::ALL.map(|reason| requests(reason.name())),
            active: gauge!("waylay_fault_active", &[name, side]),
            delay: histogram!("waylay_fault_delay_seconds", &labels("finished")),
            cancelled_delay: histogram!("waylay_fault_delay_seconds", &labels("cancelled")),
        }
    }

    pub(crate) fn count_injected(&self) {
        self.injected.increment(1);
    }

    pub(crate) fn count_skipped(&self, reason: SkipReason) {
        if let Some(index) = SkipReason::ALL.iter().position(|known| *known == reason) {
            self.skipped[index].increment(1);
        }
    }

    pub(crate) fn add_active(&self) {
        self.active.increment(1.0);
    }

    pub(crate) fn remove_active(&self) {
        self.active.decrement(1.0);
    }

    /// Records a delay that took this time, over or cancelled.
    pub(crate) fn record_delay(&self, time: Duration, is_cancelled: bool) {
        let histogram = if is_cancelled { &self.cancelled_delay } else { &self.delay };
        histogram.record(time);
    }
}

/// The meters of a set of faults.
pub(crate) struct SetMeters {
    revision: Gauge,
    stopped: Gauge,
    expired: Gauge,
    dry_run: Gauge,
    events: [Counter; SetEvent::NAMES.len()],
    /// Held while the gauges are set, so that none keeps an older value.
    update: Mutex<()>,
}

impl SetMeters {
    pub(crate) fn new() -> Self {
        Self {
            revision: gauge!("waylay_fault_plan_revision"),
            stopped: gauge!("waylay_fault_stopped"),
            expired: gauge!("waylay_fault_expired"),
            dry_run: gauge!("waylay_fault_dry_run"),
            events: SetEvent::NAMES.map(|name| counter!("waylay_fault_set_events_total", "outcome" => name)),
            update: Mutex::default(),
        }
    }

    pub(crate) fn record(&self, event: &SetEvent) {
        if let Some(index) = SetEvent::NAMES.iter().position(|name| *name == event.name()) {
            self.events[index].increment(1);
        }
    }

    /// Sets the gauges to the state of the set: its revision, and whether it is stopped, expired and a
    /// dry run.
    pub(crate) fn set(&self, state: impl FnOnce() -> (u64, [bool; 3])) {
        let _update = self.update.lock().unwrap_or_else(PoisonError::into_inner);
        let (revision, flags) = state();
        self.revision.set(revision as f64);
        for (gauge, is_set) in [&self.stopped, &self.expired, &self.dry_run].into_iter().zip(flags) {
            gauge.set(f64::from(u8::from(is_set)));
        }
    }
}

/// Sets whether every fault of the process is halted.
pub(crate) fn set_halted(is_halted: bool) {
    gauge!("waylay_fault_halted").set(f64::from(u8::from(is_halted)));
}
