//! FaultSource: the fault, or the set of faults, that a layer asks about each request.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;

use crate::fault::capability::Placement;
use crate::fault::execution::Execution;
use crate::fault::fault::Fault;
use crate::fault::set::{FaultSet, Snapshot};
use crate::fault::standby::Standby;
use crate::report::mark::Injected;
use crate::report::set_event::SetEvent;

#[derive(Debug, Clone)]
pub(crate) enum FaultSource {
    One(Fault),
    Set(FaultSet),
}

/// What is to be done about a request.
pub(crate) enum Decision {
    Pass,
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
        match self {
            Self::One(fault) => match fault.decide(placement, request, can_rebox) {
                Some(execution) => Decision::Inject(execution, None),
                None => {
                    let standbys = fault.watch(placement, request).into_iter().collect();
                    Decision::follow(Followers { observation: None, standbys })
                }
            },
            Self::Set(set) => {
                let mut remaining = Remaining { snapshot: set.begin(), placement, next: 0 };
                match remaining.next(request, can_rebox) {
                    Some(execution) => Decision::Inject(execution, Some(remaining)),
                    None => Decision::follow(Followers {
                        observation: set.guards().observes().then(|| Observation {
                            set: set.clone(),
                            is_client: placement == Placement::Client,
                            begin: Instant::now(),
                        }),
                        standbys: remaining.watch(request),
                    }),
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

/// A request that no fault of the set acted on.
pub(crate) struct Observation {
    set: FaultSet,
    is_client: bool,
    begin: Instant,
}

impl Observation {
    /// Counts the response, unless a fault elsewhere made it.
    pub(crate) fn finish<B, E>(self, response: &Result<Response<B>, E>) {
        let is_error = match response {
            Ok(response) if response.extensions().get::<Injected>().is_some() => return,
            Ok(response) => response.status().is_server_error(),
            Err(_) => true,
        };
        let latency: Duration = self.begin.elapsed();
        if let Some(reason) = self.set.guards().observe(self.is_client, is_error, latency) {
            self.set.notify(&SetEvent::Stopped(reason));
        }
    }
}
