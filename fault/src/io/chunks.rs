//! Chunks: the framing of one chunked body, followed byte for byte and broken in one place.

use bytes::BytesMut;

use crate::injector::chunk::Chunk;
use crate::stage::Host;

/// Follows a body from the first byte behind its head.
pub(crate) struct Chunks {
    how: Chunk,
    pub(crate) host: Box<dyn Host>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// In the line that tells the size of a chunk; so much of it has come.
    Size(Vec<u8>),
    /// In the data of a chunk. So many bytes are left, the line break behind them not counted.
    Data(u64),
    /// What still comes is kept back: the last chunk, which never comes.
    Lost,
    /// The framing was broken, or has come to its end; the rest goes by.
    Past,
}

/// No server writes a longer size.
const LONGEST: usize = 4096;

impl Chunks {
    pub(crate) fn new(how: Chunk, host: Box<dyn Host>) -> Self {
        Self { how, host, place: Place::Size(Vec::new()) }
    }

    /// Whether all goes by untouched from here on.
    pub(crate) fn is_past(&self) -> bool {
        matches!(self.place, Place::Past)
    }

    /// Whether the connection is to be closed once all is written.
    pub(crate) fn closes(&self) -> bool {
        matches!(self.place, Place::Lost)
    }

    /// What becomes of these bytes.
    pub(crate) fn push(&mut self, mut data: &[u8], out: &mut BytesMut) {
        while !data.is_empty() {
            match &mut self.place {
                Place::Lost => return,
                Place::Past => {
                    out.extend_from_slice(data);
                    return;
                }
                Place::Size(line) => {
                    let end = data.iter().position(|byte| *byte == b'\n').map_or(data.len(), |at| at + 1);
                    line.extend_from_slice(&data[..end]);
                    data = &data[end..];
                    let line = std::mem::take(line);
                    self.place = self.after_size(line, out);
                }
                Place::Data(left) => {
                    let part = usize::try_from(*left).map_or(data.len(), |left| left.min(data.len()));
                    out.extend_from_slice(&data[..part]);
                    data = &data[part..];
                    *left -= part as u64;
                    if *left == 0 {
                        self.place = self.after_data(&mut data, out);
                    }
                }
            }
        }
    }

    /// Where a size, or a part of it, leads to.
    fn after_size(&mut self, line: Vec<u8>, out: &mut BytesMut) -> Place {
        if !line.ends_with(b"\n") && line.len() < LONGEST {
            return Place::Size(line);
        }
        let (Some(size), false) = (size(&line), self.host.off()) else {
            out.extend_from_slice(&line);
            return Place::Past;
        };
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        match (self.how, size) {
            (Chunk::Size, _) | (Chunk::Last, 0) => {
                out.extend_from_slice(b"zz");
                out.extend_from_slice(&line[digits..]);
                Place::Past
            }
            (Chunk::NoLast, 0) => Place::Lost,
            (_, 0) => {
                out.extend_from_slice(&line);
                Place::Past
            }
            // One byte is held back, to be dropped.
            (Chunk::Shorter, size) => {
                out.extend_from_slice(&line);
                Place::Data(size - 1)
            }
            // The line break behind the data goes along.
            (Chunk::Last | Chunk::NoLast, size) => {
                out.extend_from_slice(&line);
                Place::Data(size.saturating_add(2))
            }
            (Chunk::Longer, size) => {
                out.extend_from_slice(&line);
                Place::Data(size)
            }
        }
    }

    /// Where the end of the data leads to.
    fn after_data(&mut self, data: &mut &[u8], out: &mut BytesMut) -> Place {
        match self.how {
            Chunk::Longer => {
                out.extend_from_slice(b"x");
                Place::Past
            }
            // The byte may not have come yet.
            Chunk::Shorter => match data.split_first() {
                Some((_, rest)) => {
                    *data = rest;
                    Place::Past
                }
                None => Place::Data(0),
            },
            Chunk::Size | Chunk::Last | Chunk::NoLast => Place::Size(Vec::new()),
        }
    }
}

/// The size that such a line tells, with or without extensions.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if !matches!(line.get(digits), Some(b'\r' | b';' | b' ' | b'\t')) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(&line[..digits]).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::pause::Pause;

    struct On(bool);

    impl Host for On {
        fn name(&self) -> Arc<str> {
            "test".into()
        }

        fn off(&self) -> bool {
            !self.0
        }

        fn pause(&self, _: Duration) -> Pause {
            Pause::new(std::future::pending())
        }

        fn done(&mut self, _: bool) {}
    }

    #[test]
    fn each_way_breaks_one_place() {
        let text = "3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nt: v\r\n\r\n";
        let rows = [
            (Chunk::Size, "zz\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nt: v\r\n\r\n"),
            (Chunk::Longer, "3\r\nabcx\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nt: v\r\n\r\n"),
            (Chunk::Shorter, "3\r\nab\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nt: v\r\n\r\n"),
            (Chunk::Last, "3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\nzz\r\nt: v\r\n\r\n"),
            (Chunk::NoLast, "3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n"),
        ];
        for (how, wanted) in rows {
            for step in 1..=text.len() {
                assert_eq!(through(how, true, text, step), wanted, "{how:?} in steps of {step}");
            }
            assert_eq!(through(how, false, text, 5), text, "{how:?}, called off");
            assert_eq!(through(how, true, "zz\r\n", 1), "zz\r\n", "{how:?}");
        }
        // A body of nothing but its end, and a chunk of one byte.
        assert_eq!(through(Chunk::Longer, true, "0\r\n\r\n", 2), "0\r\n\r\n");
        assert_eq!(through(Chunk::Shorter, true, "1\r\na\r\n0\r\n\r\n", 1), "1\r\n\r\n0\r\n\r\n");
    }

    fn through(how: Chunk, on: bool, text: &str, step: usize) -> String {
        let mut chunks = Chunks::new(how, Box::new(On(on)));
        let mut out = BytesMut::new();
        text.as_bytes().chunks(step).for_each(|data| chunks.push(data, &mut out));
        assert_eq!(chunks.closes(), on && how == Chunk::NoLast && text.len() > 5);
        String::from_utf8(out.to_vec()).expect("text")
    }
}
