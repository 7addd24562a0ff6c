//! Quota: so many requests a while, and no more.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::RETRY_AFTER;
use tokio::time::Instant;

use super::abort::{Abort, error};
use super::node::{Act, Draft, Injector, below};
use super::plan::{Answer, Plan, Step};
use crate::chance::Draws;
use crate::error::{Findings, Problem};
use crate::report::Deed;
use crate::time::DelayTime;

/// Lets `limit` requests pass in each `window`, and answers the rest with 429 and a `Retry-After`
/// that tells, in seconds rounded up, when the next window begins.
///
/// The first request opens a window, and the first after its end the next. A request that passes
/// is counted as [`counted`](crate::Counts::counted), unless a chain does something else to it.
///
/// ```
/// use waylay_fault::{Fault, error, quota};
///
/// Fault::new("small-plan", quota(100, "1m")).build()?;
/// Fault::new("own-answer", quota(100, "1m").answer(error(503).text("full"))).build()?;
/// assert!(Fault::new("no-window", quota(100, "0s")).build().is_err());
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn quota(limit: u64, window: impl Into<DelayTime>) -> Quota {
    Quota { limit, window: window.into(), answer: error(429) }
}

/// A quota, made by [`quota`].
#[derive(Debug, Clone)]
pub struct Quota {
    limit: u64,
    window: DelayTime,
    answer: Abort,
}

impl Quota {
    /// What the requests beyond it get. A `retry-after` of its own stays.
    #[must_use]
    pub fn answer(mut self, answer: Abort) -> Self {
        self.answer = answer;
        self
    }
}

impl From<Quota> for Injector {
    fn from(quota: Quota) -> Self {
        Self::draft(quota)
    }
}

impl Draft for Quota {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let at = below(at, "quota");
        let window = findings.time(format!("{at}.window"), self.window.duration());
        if window == Some(Duration::ZERO) {
            findings.add(format!("{at}.window"), &self.window, Problem::Zero);
        }
        let answer = self.answer.check_answer(&at, findings);
        let state = Mutex::new(Window { end: None, used: 0 });
        Some(Box::new(Meter { limit: self.limit, window: window?, answer: answer?, state }))
    }
}

#[derive(Debug)]
struct Meter {
    limit: u64,
    window: Duration,
    answer: Answer,
    state: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    end: Option<Instant>,
    used: u64,
}

impl Meter {
    /// Takes one of what is left, or tells how long there is nothing.
    fn take(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let end = match state.end {
            Some(end) if now < end => end,
            _ => {
                state.used = 0;
                now.checked_add(self.window).unwrap_or(now)
            }
        };
        state.end = Some(end);
        if state.used >= self.limit {
            return Err(end - now);
        }
        state.used += 1;
        Ok(())
    }
}

impl Act for Meter {
    fn plan(&self, _: Draws, plan: &mut Plan) {
        let Err(left) = self.take() else {
            plan.spared = true;
            return;
        };
        let mut answer = self.answer.clone();
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        if answer.retry_in.is_none() {
            answer.headers.entry(RETRY_AFTER).or_insert(seconds.into());
        }
        let deed = Deed::Error(answer.status.as_u16());
        plan.then(Step::Answer(Arc::new(answer)), deed);
    }
}
