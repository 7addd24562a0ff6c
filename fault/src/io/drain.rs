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
            // A server that goes by itself goes on to its own end; and no last stream may be named
            // that lies above one that was.
            _ if streams.are_dismissed() => false,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_goes_by_itself_is_let_go() {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        for told_before in [false, true] {
            let (mut streams, mut drain) = (Streams::default(), Drain::default());
            streams.say(&settings);
            drain.begin(0);
            if told_before {
                assert!(drain.is_due(&streams));
                let frames = drain.next(&streams);
                assert_eq!(frames[..17], go_away(0x7fff_ffff, 0));
                // Answered.
                let mut pong = ping(PAYLOAD);
                pong[4] = 1;
                streams.hear(&pong);
                assert!(drain.is_due(&streams));
            }
            streams.say(&go_away(0, 0));
            assert!(drain.is_on() && !drain.is_due(&streams) && !drain.is_over());
        }
    }
}
