//! Ending: the ways in which an exchange, or its connection, stops without an answer.

use crate::report::Deed;

/// How it stops. What carries each of them to the client is a matter of `reach`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Without an answer, by whatever the protocol has for it.
    Empty,
    /// By a stream reset of this code, where the protocol has streams.
    #[cfg_attr(not(feature = "http2"), allow(dead_code, reason = "codes come with the feature"))]
    Code(u32),
    /// The whole connection is closed.
    Close,
    /// The whole connection is reset.
    Reset,
    /// The connection does not come about.
    Refuse,
    /// What is written finds no reader.
    BrokenPipe,
    /// Nothing has come for too long.
    TimedOut,
}

impl Ending {
    /// Its name in reports. A time-out is only ever the end of a hang, which has its own.
    pub(crate) fn deed(self) -> Deed {
        match self {
            Self::Empty | Self::TimedOut => Deed::EmptyReply,
            Self::Code(code) => Deed::StreamReset(code),
            Self::Close => Deed::ConnectionClose,
            Self::Reset => Deed::ConnectionReset,
            Self::Refuse => Deed::ConnectionRefused,
            Self::BrokenPipe => Deed::BrokenPipe,
        }
    }
}
