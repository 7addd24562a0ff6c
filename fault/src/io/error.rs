//! The errors of streams that a fault has ended.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::injector::ending::Ending;

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
