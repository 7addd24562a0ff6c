//! HTTP/2 frames, streams, GOAWAY.

use bytes::Bytes;

/// What begins every HTTP/2 connection, from the client (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A head of a frame (RFC 9113, section 4.1).
#[derive(Debug, Clone, Copy)]
struct FrameHead {
    length: u32,
    kind: u8,
    flags: u8,
    stream: u32,
}

const DATA: u8 = 0;

const HEADERS: u8 = 1;

const RST_STREAM: u8 = 3;

const PING: u8 = 6;

const GO_AWAY: u8 = 7;

const CONTINUATION: u8 = 9;

/// Of DATA and HEADERS: nothing more comes this way. Of PING: the answer to one.
const END_STREAM: u8 = 1;

const ACK: u8 = 1;

const END_HEADERS: u8 = 4;

impl FrameHead {
    const LENGTH: usize = 9;

    fn new(bytes: [u8; Self::LENGTH]) -> Self {
        let [a, b, c, kind, flags, s, t, u, v] = bytes;
        // The highest bit of the number is reserved.
        let stream = u32::from_be_bytes([s & 0x7f, t, u, v]);
        Self { length: u32::from_be_bytes([0, a, b, c]), kind, flags, stream }
    }
}

/// One direction: where its frames begin and end.
#[derive(Debug, Default)]
struct FrameReader {
    head: [u8; FrameHead::LENGTH],
    /// How much of the next head has come.
    head_length: usize,
    current: Option<FrameHead>,
    /// How much of the present payload is still to come.
    left: u32,
    /// The first bytes of the present payload.
    payload: [u8; 8],
    /// Within the frames of one header block nothing else may stand.
    in_headers: bool,
    has_frames: bool,
}

impl FrameReader {
    /// Follows bytes; calls back at the end of each frame.
    fn follow(&mut self, mut data: &[u8], mut each: impl FnMut(FrameHead, [u8; 8])) {
        while !data.is_empty() {
            let Some(current) = self.current else {
                let part = data.len().min(FrameHead::LENGTH - self.head_length);
                self.head[self.head_length..self.head_length + part].copy_from_slice(&data[..part]);
                self.head_length += part;
                data = &data[part..];
                if self.head_length == FrameHead::LENGTH {
                    let head = FrameHead::new(self.head);
                    self.head_length = 0;
                    self.left = head.length;
                    self.current = Some(head);
                    self.finish(head, &mut each);
                }
                continue;
            };
            let part = usize::try_from(self.left).map_or(data.len(), |left| left.min(data.len()));
            let at = current.length - self.left;
            for (slot, byte) in self.payload.iter_mut().skip(at as usize).zip(&data[..part]) {
                *slot = *byte;
            }
            self.left -= part as u32;
            data = &data[part..];
            self.finish(current, &mut each);
        }
    }

    fn finish(&mut self, head: FrameHead, each: &mut impl FnMut(FrameHead, [u8; 8])) {
        if self.left > 0 {
            return;
        }
        self.current = None;
        self.has_frames = true;
        match head.kind {
            HEADERS | CONTINUATION => self.in_headers = head.flags & END_HEADERS == 0,
            _ => {}
        }
        each(head, self.payload);
    }

    /// Whether a frame of our own may stand here.
    fn is_between_frames(&self) -> bool {
        self.has_frames && self.current.is_none() && self.head_length == 0 && !self.in_headers
    }

    /// How many of these bytes still belong to the present frame, as far as that is known.
    fn frame_length(&self, data: &[u8]) -> usize {
        let left = match self.current {
            Some(_) => usize::try_from(self.left).unwrap_or(usize::MAX),
            None => FrameHead::LENGTH - self.head_length,
        };
        data.len().min(left)
    }
}

/// What is known of the streams, from the side that accepted the connection.
#[derive(Debug, Default)]
pub(crate) struct StreamTracker {
    incoming: FrameReader,
    outgoing: FrameReader,
    open: Vec<OpenStream>,
    /// The highest that the client has opened.
    highest: u32,
    /// The payload of a ping that was answered, the last one.
    ping_ack: Option<[u8; 8]>,
    /// The server has told the client to go by itself.
    has_server_goaway: bool,
}

#[derive(Debug)]
struct OpenStream {
    stream: u32,
    /// The client's half has ended; the server's.
    halves: (bool, bool),
}

impl StreamTracker {
    /// Takes what came from the client, behind the preface.
    pub(crate) fn observe_incoming(&mut self, data: &[u8]) {
        let Self { incoming, open, highest, ping_ack, .. } = self;
        incoming.follow(data, |head, payload| match head.kind {
            HEADERS | DATA => {
                if head.kind == HEADERS && head.stream > *highest {
                    *highest = head.stream;
                    open.push(OpenStream { stream: head.stream, halves: (false, false) });
                }
                if head.flags & END_STREAM != 0 {
                    end(open, head.stream, |halves| halves.0 = true);
                }
            }
            RST_STREAM => end(open, head.stream, |halves| *halves = (true, true)),
            PING if head.flags & ACK != 0 => *ping_ack = Some(payload),
            _ => {}
        });
    }

    /// Takes what went to the client.
    pub(crate) fn observe_outgoing(&mut self, data: &[u8]) {
        let Self { outgoing, open, has_server_goaway, .. } = self;
        outgoing.follow(data, |head, _| match head.kind {
            GO_AWAY => *has_server_goaway = true,
            HEADERS | DATA if head.flags & END_STREAM != 0 => {
                end(open, head.stream, |halves| halves.1 = true);
            }
            RST_STREAM => end(open, head.stream, |halves| *halves = (true, true)),
            _ => {}
        });
    }

    /// Whether a frame of our own may go out here.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.outgoing.is_between_frames()
    }

    /// How many of these bytes may go out before it is to be asked again whether one may.
    pub(crate) fn frame_length(&self, data: &[u8]) -> usize {
        self.outgoing.frame_length(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether the server has told the client to go by itself.
    pub(crate) fn has_server_goaway(&self) -> bool {
        self.has_server_goaway
    }

    pub(crate) fn highest(&self) -> u32 {
        self.highest
    }

    pub(crate) fn has_answered(&self, ping: [u8; 8]) -> bool {
        self.ping_ack == Some(ping)
    }
}

fn end(open: &mut Vec<OpenStream>, stream: u32, half: impl FnOnce(&mut (bool, bool))) {
    let Some(at) = open.iter().position(|open| open.stream == stream) else { return };
    half(&mut open[at].halves);
    if open[at].halves == (true, true) {
        open.swap_remove(at);
    }
}

/// The frame by which a client is told to open no more streams (RFC 9113, section 6.8).
pub(crate) fn go_away(last: u32, code: u32) -> [u8; 17] {
    let [a, b, c, d] = last.to_be_bytes();
    let [e, f, g, h] = code.to_be_bytes();
    [0, 0, 8, GO_AWAY, 0, 0, 0, 0, 0, a & 0x7f, b, c, d, e, f, g, h]
}

/// A question whether all before it has come.
pub(crate) fn ping(payload: [u8; 8]) -> [u8; 17] {
    let mut frame = [0, 0, 8, PING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    frame[FrameHead::LENGTH..].copy_from_slice(&payload);
    frame
}

/// How far it has come. In two steps, as RFC 9113 (section 6.8) advises: the client is told to go
/// before it is told what is the last stream, so that none is lost that it opened meanwhile.
#[derive(Debug, Default)]
pub(crate) struct GoAwaySequence {
    step: GoAwayStep,
    code: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum GoAwayStep {
    #[default]
    Idle,
    Requested,
    /// The client was told to go, and asked whether it has heard that.
    Announced,
    /// It was told which stream is the last.
    Done,
}

/// Of no meaning, but none that h2 or another would use.
const PAYLOAD: [u8; 8] = *b"waylay\r\n";

impl GoAwaySequence {
    /// Begins it. An error code has the last word over none.
    pub(crate) fn begin(&mut self, code: u32) {
        if self.step == GoAwayStep::Idle {
            self.step = GoAwayStep::Requested;
        }
        self.code = self.code.max(code);
    }

    pub(crate) fn is_started(&self) -> bool {
        self.step != GoAwayStep::Idle
    }

    /// Whether the client was told all, and nothing is left to do but to close.
    pub(crate) fn is_done(&self) -> bool {
        self.step == GoAwayStep::Done
    }

    /// Whether frames are to be put in.
    pub(crate) fn is_due(&self, streams: &StreamTracker) -> bool {
        match self.step {
            // A server that goes by itself goes on to its own end; and no last stream may be named
            // that lies above one that was.
            _ if streams.has_server_goaway() => false,
            GoAwayStep::Requested => true,
            GoAwayStep::Announced => streams.is_empty() && streams.has_answered(PAYLOAD),
            GoAwayStep::Idle | GoAwayStep::Done => false,
        }
    }

    /// The frames to put in next.
    pub(crate) fn next_frames(&mut self, streams: &StreamTracker) -> Bytes {
        match self.step {
            GoAwayStep::Requested => {
                self.step = GoAwayStep::Announced;
                [go_away(u32::MAX, self.code), ping(PAYLOAD)].concat().into()
            }
            GoAwayStep::Announced => {
                self.step = GoAwayStep::Done;
                Bytes::copy_from_slice(&go_away(streams.highest(), self.code))
            }
            GoAwayStep::Idle | GoAwayStep::Done => Bytes::new(),
        }
    }
}

#[cfg(test)]
mod streams_tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(std::iter::repeat_n(7, length.into()));
        frame
    }

    #[test]
    fn streams_open_and_end_by_halves() {
        let asked = [
            frame(4, 0, 0, 6),
            frame(HEADERS, END_HEADERS | END_STREAM, 1, 20),
            frame(HEADERS, 0, 3, 0),
            frame(CONTINUATION, END_HEADERS, 3, 5),
            frame(DATA, 0, 3, 200),
            frame(PING, ACK, 0, 8),
        ]
        .concat();
        let answered = [frame(HEADERS, END_HEADERS, 1, 9), frame(DATA, END_STREAM, 1, 0)].concat();
        for step in 1..=asked.len() {
            let mut streams = StreamTracker::default();
            asked.chunks(step).for_each(|data| streams.observe_incoming(data));
            assert_eq!((streams.highest(), streams.open.len()), (3, 2), "{step}");
            assert!(streams.has_answered([7; 8]) && !streams.has_answered([0; 8]));
            answered.chunks(step).for_each(|data| streams.observe_outgoing(data));
            assert_eq!(streams.open.len(), 1, "{step}");
            streams.observe_incoming(&frame(HEADERS, END_HEADERS | END_STREAM, 3, 4));
            assert!(!streams.is_empty());
            streams.observe_outgoing(&frame(RST_STREAM, 0, 3, 4));
            assert!(streams.is_empty());
        }
    }

    #[test]
    fn only_between_whole_blocks_is_there_room() {
        let frames = [
            (frame(4, 0, 0, 0), true),
            (frame(HEADERS, 0, 1, 12), false),
            (frame(CONTINUATION, 0, 1, 0), false),
            (frame(CONTINUATION, END_HEADERS, 1, 44), true),
            (frame(DATA, END_STREAM, 1, 30), true),
        ];
        let mut streams = StreamTracker::default();
        assert!(!streams.is_between_frames(), "the server's own preface comes first");
        for (frame, between) in frames {
            let (mut rest, mut steps) = (&frame[..], 0);
            while !rest.is_empty() {
                let more = [rest, b"more"].concat();
                let length = streams.frame_length(&more);
                streams.observe_outgoing(&more[..length]);
                rest = &rest[length..];
                steps += 1;
                assert!(rest.is_empty() || !streams.is_between_frames());
            }
            assert!(steps <= 2);
            assert_eq!(streams.is_between_frames(), between, "{frame:?}");
        }
    }
}

#[cfg(test)]
mod drain_tests {
    use super::*;

    #[test]
    fn a_server_that_goes_by_itself_is_let_go() {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        for told_before in [false, true] {
            let (mut streams, mut goaway) = (StreamTracker::default(), GoAwaySequence::default());
            streams.observe_outgoing(&settings);
            goaway.begin(0);
            if told_before {
                assert!(goaway.is_due(&streams));
                let frames = goaway.next_frames(&streams);
                assert_eq!(frames[..17], go_away(0x7fff_ffff, 0));
                // Answered.
                let mut ping_ack = ping(PAYLOAD);
                ping_ack[4] = 1;
                streams.observe_incoming(&ping_ack);
                assert!(goaway.is_due(&streams));
            }
            streams.observe_outgoing(&go_away(0, 0));
            assert!(goaway.is_started() && !goaway.is_due(&streams) && !goaway.is_done());
        }
    }
}
