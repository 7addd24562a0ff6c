//! SSE and gRPC framing, as a body stage.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::body::stage::{Pause, Polled, Stage, StageInput};
use crate::connection::messages::{MessageFault, QueuedMessage};

/// How a body is divided into messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events: blocks that a blank line ends (WHATWG HTML, section 9.2.6).
    Sse,
    /// gRPC: a byte of flags, four bytes of length, the message.
    Grpc,
}

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A whole message, with what frames it.
    Message(Bytes),
    /// What is no message, or too long to be held in memory as one.
    Other(Bytes),
}

/// Takes messages off the front of a body as it comes.
#[derive(Debug)]
pub(crate) struct Splitter {
    framing: Framing,
    buffer: BytesMut,
    /// How far an event was looked through in vain.
    seen: usize,
    /// Where the last line that was seen begins.
    line: usize,
    /// How much of a message too long is still to go by.
    passing: usize,
    /// Whether the present event, of which no length is told, goes by to its end.
    through: bool,
    /// Whether the line at the buffer's beginning began before it.
    torn: bool,
}

/// Longer messages go by untouched.
const LONGEST: usize = 4 << 20;

impl Splitter {
    pub(crate) fn new(framing: Framing) -> Self {
        Self { framing, buffer: BytesMut::new(), seen: 0, line: 0, passing: 0, through: false, torn: false }
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// All that is left, a message begun included.
    pub(crate) fn rest(&mut self) -> Bytes {
        (self.seen, self.line) = (0, 0);
        self.buffer.split().freeze()
    }

    pub(crate) fn next(&mut self) -> Option<Piece> {
        if self.passing > 0 && !self.buffer.is_empty() {
            let length = self.passing.min(self.buffer.len());
            self.passing -= length;
            return Some(Piece::Other(self.buffer.split_to(length).freeze()));
        }
        match self.framing {
            Framing::Sse => self.next_event(),
            Framing::Grpc => self.next_grpc(),
        }
    }

    fn next_grpc(&mut self) -> Option<Piece> {
        let mut prefix = self.buffer.get(1..5)?;
        let length = usize::try_from(prefix.get_u32()).unwrap_or(usize::MAX).saturating_add(5);
        if length > LONGEST {
            self.passing = length;
            return self.next();
        }
        (self.buffer.len() >= length).then(|| Piece::Message(self.buffer.split_to(length).freeze()))
    }

    fn next_event(&mut self) -> Option<Piece> {
        while let Some(byte) = self.buffer.get(self.seen) {
            let after = match (byte, self.buffer.get(self.seen + 1)) {
                (b'\n', _) => self.seen + 1,
                (b'\r', Some(b'\n')) => self.seen + 2,
                // Whether a line feed belongs to it is not known yet.
                (b'\r', None) => break,
                (b'\r', Some(_)) => self.seen + 1,
                _ => {
                    self.seen += 1;
                    continue;
                }
            };
            let blank = self.line == self.seen && !self.torn;
            (self.seen, self.line, self.torn) = (after, after, false);
            if blank {
                let block = self.take_seen();
                let through = std::mem::take(&mut self.through) || block.len() > LONGEST;
                let only_blank = || block.iter().all(|byte| b"\r\n".contains(byte));
                return Some(if through || only_blank() {
                    Piece::Other(block)
                } else {
                    Piece::Message(block)
                });
            }
        }
        self.through |= self.buffer.len() > LONGEST;
        if !self.through || self.seen == 0 {
            return None;
        }
        self.torn |= self.line < self.seen;
        Some(Piece::Other(self.take_seen()))
    }

    fn take_seen(&mut self) -> Bytes {
        self.line = 0;
        self.buffer.split_to(std::mem::take(&mut self.seen)).freeze()
    }
}

/// A stage that takes a body apart and puts it together again.
#[derive(Debug)]
pub(crate) struct MessageStage {
    splitter: Splitter,
    fault: MessageFault<Bytes>,
    out: VecDeque<QueuedMessage<Bytes>>,
    pause: Option<Pause>,
    /// What ends a stream that is stopped; nothing, or trailers.
    trailers: Option<HeaderMap>,
    end: End,
}

#[derive(Debug)]
enum End {
    Ahead,
    /// These come after all that is held back.
    Trailers(Frame<Bytes>),
    /// Nothing comes any more.
    Past,
}

impl MessageStage {
    pub(crate) fn new(framing: Framing, fault: MessageFault<Bytes>, trailers: Option<HeaderMap>) -> Self {
        Self {
            splitter: Splitter::new(framing),
            fault,
            out: VecDeque::new(),
            pause: None,
            trailers,
            end: End::Ahead,
        }
    }

    /// Deals with all messages that are whole.
    fn apply(&mut self) {
        while !self.fault.stops() {
            match self.splitter.next() {
                None => return,
                Some(Piece::Message(message)) => self.fault.apply(message, &mut self.out),
                Some(Piece::Other(message)) => {
                    self.out.push_back(QueuedMessage { wait: Duration::ZERO, message })
                }
            }
        }
        self.fault.flush(&mut self.out);
        self.end = match self.trailers.take() {
            Some(trailers) => End::Trailers(Frame::trailers(trailers)),
            None => End::Past,
        };
    }

    /// Hands out what is held back, as it is.
    fn flush_all(&mut self) {
        self.fault.flush(&mut self.out);
        let rest = self.splitter.rest();
        if !rest.is_empty() {
            self.out.push_back(QueuedMessage { wait: Duration::ZERO, message: rest });
        }
    }
}

impl Stage for MessageStage {
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        loop {
            if let Some(pause) = &mut self.pause {
                // Called off or over, the message goes on.
                let _ = ready!(pause.poll(cx));
                self.pause = None;
            }
            if let Some(next) = self.out.front_mut() {
                let wait = std::mem::take(&mut next.wait);
                if !wait.is_zero() && !input.off() {
                    self.pause = Some(input.pause(wait));
                    continue;
                }
                return Poll::Ready(self.out.pop_front().map(|message| Ok(Frame::data(message.message))));
            }
            match std::mem::replace(&mut self.end, End::Past) {
                End::Ahead => self.end = End::Ahead,
                End::Trailers(frame) => return Poll::Ready(Some(Ok(frame))),
                End::Past => return Poll::Ready(None),
            }
            // From here on, messages are no longer looked for once the fault is off.
            match ready!(input.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.splitter.push(&data);
                        if input.off() { self.flush_all() } else { self.apply() }
                    }
                    Err(trailers) => {
                        self.flush_all();
                        self.end = End::Trailers(trailers);
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.flush_all();
                    self.end = End::Past;
                }
            }
        }
    }

    fn size_hint(&self, _: SizeHint) -> SizeHint {
        SizeHint::default()
    }

    fn is_end(&self, _: bool) -> bool {
        matches!(self.end, End::Past) && self.out.is_empty()
    }

    fn resizes(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(framing: Framing, text: &[u8], step: usize) -> (Vec<Piece>, Bytes) {
        let mut splitter = Splitter::new(framing);
        let mut pieces = Vec::new();
        for chunk in text.chunks(step) {
            splitter.push(chunk);
            pieces.extend(std::iter::from_fn(|| splitter.next()));
        }
        (pieces, splitter.rest())
    }

    #[test]
    fn events_end_at_blank_lines_however_they_come() {
        let message = |text: &'static str| Piece::Message(Bytes::from_static(text.as_bytes()));
        let rows: [(&str, Vec<Piece>, &str); 5] = [
            (
                "data: 1\n\ndata: 2\ndata: 3\n\n",
                vec![message("data: 1\n\n"), message("data: 2\ndata: 3\n\n")],
                "",
            ),
            ("a\r\n\r\nb\r\n\r\nc", vec![message("a\r\n\r\n"), message("b\r\n\r\n")], "c"),
            ("a\r\rb\r\rc", vec![message("a\r\r"), message("b\r\r")], "c"),
            ("a\n\r\nb\r\n\nc\n", vec![message("a\n\r\n"), message("b\r\n\n")], "c\n"),
            (":\n\n\ndata\n\n", vec![message(":\n\n"), Piece::Other("\n".into()), message("data\n\n")], ""),
        ];
        for (text, wanted, rest) in rows {
            for step in 1..=text.len() {
                assert_eq!(
                    pieces(Framing::Sse, text.as_bytes(), step),
                    (wanted.clone(), rest.into()),
                    "{text:?} {step}"
                );
            }
        }
    }

    #[test]
    fn an_event_too_long_goes_by_to_its_end() {
        let rows: [(&[u8], usize); 6] = [
            (b"\n\n", 1 << 16),
            (b"\r\n\r\n", 1 << 16),
            (b"\n\n", LONGEST + 1),
            (b"\n\n", LONGEST),
            (b"\r\n\r\n", LONGEST),
            (b"\nid: 1\r\r", LONGEST),
        ];
        for (end, step) in rows {
            // The first piece ends in the last line, at its end, or within that.
            let mut text = vec![b'x'; if step > 1 << 16 { LONGEST + 1 } else { LONGEST + (1 << 18) }];
            text.extend_from_slice(end);
            let long = text.len();
            text.extend_from_slice(b"data: 1\n\n");
            let (found, rest) = pieces(Framing::Sse, &text, step + usize::from(step >= LONGEST));
            let row = format!("{end:?} {step}");
            assert_eq!(found.last(), Some(&Piece::Message(Bytes::from_static(b"data: 1\n\n"))), "{row}");
            let others = found[..found.len() - 1].iter().map(|piece| match piece {
                Piece::Other(bytes) => bytes.len(),
                Piece::Message(_) => 0,
            });
            assert_eq!((others.sum::<usize>(), rest.len()), (long, 0), "{row}");
        }
    }

    #[test]
    fn grpc_messages_are_told_by_their_prefix() {
        let text = b"\0\0\0\0\x02ab\x01\0\0\0\0\0\0\0\0\x05abc";
        let wanted =
            vec![Piece::Message(text[..7].to_vec().into()), Piece::Message(text[7..12].to_vec().into())];
        for step in 1..=text.len() {
            assert_eq!(
                pieces(Framing::Grpc, text, step),
                (wanted.clone(), text[12..].to_vec().into()),
                "{step}"
            );
        }
        // What does not fit in memory goes by as it comes, and the next one is found again.
        let mut long = vec![0, 0, 64, 0, 0];
        long.resize(5 + (64 << 16), 7);
        long.extend_from_slice(&text[..7]);
        let (found, rest) = pieces(Framing::Grpc, &long, 1 << 20);
        assert_eq!(found.last(), Some(&wanted[0]));
        let others = found
            .iter()
            .filter_map(|piece| if let Piece::Other(bytes) = piece { Some(bytes.len()) } else { None });
        assert_eq!((others.sum::<usize>(), found.len(), rest.len()), (5 + (64 << 16), 6, 0));
    }
}
