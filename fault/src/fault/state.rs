//! FaultState: the shared state of a built fault.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderValue, Request};

use crate::body::stage::{FaultHandle, Pause, Sleeper, WhenOff};
use crate::fault::capability::DeliveryOptions;
use crate::fault::filter::filter::RequestFilter;
use crate::fault::selection::{CountWindow, GroupMember};
use crate::fault::switch::{Switch, halted};
use crate::injector::key::KeyExtractor;
use crate::injector::tree::CompiledInjector;
use crate::random::draws::{Draws, Key, Sampler};
use crate::report::counts::Counters;
use crate::report::event::{Action, Event, Phase, Reporter, SkipReason};

pub(crate) struct FaultState {
    pub(crate) name: Arc<str>,
    pub(crate) switch: Switch,
    pub(crate) filter: RequestFilter,
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
    pub(crate) sleeper: Sleeper,
    /// In bytes.
    pub(crate) read_ahead: usize,
    pub(crate) counters: Counters,
}

/// A custom draw function.
pub(crate) type DrawFn = dyn Fn(Key<'_>) -> f64 + Send + Sync;

impl FaultState {
    /// Tests whether the draw selects the request of this key.
    pub(crate) fn is_selected(&self, draws: &Draws, key: Key<'_>) -> bool {
        let participation = self.switch.participation();
        match &self.draw {
            Some(draw) => draw(key) < participation,
            None => draws.is_selected(participation),
        }
    }

    pub(crate) fn is_off(&self) -> bool {
        !self.switch.enabled() || halted()
    }

    pub(crate) fn report<B>(&self, phase: Phase, actions: &[Action], request: &Request<B>) {
        if let Some(reporter) = &self.reporter {
            reporter.report(&Event::new(&self.name, phase, actions, request));
        }
    }
}

/// Returns a delay that a switch or a halt cancels.
pub(crate) fn pause(state: &Arc<FaultState>, time: Duration) -> Pause {
    let state = state.clone();
    Pause::new(async move { state.switch.run_until_off(state.sleeper.sleep(time)).await })
}

/// Completes when the fault is disabled or halted.
pub(crate) fn when_off(state: &Arc<FaultState>) -> WhenOff {
    let state = state.clone();
    Box::pin(async move {
        state.switch.run_until_off(std::future::pending::<()>()).await;
    })
}

/// The handle of changes that outlive their execution, whose end is not reported. The fault is
/// active as long as a clone exists.
#[derive(Clone)]
pub(crate) struct ActiveHandle(Arc<ActiveGuard>);

struct ActiveGuard(Arc<FaultState>);

impl ActiveHandle {
    pub(crate) fn new(state: Arc<FaultState>) -> Self {
        state.counters.add_active();
        Self(Arc::new(ActiveGuard(state)))
    }
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        self.0.counters.remove_active();
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
            self.0.state.counters.add_injected();
        }
    }
}

impl Drop for PendingState {
    fn drop(&mut self) {
        if !*self.is_confirmed.get_mut() {
            self.state.counters.add_skipped(SkipReason::NotDeliverable);
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

    fn when_off(&self) -> WhenOff {
        when_off(&self.0.0)
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
