//! FaultState: the shared state of a built fault.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use tokio::time::Instant;

use crate::body::stage::{FaultHandle, Pause, Sleeper, WhenOff};
use crate::config::sync::{AtomicBool, AtomicU64, Ordering};
use crate::fault::capability::{DeliveryOptions, Placement};
use crate::fault::filter::filter::{RequestFilter, original_uri};
use crate::fault::flag::CompiledFlag;
use crate::fault::limits::FaultLimits;
use crate::fault::selection::{CountWindow, GroupMember};
use crate::fault::switch::Switch;
use crate::injector::key::KeyExtractor;
use crate::injector::tree::CompiledInjector;
use crate::random::draws::{Draws, Key, Sampler};
use crate::report::callback::guard;
use crate::report::counts::Counters;
use crate::report::event::{Action, DelayReport, Event, Phase, Reporter, SkipReason};
use crate::report::log::EventLog;
#[cfg(feature = "metrics")]
use crate::report::meters::Meters;

pub(crate) struct FaultState {
    pub(crate) name: Arc<str>,
    /// The name of its set.
    pub(crate) set: Option<Arc<str>>,
    pub(crate) switch: Switch,
    pub(crate) filter: RequestFilter,
    /// Decides about the participation of a request.
    pub(crate) flag: Option<CompiledFlag>,
    /// Headers that the service is not to see.
    pub(crate) removed_headers: Box<[HeaderName]>,
    pub(crate) key_extractor: KeyExtractor,
    pub(crate) sampler: Sampler,
    /// Replaces the sampler's draw.
    pub(crate) draw: Option<Box<DrawFn>>,
    pub(crate) member: Option<GroupMember>,
    pub(crate) window: CountWindow,
    pub(crate) injector: Box<dyn CompiledInjector>,
    pub(crate) delivery: DeliveryOptions,
    /// The value of the injected header; absent if it is turned off.
    pub(crate) mark: Option<HeaderValue>,
    pub(crate) reporter: Option<Box<dyn Reporter>>,
    /// The log of the set, which has the events beside the reporter.
    pub(crate) log: Option<EventLog>,
    pub(crate) sleeper: Sleeper,
    /// In bytes.
    pub(crate) read_ahead: usize,
    pub(crate) counters: Arc<Counters>,
    pub(crate) limits: FaultLimits,
    #[cfg(feature = "metrics")]
    pub(crate) meters: Option<Meters>,
}

/// A custom draw function.
pub(crate) type DrawFn = dyn Fn(Key<'_>) -> f64 + Send + Sync;

/// What a fault takes over from the one of its name that it replaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Carried {
    pub(crate) counters: Arc<Counters>,
    /// Requests that were decided by the counter.
    pub(crate) keys: Arc<AtomicU64>,
    /// Requests that the draw chose.
    pub(crate) selected: Arc<AtomicU64>,
    pub(crate) seed: Option<u64>,
}

impl FaultState {
    /// Tests whether the draw selects the request of this key, under this participation;
    /// `None` if the user's draw panicked.
    pub(crate) fn is_selected(&self, draws: &Draws, key: Key<'_>, participation: f64) -> Option<bool> {
        match &self.draw {
            Some(draw) => guard(|| draw(key)).map(|share| share < participation),
            None => Some(draws.is_selected(participation)),
        }
    }

    pub(crate) fn count_injected(&self) {
        self.counters.add_injected();
        #[cfg(feature = "metrics")]
        self.meters.iter().for_each(Meters::count_injected);
    }

    pub(crate) fn count_skipped(&self, reason: SkipReason) {
        self.counters.add_skipped(reason);
        #[cfg(feature = "metrics")]
        self.meters.iter().for_each(|meters| meters.count_skipped(reason));
    }

    pub(crate) fn add_active(&self) {
        self.counters.add_active();
        #[cfg(feature = "metrics")]
        self.meters.iter().for_each(Meters::add_active);
    }

    pub(crate) fn remove_active(&self) {
        self.counters.remove_active();
        #[cfg(feature = "metrics")]
        self.meters.iter().for_each(Meters::remove_active);
    }

    /// What a fault of this name takes over.
    pub(crate) fn carried(&self) -> Carried {
        Carried {
            counters: self.counters.clone(),
            keys: self.key_extractor.counter(),
            selected: self.window.selected(),
            seed: Some(self.sampler.seed()),
        }
    }

    pub(crate) fn is_off(&self) -> bool {
        !self.switch.enabled() || self.switch.is_halted() || self.limits.is_over()
    }

    /// Does the work; or none of the rest of it, from the moment the fault is off, halted, stopped
    /// or past its time.
    pub(crate) async fn run_until_off<F: Future>(&self, work: F) -> Option<F::Output> {
        if self.limits.is_unlimited() {
            return self.switch.run_until_off(work).await;
        }
        let (mut work, mut over) = (pin!(work), pin!(self.limits.over()));
        let work = poll_fn(|cx| match over.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => work.as_mut().poll(cx).map(Some),
        });
        self.switch.run_until_off(work).await.flatten()
    }

    /// The name of the fault, and that of its set.
    pub(crate) fn names(&self) -> (&str, Option<&str>) {
        (&self.name, self.set.as_deref())
    }

    /// Whether events are to be built.
    pub(crate) fn has_reporter(&self) -> bool {
        self.reporter.is_some() || self.log.is_some()
    }

    #[inline]
    pub(crate) fn report<B>(
        &self,
        phase: Phase,
        actions: &[Action],
        placement: Placement,
        request: &Request<B>,
    ) {
        if self.has_reporter() {
            self.report_event(phase, actions, placement, request);
        }
    }

    fn report_event<B>(&self, phase: Phase, actions: &[Action], placement: Placement, request: &Request<B>) {
        let log = self.log.as_ref().filter(|log| log.takes(phase));
        if self.reporter.is_none() && log.is_none() {
            return;
        }
        let uri = original_uri(placement, request);
        let event = Event::new(self.names(), placement.into(), phase, actions, request, uri);
        if let Some(reporter) = &self.reporter {
            guard(|| reporter.report(&event));
        }
        if let Some(log) = log {
            log.report(&event);
        }
    }
}

/// Returns a delay that a switch or a halt cancels.
pub(crate) fn pause(state: &Arc<FaultState>, time: Duration) -> Pause {
    let state = state.clone();
    Pause::new(async move { state.run_until_off(state.sleeper.sleep(time)).await.flatten() })
}

/// Waits as [`pause`] does, and measures it: the delay of a request or of the head of a response.
pub(crate) async fn delay(state: &FaultState, placement: Placement, time: Duration) -> Option<()> {
    let begin = Instant::now();
    let result = state.run_until_off(state.sleeper.sleep(time)).await.flatten();
    let (time, is_cancelled) = (begin.elapsed(), result.is_none());
    #[cfg(feature = "metrics")]
    state.meters.iter().for_each(|meters| meters.record_delay(time, is_cancelled));
    if let Some(reporter) = &state.reporter {
        let (fault, set) = state.names();
        let report = DelayReport { fault, set, placement: placement.into(), time, is_cancelled };
        guard(|| reporter.report_delay(&report));
    }
    result
}

/// Completes when the fault is disabled or halted.
pub(crate) fn when_off(state: &Arc<FaultState>) -> WhenOff {
    let state = state.clone();
    Box::pin(async move {
        state.run_until_off(std::future::pending::<()>()).await;
    })
}

/// The handle of changes that outlive their execution, whose end is not reported. The fault is
/// active as long as a clone exists.
#[derive(Clone)]
pub(crate) struct ActiveHandle(Arc<ActiveGuard>);

struct ActiveGuard(Arc<FaultState>);

impl ActiveHandle {
    pub(crate) fn new(state: Arc<FaultState>) -> Self {
        state.add_active();
        Self(Arc::new(ActiveGuard(state)))
    }
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        self.0.remove_active();
    }
}

/// An injection whose delivery is not known yet: counted as injected once confirmed, and as not
/// deliverable when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct PendingInjection(Arc<PendingState>);

struct PendingState {
    state: Arc<FaultState>,
    is_confirmed: AtomicBool,
}

impl PendingInjection {
    pub(crate) fn new(state: Arc<FaultState>) -> Self {
        Self(Arc::new(PendingState { state, is_confirmed: AtomicBool::new(false) }))
    }

    pub(crate) fn confirm(&self) {
        if !self.0.is_confirmed.swap(true, Ordering::Relaxed) {
            self.0.state.count_injected();
        }
    }
}

impl Drop for PendingState {
    fn drop(&mut self) {
        if !self.is_confirmed.load(Ordering::Relaxed) {
            self.state.count_skipped(SkipReason::NotDeliverable);
        }
    }
}

impl FaultHandle for ActiveHandle {
    fn name(&self) -> Arc<str> {
        self.0.0.name.clone()
    }

    fn is_off(&self) -> bool {
        self.0.0.is_off()
    }

    #[cfg(feature = "stress")]
    fn is_over(&self) -> bool {
        self.0.0.is_off() || self.0.0.switch.is_retired()
    }

    /// Completes also when the fault is replaced: what outlives a request ends then.
    fn when_off(&self) -> WhenOff {
        let state = self.0.0.clone();
        Box::pin(async move {
            state.run_until_off(state.switch.retired()).await;
        })
    }

    fn pause(&self, time: Duration) -> Pause {
        pause(&self.0.0, time)
    }
}

impl fmt::Debug for FaultState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("name", &self.name)
            .field("injector", &self.injector)
            .field("enabled", &self.switch.enabled())
            .field("participation", &self.switch.participation())
            .field("filter", &self.filter)
            .field("seed", &self.sampler.seed())
            .finish_non_exhaustive()
    }
}
