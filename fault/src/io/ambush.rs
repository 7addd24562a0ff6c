//! Ambush: the faults that lie in wait for a connection as such.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Method, Request, Uri};

use super::line::Connection;
use crate::fault::Fault;
use crate::halt::halted;
use crate::peer::Remote;
use crate::reach::Side;
use crate::strike::{Outcome, Rejected};

/// Faults that decide about one connection, each when it is first on while bytes move.
#[derive(Default)]
pub(crate) struct Ambush {
    watched: Vec<Watched>,
}

struct Watched {
    fault: Fault,
    state: State,
}

enum State {
    Waiting,
    Striking(Pin<Box<dyn Future<Output = Outcome> + Send>>),
    /// Struck or spared, until the fault goes off and on again.
    Decided,
}

impl Ambush {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.watched.push(Watched { fault, state: State::Waiting });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Ready when no fault holds the connection. `Some`: one of them ends it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<Option<Rejected>> {
        let mut held = false;
        for Watched { fault, state } in &mut self.watched {
            if !fault.setup.switch.enabled() || halted() {
                // A strike under way is let to see that for itself.
                if !matches!(state, State::Striking(_)) {
                    *state = State::Waiting;
                    continue;
                }
            }
            if let State::Waiting = state {
                *state = match fault.decide(Side::Listener, &mut stand_in(connection), || false) {
                    Some(strike) => State::Striking(Box::pin(strike.run())),
                    None => State::Decided,
                };
            }
            if let State::Striking(strike) = state {
                let Poll::Ready(outcome) = strike.as_mut().poll(cx) else {
                    held = true;
                    continue;
                };
                *state = State::Decided;
                if let Outcome::Reject(rejected) = outcome {
                    return Poll::Ready(Some(rejected));
                }
            }
        }
        if held { Poll::Pending } else { Poll::Ready(None) }
    }
}

/// The request by which a fault's lists, dice and reports know a connection that was accepted: a
/// CONNECT to its peer's address, with the handle in its extensions.
fn stand_in(connection: &Connection) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    let peer = connection.peer().and_then(|peer| peer.to_string().parse::<Uri>().ok());
    *request.uri_mut() = peer.unwrap_or_default();
    if let Some(peer) = connection.peer() {
        request.extensions_mut().insert(Remote(peer));
    }
    request.extensions_mut().insert(connection.clone());
    request
}
