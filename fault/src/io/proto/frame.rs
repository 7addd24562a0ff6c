//! WebSocketFraming: the frames of RFC 6455, assembled to messages.

use bytes::{Bytes, BytesMut};

use crate::connection::messages::{Framing, MAX_MESSAGE, Piece};

/// Frames of one direction of a WebSocket.
#[derive(Debug, Default)]
pub(crate) struct WebSocketFraming {
    buffer: BytesMut,
    /// The frames so far of an incomplete message.
    message: BytesMut,
    /// Remaining bytes of a frame that is too long to be buffered.
    passing: usize,
    /// The frames of the current message are passed through.
    is_passing: bool,
}

/// Longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL: u64 = 125;

/// First opcode of control frames (RFC 6455, section 5.2).
const CONTROL: u8 = 8;

const CLOSE: u8 = 8;

impl Framing for WebSocketFraming {
    fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    fn next(&mut self) -> Option<Piece> {
        loop {
            if self.passing > 0 {
                return self.pass();
            }
            let Head { length, payload, opcode, is_last } = Head::read(&self.buffer)?;
            let is_control = opcode >= CONTROL;
            // An invalid frame, which may claim more bytes than ever arrive.
            if is_control && payload > MAX_CONTROL {
                self.passing = length;
                continue;
            }
            if !is_control && (self.is_passing || self.message.len().saturating_add(length) > MAX_MESSAGE) {
                self.is_passing = !is_last;
                self.passing = length;
                if !self.message.is_empty() {
                    return Some(Piece::Other(self.message.split().freeze()));
                }
                continue;
            }
            if self.buffer.len() < length {
                return None;
            }
            let frame = self.buffer.split_to(length);
            match opcode {
                CLOSE => return Some(Piece::Close(frame.freeze())),
                _ if is_control => return Some(Piece::Control(frame.freeze())),
                _ => self.message.unsplit(frame),
            }
            if is_last {
                return Some(Piece::Message(self.message.split().freeze()));
            }
        }
    }

    fn rest(&mut self) -> Bytes {
        let mut rest = self.message.split();
        rest.unsplit(self.buffer.split());
        rest.freeze()
    }
}

impl WebSocketFraming {
    fn pass(&mut self) -> Option<Piece> {
        if self.buffer.is_empty() {
            return None;
        }
        let length = self.passing.min(self.buffer.len());
        self.passing -= length;
        Some(Piece::Other(self.buffer.split_to(length).freeze()))
    }
}

/// The header of a frame.
struct Head {
    /// Length of the whole frame.
    length: usize,
    payload: u64,
    opcode: u8,
    /// The frame ends its message.
    is_last: bool,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let (head, payload) = match second & 0x7f {
            126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
            127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
            short => (2, u64::from(short)),
        };
        let length = usize::try_from(payload).unwrap_or(usize::MAX).saturating_add(head + mask);
        Some(Self { length, payload, opcode: first & 0x0f, is_last: first & 0x80 != 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_assembled_from_frames() {
        let (whole, ping) = (&[0x81, 2, b'h', b'i'][..], &[0x89, 0x81, 1, 2, 3, 4, 9][..]);
        let (first, last) = (&[0x02, 1, b'a'][..], &[0x80, 1, b'b'][..]);
        let mut middle = vec![0x82, 126, 0, 200];
        middle.resize(204, 7);
        let mut long = vec![0x82, 127, 0, 0, 0, 0, 0, 64, 0, 0];
        long.resize(10 + (64 << 16), 7);
        let message = |bytes: &[u8]| Piece::Message(bytes.to_vec().into());
        let control = Piece::Control(ping.to_vec().into());
        let short = [whole, ping, first, ping, last, &middle].concat();
        let wanted =
            [message(whole), control.clone(), control, message(&[first, last].concat()), message(&middle)];
        for step in 1..=short.len() {
            assert_eq!(pieces(&short, step), (wanted.to_vec(), 0), "{step}");
        }
        // A message that is too long passes as it arrives, and the next one is found again.
        let text = [&long, whole].concat();
        assert_eq!(pieces(&text, 4096), (vec![message(whole)], long.len()));
    }

    /// RFC 6455, section 5.5: no control frame is longer than 125 bytes.
    #[test]
    fn long_control_frames_pass_unbuffered() {
        let rows: [(&[u8], usize); 3] = [
            (&[0x89, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4], 1 << 20),
            (&[0x8a, 126, 255, 255], 1 << 15),
            (&[0x88, 126, 0, 126], 100),
        ];
        for (head, behind) in rows {
            let mut text = head.to_vec();
            text.resize(head.len() + behind, 7);
            assert_eq!(pieces(&text, 4096), (vec![], text.len()), "{head:?}");
        }
        let mut longest = vec![0x89, 125];
        longest.resize(127, 7);
        assert_eq!(pieces(&longest, 50), (vec![Piece::Control(longest.clone().into())], 0));
    }

    /// Returns the pieces of a text that arrives in steps, and the number of bytes that are no
    /// message.
    fn pieces(text: &[u8], step: usize) -> (Vec<Piece>, usize) {
        let mut frames = WebSocketFraming::default();
        let (mut pieces, mut others) = (Vec::new(), 0);
        for chunk in text.chunks(step) {
            frames.push(chunk);
            for piece in std::iter::from_fn(|| frames.next()) {
                match piece {
                    Piece::Other(bytes) => others += bytes.len(),
                    piece => pieces.push(piece),
                }
            }
        }
        assert!(frames.rest().is_empty());
        (pieces, others)
    }
}
