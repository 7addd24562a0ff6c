//! Control: the live handle.

use std::fmt;
use std::sync::Arc;

use crate::fault::fault::Fault;
use crate::fault::state::FaultState;
use crate::fault::switch::{Participation, ParticipationError};
use crate::report::counts::Counts;

/// Switches a fault while it runs, and reads its counts. Cheap to clone; keep it wherever it is
/// needed.
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
    /// The name of the fault.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Whether the fault is on.
    pub fn enabled(&self) -> bool {
        self.state.switch.enabled()
    }

    /// Switches the fault on or off. Off ends its running delays and hangs at once; their requests
    /// go on to the service.
    pub fn set_enabled(&self, enabled: bool) {
        if enabled && !self.enabled() {
            self.state.limits.schedule.restart();
        }
        self.state.switch.set_enabled(enabled);
    }

    /// The share of requests it strikes.
    pub fn participation(&self) -> f64 {
        self.state.switch.participation()
    }

    /// Changes the share of requests it strikes, from the next request on.
    ///
    /// # Errors
    /// The share is no number from 0 to 1; the old one stays.
    pub fn set_participation(&self, share: f64) -> Result<(), ParticipationError> {
        self.state.switch.set_participation(Participation::new(share)?);
        Ok(())
    }

    /// What became of the requests so far.
    pub fn counts(&self) -> Counts {
        self.state.counters.snapshot()
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
    /// A live handle of this fault.
    pub fn control(&self) -> Control {
        Control { state: self.state.clone() }
    }
}
