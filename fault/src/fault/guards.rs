//! Guards: limits of a whole set of faults, and GuardState, which enforces them.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tokio::time::Instant;

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind, FaultErrors, header_name, header_value};
use crate::config::sync::{
    AtomicBool, AtomicU8, AtomicU64, Mutex, MutexGuard, Notified, Notify, Ordering, RwLock,
};
use crate::fault::capability::Placement;
use crate::fault::filter::filter::original_uri;
use crate::fault::filter::path::{PathList, canonical};
use crate::fault::schedule::{earlier, to_instant};
use crate::fault::stop::{AutoStop, CompiledStop, ResponseWindow};
use crate::fault::window::{EventWindow, SlotWindow, check_window};
use crate::report::event::SkipReason;
use crate::report::set_event::StopReason;

/// Limits of all faults of a [`FaultSet`](crate::FaultSet) together.
///
/// ```
/// use waylay_fault::{AutoStop, FaultSet, Guards};
///
/// let set = FaultSet::new();
/// set.set_guards(
///     Guards::new()
///         .ttl("15m")
///         .protect_paths(["/pay/*"])
///         .protect_header("x-no-chaos", None)
///         .max_active(50)
///         .max_per_second(20)
///         .max_affected(0.05, "10s")
///         .stop(AutoStop::new("30s").error_ratio(0.2).latency(0.99, "2s")),
/// )?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "guards do nothing until a set has them"]
pub struct Guards {
    pub(crate) ttl: Option<DelayTime>,
    pub(crate) until: Option<SystemTime>,
    pub(crate) protect_paths: Vec<String>,
    pub(crate) protect_headers: Vec<(String, Option<String>)>,
    pub(crate) max_active: Option<u64>,
    pub(crate) max_per_second: Option<u64>,
    pub(crate) max_affected: Option<(f64, DelayTime)>,
    pub(crate) stop: Option<AutoStop>,
    pub(crate) dry_run: bool,
}

impl Guards {
    /// Returns guards that limit nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Disables every fault this long after the guards are set.
    pub fn ttl(mut self, time: impl Into<DelayTime>) -> Self {
        self.ttl = Some(time.into());
        self
    }

    /// Disables every fault at this date.
    pub fn until(mut self, date: SystemTime) -> Self {
        self.until = Some(date);
        self
    }

    /// Sets the paths that no fault touches, written as for
    /// [`block_paths`](crate::FaultBuilder::block_paths).
    pub fn protect_paths<P: Into<String>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.protect_paths = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a header whose requests no fault touches: of this value, or of any.
    pub fn protect_header(mut self, name: impl Into<String>, value: Option<&str>) -> Self {
        self.protect_headers.push((name.into(), value.map(str::to_owned)));
        self
    }

    /// Sets how many injections may run at once.
    pub fn max_active(mut self, count: u64) -> Self {
        self.max_active = Some(count);
        self
    }

    /// Sets how many injections may begin within any second, at most 100,000.
    pub fn max_per_second(mut self, count: u64) -> Self {
        self.max_per_second = Some(count);
        self
    }

    /// Sets the share of all requests within a window that may be injected.
    pub fn max_affected(mut self, share: f64, window: impl Into<DelayTime>) -> Self {
        self.max_affected = Some((share, window.into()));
        self
    }

    /// Sets the limits at which the set stops by itself.
    pub fn stop(mut self, stop: AutoStop) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Sets whether faults decide, count and report, but inject nothing.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Checks every limit; `FaultErrors` names them as settings of a fault `guards`.
    pub(crate) fn compile(&self) -> Result<CompiledGuards, FaultErrors> {
        let mut errors = ErrorCollector::default();
        let ttl = self.ttl.as_ref().and_then(|ttl| errors.time("ttl".into(), ttl.duration()));
        let now = Instant::now();
        let until = self.until.map(|date| to_instant(date, SystemTime::now(), now));
        let headers = (self.protect_headers.iter().enumerate())
            .filter_map(|(index, (name, value))| {
                let setting = format!("protect.headers[{index}]");
                let name = header_name(&setting, name, &mut errors)?;
                match value {
                    Some(value) => Some((name, Some(header_value(&setting, value, &mut errors)?))),
                    None => Some((name, None)),
                }
            })
            .collect();
        let paths = PathList::check("protect.paths", self.protect_paths.clone(), &mut errors);
        for (setting, count) in
            [("max_active_faults", self.max_active), ("max_faults_per_second", self.max_per_second)]
        {
            if count == Some(0) {
                errors.add(setting, 0, FaultErrorKind::Zero);
            }
        }
        let max_affected = self.max_affected.as_ref().and_then(|(share, window)| {
            let window = check_window("max_affected.window", window, &mut errors)?;
            if !(0.0..=1.0).contains(share) {
                errors.add("max_affected", share, FaultErrorKind::Fraction);
                return None;
            }
            Some((*share, window))
        });
        let stop = self.stop.as_ref().and_then(|stop| stop.check(&mut errors));
        let compiled = CompiledGuards {
            source: self.clone(),
            deadline: earlier(ttl.and_then(|ttl| now.checked_add(ttl)), until),
            paths,
            headers,
            max_active: self.max_active,
            max_per_second: self.max_per_second.map(|count| count.min(MAX_PER_SECOND)),
            max_affected,
            stop,
            dry_run: self.dry_run,
        };
        errors.into_result("guards", Some(compiled))
    }
}

/// The instants of a second's injections are kept one by one.
const MAX_PER_SECOND: u64 = 100_000;

/// The limits, found good.
#[derive(Debug, Default)]
pub(crate) struct CompiledGuards {
    /// What they were made from.
    source: Guards,
    deadline: Option<Instant>,
    paths: PathList,
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
    max_active: Option<u64>,
    max_per_second: Option<u64>,
    max_affected: Option<(f64, Duration)>,
    stop: Option<CompiledStop>,
    dry_run: bool,
}

impl CompiledGuards {
    /// Returns the [kinds](kind) of the limits.
    fn kinds(&self) -> u8 {
        let kinds = [
            (kind::DEADLINE, self.deadline.is_some()),
            (kind::PROTECTED, !self.paths.is_empty() || !self.headers.is_empty()),
            (kind::SHARE, self.max_affected.is_some()),
            (kind::STOP, self.stop.is_some()),
            (kind::DRY_RUN, self.dry_run),
        ];
        kinds.into_iter().filter(|(_, is_set)| *is_set).fold(0, |all, (kind, _)| all | kind)
    }

    fn protects(&self, path: &str, headers: &HeaderMap) -> bool {
        (!self.paths.is_empty() && self.paths.contains(&canonical(path)))
            || self.headers.iter().any(|(name, wanted)| {
                let mut values = headers.get_all(name).iter();
                match wanted {
                    Some(wanted) => values.any(|value| value == wanted),
                    None => values.next().is_some(),
                }
            })
    }
}

/// What the guards of one set know: the limits, what ran so far, and whether the set was stopped.
#[derive(Debug, Default)]
pub(crate) struct GuardState {
    limits: RwLock<Arc<CompiledGuards>>,
    /// The [kinds](kind) of limits that are set, so that a request that meets none of them takes no lock.
    kinds: AtomicU8,
    active: AtomicU64,
    usage: Mutex<Usage>,
    /// Of servers and of clients.
    responses: [Mutex<ResponseWindow>; 2],
    is_stopped: AtomicBool,
    is_expired: AtomicBool,
    reason: Mutex<Option<StopReason>>,
    /// Wakes running faults when they may have to end.
    changed: Notify,
}

/// Kinds of limits, as bits.
mod kind {
    /// The end of the set's time.
    pub(super) const DEADLINE: u8 = 1;
    /// Protected paths and headers.
    pub(super) const PROTECTED: u8 = 2;
    /// A share of all requests.
    pub(super) const SHARE: u8 = 4;
    /// Genuine responses that stop the set.
    pub(super) const STOP: u8 = 8;
    pub(super) const DRY_RUN: u8 = 16;
}

#[derive(Debug, Default)]
struct Usage {
    /// Injections of the last second.
    recent: EventWindow,
    /// Requests and injections.
    traffic: SlotWindow<2>,
}

impl GuardState {
    /// Sets other limits. What was counted and a stop stay.
    pub(crate) fn set(&self, limits: CompiledGuards) {
        let kinds = limits.kinds();
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits);
        self.kinds.store(kinds, Ordering::Release);
        self.is_expired.store(false, Ordering::Release);
        self.changed.notify_waiters();
    }

    fn limits(&self) -> Arc<CompiledGuards> {
        self.limits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn has(&self, kind: u8) -> bool {
        self.kinds.load(Ordering::Acquire) & kind != 0
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.has(kind::DRY_RUN)
    }

    /// Whether the time of the set ends.
    pub(crate) fn has_deadline(&self) -> bool {
        self.has(kind::DEADLINE)
    }

    /// When every fault ends, if there is such a time.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.has_deadline() { self.limits().deadline } else { None }
    }

    /// Tests whether the time of the set is over; `true` in the second place for the first test
    /// that finds it so.
    pub(crate) fn expire(&self, now: Instant) -> (bool, bool) {
        let is_over = self.deadline().is_some_and(|deadline| now >= deadline);
        (is_over, is_over && !self.is_expired.swap(true, Ordering::AcqRel))
    }

    /// Whether the end of the time was met.
    pub(crate) fn is_expired(&self) -> bool {
        self.is_expired.load(Ordering::Acquire)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    pub(crate) fn stop_reason(&self) -> Option<StopReason> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends a stop; the windows begin anew.
    pub(crate) fn rearm(&self) -> bool {
        let was_stopped = self.is_stopped.swap(false, Ordering::AcqRel);
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = None;
        for window in &self.responses {
            window.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        was_stopped
    }

    pub(crate) fn active(&self) -> u64 {
        self.active.load(Ordering::Relaxed)
    }

    /// Why no fault of the set is to act at this time, which is given if the set's time ends.
    pub(crate) fn check_time(&self, now: Option<Instant>) -> Result<(), SkipReason> {
        if self.is_stopped() {
            return Err(SkipReason::Stopped);
        }
        if now.zip(self.deadline()).is_some_and(|(now, deadline)| now >= deadline) {
            return Err(SkipReason::Expired);
        }
        Ok(())
    }

    pub(crate) fn check_request<B>(
        &self,
        placement: Placement,
        request: &Request<B>,
    ) -> Result<(), SkipReason> {
        if self.has(kind::PROTECTED)
            && self.limits().protects(original_uri(placement, request).path(), request.headers())
        {
            return Err(SkipReason::Protected);
        }
        Ok(())
    }

    /// Counts a request of which a share may be injected.
    pub(crate) fn count_request(&self) {
        if self.has(kind::SHARE)
            && let Some((_, window)) = self.limits().max_affected
        {
            self.usage().traffic.add(Instant::now(), window, [1, 0]);
        }
    }

    /// Tests the caps, and takes one injection of each unless this is a preview.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        now: Instant,
        is_preview: bool,
    ) -> Result<Option<Permit>, SkipReason> {
        let limits = self.limits();
        let mut usage = self.usage();
        if limits.max_active.is_some_and(|max| self.active() >= max) {
            return Err(SkipReason::MaxActive);
        }
        if limits.max_per_second.is_some_and(|max| usage.recent.count(now) >= max) {
            return Err(SkipReason::MaxRate);
        }
        if let Some((share, window)) = limits.max_affected {
            let [requests, injected] = usage.traffic.sum(now, window);
            if (injected + 1) as f64 > share * requests as f64 {
                return Err(SkipReason::MaxAffected);
            }
        }
        if is_preview {
            return Ok(None);
        }
        if let Some((_, window)) = limits.max_affected {
            usage.traffic.add(now, window, [0, 1]);
        }
        if limits.max_per_second.is_some() {
            usage.recent.add(now);
        }
        // Under the lock, so that two requests do not both take the last place.
        self.active.fetch_add(1, Ordering::Relaxed);
        drop(usage);
        Ok(Some(Permit { guards: self.clone() }))
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limits as they were given.
    pub(crate) fn source(&self) -> Guards {
        self.limits().source.clone()
    }

    /// Injections of the last second, and requests and injections of the window of the affected share.
    pub(crate) fn used(&self, now: Instant) -> (u64, [u64; 2]) {
        let window = self.limits().max_affected.map(|(_, window)| window);
        let mut usage = self.usage();
        let traffic = window.map(|window| usage.traffic.sum(now, window));
        (usage.recent.count(now), traffic.unwrap_or_default())
    }

    /// Genuine responses of servers and of clients within the window of the automatic stop: all, errors
    /// and late ones.
    pub(crate) fn genuine(&self, now: Instant) -> [[u64; 3]; 2] {
        let limits = self.limits();
        let Some(stop) = &limits.stop else { return Default::default() };
        let sum = |window: &Mutex<ResponseWindow>| {
            window.lock().unwrap_or_else(PoisonError::into_inner).sum(stop, now)
        };
        [sum(&self.responses[0]), sum(&self.responses[1])]
    }

    /// Whether genuine responses are to be watched.
    pub(crate) fn observes(&self) -> bool {
        self.has(kind::STOP) && !self.is_stopped() && !self.is_expired()
    }

    /// Counts one genuine response; returns the reason if that stops the set.
    pub(crate) fn observe(&self, is_client: bool, is_error: bool, latency: Duration) -> Option<StopReason> {
        let limits = self.limits();
        let stop = limits.stop.as_ref()?;
        let window = &self.responses[usize::from(is_client)];
        let reason = {
            let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
            window.add(stop, Instant::now(), is_error, latency);
            window.judge(stop, Instant::now(), is_client)?
        };
        if self.is_stopped.swap(true, Ordering::AcqRel) {
            return None;
        }
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
        self.changed.notify_waiters();
        Some(reason)
    }

    /// Wakes at the next change of what may end a running fault.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

/// One injection that counts as active until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    guards: Arc<GuardState>,
}

impl Permit {
    /// Gives the injection back to the caps: it came to nothing.
    pub(crate) fn cancel(self, now: Instant) {
        let limits = self.guards.limits();
        let mut usage = self.guards.usage();
        if limits.max_per_second.is_some() {
            usage.recent.remove_last();
        }
        if let Some((_, window)) = limits.max_affected {
            usage.traffic.remove(now, window, [0, 1]);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.guards.active.fetch_sub(1, Ordering::Relaxed);
    }
}
