//! Executions that begin once the service has responded.

use http::{HeaderMap, StatusCode};

use crate::fault::execution::Execution;
#[cfg(feature = "tracing")]
use crate::fault::filter::filter::traced;
use crate::report::event::{Phase, SkipReason};

impl Execution {
    /// Tests whether the response decides if the steps are run.
    pub(crate) fn awaits_response(&self) -> bool {
        self.awaited.is_some()
    }

    /// Begins if the fault matches the response; `None` stands for no response.
    pub(crate) fn start_after(mut self, response: Option<(StatusCode, &HeaderMap)>) -> Option<Self> {
        match self.admit(response) {
            Ok(()) => {
                self.awaited = None;
                // Kept for this moment.
                let request = self.request.clone().unwrap_or_default();
                self.start(&*request);
                Some(self)
            }
            Err(reason) => {
                self.is_ended = true;
                self.report_unstarted(reason);
                None
            }
        }
    }

    /// Runs the checks that come after the draw for faults that do not wait for the response. What
    /// they take is taken only now, so that a response which does not match uses up nothing.
    fn admit(&mut self, response: Option<(StatusCode, &HeaderMap)>) -> Result<(), SkipReason> {
        let state = &*self.state;
        if state.switch.is_halted() {
            return Err(SkipReason::Halted);
        }
        if !state.switch.enabled() {
            return Err(SkipReason::NotEnabled);
        }
        let now = state.limits.now();
        state.limits.factor(now)?;
        if !response.is_some_and(|(status, headers)| state.filter.response.admits(status, headers)) {
            return Err(SkipReason::ResponseMismatch);
        }
        let attempts = state.limits.attempts.as_ref();
        let attempts = attempts.zip(self.awaited.and_then(|awaited| awaited.attempts_key));
        self.permit = state.limits.take(&state.window, now, attempts, false)?;
        match state.limits.guards.as_ref().is_some_and(|guards| guards.is_dry_run()) {
            true => Err(SkipReason::DryRun),
            false => Ok(()),
        }
    }

    /// Counts and reports that the steps are not run.
    pub(super) fn report_unstarted(&mut self, reason: SkipReason) {
        self.state.count_skipped(reason);
        let Some(request) = &self.request else { return };
        let is_dry_run = reason == SkipReason::DryRun;
        #[cfg(feature = "tracing")]
        if is_dry_run {
            crate::report::trace::dry_run(
                &self.state.name,
                self.actions.all(),
                traced(self.capability.placement(), request),
            );
        }
        let actions = if is_dry_run { self.actions.all() } else { &[] };
        self.state.report(Phase::Skipped(reason), actions, self.capability.placement(), request);
    }
}
