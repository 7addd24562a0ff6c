//! InjectedIoError and InjectedError: errors of a connection ended by a fault.

use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

use crate::config::one_line::OneLine;
use crate::connection::command::Termination;
use crate::report::event::Action;

/// The error of a connection that a fault ended; inside the [`io::Error`] of its stream, see
/// [`io::Error::get_ref`].
///
/// ```
/// use tokio::io::AsyncReadExt;
/// use waylay_fault::{FaultStream, InjectedIoError};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let mut stream = FaultStream::accepted(tokio_test_duplex().0, None);
/// stream.connection().reset();
/// let error = stream.read_u8().await.unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
/// assert!(error.get_ref().is_some_and(|error| error.is::<InjectedIoError>()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # fn tokio_test_duplex() -> (tokio::io::DuplexStream, tokio::io::DuplexStream) { tokio::io::duplex(64) }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectedIoError {
    fault: Arc<str>,
    termination: Termination,
}

impl InjectedIoError {
    pub(crate) fn new(fault: Arc<str>, termination: Termination) -> Self {
        Self { fault, termination }
    }

    /// Returns the name of the fault.
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// Returns the action that ended the connection, unless it was a toxic that stopped it.
    pub(crate) fn action(&self) -> Option<Action> {
        match self.termination {
            Termination::Empty => Some(Action::EmptyReply),
            Termination::Close => Some(Action::ConnectionClose),
            Termination::Reset => Some(Action::ConnectionReset),
            Termination::Refuse => Some(Action::ConnectionRefused),
            Termination::BrokenPipe => Some(Action::BrokenPipe),
            Termination::TimedOut | Termination::Code(_) => None,
        }
    }

    /// Tests whether a reader sees the end of the stream.
    pub(crate) fn is_close(&self) -> bool {
        matches!(self.termination, Termination::Empty | Termination::Close)
    }

    /// Returns the error that a reader or writer receives.
    pub(crate) fn to_io(&self) -> io::Error {
        let kind = match self.termination {
            Termination::Empty => io::ErrorKind::UnexpectedEof,
            Termination::Reset | Termination::Code(_) => io::ErrorKind::ConnectionReset,
            Termination::Refuse => io::ErrorKind::ConnectionRefused,
            Termination::TimedOut => io::ErrorKind::TimedOut,
            Termination::Close | Termination::BrokenPipe => io::ErrorKind::BrokenPipe,
        };
        io::Error::new(kind, self.clone())
    }
}

impl fmt::Display for InjectedIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.termination {
            Termination::Empty | Termination::Close => "closed",
            Termination::Reset | Termination::Code(_) => "reset",
            Termination::Refuse => "refused",
            Termination::TimedOut => "stopped",
            Termination::BrokenPipe => "broke",
        };
        write!(f, "fault {} {what} the connection", OneLine(&self.fault))
    }
}

impl std::error::Error for InjectedIoError {}

/// The error of an exchange that a fault ended on the client's side.
///
/// Its source is the [`io::Error`] of the same kind, or the `h2::Error` of the chosen code, where
/// retry policies look for it. [`ClientLayer`](crate::ClientLayer) has an example.
#[derive(Debug)]
pub struct InjectedError {
    fault: Arc<str>,
    cause: Cause,
}

#[derive(Debug)]
pub(crate) enum Cause {
    Io(io::Error),
    #[cfg(feature = "http2")]
    Reset(h2::Error),
}

impl InjectedError {
    pub(crate) fn new(fault: Arc<str>, termination: Termination) -> Self {
        let cause = match termination {
            #[cfg(feature = "http2")]
            Termination::Code(code) => Cause::Reset(h2::Reason::from(code).into()),
            termination => Cause::Io(InjectedIoError::new(fault.clone(), termination).to_io()),
        };
        Self { fault, cause }
    }

    /// Returns the name of the fault.
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// Returns the action that ended the exchange, as far as it is known.
    pub(crate) fn action(&self) -> Option<Action> {
        match &self.cause {
            Cause::Io(error) => error.get_ref()?.downcast_ref::<InjectedIoError>()?.action(),
            #[cfg(feature = "http2")]
            Cause::Reset(error) => error.reason().map(|reason| Action::StreamReset(reason.into())),
        }
    }

    /// Returns the kind of failure: `ConnectionRefused`, `ConnectionReset`, `BrokenPipe`,
    /// `UnexpectedEof` for an empty reply, `TimedOut` after a hang; `ConnectionReset` for the reset
    /// of a stream.
    pub fn kind(&self) -> io::ErrorKind {
        match &self.cause {
            Cause::Io(error) => error.kind(),
            #[cfg(feature = "http2")]
            Cause::Reset(_) => io::ErrorKind::ConnectionReset,
        }
    }
}

impl fmt::Display for InjectedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {} ended the exchange", OneLine(&self.fault))
    }
}

impl Error for InjectedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Io(error) => Some(error),
            #[cfg(feature = "http2")]
            Cause::Reset(error) => Some(error),
        }
    }
}
