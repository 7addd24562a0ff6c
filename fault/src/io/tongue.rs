//! Tongue: which HTTP is spoken over a stream, told from the first bytes that come in.

use bytes::Bytes;

use super::drain::Drain;
use super::line::{Connection, Speech};
use super::streams::{PREFACE, Streams};

#[derive(Default)]
pub(crate) enum Tongue {
    /// So much of HTTP/2's preface has come.
    Unheard(usize),
    Http1,
    Http2(Box<Session>),
    /// Ciphertext, or our own end of a connection that was made.
    #[default]
    Foreign,
}

/// What is known of an HTTP/2 connection.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) streams: Streams,
    pub(crate) drain: Drain,
}

impl Tongue {
    pub(crate) const UNHEARD: Self = Self::Unheard(0);

    /// Takes what came in, and lets the connection know what it was.
    pub(crate) fn hear(&mut self, mut data: &[u8], connection: &Connection) {
        match self {
            Self::Unheard(have) if !data.is_empty() => {
                let part = data.len().min(PREFACE.len() - *have);
                if data[..part] == PREFACE[*have..*have + part] {
                    *have += part;
                    data = &data[part..];
                    if *have == PREFACE.len() {
                        let mut session = Box::<Session>::default();
                        session.streams.hear(data);
                        *self = Self::Http2(session);
                        connection.speak(Speech::Http2);
                    }
                } else if *have > 0 || data[0].is_ascii_alphabetic() || matches!(data[0], b'\r' | b'\n') {
                    // A method, or the empty lines that may stand before it (RFC 9112, section 2.2).
                    *self = Self::Http1;
                    connection.speak(Speech::Http1);
                } else {
                    *self = Self::Foreign;
                }
            }
            Self::Http2(session) => session.streams.hear(data),
            _ => {}
        }
    }

    /// Takes what went out.
    pub(crate) fn say(&mut self, data: &[u8]) {
        if let Self::Http2(session) = self {
            session.streams.say(data);
        }
    }

    /// Whether frames of our own are put in.
    pub(crate) fn drains(&self) -> bool {
        matches!(self, Self::Http2(session) if session.drain.is_on())
    }

    /// Whether one is to be put in where it may stand next.
    pub(crate) fn is_due(&self) -> bool {
        matches!(self, Self::Http2(session) if session.drain.is_due(&session.streams))
    }

    /// Whether the connection has come to its end.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Http2(session) if session.drain.is_over())
    }

    /// How many of these bytes may go out before it is to be asked again what is next.
    pub(crate) fn reach(&self, data: &[u8]) -> usize {
        match self {
            Self::Http2(session) if session.drain.is_on() => session.streams.reach(data),
            _ => data.len(),
        }
    }

    /// The frames of our own that are due and may stand here.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let Self::Http2(session) = self else { return None };
        let Session { streams, drain } = &mut **session;
        (drain.is_due(streams) && streams.is_between()).then(|| drain.next(streams))
    }
}
