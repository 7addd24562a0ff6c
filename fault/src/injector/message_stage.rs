//! MessageStage: server-sent events and gRPC messages as a body stage.

use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::{Frame, SizeHint};

use crate::body::stage::{Polled, Stage, StageInput};
use crate::connection::messages::{Framing, MAX_MESSAGE, MessageFault, MessagePipe, Piece};
use crate::connection::queue::PART;

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
                // gRPC-Web sends the trailers in the body, with the highest flag.
                let is_trailers = self.buffer.first().is_some_and(|flags| flags & 0x80 != 0);
                let piece = if is_trailers { Piece::Other } else { Piece::Message };
                return is_whole.then(|| piece(self.buffer.split_to(length).freeze()));
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

    fn buffered(&self) -> usize {
        self.buffer.len()
    }
}

/// Server-sent events: blocks with data that end with a blank line (WHATWG HTML, section 9.2.6).
/// Comments and blocks without data are no events.
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
    /// The stream has begun, so that no byte order mark may follow.
    has_begun: bool,
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

    fn buffered(&self) -> usize {
        self.buffer.len()
    }
}

impl SseFraming {
    fn end_event(&mut self) -> Piece {
        let block = self.take_seen();
        let is_passing = std::mem::take(&mut self.is_passing) || block.len() > MAX_MESSAGE;
        let has_begun = std::mem::replace(&mut self.has_begun, true);
        if is_passing || !has_data(&block, !has_begun) { Piece::Other(block) } else { Piece::Message(block) }
    }

    fn take_seen(&mut self) -> Bytes {
        self.line = 0;
        self.buffer.split_to(std::mem::take(&mut self.seen)).freeze()
    }
}

/// Tests whether a block has a `data` field, without which no event is dispatched.
fn has_data(block: &[u8], is_first: bool) -> bool {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let block = if is_first { block.strip_prefix(BYTE_ORDER_MARK).unwrap_or(block) } else { block };
    block.split(|byte| b"\r\n".contains(byte)).any(|line| line == b"data" || line.starts_with(b"data:"))
}

/// The framing of a body that has this head, if it has messages.
pub(crate) trait BodyFraming: Framing + Default {
    /// Tests whether a body with this head is framed so.
    fn applies_to(headers: &HeaderMap) -> bool;
}

impl BodyFraming for SseFraming {
    fn applies_to(headers: &HeaderMap) -> bool {
        media_type(headers).is_some_and(|media_type| media_type.eq_ignore_ascii_case("text/event-stream"))
    }
}

impl BodyFraming for GrpcFraming {
    fn applies_to(headers: &HeaderMap) -> bool {
        const GRPC: &str = "application/grpc";
        let Some((grpc, suffix)) = media_type(headers).and_then(|name| name.split_at_checked(GRPC.len()))
        else {
            return false;
        };
        // gRPC-Web's text format is base64.
        let suffix = suffix.strip_prefix("-web").unwrap_or(suffix);
        grpc.eq_ignore_ascii_case(GRPC) && (suffix.is_empty() || suffix.starts_with('+'))
    }
}

/// Returns the media type without parameters; `None` for a body that is encoded as a whole.
fn media_type(headers: &HeaderMap) -> Option<&str> {
    let encoding = headers.get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return None;
    }
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim())
}

/// Applies message rules to a body.
#[derive(Debug)]
pub(crate) struct MessageStage<F> {
    pipe: MessagePipe<F>,
    /// The rest of a frame, taken in parts: each byte of it may be a message.
    rest: Bytes,
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
        Self {
            pipe: MessagePipe::new(framing, Some(fault)),
            rest: Bytes::new(),
            trailers,
            state: State::Reading,
        }
    }

    /// Takes the next part of the rest.
    fn push(&mut self, is_off: bool) {
        if is_off {
            self.pipe.push_unchanged(&std::mem::take(&mut self.rest));
            return;
        }
        let part = self.rest.split_to(self.rest.len().min(PART));
        if self.pipe.push(&part) {
            self.rest.clear();
            self.state = match self.trailers.take() {
                Some(trailers) => State::Trailers(Frame::trailers(trailers)),
                None => State::Ended,
            };
        }
    }
}

impl<F: BodyFraming + Send + Sync> Stage for MessageStage<F> {
    fn applies_to(&self, headers: &HeaderMap) -> bool {
        F::applies_to(headers)
    }

    fn is_conditional(&self) -> bool {
        true
    }

    fn resume(&mut self, partial: &[u8]) {
        self.pipe.resume(partial);
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>, input: &mut StageInput<'_>) -> Polled {
        loop {
            if let Some(data) = ready!(self.pipe.poll_next(cx, input.is_off(), |time| input.pause(time))) {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            if !self.rest.is_empty() {
                self.push(input.is_off());
                continue;
            }
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Reading => self.state = State::Reading,
                State::Trailers(frame) => return Poll::Ready(Some(Ok(frame))),
                State::Ended => return Poll::Ready(None),
            }
            match ready!(input.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
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
        matches!(self.state, State::Ended) && self.rest.is_empty() && self.pipe.is_empty()
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
        let other = |text: &'static str| Piece::Other(Bytes::from_static(text.as_bytes()));
        let rows: [(&str, Vec<Piece>, &str); 9] = [
            (
                "data: 1\n\ndata: 2\ndata: 3\n\n",
                vec![message("data: 1\n\n"), message("data: 2\ndata: 3\n\n")],
                "",
            ),
            ("data:a\r\n\r\ndata\r\n\r\nc", vec![message("data:a\r\n\r\n"), message("data\r\n\r\n")], "c"),
            ("id\rdata:\r\rdata:b\r\rc", vec![message("id\rdata:\r\r"), message("data:b\r\r")], "c"),
            ("data\n\r\ndata\r\n\nc\n", vec![message("data\n\r\n"), message("data\r\n\n")], "c\n"),
            (":\n\n\ndata\n\n", vec![other(":\n\n"), other("\n"), message("data\n\n")], ""),
            // Comments, fields alone, other names, and a field that only begins like one.
            (
                ": data\n\nid: 1\nretry: 5\n\ndata:1\n\n",
                vec![other(": data\n\n"), other("id: 1\nretry: 5\n\n"), message("data:1\n\n")],
                "",
            ),
            (
                "database: 1\n\n data: 1\n\nDATA: 1\n\n",
                vec![other("database: 1\n\n"), other(" data: 1\n\n"), other("DATA: 1\n\n")],
                "",
            ),
            (": ping\ndata: 1\n\n", vec![message(": ping\ndata: 1\n\n")], ""),
            // A byte order mark precedes the first line only.
            (
                "\u{feff}data: 1\n\n\u{feff}data: 2\n\n",
                vec![message("\u{feff}data: 1\n\n"), other("\u{feff}data: 2\n\n")],
                "",
            ),
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
    fn framings_apply_to_their_media_types() {
        let rows = [
            ("text/event-stream", true, false),
            ("Text/Event-Stream; charset=utf-8", true, false),
            ("text/event-streams", false, false),
            ("text/html", false, false),
            ("application/json", false, false),
            ("", false, false),
            ("application/grpc", false, true),
            ("application/grpc+proto", false, true),
            ("application/grpc-web+proto", false, true),
            ("application/grpc-web-text", false, false),
            ("application/grpcs", false, false),
        ];
        for (media_type, sse, grpc) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
            let found =
                |headers: &HeaderMap| (SseFraming::applies_to(headers), GrpcFraming::applies_to(headers));
            assert_eq!(found(&headers), (sse, grpc), "{media_type}");
            headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
            assert_eq!(found(&headers), (false, false), "{media_type}");
        }
        assert!(!SseFraming::applies_to(&HeaderMap::new()));
    }

    #[test]
    fn grpc_web_trailers_are_no_message() {
        let text = b"\0\0\0\0\x01a\x80\0\0\0\x02ab";
        let wanted = vec![Piece::Message(text[..6].to_vec().into()), Piece::Other(text[6..].to_vec().into())];
        for step in 1..=text.len() {
            assert_eq!(pieces(GrpcFraming::default(), text, step), (wanted.clone(), Bytes::new()), "{step}");
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
