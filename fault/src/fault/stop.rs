//! AutoStop: the limits at which a set of faults stops by itself.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::fault::window::{SlotWindow, check_window};
use crate::report::set_event::StopReason;

/// Limits of the service's own errors and latency, beyond which a set of faults stops.
///
/// Only genuine responses count: those that no fault made or changed, in this process or, by their
/// [header](crate::INJECTED_HEADER), in another. An error is a status from 500 on, a failed call that no
/// fault [made](crate::ClientError::is_injected), or a panic of the service. The stop holds until
/// [`FaultSet::rearm`](crate::FaultSet::rearm).
///
/// ```
/// use waylay_fault::{AutoStop, FaultSet, Guards};
///
/// let stop = AutoStop::new("30s").min_requests(100).error_ratio(0.2).latency(0.99, "2s");
/// FaultSet::new().set_guards(Guards::new().stop(stop))?;
/// assert!(FaultSet::new().set_guards(Guards::new().stop(AutoStop::new("30s"))).is_err(), "no limit");
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "limits do nothing until guards have them"]
pub struct AutoStop {
    pub(crate) window: DelayTime,
    pub(crate) min_requests: u64,
    pub(crate) error_ratio: Option<f64>,
    pub(crate) latency: Option<(f64, DelayTime)>,
}

impl AutoStop {
    /// Returns limits over a window of this length; without [`error_ratio`](Self::error_ratio) or
    /// [`latency`](Self::latency) they are incomplete.
    pub fn new(window: impl Into<DelayTime>) -> Self {
        Self { window: window.into(), min_requests: 20, error_ratio: None, latency: None }
    }

    /// Sets how many responses the window must hold before they are judged; 20 by default.
    pub fn min_requests(mut self, count: u64) -> Self {
        self.min_requests = count;
        self
    }

    /// Stops the set when more than this share of the responses are errors.
    pub fn error_ratio(mut self, share: f64) -> Self {
        self.error_ratio = Some(share);
        self
    }

    /// Stops the set when this quantile of the latencies lies above `limit`.
    pub fn latency(mut self, quantile: f64, limit: impl Into<DelayTime>) -> Self {
        self.latency = Some((quantile, limit.into()));
        self
    }

    pub(crate) fn check(&self, errors: &mut ErrorCollector) -> Option<CompiledStop> {
        let window = check_window("stop.window", &self.window, errors);
        if self.error_ratio.is_none() && self.latency.is_none() {
            errors.add("stop", "no limit", FaultErrorKind::NoStopLimit);
        }
        let ratio = self.error_ratio.filter(|share| !(0.0..=1.0).contains(share));
        if let Some(share) = ratio {
            errors.add("stop.error_ratio", share, FaultErrorKind::Fraction);
        }
        let latency = match &self.latency {
            Some((quantile, _)) if !(0.0..=1.0).contains(quantile) => {
                errors.add("stop.latency.quantile", quantile, FaultErrorKind::Fraction);
                None
            }
            Some((quantile, limit)) => {
                errors.time("stop.latency.above".into(), limit.duration()).map(|limit| (*quantile, limit))
            }
            None => None,
        };
        Some(CompiledStop {
            window: window?,
            min_requests: self.min_requests.max(1),
            error_ratio: self.error_ratio,
            latency,
        })
    }
}

#[derive(Debug)]
pub(crate) struct CompiledStop {
    window: Duration,
    min_requests: u64,
    error_ratio: Option<f64>,
    latency: Option<(f64, Duration)>,
}

/// Genuine responses of one side: all, errors, late ones.
#[derive(Debug, Default)]
pub(crate) struct ResponseWindow(SlotWindow<3>);

impl ResponseWindow {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn add(&mut self, stop: &CompiledStop, now: Instant, is_error: bool, latency: Duration) {
        let is_late = stop.latency.is_some_and(|(_, limit)| latency > limit);
        self.0.add(now, stop.window, [1, u64::from(is_error), u64::from(is_late)]);
    }

    /// All, errors and late ones within the window.
    pub(crate) fn sum(&mut self, stop: &CompiledStop, now: Instant) -> [u64; 3] {
        self.0.sum(now, stop.window)
    }

    /// The limit that is broken, if any is. A quantile lies above a limit exactly if more than the
    /// rest of the responses does.
    pub(crate) fn judge(&mut self, stop: &CompiledStop, now: Instant, is_client: bool) -> Option<StopReason> {
        let [responses, errors, late] = self.sum(stop, now);
        if responses < stop.min_requests {
            return None;
        }
        let reason = |exceeding: u64, allowed: f64, latency| {
            (exceeding as f64 > allowed * responses as f64).then_some(StopReason {
                is_client,
                responses,
                exceeding,
                allowed,
                latency,
                window: stop.window,
            })
        };
        let by_errors = stop.error_ratio.and_then(|share| reason(errors, share, None));
        let by_latency = |(quantile, limit)| reason(late, 1.0 - quantile, Some(limit));
        by_errors.or_else(|| stop.latency.and_then(by_latency))
    }
}
