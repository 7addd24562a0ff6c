//! Drain: an HTTP/2 connection brought to its end by frames of our own between the server's.

use bytes::Bytes;

use super::streams::{Streams, go_away, ping};

/// How far it has come. In two steps, as RFC 9113 (section 6.8) advises: the client is told to go
/// before it is told what is the last stream, so that none is lost that it opened meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    stage: Stage,
    code: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    None,
    Asked,
    /// The client was told to go, and asked whether it has heard that.
    Warned,
    /// It was told which stream is the last.
    Told,
}

/// Of no meaning, but none that h2 or another would use.
const PAYLOAD: [u8; 8] = *b"waylay\r\n";

impl Drain {
    /// Begins it. An error code has the last word over none.
    pub(crate) fn begin(&mut self, code: u32) {
        if self.stage == Stage::None {
            self.stage = Stage::Asked;
        }
        self.code = self.code.max(code);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.stage != Stage::None
    }

    /// Whether the client was told all, and nothing is left to do but to close.
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Told
    }

    /// Whether frames are to be put in.
    pub(crate) fn is_due(&self, streams: &Streams) -> bool {
        match self.stage {
            Stage::Asked => true,
            Stage::Warned => streams.are_done() && streams.has_answered(PAYLOAD),
            Stage::None | Stage::Told => false,
        }
    }

    /// The frames to put in next.
    pub(crate) fn next(&mut self, streams: &Streams) -> Bytes {
        match self.stage {
            Stage::Asked => {
                self.stage = Stage::Warned;
                [go_away(u32::MAX, self.code), ping(PAYLOAD)].concat().into()
            }
            Stage::Warned => {
                self.stage = Stage::Told;
                Bytes::copy_from_slice(&go_away(streams.highest(), self.code))
            }
            Stage::None | Stage::Told => Bytes::new(),
        }
    }
}
