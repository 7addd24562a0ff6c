//! FaultSource: the fault, or the set of faults, that a layer asks about each request.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;

use crate::body::error::RejectError;
use crate::fault::capability::Placement;
use crate::fault::execution::Execution;
use crate::fault::fault::Fault;
use crate::fault::flag::FlagEvaluations;
use crate::fault::set::{FaultSet, Snapshot};
use crate::fault::standby::Standby;
#[cfg(feature = "panic")]
use crate::injector::panic::InjectedPanic;
use crate::report::mark::{INJECTED_HEADER, Injected};
use crate::report::set_event::SetEvent;

#[derive(Debug, Clone)]
pub(crate) enum FaultSource {
    One(Fault),
    Set(FaultSet),
}

/// What is to be done about a request.
pub(crate) enum Decision {
    Pass,
    /// Flags decide about it first, under these faults of a set.
    Evaluate(FlagEvaluations, Option<Arc<Snapshot>>),
    /// Nothing is injected, and the bodies or the response are of interest.
    Follow(Followers),
    /// The first fault that acts, and those that follow.
    Inject(Box<Execution>, Option<Remaining>),
}

impl FaultSource {
    pub(crate) fn decide<B>(
        &self,
        placement: Placement,
        request: &mut Request<B>,
        can_rebox: impl Fn() -> bool,
    ) -> Decision {
        let (evaluations, snapshot) = match self {
            Self::One(fault) => (FlagEvaluations::new(fault.evaluate(placement, request).into_iter()), None),
            Self::Set(set) => {
                let snapshot = set.begin();
                let flagged = snapshot.faults(placement).iter().take_while(|_| snapshot.has_flags);
                let evaluations = flagged.filter_map(|fault| fault.evaluate(placement, request));
                (FlagEvaluations::new(evaluations), Some(snapshot))
            }
        };
        match evaluations {
            Some(evaluations) => Decision::Evaluate(evaluations, snapshot),
            None => self.decide_evaluated(snapshot, placement, request, can_rebox),
        }
    }

    /// Decides with the shares of all flags among the extensions of the request.
    pub(crate) fn decide_evaluated<B>(
        &self,
        snapshot: Option<Arc<Snapshot>>,
        placement: Placement,
        request: &mut Request<B>,
        can_rebox: impl Fn() -> bool,
    ) -> Decision {
        match self {
            Self::One(fault) => match fault.decide(placement, request, can_rebox) {
                Some(execution) => Decision::Inject(execution, None),
                None => {
                    let standbys = fault.watch(placement, request).into_iter().collect();
                    Decision::follow(Followers { observation: None, standbys })
                }
            },
            Self::Set(set) => {
                let snapshot = snapshot.unwrap_or_else(|| set.begin());
                let mut remaining = Remaining { snapshot, placement, next: 0, observation: None };
                let execution = remaining.next(request, can_rebox);
                let observation = set.guards().observes().then(|| Observation {
                    set: set.clone(),
                    is_client: placement == Placement::Client,
                    begin: Instant::now(),
                });
                match execution {
                    Some(execution) => {
                        Decision::Inject(execution, Some(Remaining { observation, ..remaining }))
                    }
                    None => Decision::follow(Followers { observation, standbys: remaining.watch(request) }),
                }
            }
        }
    }
}

/// Whether there is nothing to do with any request, not even to count it: one relaxed load.
///
/// Has this ABI only because it does not unwind, for the reason that
/// [`Switch::is_idle`](crate::fault::switch::Switch::is_idle) has it: calls that may unwind between a
/// request's arrival and its way to the service cost a copy of the request.
#[inline(always)]
pub(crate) extern "C" fn is_idle(source: &FaultSource) -> bool {
    match source {
        FaultSource::One(fault) => fault.is_idle(),
        FaultSource::Set(set) => set.is_idle(),
    }
}

/// The faults of a set that have yet to decide about a request. They are those of the set with
/// which the request began.
pub(crate) struct Remaining {
    snapshot: Arc<Snapshot>,
    placement: Placement,
    next: usize,
    /// The set wants to know of the response, should it be genuine.
    observation: Option<Observation>,
}

impl Remaining {
    /// The next fault that acts on the request.
    pub(crate) fn next<B>(
        &mut self,
        request: &mut Request<B>,
        can_rebox: impl Fn() -> bool,
    ) -> Option<Box<Execution>> {
        let faults = self.snapshot.faults(self.placement);
        while let Some(fault) = faults.get(self.next) {
            self.next += 1;
            if let Some(execution) = fault.decide(self.placement, request, &can_rebox) {
                return Some(execution);
            }
        }
        None
    }
}

impl Remaining {
    /// Counts a response that no fault has delayed or changed yet.
    pub(crate) fn observe<B, E>(&mut self, response: &Result<Response<B>, E>, is_injected: fn(&E) -> bool) {
        let observation = self.observation.take().into_iter();
        observation.for_each(|observation| observation.finish(response, is_injected));
    }

    /// Polls the service for a response that no fault has delayed or changed yet.
    pub(crate) fn poll_observed<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        poll_observed(&mut self.observation, poll)
    }

    /// Watches the streams of a request for the faults that are off, and returns those that watch a body,
    /// the outermost first.
    pub(crate) fn watch<B>(&self, request: &mut Request<B>) -> Vec<Arc<Standby>> {
        let faults = self.snapshot.faults(self.placement).iter();
        faults.filter_map(|fault| fault.watch(self.placement, request)).collect()
    }
}

impl Decision {
    fn follow(followers: Followers) -> Self {
        let is_empty = followers.observation.is_none() && followers.standbys.is_empty();
        if is_empty { Self::Pass } else { Self::Follow(followers) }
    }
}

/// What is interested in a request that nothing was injected into.
#[derive(Default)]
pub(crate) struct Followers {
    /// The response is genuine, and its set wants to know of it.
    pub(crate) observation: Option<Observation>,
    /// Faults that are off, and have rules for the messages of a body; the outermost first.
    pub(crate) standbys: Vec<Arc<Standby>>,
}

/// Polls a service whose response is observed. One that panics has failed, unless the panic is a fault's.
pub(crate) fn poll_observed<T>(observation: &mut Option<Observation>, poll: impl FnOnce() -> T) -> T {
    if observation.is_none() {
        return poll();
    }
    // Unwinding goes on: this only looks at it.
    catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|payload| {
        #[cfg(feature = "panic")]
        let is_injected = payload.is::<InjectedPanic>();
        #[cfg(not(feature = "panic"))]
        let is_injected = false;
        let observation = observation.take().filter(|_| !is_injected && !payload.is::<RejectError>());
        observation.into_iter().for_each(|observation| observation.count(true));
        resume_unwind(payload)
    })
}

/// A request that no fault of the set acted on.
pub(crate) struct Observation {
    set: FaultSet,
    is_client: bool,
    begin: Instant,
}

impl Observation {
    /// Counts the response, unless a fault elsewhere made it, in this process or in another.
    pub(crate) fn finish<B, E>(self, response: &Result<Response<B>, E>, is_injected: fn(&E) -> bool) {
        match response {
            Ok(response) if response.extensions().get::<Injected>().is_some() => {}
            Ok(response) if response.headers().contains_key(INJECTED_HEADER) => {}
            Ok(response) => self.count(response.status().is_server_error()),
            Err(error) if is_injected(error) => {}
            Err(_) => self.count(true),
        }
    }

    fn count(self, is_error: bool) {
        let latency: Duration = self.begin.elapsed();
        if let Some(reason) = self.set.guards().observe(self.is_client, is_error, latency) {
            self.set.notify(&SetEvent::Stopped(reason));
        }
    }
}
