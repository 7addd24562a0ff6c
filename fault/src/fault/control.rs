//! Control: the live handle of a fault.

use std::fmt;
use std::sync::Arc;

use crate::fault::fault::Fault;
use crate::fault::selection::CountLimits;
use crate::fault::state::FaultState;
use crate::fault::switch::{Participation, ParticipationError};
use crate::report::counts::Counts;

/// Enables, disables and adjusts a running fault, and reads its counts. Cheap to clone.
///
/// ```
/// use waylay_fault::{Fault, error};
///
/// let control = Fault::new("flaky", error(503)).participation(0.1).build()?.control();
/// control.set_enabled(true);
/// assert!(control.set_participation(f64::NAN).is_err());
/// assert_eq!((control.name(), control.enabled(), control.participation()), ("flaky", true, 0.1));
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Clone)]
pub struct Control {
    state: Arc<FaultState>,
}

impl Control {
    /// Returns the name of the fault.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Tests whether the fault is enabled.
    pub fn enabled(&self) -> bool {
        self.state.switch.enabled()
    }

    /// Enables or disables the fault. Disabling ends its running delays and hangs at once; their
    /// requests go on to the service.
    pub fn set_enabled(&self, enabled: bool) {
        if enabled && !self.enabled() {
            self.state.limits.schedule.restart();
        }
        self.state.switch.set_enabled(enabled);
    }

    /// Returns the share of requests to select.
    pub fn participation(&self) -> f64 {
        self.state.switch.participation()
    }

    /// Sets the share of requests to select, from the next request on.
    ///
    /// # Errors
    /// The share is not a number from 0 to 1; the old one is kept.
    pub fn set_participation(&self, share: f64) -> Result<(), ParticipationError> {
        self.state.switch.set_participation(Participation::new(share)?);
        Ok(())
    }

    /// Returns which of the selected requests are injected.
    pub fn count_limits(&self) -> CountLimits {
        self.state.window.limits()
    }

    /// Sets which of the selected requests are injected, from the next request on. Requests are counted from the
    /// first one under limits, also across changes of them.
    ///
    /// ```
    /// use waylay_fault::{CountLimits, Fault, error};
    ///
    /// let control = Fault::new("flaky", error(503)).limit(10).build()?.control();
    /// control.set_count_limits(CountLimits { limit: Some(20), ..control.count_limits() });
    /// assert_eq!(control.count_limits().limit, Some(20));
    /// # Ok::<(), waylay_fault::FaultErrors>(())
    /// ```
    pub fn set_count_limits(&self, limits: CountLimits) {
        self.state.window.set(limits);
    }

    /// Returns the outcomes of the requests so far.
    pub fn counts(&self) -> Counts {
        self.state.counters.snapshot()
    }

    /// Sets the outcomes of the requests so far to 0, and begins the [limits](Self::count_limits) anew. Injections
    /// under way stay [active](Counts::active).
    pub fn reset_counts(&self) {
        self.state.counters.reset();
        self.state.window.reset();
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("name", &self.name())
            .field("enabled", &self.enabled())
            .field("participation", &self.participation())
            .finish_non_exhaustive()
    }
}

impl Fault {
    /// Returns a live handle of this fault.
    pub fn control(&self) -> Control {
        Control { state: self.state.clone() }
    }
}
