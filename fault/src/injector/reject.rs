//! No response: empty reply, reset, GOAWAY, hang.

use std::time::Duration;

use crate::config::duration::DelayTime;
use crate::config::error::ErrorCollector;
#[cfg(feature = "http2")]
use crate::connection::command::ResetCode;
use crate::connection::command::Termination;
use crate::injector::key::RequestKeys;
use crate::injector::steps::{ConnectionStep, Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::Draws;
use crate::report::event::Action;

/// How to end an exchange without an answer, or the connection it came by. What the client sees of
/// it, per protocol and method, is measured and written in [`wire`](crate::effects).
///
/// A layer alone cannot do all of them. Those of the connection need the connection's handle
/// ([`Connection`](crate::Connection)) in the request's extensions, which a `FaultListener` gives;
/// where it is missing, the request is spared and counted as `unreachable`.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Reject {
    /// Not a byte: HTTP/1 closes the connection, HTTP/2 resets the stream with `INTERNAL_ERROR`
    /// and keeps the connection. What go-fault's reject does.
    #[default]
    EmptyReply,
    /// HTTP/2 resets the stream with this code; HTTP/1 closes the connection.
    #[cfg(feature = "http2")]
    StreamReset(ResetCode),
    /// Nothing at all until `max` is over, then an empty reply. Called off by a halt, a shutdown
    /// and a switch, after which the request goes on to the service.
    Hang {
        /// How long at most.
        max: DelayTime,
    },
    /// The whole connection is closed, with all streams of HTTP/2 on it. On HTTP/1, where that is
    /// what an empty reply comes to, it needs no handle.
    ConnectionClose,
    /// The whole connection is reset: a true TCP `RST` (zero linger), and what was not sent yet is
    /// lost. Needs the handle of a TCP connection.
    ConnectionReset,
    /// The client is told to go: `GOAWAY` with `NO_ERROR` on HTTP/2, `connection: close` on
    /// HTTP/1. This request and those under way are still answered. Needs a server that listens
    /// to [`Connection::drained`](crate::Connection::drained), as ours does (feature `hyper`), or a
    /// connection that was [lent](crate::FaultListener) and sees HTTP/2 in the clear, as beneath
    /// `axum::serve`: its stream puts the frames in by itself.
    GoAway,
    /// The same on HTTP/2 with this code, of which a client may be more afraid: only by the stream
    /// of a connection that was lent and sees HTTP/2 in the clear.
    #[cfg(feature = "http2")]
    GoAwayWith(ResetCode),
    /// The connection is refused: for client layers and connectors.
    ConnectionRefused,
    /// The connection stands, but the first write fails: for client layers and connectors.
    BrokenPipe,
}

impl Reject {
    /// A hang of at most `max`.
    pub fn hang(max: impl Into<DelayTime>) -> Self {
        Self::Hang { max: max.into() }
    }
}

/// Ends the exchange without an answer; the service is not called.
///
/// Layers around the fault see a response all the same: a 500 whose body fails, which no client gets.
/// Traces and metrics tell it from a real one by the extension [`Injected`](crate::Injected), whose
/// [`is_reject`](crate::Injected::is_reject) is true.
///
/// ```
/// use waylay_fault::{Fault, Reject, reject};
///
/// Fault::new("dead-orders", reject(Reject::EmptyReply)).build()?;
/// Fault::new("stuck-orders", reject(Reject::hang("30s"))).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn reject(how: Reject) -> Injector {
    Injector::new(how)
}

impl InjectorConfig for Reject {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let how = match *self {
            Self::EmptyReply => CompiledReject::End(Termination::Empty),
            #[cfg(feature = "http2")]
            Self::StreamReset(code) => CompiledReject::End(Termination::Code(code.into())),
            Self::Hang { max } => {
                CompiledReject::Hang(errors.time(child_setting(at, "reject.max"), max.duration())?)
            }
            Self::ConnectionClose => CompiledReject::End(Termination::Close),
            Self::ConnectionReset => CompiledReject::End(Termination::Reset),
            Self::GoAway => CompiledReject::Drain(None),
            #[cfg(feature = "http2")]
            Self::GoAwayWith(code) => CompiledReject::Drain(Some(code.into())),
            Self::ConnectionRefused => CompiledReject::End(Termination::RejectFn),
            Self::BrokenPipe => CompiledReject::End(Termination::BrokenPipe),
        };
        Some(Box::new(how))
    }
}

#[derive(Debug)]
enum CompiledReject {
    End(Termination),
    Hang(Duration),
    Drain(Option<u32>),
}

impl CompiledInjector for CompiledReject {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        match *self {
            Self::End(termination) => steps.then(Step::Reject(termination), termination.action()),
            Self::Hang(max) => steps.then(Step::Hang(max), Action::Hang(max)),
            Self::Drain(code) => steps.then(Step::Connection(ConnectionStep::Drain { code }), Action::GoAway),
        }
    }
}
