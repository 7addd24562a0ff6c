//! AdminState: what the endpoints work on.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use waylay_fault::{FaultPlan, FaultSet};
use waylay_router::Router;

use crate::access::access::Access;
use crate::api::fleet::Fleet;
use crate::traffic::traffic::Traffic;

/// What the endpoints work on; clones share it.
#[derive(Clone)]
pub(crate) struct AdminState(Arc<StateInner>);

pub(crate) struct StateInner {
    pub(crate) set: FaultSet,
    pub(crate) access: Arc<Access>,
    pub(crate) traffic: Option<Traffic>,
    pub(crate) routes: Option<Router>,
    pub(crate) fleet: Option<Arc<dyn Fleet>>,
    /// A random text, by which clients notice a restart.
    pub(crate) instance: String,
    /// When this API was built.
    pub(crate) start: Instant,
    /// Places of event streams.
    pub(crate) streams: Arc<Semaphore>,
    /// Whether event streams are to end.
    pub(crate) is_closed: watch::Sender<bool>,
    change: Mutex<()>,
}

/// Event streams that are open at once.
pub(crate) const MAX_EVENT_STREAMS: usize = 32;

impl AdminState {
    pub(crate) fn new(
        set: FaultSet,
        access: Arc<Access>,
        traffic: Option<Traffic>,
        routes: Option<Router>,
        fleet: Option<Arc<dyn Fleet>>,
        instance: String,
    ) -> Self {
        let (start, streams) = (Instant::now(), Arc::new(Semaphore::new(MAX_EVENT_STREAMS)));
        Self(Arc::new(StateInner {
            set,
            access,
            traffic,
            routes,
            fleet,
            instance,
            start,
            streams,
            is_closed: watch::Sender::new(false),
            change: Mutex::default(),
        }))
    }
}

impl std::ops::Deref for AdminState {
    type Target = StateInner;

    fn deref(&self) -> &StateInner {
        &self.0
    }
}

impl StateInner {
    /// Keeps other requests from changing the plan between a look at it and a change.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what was done, and by this API, to the log of the set.
    pub(crate) fn note(&self, text: impl Into<String>) {
        if let Some(log) = self.set.event_log() {
            log.note(text);
        }
    }

    /// Returns the entity tag of a plan (RFC 9110, section 8.8.3) without its quotes: other after every change of the
    /// plan and after a restart.
    pub(crate) fn tag(&self, plan: &FaultPlan) -> String {
        let mut hasher = DefaultHasher::new();
        (&self.instance, plan.to_toml()).hash(&mut hasher);
        format!("{}-{:016x}", self.set.revision(), hasher.finish())
    }
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").field("set", &self.set).finish_non_exhaustive()
    }
}
