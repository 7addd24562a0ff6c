//! Replica: what this process knows of the fleet, and what it runs.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use waylay_fault::FaultSet;

use crate::replica::event::FleetEvent;

/// What the program does with events.
pub(crate) type OnEvent = Box<dyn Fn(&FleetEvent) + Send + Sync>;

/// This process as a member of the fleet.
pub(crate) struct Replica {
    pub(crate) instance: String,
    state: Mutex<State>,
    /// Woken by every change of the state.
    changed: Notify,
    on_event: Option<OnEvent>,
    /// Whether it has left the fleet, and reports no more.
    has_left: AtomicBool,
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// The plan that was applied last.
    pub(crate) applied: Option<Applied>,
    /// The plan that is not applied, since it was rejected.
    pub(crate) rejected: Option<Rejected>,
    /// The revision of the plan that is in the store, as far as this process knows.
    pub(crate) stored: Option<u64>,
    /// The reason of the fleet's halt.
    pub(crate) halt: Option<String>,
    /// Whether this process was running before that halt.
    pub(crate) is_halt_ours: bool,
}

/// A plan that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Its revision in the store.
    pub(crate) revision: u64,
    /// The number of the set that it became.
    pub(crate) set_revision: u64,
}

/// A plan that was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) revision: u64,
    pub(crate) error: String,
}

impl Replica {
    pub(crate) fn new(instance: String, on_event: Option<OnEvent>) -> Self {
        Self {
            instance,
            state: Mutex::default(),
            changed: Notify::new(),
            on_event,
            has_left: AtomicBool::new(false),
        }
    }

    /// Returns what is known.
    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    /// Changes what is known, and wakes the reports.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    /// Completes once the state was changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Ends the reports.
    pub(crate) fn leave(&self) {
        self.has_left.store(true, Ordering::Release);
    }

    pub(crate) fn has_left(&self) -> bool {
        self.has_left.load(Ordering::Acquire)
    }

    /// Logs an event in the set's log, and passes it on.
    pub(crate) fn emit(&self, set: &FaultSet, event: &FleetEvent) {
        if let Some(log) = set.event_log() {
            log.note(event.to_string());
        }
        if let Some(on_event) = &self.on_event {
            // A panic of the program's code must not end the fleet's.
            let _ = catch_unwind(AssertUnwindSafe(|| on_event(event)));
        }
    }

    /// Follows the halt key: halts the process, or ends the halt, unless the process was halted before it.
    pub(crate) fn set_halt(&self, set: &FaultSet, halt: Option<String>) {
        let mut state = self.lock();
        if state.halt == halt {
            return;
        }
        let event = match &halt {
            Some(reason) => {
                if state.halt.is_none() {
                    state.is_halt_ours = !waylay_fault::halted();
                }
                waylay_fault::halt();
                FleetEvent::Halted(reason.clone())
            }
            None => {
                if state.is_halt_ours {
                    waylay_fault::resume();
                }
                FleetEvent::Resumed { is_still_halted: !state.is_halt_ours }
            }
        };
        state.halt = halt;
        drop(state);
        self.emit(set, &event);
        self.changed.notify_one();
    }

    /// Halts the process again, should it have been resumed against the fleet's halt.
    pub(crate) fn enforce_halt(&self, set: &FaultSet) {
        let mut state = self.lock();
        if let Some(reason) = state.halt.clone()
            && !waylay_fault::halted()
        {
            // So that it resumes with the fleet.
            state.is_halt_ours = true;
            waylay_fault::halt();
            drop(state);
            self.emit(set, &FleetEvent::Halted(reason));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica")
            .field("instance", &self.instance)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// The only test here of the halt, which is one of the process.
    #[test]
    fn the_halt_of_the_fleet_ends_what_it_began() {
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = events.clone();
        let on_event = move |event: &FleetEvent| log.lock().unwrap().push(event.clone());
        let replica = Replica::new("one".to_owned(), Some(Box::new(on_event)));
        let set = FaultSet::builder().event_log(waylay_fault::EventLog::new(10)).build();
        let reason = |text: &str| Some(text.to_owned());

        replica.set_halt(&set, None);
        assert!(!waylay_fault::halted());
        for text in ["incident", "incident", "another"] {
            replica.set_halt(&set, reason(text));
            assert!(waylay_fault::halted());
        }
        // Against the fleet, on this replica alone.
        waylay_fault::resume();
        replica.enforce_halt(&set);
        assert!(waylay_fault::halted());
        replica.set_halt(&set, None);
        replica.enforce_halt(&set);
        assert!(!waylay_fault::halted());

        // Halted by itself before the fleet was.
        waylay_fault::halt();
        replica.set_halt(&set, reason(""));
        replica.set_halt(&set, None);
        assert!(waylay_fault::halted());
        waylay_fault::resume();

        let halted = |text: &str| FleetEvent::Halted(text.to_owned());
        let expected = [
            halted("incident"),
            halted("another"),
            halted("another"),
            FleetEvent::Resumed { is_still_halted: false },
            halted(""),
            FleetEvent::Resumed { is_still_halted: true },
        ];
        assert_eq!(*events.lock().unwrap(), expected);
        let log: Vec<_> =
            set.event_log().unwrap().since(0).entries.iter().map(|entry| entry.event().to_string()).collect();
        assert_eq!(log[0], "fleet: every fault halted: incident");
        assert_eq!(log.len(), expected.len());
    }
}
