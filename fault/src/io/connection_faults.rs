//! ConnectionFaults: the faults of one connection, each of which decides once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Uri};

use crate::connection::handle::{Connection, PeerAddr};
use crate::fault::capability::Placement;
use crate::fault::execution::{Outcome, Rejected};
use crate::fault::fault::Fault;
use crate::fault::set::FaultSet;

/// Faults that decide about one connection, each when bytes are transferred while it is enabled.
#[derive(Default)]
pub(crate) struct ConnectionFaults {
    list: Vec<ConnectionFault>,
    followed: Option<FollowedSet>,
}

/// A set, and its faults that the list holds.
struct FollowedSet {
    set: FaultSet,
    /// Of the set; none before the first look at it.
    revision: Option<u64>,
    faults: Vec<Fault>,
}

struct ConnectionFault {
    fault: Fault,
    state: State,
}

enum State {
    Waiting,
    Running {
        execution: Pin<Box<dyn Future<Output = Outcome> + Send>>,
        /// It ends without a response.
        hangs: bool,
    },
    /// Until the fault is disabled and enabled again.
    Decided,
}

impl ConnectionFaults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.list.push(ConnectionFault { fault, state: State::Waiting });
    }

    pub(crate) fn follow(&mut self, set: FaultSet) {
        self.followed = Some(FollowedSet { set, revision: None, faults: Vec::new() });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.followed.is_none()
    }

    /// Whether there is no fault, nor one that a followed set has added since.
    pub(crate) fn is_settled(&self) -> bool {
        let is_known = |followed: &FollowedSet| followed.revision == Some(followed.set.revision());
        self.list.is_empty() && self.followed.as_ref().is_none_or(is_known)
    }

    /// Takes over the faults of a set that has changed. Those under way run to their end.
    fn update(&mut self) {
        let Some(followed) = &mut self.followed else { return };
        let revision = followed.set.revision();
        if followed.revision == Some(revision) {
            return;
        }
        followed.revision = Some(revision);
        let snapshot = followed.set.snapshot();
        let next = snapshot.faults(Placement::Listener);
        let is_in = |faults: &[Fault], fault: &Fault| faults.iter().any(|known| known.is_same(fault));
        let gone: Vec<_> = followed.faults.iter().filter(|fault| !is_in(next, fault)).collect();
        self.list.retain(|ConnectionFault { fault, state }| {
            matches!(state, State::Running { .. }) || !gone.iter().any(|gone| gone.is_same(fault))
        });
        let new = next.iter().filter(|fault| !is_in(&followed.faults, fault));
        self.list.extend(new.map(|fault| ConnectionFault { fault: fault.clone(), state: State::Waiting }));
        followed.faults = next.to_vec();
    }

    /// Ends every wait, since the peer has left. Returns the name of a fault that would have ended the
    /// connection without a response.
    pub(crate) fn abandon(&mut self) -> Option<Arc<str>> {
        let mut ended_by = None;
        for ConnectionFault { fault, state } in &mut self.list {
            if let State::Running { hangs, .. } = state {
                if *hangs {
                    ended_by.get_or_insert_with(|| fault.state.name.clone());
                }
                *state = State::Decided;
            }
        }
        ended_by
    }

    /// Ready when no fault delays the connection. `Some`: a fault ends it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<Option<Rejected>> {
        self.update();
        if let Some(followed) = &self.followed {
            followed.set.check_expiry();
        }
        let mut is_delayed = false;
        for ConnectionFault { fault, state } in &mut self.list {
            if fault.state.is_off() {
                // A running execution observes the switch itself.
                if !matches!(state, State::Running { .. }) {
                    *state = State::Waiting;
                    continue;
                }
            }
            if let State::Waiting = state {
                *state =
                    match fault.decide(Placement::Listener, &mut connection_request(connection), || false) {
                        Some(execution) => {
                            let hangs = execution.hangs();
                            State::Running { execution: Box::pin(execution.run()), hangs }
                        }
                        None => State::Decided,
                    };
            }
            if let State::Running { execution, .. } = state {
                let Poll::Ready(outcome) = execution.as_mut().poll(cx) else {
                    is_delayed = true;
                    continue;
                };
                *state = State::Decided;
                if let Outcome::Reject(rejected) = outcome {
                    return Poll::Ready(Some(rejected));
                }
            }
        }
        if is_delayed { Poll::Pending } else { Poll::Ready(None) }
    }
}

/// Returns the request that represents an accepted connection, for the fault's filter, sampler and
/// reports: a CONNECT to its peer's address, with the handle in its extensions.
fn connection_request(connection: &Connection) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    let peer = connection.peer().and_then(|peer| peer.to_string().parse::<Uri>().ok());
    *request.uri_mut() = peer.unwrap_or_default();
    if let Some(peer) = connection.peer() {
        request.extensions_mut().insert(PeerAddr(peer));
    }
    request.extensions_mut().insert(connection.clone());
    request
}
