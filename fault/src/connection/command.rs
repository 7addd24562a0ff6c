//! Commands on a connection: toxics, terminations, chunk errors, reset codes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::connection::bucket::SharedLink;
use crate::report::event::Action;

/// The direction of bytes, seen from the client, as in Toxiproxy.
///
/// ```
/// use waylay_fault::{Direction, Fault, Toxic};
///
/// assert_eq!(Direction::default(), Direction::Downstream);
/// Fault::new("slow-changes_request_body", Toxic::bandwidth(64).direction(Direction::Upstream)).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    #[default]
    Downstream,
}

/// The settings of one toxic, with unchecked (`DelayTime`) or checked (`Duration`) times.
#[derive(Debug, Clone)]
pub(crate) enum ToxicKind<T> {
    Latency {
        latency: T,
        jitter: T,
    },
    Bandwidth {
        rate: u64,
    },
    SlowClose {
        delay: T,
    },
    Timeout {
        timeout: T,
    },
    ResetPeer {
        timeout: T,
    },
    Slicer {
        average: usize,
        variation: usize,
        delay: T,
    },
    LimitData {
        bytes: u64,
        reset: bool,
    },
    /// `retransmit`: a lost chunk is sent again after this time.
    PacketLoss {
        loss_rate: f64,
        correlation: f64,
        retransmit: Option<T>,
    },
    /// `link` belongs to all connections of one toxic.
    SharedBandwidth {
        rate: u64,
        link: Arc<SharedLink>,
    },
    CloseAfter {
        after: T,
    },
    Garbage {
        bytes: usize,
    },
}

impl<T> ToxicKind<T> {
    /// Returns Toxiproxy's name for it, where it has one.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Bandwidth { .. } => "bandwidth",
            Self::SlowClose { .. } => "slow_close",
            Self::Timeout { .. } => "timeout",
            Self::ResetPeer { .. } => "reset_peer",
            Self::Slicer { .. } => "slicer",
            Self::LimitData { reset: false, .. } => "limit_data",
            Self::LimitData { reset: true, .. } => "reset_after",
            Self::PacketLoss { retransmit: None, .. } => "packet_loss",
            Self::PacketLoss { retransmit: Some(_), .. } => "retransmission",
            Self::SharedBandwidth { .. } => "shared_bandwidth",
            Self::CloseAfter { .. } => "close_after",
            Self::Garbage { .. } => "garbage",
        }
    }

    /// Tests whether it may end in a reset.
    pub(crate) fn resets(&self) -> bool {
        matches!(self, Self::ResetPeer { .. } | Self::LimitData { reset: true, .. })
    }
}

impl fmt::Display for ToxicKind<Duration> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Latency { latency, jitter } => write!(f, " {latency:?} +/- {jitter:?}"),
            Self::Bandwidth { rate } | Self::SharedBandwidth { rate, .. } => write!(f, " {rate}kB/s"),
            Self::SlowClose { delay } => write!(f, " {delay:?}"),
            Self::Timeout { timeout } | Self::ResetPeer { timeout } => write!(f, " {timeout:?}"),
            Self::Slicer { average, variation, delay } => {
                write!(f, " {average} +/- {variation} bytes {delay:?}")
            }
            Self::LimitData { bytes, .. } => write!(f, " {bytes} bytes"),
            Self::PacketLoss { loss_rate, correlation, retransmit } => {
                write!(f, " {loss_rate} + {correlation}")?;
                retransmit.map_or(Ok(()), |time| write!(f, " {time:?}"))
            }
            Self::CloseAfter { after } => write!(f, " {after:?}"),
            Self::Garbage { bytes } => write!(f, " {bytes} bytes"),
        }
    }
}

/// An HTTP/2 error code (RFC 9113, section 7): the names of the RFC, or any other number.
///
/// Clients treat them differently: many retry `REFUSED_STREAM` by themselves, few retry others.
///
/// ```
/// use waylay_fault::ResetCode;
///
/// assert_eq!(ResetCode::REFUSED_STREAM, ResetCode::from(7));
/// assert_eq!(u32::from(ResetCode::CANCEL), 8);
/// ```
#[cfg(feature = "http2")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResetCode(u32);

#[cfg(feature = "http2")]
macro_rules! codes {
    ($($name:ident = $code:literal, $what:literal;)*) => {
        impl ResetCode {
            $(#[doc = $what] pub const $name: Self = Self($code);)*

            fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

#[cfg(feature = "http2")]
codes! {
    NO_ERROR = 0, "Not the result of an error.";
    PROTOCOL_ERROR = 1, "An unspecific breach of the protocol.";
    INTERNAL_ERROR = 2, "Something unexpected within the server; what an empty reply is on HTTP/2.";
    FLOW_CONTROL_ERROR = 3, "A breach of flow control.";
    SETTINGS_TIMEOUT = 4, "Settings were not acknowledged in time.";
    STREAM_CLOSED = 5, "A frame arrived on a half-closed stream.";
    FRAME_SIZE_ERROR = 6, "A frame had a wrong size.";
    REFUSED_STREAM = 7, "The stream was not processed at all, so that it is safe to send again.";
    CANCEL = 8, "The stream is no longer needed.";
    COMPRESSION_ERROR = 9, "The header compression cannot be maintained.";
    CONNECT_ERROR = 10, "The connection of a CONNECT was lost.";
    ENHANCE_YOUR_CALM = 11, "The peer causes excessive load.";
    INADEQUATE_SECURITY = 12, "The transport is not secure enough.";
    HTTP_1_1_REQUIRED = 13, "The server requires HTTP/1.1.";
}

#[cfg(feature = "http2")]
impl From<u32> for ResetCode {
    fn from(code: u32) -> Self {
        Self(code)
    }
}

#[cfg(feature = "http2")]
impl From<ResetCode> for u32 {
    fn from(code: ResetCode) -> Self {
        code.0
    }
}

#[cfg(feature = "http2")]
impl fmt::Debug for ResetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "ResetCode({})", self.0),
        }
    }
}

/// The end of an exchange without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Termination {
    /// Without a response, in the way of the protocol.
    Empty,
    /// By a stream reset with this code, where the protocol has streams.
    #[cfg_attr(not(feature = "http2"), allow(dead_code, reason = "codes come with the feature"))]
    Code(u32),
    /// The whole connection is closed.
    Close,
    /// The whole connection is reset.
    Reset,
    /// The connection is not established.
    Refuse,
    /// A write finds no reader.
    BrokenPipe,
    /// Nothing arrived in time.
    TimedOut,
}

impl Termination {
    /// Returns its name in reports. A time-out only ends a hang, which has its own action.
    pub(crate) fn action(self) -> Action {
        match self {
            Self::Empty | Self::TimedOut => Action::EmptyReply,
            Self::Code(code) => Action::StreamReset(code),
            Self::Close => Action::ConnectionClose,
            Self::Reset => Action::ConnectionReset,
            Self::Refuse => Action::ConnectionRefused,
            Self::BrokenPipe => Action::BrokenPipe,
        }
    }
}

/// A wrong chunk framing of a response (RFC 9112, section 7.1). The rest of the response stays as
/// it is, and the connection stays open unless stated otherwise.
///
/// ```
/// use waylay_fault::{ChunkError, Corruption, Fault, corrupt};
///
/// Fault::new("bad-chunks", corrupt(Corruption::ChunkFraming(ChunkError::BadSize))).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChunkError {
    /// The first chunk's size is `zz`, which is not a number.
    BadSize,
    /// The first chunk has one byte more than its size. Without effect on an empty body.
    Longer,
    /// The first chunk has one byte less than its size. Without effect on an empty body.
    Shorter,
    /// The last chunk's size is `zz`, after all data.
    BadLast,
    /// The last chunk is missing: the connection is closed after all data.
    MissingLast,
}
