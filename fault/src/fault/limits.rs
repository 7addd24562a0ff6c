//! FaultLimits: schedule and attempts of one fault, and the guards of its set.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::Instant;

use crate::fault::guards::{GuardState, Permit};
use crate::fault::schedule::{AttemptTable, Schedule, earlier};
use crate::fault::selection::CountWindow;
use crate::report::event::SkipReason;

#[derive(Debug)]
pub(crate) struct FaultLimits {
    pub(crate) schedule: Schedule,
    pub(crate) attempts: Option<AttemptTable>,
    pub(crate) guards: Option<Arc<GuardState>>,
}

impl FaultLimits {
    /// Whether nothing but a switch and a halt ends the fault.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.guards.is_none() && self.schedule.is_unlimited()
    }

    /// The factor of the participation at this time.
    pub(crate) fn factor(&self, now: Option<Instant>) -> Result<f64, SkipReason> {
        if let Some(guards) = &self.guards {
            guards.check_time(now)?;
        }
        let Some(now) = now else { return Ok(1.0) };
        self.schedule.factor(now).ok_or(SkipReason::OutsideSchedule)
    }

    /// The time, if any limit needs it: it costs more than the rest of what a fault that matches nothing does.
    pub(crate) fn now(&self) -> Option<Instant> {
        let has_deadline = self.guards.as_ref().is_some_and(|guards| guards.has_deadline());
        (has_deadline || !self.schedule.is_unlimited()).then(Instant::now)
    }

    pub(crate) fn is_over(&self) -> bool {
        let now = self.now();
        self.guards.as_ref().is_some_and(|guards| guards.check_time(now).is_err())
            || now.zip(self.schedule.deadline()).is_some_and(|(now, deadline)| now >= deadline)
    }

    /// Takes one injection of everything that counts them: of all or of none.
    pub(crate) fn take(
        &self,
        window: &CountWindow,
        now: Option<Instant>,
        attempts: Option<(&AttemptTable, u64)>,
        is_preview: bool,
    ) -> Result<Option<Permit>, SkipReason> {
        if let Some((table, key)) = attempts
            && !if is_preview { table.has_left(key) } else { table.take(key) }
        {
            return Err(SkipReason::OutsideWindow);
        }
        let give_back = |reason| {
            attempts.filter(|_| !is_preview).into_iter().for_each(|(table, key)| table.give_back(key));
            reason
        };
        let now = now.unwrap_or_else(Instant::now);
        let permit = match &self.guards {
            Some(guards) => guards.acquire(now, is_preview).map_err(give_back)?,
            None => None,
        };
        if window.admit(is_preview) {
            return Ok(permit);
        }
        permit.into_iter().for_each(|permit| permit.cancel(now));
        Err(give_back(SkipReason::OutsideWindow))
    }

    /// Completes when a limit ends the fault.
    pub(crate) async fn over(&self) {
        loop {
            let Some(guards) = &self.guards else {
                return match self.schedule.deadline() {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                };
            };
            let mut changed = pin!(guards.changed());
            // Listening comes before looking, else a change in between would go unnoticed.
            changed.as_mut().enable();
            if self.is_over() {
                return;
            }
            match earlier(guards.deadline(), self.schedule.deadline()) {
                // After either of them all is looked at again.
                Some(deadline) => {
                    let mut sleep = pin!(tokio::time::sleep_until(deadline));
                    std::future::poll_fn(|cx| match changed.as_mut().poll(cx) {
                        std::task::Poll::Pending => sleep.as_mut().poll(cx),
                        ready => ready,
                    })
                    .await;
                }
                None => changed.await,
            }
        }
    }
}
