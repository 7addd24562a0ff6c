//! MessageStage: server-sent events and gRPC messages as a body stage.

use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::body::stage::{Polled, Stage, StageInput};
use crate::connection::messages::{Framing, MAX_MESSAGE, MessageFault, MessagePipe, Piece};

/// gRPC: a byte of flags, four bytes of length, the message.
#[derive(Debug, Default)]
pub(crate) struct GrpcFraming {
    buffer: BytesMut,
    /// Remaining bytes of a message that is too long to be buffered.
    passing: usize,
}

impl Framing for GrpcFraming {
    fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    fn next(&mut self) -> Option<Piece> {
        if self.passing == 0 {
            let mut prefix = self.buffer.get(1..5)?;
            let length = usize::try_from(prefix.get_u32()).unwrap_or(usize::MAX).saturating_add(5);
            if length <= MAX_MESSAGE {
                let is_whole = self.buffer.len() >= length;
                return is_whole.then(|| Piece::Message(self.buffer.split_to(length).freeze()));
            }
            self.passing = length;
        }
        if self.buffer.is_empty() {
            return None;
        }
        let length = self.passing.min(self.buffer.len());
        self.passing -= length;
        Some(Piece::Other(self.buffer.split_to(length).freeze()))
    }

    fn rest(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }
}

/// Server-sent events: blocks that end with a blank line (WHATWG HTML, section 9.2.6).
#[derive(Debug, Default)]
pub(crate) struct SseFraming {
    buffer: BytesMut,
    /// Number of bytes searched for a blank line.
    seen: usize,
    /// Start of the last line that was searched.
    line: usize,
    /// The current event is longer than the buffer, and is passed through up to its blank line.
    is_passing: bool,
    /// The first line in the buffer began before it.
    is_split: bool,
}

impl Framing for SseFraming {
    fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    fn next(&mut self) -> Option<Piece> {
        while let Some(byte) = self.buffer.get(self.seen) {
            let after = match (byte, self.buffer.get(self.seen + 1)) {
                (b'\n', _) => self.seen + 1,
                (b'\r', Some(b'\n')) => self.seen + 2,
                // The next byte decides whether a line feed belongs to it.
                (b'\r', None) => break,
                (b'\r', Some(_)) => self.seen + 1,
                _ => {
                    self.seen += 1;
                    continue;
                }
            };
            let is_blank = self.line == self.seen && !self.is_split;
            (self.seen, self.line, self.is_split) = (after, after, false);
            if is_blank {
                return Some(self.end_event());
            }
        }
        self.is_passing |= self.buffer.len() > MAX_MESSAGE;
        if !self.is_passing || self.seen == 0 {
            return None;
        }
        self.is_split |= self.line < self.seen;
        Some(Piece::Other(self.take_seen()))
    }

    fn rest(&mut self) -> Bytes {
        (self.seen, self.line) = (0, 0);
        self.buffer.split().freeze()
    }
}

impl SseFraming {
    fn end_event(&mut self) -> Piece {
        let block = self.take_seen();
        let is_passing = std::mem::take(&mut self.is_passing) || block.len() > MAX_MESSAGE;
        if is_passing || block.iter().all(|byte| b"\r\n".contains(byte)) {
            Piece::Other(block)
        } else {
            Piece::Message(block)
        }
    }

    fn take_seen(&mut self) -> Bytes {
        self.line = 0;
        self.buffer.split_to(std::mem::take(&mut self.seen)).freeze()
    }
}

/// Applies message rules to a body.
#[derive(Debug)]
pub(crate) struct MessageStage<F> {
    pipe: MessagePipe<F>,
    /// Trailers of a stream that is stopped.
    trailers: Option<HeaderMap>,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading,
    /// Sent after everything in the queue.
    Trailers(Frame<Bytes>),
    Ended,
}

impl<F: Framing> MessageStage<F> {
    pub(crate) fn new(framing: F, fault: MessageFault, trailers: Option<HeaderMap>) -> Self {
        Self { pipe: MessagePipe::new(framing, fault), trailers, state: State::Reading }
    }

    fn push(&mut self, data: &[u8], is_off: bool) {
        if is_off {
            self.pipe.push_unchanged(data);
        } else if self.pipe.push(data) {
            self.state = match self.trailers.take() {
                Some(trailers) => State::Trailers(Frame::trailers(trailers)),
                None => State::Ended,
            };
        }
    }
}

impl<F: Framing + Send + Sync> Stage for MessageStage<F> {
    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        loop {
            if let Some(data) = ready!(self.pipe.poll_next(cx, input.is_off(), |time| input.pause(time))) {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Reading => self.state = State::Reading,
                State::Trailers(frame) => return Poll::Ready(Some(Ok(frame))),
                State::Ended => return Poll::Ready(None),
            }
            match ready!(input.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.push(&data, input.is_off()),
                    Err(trailers) => {
                        self.pipe.flush();
                        self.state = State::Trailers(trailers);
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.pipe.flush();
                    self.state = State::Ended;
                }
            }
        }
    }

    fn size_hint(&self, _: SizeHint) -> SizeHint {
        SizeHint::default()
    }

    fn is_end(&self, _: bool) -> bool {
        matches!(self.state, State::Ended) && self.pipe.is_empty()
    }

    fn resizes(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(mut framing: impl Framing, text: &[u8], step: usize) -> (Vec<Piece>, Bytes) {
        let mut pieces = Vec::new();
        for chunk in text.chunks(step) {
            framing.push(chunk);
            pieces.extend(std::iter::from_fn(|| framing.next()));
        }
        (pieces, framing.rest())
    }

    #[test]
    fn events_end_at_blank_lines_in_any_chunking() {
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
                    pieces(SseFraming::default(), text.as_bytes(), step),
                    (wanted.clone(), rest.into()),
                    "{text:?} {step}"
                );
            }
        }
    }

    #[test]
    fn long_events_pass_to_their_end() {
        let rows: [(&[u8], usize); 6] = [
            (b"\n\n", 1 << 16),
            (b"\r\n\r\n", 1 << 16),
            (b"\n\n", MAX_MESSAGE + 1),
            (b"\n\n", MAX_MESSAGE),
            (b"\r\n\r\n", MAX_MESSAGE),
            (b"\nid: 1\r\r", MAX_MESSAGE),
        ];
        for (end, step) in rows {
            // The first piece ends in the last line, at its end, or within the line break.
            let mut text = vec![b'x'; if step > 1 << 16 { MAX_MESSAGE + 1 } else { MAX_MESSAGE + (1 << 18) }];
            text.extend_from_slice(end);
            let long = text.len();
            text.extend_from_slice(b"data: 1\n\n");
            let (found, rest) = pieces(SseFraming::default(), &text, step + usize::from(step >= MAX_MESSAGE));
            let row = format!("{end:?} {step}");
            assert_eq!(found.last(), Some(&Piece::Message(Bytes::from_static(b"data: 1\n\n"))), "{row}");
            let others = found[..found.len() - 1].iter().map(|piece| match piece {
                Piece::Other(bytes) => bytes.len(),
                _ => 0,
            });
            assert_eq!((others.sum::<usize>(), rest.len()), (long, 0), "{row}");
        }
    }

    #[test]
    fn grpc_messages_end_by_their_prefix() {
        let text = b"\0\0\0\0\x02ab\x01\0\0\0\0\0\0\0\0\x05abc";
        let wanted =
            vec![Piece::Message(text[..7].to_vec().into()), Piece::Message(text[7..12].to_vec().into())];
        for step in 1..=text.len() {
            assert_eq!(
                pieces(GrpcFraming::default(), text, step),
                (wanted.clone(), text[12..].to_vec().into()),
                "{step}"
            );
        }
        // A message that is too long passes as it arrives, and the next one is found again.
        let mut long = vec![0, 0, 64, 0, 0];
        long.resize(5 + (64 << 16), 7);
        long.extend_from_slice(&text[..7]);
        let (found, rest) = pieces(GrpcFraming::default(), &long, 1 << 20);
        assert_eq!(found.last(), Some(&wanted[0]));
        let others = found
            .iter()
            .filter_map(|piece| if let Piece::Other(bytes) = piece { Some(bytes.len()) } else { None });
        assert_eq!((others.sum::<usize>(), found.len(), rest.len()), (5 + (64 << 16), 6, 0));
    }
}
