//! Reject: exchanges without a response, and GOAWAY.

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

/// A way to end an exchange without a response, or its connection. The measured effect on clients,
/// per protocol and method, is in [`effects`](crate::effects).
///
/// Some of them need the connection's handle ([`Connection`](crate::Connection)) in the request's
/// extensions, which a `FaultListener` provides; without it the request is skipped and counted as
/// `not_deliverable`.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Reject {
    /// No byte: HTTP/1 closes the connection, HTTP/2 resets the stream with `INTERNAL_ERROR` and
    /// keeps the connection. Equals the reject of go-fault.
    #[default]
    EmptyReply,
    /// HTTP/2 resets the stream with this code; HTTP/1 closes the connection.
    #[cfg(feature = "http2")]
    StreamReset(ResetCode),
    /// No response until `max` is over, then an empty reply. Cancelled by a halt, a shutdown and a
    /// switch, after which the request goes on to the service. It also ends when the client leaves, which
    /// an HTTP/1 server with an unread upload notices only if the fault reads
    /// [ahead](crate::FaultBuilder::read_ahead).
    Hang {
        /// The longest time.
        max: DelayTime,
    },
    /// The whole connection is closed, with all its HTTP/2 streams. On HTTP/1, where it equals an
    /// empty reply, it needs no handle.
    ConnectionClose,
    /// The whole connection is reset by a TCP `RST` (zero linger), and data not sent yet is lost.
    /// Needs the handle of a TCP connection.
    ConnectionReset,
    /// The connection is drained: `GOAWAY` with `NO_ERROR` on HTTP/2, `connection: close` on
    /// HTTP/1. This request and those in progress are still answered. Needs a server that awaits
    /// [`Connection::drained`](crate::Connection::drained), such as `serve_connection` (feature
    /// `hyper`), or a connection with a [handle](crate::FaultListener) and unencrypted HTTP/2, as
    /// under `axum::serve`, whose stream inserts the frames itself.
    GoAway,
    /// As `GoAway`, on HTTP/2 and with this code. Needs a connection with a handle and unencrypted
    /// HTTP/2.
    #[cfg(feature = "http2")]
    GoAwayWith(ResetCode),
    /// The connection is refused: for client layers and connectors.
    ConnectionRefused,
    /// The connection is established, but the first write fails: for client layers and connectors.
    BrokenPipe,
}

impl Reject {
    /// Returns a hang of at most `max`.
    pub fn hang(max: impl Into<DelayTime>) -> Self {
        Self::Hang { max: max.into() }
    }
}

/// Ends the exchange without a response; the service is not called.
///
/// Layers around the fault see a response all the same: a 500 whose body fails, which no client gets.
/// Traces and metrics distinguish it from a real one by the extension [`Injected`](crate::Injected), whose
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
            Self::ConnectionRefused => CompiledReject::End(Termination::Refuse),
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
            Self::End(termination) => steps.push(Step::Reject(termination), termination.action()),
            Self::Hang(max) => steps.push(Step::Hang(max), Action::Hang(max)),
            Self::Drain(code) => steps.push(Step::Connection(ConnectionStep::Drain { code }), Action::GoAway),
        }
    }
}
