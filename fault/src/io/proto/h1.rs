//! ChunkRewriter and HeadReader: HTTP/1.1 response heads and chunked framing.

use bytes::BytesMut;

use crate::body::stage::FaultHandle;
use crate::connection::command::ChunkError;

/// Frames one chunk of a body wrongly, from the first byte after the head on.
pub(crate) struct ChunkRewriter {
    how: ChunkError,
    pub(crate) handle: Box<dyn FaultHandle>,
    state: ChunkState,
}

#[derive(Debug)]
enum ChunkState {
    /// In the size line of a chunk, with its bytes so far.
    Size(Vec<u8>),
    /// In the data of a chunk, with the number of bytes left, without the line break after them.
    Data(u64),
    /// The rest is dropped: the missing last chunk.
    Dropping,
    /// The framing is broken, or has ended; the rest passes unchanged.
    Done,
}

/// Servers do not write longer size lines.
const MAX_SIZE_LINE: usize = 4096;

impl ChunkRewriter {
    pub(crate) fn new(how: ChunkError, handle: Box<dyn FaultHandle>) -> Self {
        Self { how, handle, state: ChunkState::Size(Vec::new()) }
    }

    /// Tests whether the rest passes unchanged.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, ChunkState::Done)
    }

    /// Tests whether the connection is to be closed after the written bytes.
    pub(crate) fn closes(&self) -> bool {
        matches!(self.state, ChunkState::Dropping)
    }

    /// Takes bytes of the body and appends the result to `out`.
    pub(crate) fn push(&mut self, mut data: &[u8], out: &mut BytesMut) {
        while !data.is_empty() {
            match &mut self.state {
                ChunkState::Dropping => return,
                ChunkState::Done => {
                    out.extend_from_slice(data);
                    return;
                }
                ChunkState::Size(line) => {
                    let end = data.iter().position(|byte| *byte == b'\n').map_or(data.len(), |at| at + 1);
                    line.extend_from_slice(&data[..end]);
                    data = &data[end..];
                    let line = std::mem::take(line);
                    self.state = self.after_size(line, out);
                }
                ChunkState::Data(left) => {
                    let part = usize::try_from(*left).map_or(data.len(), |left| left.min(data.len()));
                    out.extend_from_slice(&data[..part]);
                    data = &data[part..];
                    *left -= part as u64;
                    if *left == 0 {
                        self.state = self.after_data(&mut data, out);
                    }
                }
            }
        }
    }

    /// Returns the state after a part of a size line.
    fn after_size(&mut self, line: Vec<u8>, out: &mut BytesMut) -> ChunkState {
        if !line.ends_with(b"\n") && line.len() < MAX_SIZE_LINE {
            return ChunkState::Size(line);
        }
        let (Some(size), false) = (size(&line), self.handle.is_off()) else {
            out.extend_from_slice(&line);
            return ChunkState::Done;
        };
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        match (self.how, size) {
            (ChunkError::BadSize, _) | (ChunkError::BadLast, 0) => {
                out.extend_from_slice(b"zz");
                out.extend_from_slice(&line[digits..]);
                ChunkState::Done
            }
            (ChunkError::MissingLast, 0) => ChunkState::Dropping,
            (_, 0) => {
                out.extend_from_slice(&line);
                ChunkState::Done
            }
            // One byte of the data is left over, to be dropped.
            (ChunkError::Shorter, size) => {
                out.extend_from_slice(&line);
                ChunkState::Data(size - 1)
            }
            // The line break after the data is included.
            (ChunkError::BadLast | ChunkError::MissingLast, size) => {
                out.extend_from_slice(&line);
                ChunkState::Data(size.saturating_add(2))
            }
            (ChunkError::Longer, size) => {
                out.extend_from_slice(&line);
                ChunkState::Data(size)
            }
        }
    }

    /// Returns the state after the data of a chunk.
    fn after_data(&mut self, data: &mut &[u8], out: &mut BytesMut) -> ChunkState {
        match self.how {
            ChunkError::Longer => {
                out.extend_from_slice(b"x");
                ChunkState::Done
            }
            // The byte may not have arrived yet.
            ChunkError::Shorter => match data.split_first() {
                Some((_, rest)) => {
                    *data = rest;
                    ChunkState::Done
                }
                None => ChunkState::Data(0),
            },
            ChunkError::BadSize | ChunkError::BadLast | ChunkError::MissingLast => {
                ChunkState::Size(Vec::new())
            }
        }
    }
}

/// Parses a size line, with or without extensions.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if !matches!(line.get(digits), Some(b'\r' | b';' | b' ' | b'\t')) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()
}

/// The body's framing, by the head of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    /// A chunked body.
    Chunks,
    /// WebSocket frames.
    WebSocket,
    /// Anything else, or the bytes were no HTTP/1.1 response.
    Other,
}

/// Reads the head of one response, after the interim responses (RFC 9110, section 15.2) before it.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    text: Vec<u8>,
}

/// Servers do not write longer heads.
const MAX_HEAD: usize = 256 * 1024;

const START: &[u8] = b"HTTP/1.1 ";

const END: &[u8] = b"\r\n\r\n";

impl HeadReader {
    /// Returns the number of these bytes that belong to the current head.
    pub(crate) fn head_length(&self, data: &[u8]) -> usize {
        // The end may have begun in the bytes before.
        let before = &self.text[self.text.len().saturating_sub(END.len() - 1)..];
        let end = [before, data].concat().windows(END.len()).position(|window| window == END);
        end.map_or(data.len(), |at| at + END.len() - before.len())
    }

    /// Takes bytes of the current head, at most [`head_length`](Self::head_length). `Some`: the head
    /// is complete.
    pub(crate) fn take(&mut self, data: &[u8]) -> Option<Announced> {
        self.text.extend_from_slice(data);
        let known = self.text.len().min(START.len());
        if self.text[..known] != START[..known] || self.text.len() > MAX_HEAD {
            return Some(Announced::Other);
        }
        if !self.text.ends_with(END) {
            return None;
        }
        let text = std::mem::take(&mut self.text);
        let mut headers = vec![httparse::EMPTY_HEADER; text.iter().filter(|byte| **byte == b'\n').count()];
        let mut response = httparse::Response::new(&mut headers);
        if response.parse(&text).is_err() {
            return Some(Announced::Other);
        }
        match response.code {
            Some(101) if ends_with(&response, "upgrade", b"websocket") => Some(Announced::WebSocket),
            Some(101) => Some(Announced::Other),
            // Interim; the response itself follows.
            Some(100..=199) => None,
            _ if ends_with(&response, "transfer-encoding", b"chunked") => Some(Announced::Chunks),
            _ => Some(Announced::Other),
        }
    }
}

/// Tests whether the list in a header of this name, on any of its lines, ends with this token.
fn ends_with(response: &httparse::Response<'_, '_>, name: &str, token: &[u8]) -> bool {
    response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).any(|header| {
        let last = header.value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        last.trim_ascii().eq_ignore_ascii_case(token)
    })
}

#[cfg(test)]
mod chunk_tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::body::stage::{Pause, WhenOff};

    struct On(bool);

    impl FaultHandle for On {
        fn name(&self) -> Arc<str> {
            "test".into()
        }

        fn is_off(&self) -> bool {
            !self.0
        }

        fn when_off(&self) -> WhenOff {
            Box::pin(std::future::pending())
        }

        fn pause(&self, _: Duration) -> Pause {
            Pause::new(std::future::pending())
        }
    }

    #[test]
    fn each_error_changes_one_place() {
        let text = "3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nt: v\r\n\r\n";
        let rows = [
            (ChunkError::BadSize, "zz\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nt: v\r\n\r\n"),
            (ChunkError::Longer, "3\r\nabcx\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nt: v\r\n\r\n"),
            (ChunkError::Shorter, "3\r\nab\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nt: v\r\n\r\n"),
            (ChunkError::BadLast, "3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\nzz\r\nt: v\r\n\r\n"),
            (ChunkError::MissingLast, "3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n"),
        ];
        for (how, wanted) in rows {
            for step in 1..=text.len() {
                assert_eq!(through(how, true, text, step), wanted, "{how:?} in steps of {step}");
            }
            assert_eq!(through(how, false, text, 5), text, "{how:?}, cancelled");
            assert_eq!(through(how, true, "zz\r\n", 1), "zz\r\n", "{how:?}");
        }
        // A body of only its last chunk, and a chunk of one byte.
        assert_eq!(through(ChunkError::Longer, true, "0\r\n\r\n", 2), "0\r\n\r\n");
        assert_eq!(through(ChunkError::Shorter, true, "1\r\na\r\n0\r\n\r\n", 1), "1\r\n\r\n0\r\n\r\n");
    }

    fn through(how: ChunkError, on: bool, text: &str, step: usize) -> String {
        let mut chunks = ChunkRewriter::new(how, Box::new(On(on)));
        let mut out = BytesMut::new();
        text.as_bytes().chunks(step).for_each(|data| chunks.push(data, &mut out));
        assert_eq!(chunks.closes(), on && how == ChunkError::MissingLast && text.len() > 5);
        String::from_utf8(out.to_vec()).expect("text")
    }
}

#[cfg(test)]
mod head_tests {
    use super::*;

    /// Returns where the head of the final response ends, and what it announces, for a text in such
    /// steps.
    fn read(text: &[u8], step: usize) -> Option<(usize, Announced)> {
        let (mut heads, mut at) = (HeadReader::default(), 0);
        while at < text.len() {
            let data = &text[at..text.len().min(at + step)];
            let length = heads.head_length(data);
            at += length;
            if let Some(announced) = heads.take(&data[..length]) {
                return Some((at, announced));
            }
        }
        None
    }

    #[test]
    fn head_ends_at_the_blank_line() {
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
        // Bytes that are no response are recognized at once, and an incomplete head has no end.
        assert_eq!(read(b"\x16\x03\x01\x00", 4), Some((4, Announced::Other)));
        assert_eq!(read(&chunked.as_bytes()[..40], 7), None);
    }
}
