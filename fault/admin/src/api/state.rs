//! AdminState: what the endpoints work on.

use std::fmt;
use std::sync::Arc;

use waylay_fault::FaultSet;
use waylay_router::Router;

use crate::access::access::Access;
use crate::traffic::traffic::Traffic;

/// What the endpoints work on; clones share it.
#[derive(Clone)]
pub(crate) struct AdminState(Arc<StateInner>);

pub(crate) struct StateInner {
    pub(crate) set: FaultSet,
    pub(crate) access: Arc<Access>,
    pub(crate) traffic: Option<Traffic>,
    pub(crate) routes: Option<Router>,
}

impl AdminState {
    pub(crate) fn new(
        set: FaultSet,
        access: Arc<Access>,
        traffic: Option<Traffic>,
        routes: Option<Router>,
    ) -> Self {
        Self(Arc::new(StateInner { set, access, traffic, routes }))
    }
}

impl std::ops::Deref for AdminState {
    type Target = StateInner;

    fn deref(&self) -> &StateInner {
        &self.0
    }
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").field("set", &self.set).finish_non_exhaustive()
    }
}
