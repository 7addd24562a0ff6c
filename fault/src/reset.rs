//! The codes of an HTTP/2 stream reset.

use std::fmt;

/// An HTTP/2 error code (RFC 9113, section 7): the names of the RFC, or any other number.
///
/// What clients make of them differs: many retry `REFUSED_STREAM` on their own, few retry others.
///
/// ```
/// use waylay_fault::ResetCode;
///
/// assert_eq!(ResetCode::REFUSED_STREAM, ResetCode::from(7));
/// assert_eq!(u32::from(ResetCode::CANCEL), 8);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResetCode(u32);

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

codes! {
    NO_ERROR = 0, "Not the result of an error.";
    PROTOCOL_ERROR = 1, "An unspecific breach of the protocol.";
    INTERNAL_ERROR = 2, "Something unexpected within the server; what an empty reply is on HTTP/2.";
    FLOW_CONTROL_ERROR = 3, "A breach of flow control.";
    SETTINGS_TIMEOUT = 4, "Settings were not acknowledged in time.";
    STREAM_CLOSED = 5, "A frame came for a stream half closed.";
    FRAME_SIZE_ERROR = 6, "A frame had a wrong size.";
    REFUSED_STREAM = 7, "The stream was not processed at all, so that it is safe to send again.";
    CANCEL = 8, "The stream is no longer needed.";
    COMPRESSION_ERROR = 9, "The header compression cannot be kept up.";
    CONNECT_ERROR = 10, "The connection behind a CONNECT was lost.";
    ENHANCE_YOUR_CALM = 11, "The peer asks too much.";
    INADEQUATE_SECURITY = 12, "The transport is not secure enough.";
    HTTP_1_1_REQUIRED = 13, "The server wants HTTP/1.1.";
}

impl From<u32> for ResetCode {
    fn from(code: u32) -> Self {
        Self(code)
    }
}

impl From<ResetCode> for u32 {
    fn from(code: ResetCode) -> Self {
        code.0
    }
}

impl fmt::Debug for ResetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "ResetCode({})", self.0),
        }
    }
}
