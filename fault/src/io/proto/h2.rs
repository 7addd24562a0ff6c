//! StreamTracker and GoAwaySequence: HTTP/2 frames and GOAWAY.

use std::collections::HashMap;

use bytes::Bytes;

/// The client's connection preface (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame header (RFC 9113, section 4.1).
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

/// Of DATA and HEADERS: the end of the stream's half. Of PING: the acknowledgment.
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

/// The frame boundaries of one direction.
#[derive(Debug, Default)]
struct FrameReader {
    head: [u8; FrameHead::LENGTH],
    /// Number of bytes of the next header so far.
    head_length: usize,
    current: Option<FrameHead>,
    /// Number of bytes left of the current payload.
    left: u32,
    /// The first bytes of the current payload.
    payload: [u8; 8],
    /// No other frame may come between the frames of one header block.
    in_headers: bool,
    has_frames: bool,
}

impl FrameReader {
    /// Takes bytes; calls `each` at the end of each frame.
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

    /// Tests whether a frame may be inserted here.
    fn is_between_frames(&self) -> bool {
        self.has_frames && self.current.is_none() && self.head_length == 0 && !self.in_headers
    }

    /// Returns the number of these bytes that belong to the current frame, as far as known.
    fn frame_length(&self, data: &[u8]) -> usize {
        let left = match self.current {
            Some(_) => usize::try_from(self.left).unwrap_or(usize::MAX),
            None => FrameHead::LENGTH - self.head_length,
        };
        data.len().min(left)
    }
}

/// The streams of a connection, on the accepting side.
#[derive(Debug, Default)]
pub(crate) struct StreamTracker {
    incoming: FrameReader,
    outgoing: FrameReader,
    open: OpenStreams,
    /// The highest stream opened by the client.
    highest: u32,
    /// The payload of the last answered ping.
    ping_ack: Option<[u8; 8]>,
    /// The server has sent GOAWAY by itself.
    has_server_goaway: bool,
}

/// The streams that have not ended, with what has: the client's half, the server's half.
#[derive(Debug, Default)]
struct OpenStreams {
    halves: HashMap<u32, (bool, bool)>,
    /// There were more of them than are followed. Whether all have ended is not known any longer.
    has_overflowed: bool,
}

/// Streams of a connection that are followed at once. Servers allow some hundreds.
const MAX_STREAMS: usize = 10_000;

impl OpenStreams {
    fn begin(&mut self, stream: u32) {
        if self.halves.len() < MAX_STREAMS {
            self.halves.insert(stream, (false, false));
        } else {
            self.has_overflowed = true;
        }
    }

    fn end(&mut self, stream: u32, half: impl FnOnce(&mut (bool, bool))) {
        let Some(halves) = self.halves.get_mut(&stream) else { return };
        half(halves);
        if *halves == (true, true) {
            self.halves.remove(&stream);
        }
    }

    fn is_empty(&self) -> bool {
        self.halves.is_empty() && !self.has_overflowed
    }
}

impl StreamTracker {
    /// Takes bytes from the client, after the preface.
    pub(crate) fn observe_incoming(&mut self, data: &[u8]) {
        let Self { incoming, open, highest, ping_ack, has_server_goaway, .. } = self;
        // The server ignores what follows its GOAWAY, or finishes it by itself.
        if *has_server_goaway {
            return;
        }
        incoming.follow(data, |head, payload| match head.kind {
            HEADERS | DATA => {
                // RFC 9113, section 5.1.1: a client's streams have odd numbers, which increase.
                if head.kind == HEADERS && head.stream % 2 == 1 && head.stream > *highest {
                    *highest = head.stream;
                    open.begin(head.stream);
                }
                if head.flags & END_STREAM != 0 {
                    open.end(head.stream, |halves| halves.0 = true);
                }
            }
            RST_STREAM => open.end(head.stream, |halves| *halves = (true, true)),
            PING if head.flags & ACK != 0 => *ping_ack = Some(payload),
            _ => {}
        });
    }

    /// Takes bytes to the client.
    pub(crate) fn observe_outgoing(&mut self, data: &[u8]) {
        let Self { outgoing, open, has_server_goaway, .. } = self;
        outgoing.follow(data, |head, _| match head.kind {
            GO_AWAY => {
                *has_server_goaway = true;
                *open = OpenStreams::default();
            }
            HEADERS | DATA if head.flags & END_STREAM != 0 => {
                open.end(head.stream, |halves| halves.1 = true);
            }
            RST_STREAM => open.end(head.stream, |halves| *halves = (true, true)),
            _ => {}
        });
    }

    /// Tests whether a frame may be inserted here.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.outgoing.is_between_frames()
    }

    /// Returns the number of these bytes that may be written before the next check.
    pub(crate) fn frame_length(&self, data: &[u8]) -> usize {
        self.outgoing.frame_length(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Tests whether the server has sent GOAWAY by itself.
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

/// Returns a GOAWAY frame (RFC 9113, section 6.8).
pub(crate) fn go_away(last: u32, code: u32) -> [u8; 17] {
    let [a, b, c, d] = last.to_be_bytes();
    let [e, f, g, h] = code.to_be_bytes();
    [0, 0, 8, GO_AWAY, 0, 0, 0, 0, 0, a & 0x7f, b, c, d, e, f, g, h]
}

/// Returns a PING frame, whose acknowledgment shows that the client has read everything before it.
pub(crate) fn ping(payload: [u8; 8]) -> [u8; 17] {
    let mut frame = [0, 0, 8, PING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    frame[FrameHead::LENGTH..].copy_from_slice(&payload);
    frame
}

/// The state of a graceful shutdown. In two steps, as RFC 9113 (section 6.8) advises: GOAWAY is
/// announced before the last stream is named, so that no stream opened meanwhile is lost.
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
    /// GOAWAY and a ping were sent.
    Announced,
    /// The last stream was named.
    Done,
}

/// Arbitrary, but used by neither h2 nor another library.
const PAYLOAD: [u8; 8] = *b"waylay\r\n";

impl GoAwaySequence {
    /// Requests the shutdown. An error code takes precedence over none.
    pub(crate) fn begin(&mut self, code: u32) {
        if self.step == GoAwayStep::Idle {
            self.step = GoAwayStep::Requested;
        }
        self.code = self.code.max(code);
    }

    pub(crate) fn is_started(&self) -> bool {
        self.step != GoAwayStep::Idle
    }

    /// Tests whether everything was sent, so that only the close is left.
    pub(crate) fn is_done(&self) -> bool {
        self.step == GoAwayStep::Done
    }

    /// Tests whether frames are to be inserted.
    pub(crate) fn is_due(&self, streams: &StreamTracker) -> bool {
        match self.step {
            // A server that sends GOAWAY by itself completes its own shutdown; and the last stream
            // must not be above one named before.
            _ if streams.has_server_goaway() => false,
            GoAwayStep::Requested => true,
            GoAwayStep::Announced => streams.is_empty() && streams.has_answered(PAYLOAD),
            GoAwayStep::Idle | GoAwayStep::Done => false,
        }
    }

    /// Returns the frames to insert next.
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
            assert_eq!((streams.highest(), streams.open.halves.len()), (3, 2), "{step}");
            assert!(streams.has_answered([7; 8]) && !streams.has_answered([0; 8]));
            answered.chunks(step).for_each(|data| streams.observe_outgoing(data));
            assert_eq!(streams.open.halves.len(), 1, "{step}");
            streams.observe_incoming(&frame(HEADERS, END_HEADERS | END_STREAM, 3, 4));
            assert!(!streams.is_empty());
            streams.observe_outgoing(&frame(RST_STREAM, 0, 3, 4));
            assert!(streams.is_empty());
        }
    }

    /// Whatever a client opens, followed streams are bounded, and each frame costs one look-up.
    #[test]
    fn streams_that_the_server_ignores_are_not_kept() {
        let flood = |streams: &mut StreamTracker, from: u32, step: u32| {
            let numbers = (0..400_000).map(|index| from + step * index);
            numbers.for_each(|number| streams.observe_incoming(&frame(HEADERS, END_HEADERS, number, 0)));
        };
        let mut streams = StreamTracker::default();
        flood(&mut streams, 2, 2);
        assert_eq!((streams.open.halves.len(), streams.highest()), (0, 0), "even numbers are not a client's");
        streams.observe_incoming(&frame(HEADERS, END_HEADERS, 801, 0));
        flood(&mut streams, 0, 0);
        assert_eq!((streams.open.halves.len(), streams.highest()), (1, 801), "numbers that do not increase");
        flood(&mut streams, 803, 2);
        assert_eq!(streams.open.halves.len(), MAX_STREAMS);
        // Those that were not followed may still be open.
        streams.observe_outgoing(&frame(4, 0, 0, 0));
        for number in (1..2_000_000).step_by(2) {
            streams.observe_outgoing(&frame(RST_STREAM, 0, number, 4));
        }
        assert_eq!((streams.open.halves.len(), streams.is_empty()), (0, false));
        // The server's own GOAWAY: later streams have no response, and nothing waits for them.
        streams.observe_outgoing(&frame(GO_AWAY, 0, 0, 8));
        flood(&mut streams, 2_000_001, 2);
        assert_eq!((streams.open.halves.len(), streams.is_empty()), (0, true));
        assert_eq!(streams.open.halves.capacity(), 0);
    }

    #[test]
    fn frames_are_inserted_only_between_header_blocks() {
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
    fn server_goaway_ends_the_sequence() {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        for is_announced in [false, true] {
            let (mut streams, mut goaway) = (StreamTracker::default(), GoAwaySequence::default());
            streams.observe_outgoing(&settings);
            goaway.begin(0);
            if is_announced {
                assert!(goaway.is_due(&streams));
                let frames = goaway.next_frames(&streams);
                assert_eq!(frames[..17], go_away(0x7fff_ffff, 0));
                // The answer.
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
