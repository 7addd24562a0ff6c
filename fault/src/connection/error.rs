//! WireError (to be InjectedIoError), InjectedError.

use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

use crate::connection::command::Ending;

/// A fault ended the connection; found within the [`io::Error`] that its stream gives, by
/// [`io::Error::get_ref`].
///
/// ```
/// use tokio::io::AsyncReadExt;
/// use waylay_fault::{FaultStream, WireError};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let mut stream = FaultStream::accepted(tokio_test_duplex().0, None);
/// stream.connection().reset();
/// let error = stream.read_u8().await.unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
/// assert!(error.get_ref().is_some_and(|error| error.is::<WireError>()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # fn tokio_test_duplex() -> (tokio::io::DuplexStream, tokio::io::DuplexStream) { tokio::io::duplex(64) }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireError {
    fault: Arc<str>,
    ending: Ending,
}

impl WireError {
    pub(crate) fn new(fault: Arc<str>, ending: Ending) -> Self {
        Self { fault, ending }
    }

    /// The name of the fault.
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// Whether a reader meets it as the end of the stream.
    pub(crate) fn is_close(&self) -> bool {
        matches!(self.ending, Ending::Empty | Ending::Close)
    }

    /// As whoever reads or writes meets it.
    pub(crate) fn to_io(&self) -> io::Error {
        let kind = match self.ending {
            Ending::Empty => io::ErrorKind::UnexpectedEof,
            Ending::Reset | Ending::Code(_) => io::ErrorKind::ConnectionReset,
            Ending::Refuse => io::ErrorKind::ConnectionRefused,
            Ending::TimedOut => io::ErrorKind::TimedOut,
            Ending::Close | Ending::BrokenPipe => io::ErrorKind::BrokenPipe,
        };
        io::Error::new(kind, self.clone())
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.ending {
            Ending::Empty | Ending::Close => "closed",
            Ending::Reset | Ending::Code(_) => "reset",
            Ending::Refuse => "refused",
            Ending::TimedOut => "stopped",
            Ending::BrokenPipe => "broke",
        };
        write!(f, "fault {} {what} the connection", self.fault)
    }
}

impl std::error::Error for WireError {}

/// A fault ended an exchange on the client's side.
///
/// Its source is the [`io::Error`] of the same kind, or the `h2::Error` of the chosen code, where
/// retry policies look for them. See [`ClientLayer`](crate::ClientLayer) for one that comes.
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
    pub(crate) fn new(fault: Arc<str>, ending: Ending) -> Self {
        let cause = match ending {
            #[cfg(feature = "http2")]
            Ending::Code(code) => Cause::Reset(h2::Reason::from(code).into()),
            ending => Cause::Io(WireError::new(fault.clone(), ending).to_io()),
        };
        Self { fault, cause }
    }

    /// The name of the fault.
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// What kind of failure it stands for: `ConnectionRefused`, `ConnectionReset`, `BrokenPipe`,
    /// `UnexpectedEof` for an empty reply, `TimedOut` after a hang; `ConnectionReset` for the
    /// reset of a stream.
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
        write!(f, "fault {} ended the exchange", self.fault)
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
