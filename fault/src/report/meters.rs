//! Meters: counters, gauges and histograms of the facade `metrics`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Label, counter, gauge, histogram};

use crate::report::event::{FaultPlacement, SkipReason};
use crate::report::set_event::SetEvent;

/// The meters of one fault, of which all exist from the start on, with 0.
pub(crate) struct Meters {
    injected: Counter,
    /// By the number of the reason.
    skipped: Box<[Counter]>,
    active: Gauge,
    delay: Histogram,
    cancelled_delay: Histogram,
}

impl Meters {
    pub(crate) fn new(fault: &str, placement: FaultPlacement, set: Option<&str>) -> Self {
        let labels = |outcome: Option<&'static str>| {
            let mut labels =
                vec![Label::new("fault", fault.to_owned()), Label::new("side", placement.name())];
            labels.extend(outcome.map(|outcome| Label::new("outcome", outcome)));
            labels.extend(set_label(set));
            labels
        };
        let requests = |outcome| counter!("waylay_fault_requests_total", labels(Some(outcome)));
        Self {
            injected: requests("injected"),
            skipped: SkipReason::ALL.iter().map(|reason| requests(reason.name())).collect(),
            active: gauge!("waylay_fault_active", labels(None)),
            delay: histogram!("waylay_fault_delay_seconds", labels(Some("finished"))),
            cancelled_delay: histogram!("waylay_fault_delay_seconds", labels(Some("cancelled"))),
        }
    }

    pub(crate) fn count_injected(&self) {
        self.injected.increment(1);
    }

    pub(crate) fn count_skipped(&self, reason: SkipReason) {
        if let Some(index) = SkipReason::ALL.iter().position(|known| *known == reason) {
            self.skipped.get(index).iter().for_each(|counter| counter.increment(1));
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
    pub(crate) fn new(set: Option<&str>) -> Self {
        let labels = || set_label(set).into_iter().collect::<Vec<_>>();
        let event = |name| {
            let labels = [Label::new("outcome", name)].into_iter().chain(set_label(set));
            counter!("waylay_fault_set_events_total", labels.collect::<Vec<_>>())
        };
        Self {
            revision: gauge!("waylay_fault_plan_revision", labels()),
            stopped: gauge!("waylay_fault_stopped", labels()),
            expired: gauge!("waylay_fault_expired", labels()),
            dry_run: gauge!("waylay_fault_dry_run", labels()),
            events: SetEvent::NAMES.map(event),
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

/// Returns the label of a set that has a name, which keeps it apart from other sets of the process.
fn set_label(set: Option<&str>) -> Option<Label> {
    set.map(|name| Label::new("set", name.to_owned()))
}

/// Sets whether every fault of the process is halted.
pub(crate) fn set_halted(is_halted: bool) {
    gauge!("waylay_fault_halted").set(f64::from(u8::from(is_halted)));
}
