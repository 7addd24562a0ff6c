//! What a client saw of one attempt.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// How the attempt is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// How an attempt ended for the client, and after how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) seen: Seen,
    pub(crate) took: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A whole answer; `mark` is the fault that it says it comes from.
    Answer { status: StatusCode, mark: Option<String> },
    /// The connection was closed before an answer.
    Closed,
    /// The server reset the stream with this code.
    Reset(u32),
    /// The client would not wait any longer.
    TimedOut,
    /// Anything else, in words. No fault does this.
    Odd(String),
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { status, mark: None } => write!(f, "{}", status.as_u16()),
            Self::Answer { status, mark: Some(fault) } => write!(f, "{} marked {fault}", status.as_u16()),
            Self::Closed => f.write_str("a closed connection"),
            Self::Reset(code) => write!(f, "a stream reset with code {code}"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Odd(what) => f.write_str(what),
        }
    }
}
