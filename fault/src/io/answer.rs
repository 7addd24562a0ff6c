//! Heads: where the head of an HTTP/1.1 answer ends on the wire, and what it announces.

/// What an answer's head says of the bytes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    /// The body comes in chunks.
    Chunks,
    /// From here on it is a WebSocket.
    WebSocket,
    /// Something else, or it was no answer at all.
    Other,
}

/// Reads the head of one answer from its first byte on, over interim answers (RFC 9110, section
/// 15.2) before it.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    text: Vec<u8>,
}

/// No server writes a longer head.
const LONGEST: usize = 256 * 1024;

impl Heads {
    /// How many of these bytes still belong to the present head.
    pub(crate) fn reach(&self, data: &[u8]) -> usize {
        const END: &[u8] = b"\r\n\r\n";
        let mut matched =
            (0..END.len()).rev().find(|length| self.text.ends_with(&END[..*length])).unwrap_or(0);
        for (index, byte) in data.iter().enumerate() {
            matched = match *byte {
                byte if byte == END[matched] => matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            if matched == END.len() {
                return index + 1;
            }
        }
        data.len()
    }

    /// Takes bytes of the present head, as many as `reach` says at most. `Some`: that was it.
    pub(crate) fn take(&mut self, data: &[u8]) -> Option<Announced> {
        const START: &[u8] = b"HTTP/1.1 ";
        self.text.extend_from_slice(data);
        let known = self.text.len().min(START.len());
        if self.text[..known] != START[..known] || self.text.len() > LONGEST {
            return Some(Announced::Other);
        }
        if !self.text.ends_with(b"\r\n\r\n") {
            return None;
        }
        let text = std::mem::take(&mut self.text);
        match text.get(START.len()..START.len() + 3).unwrap_or_default() {
            b"101" => Some(if names(&text, "upgrade", b"websocket") {
                Announced::WebSocket
            } else {
                Announced::Other
            }),
            // The answer itself comes next.
            [b'1', ..] => None,
            _ if names(&text, "transfer-encoding", b"chunked") => Some(Announced::Chunks),
            _ => Some(Announced::Other),
        }
    }
}

/// Whether the last word of this header, on any of its lines, is that one.
fn names(head: &[u8], header: &str, word: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').skip(1).any(|line| {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(header.as_bytes()))
            && parts.next().is_some_and(|value| {
                let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
                last.trim_ascii().eq_ignore_ascii_case(word)
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the head of the answer itself ends, and what it announced, in steps of that many bytes.
    fn read(text: &[u8], step: usize) -> Option<(usize, Announced)> {
        let (mut heads, mut at) = (Heads::default(), 0);
        while at < text.len() {
            let data = &text[at..text.len().min(at + step)];
            let length = heads.reach(data);
            at += length;
            if let Some(announced) = heads.take(&data[..length]) {
                return Some((at, announced));
            }
        }
        None
    }

    #[test]
    fn a_head_ends_where_it_ends() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n";
        let rows = [
            (chunked.to_owned(), Announced::Chunks),
            (format!("HTTP/1.1 100 Continue\r\n\r\n{chunked}"), Announced::Chunks),
            (format!("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n{chunked}"), Announced::Chunks),
            ("HTTP/1.1 101 Switching\r\nupgrade: WebSocket\r\n\r\n".into(), Announced::WebSocket),
            ("HTTP/1.1 101 Switching\r\nupgrade: h2c\r\n\r\n".into(), Announced::Other),
            ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".into(), Announced::Other),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n".into(), Announced::Other),
            ("HTTP/1.1 200 OK\r\nx: \r\r\r\n\r\n".into(), Announced::Other),
        ];
        for (head, announced) in rows {
            let text = format!("{head}3\r\nabc\r\n\r\n\r\n");
            for step in 1..=text.len() {
                assert_eq!(read(text.as_bytes(), step), Some((head.len(), announced)), "{step} of {text}");
            }
        }
        // What is no answer is left alone at once, and a head that is cut off has no end.
        assert_eq!(read(b"\x16\x03\x01\x00", 4), Some((4, Announced::Other)));
        assert_eq!(read(&chunked.as_bytes()[..40], 7), None);
    }
}
