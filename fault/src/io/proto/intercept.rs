//! Protocol detection; what is rewritten on the wire.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::command::Ending;
use crate::connection::handle::{Connection, Speech, Word};
use crate::io::proto::h1::{Announced, Chunks, Heads};
use crate::io::proto::h2::{Drain, PREFACE, Streams};
use crate::io::proto::websocket::Lanes;
use crate::io::state::Core;

/// Sits between a stream's face and its core. Over ciphertext it understands nothing, and does
/// nothing.
#[derive(Default)]
pub(crate) struct Talk {
    tongue: Tongue,
    /// Whether nothing of what was said is still with who says it: it flushed, and that is done
    /// once its own buffers are empty. The next byte of HTTP/1 is then the first of an answer, if
    /// none is under way.
    settled: bool,
    /// Orders about the next answer, until that can be told from the one before.
    words: Vec<Word>,
    act: Act,
    /// Is written before anything else.
    rest: Bytes,
}

/// What is done to the present answer of HTTP/1.
#[derive(Default)]
enum Act {
    #[default]
    Nothing,
    /// Its head has yet to go by.
    Ahead(Box<Ahead>),
    Chunks(Box<Chunks>),
    Messages(Box<Lanes>),
}

#[derive(Default)]
struct Ahead {
    heads: Heads,
    chunks: Option<Chunks>,
    lanes: Option<Lanes>,
}

/// So much is taken at once where it has to be copied.
const CHUNK: usize = 16 * 1024;

impl Talk {
    /// What comes in is listened to from its first byte on.
    pub(crate) fn listening() -> Self {
        Self { tongue: Tongue::UNHEARD, settled: true, ..Self::default() }
    }

    /// Whether what is written needs nothing but to be told.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        !self.tongue.drains()
            && self.words.is_empty()
            && self.rest.is_empty()
            && matches!(self.act, Act::Nothing)
    }

    /// So many of these bytes were written without us.
    pub(crate) fn say(&mut self, connection: &Connection, slices: &[io::IoSlice<'_>], mut written: usize) {
        for slice in slices {
            let part = written.min(slice.len());
            self.said(connection, &slice[..part]);
            written -= part;
        }
    }

    fn said(&mut self, connection: &Connection, data: &[u8]) {
        self.tongue.say(data);
        if matches!(self.tongue, Tongue::Http1) && !data.is_empty() {
            self.settle(connection, false);
        }
    }

    fn settle(&mut self, connection: &Connection, settled: bool) {
        if std::mem::replace(&mut self.settled, settled) != settled {
            connection.settle(settled);
        }
    }

    /// Takes what was ordered.
    fn obey<T>(&mut self, core: &mut Core<T>) {
        self.words.append(&mut core.words);
        if self.words.is_empty() {
            return;
        }
        match &mut self.tongue {
            Tongue::Http1 if !self.settled => return,
            Tongue::Http1 => {}
            Tongue::Http2(session) => {
                for word in self.words.drain(..) {
                    if let Word::Drain { code } = word {
                        session.drain.begin(code);
                    }
                }
                return;
            }
            Tongue::Unheard(_) | Tongue::Foreign => return self.words.clear(),
        }
        let mut ahead = match std::mem::take(&mut self.act) {
            Act::Ahead(ahead) => ahead,
            _ => Box::default(),
        };
        for word in self.words.drain(..) {
            match word {
                Word::Chunk { how, host } => ahead.chunks = Some(Chunks::new(how, host)),
                Word::Messages { tap, host } => ahead.lanes.get_or_insert_default().add(&tap, host),
                Word::Drain { .. } => {}
            }
        }
        self.act = Act::Ahead(ahead);
    }
}

impl Talk {
    pub(crate) fn read<T>(
        &mut self,
        core: &mut Core<T>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        // While nobody has a hand in it, as straight as can be.
        if self.is_plain()
            && let Some(io) = core.plain()
        {
            let before = buf.filled().len();
            ready!(Pin::new(io).poll_read(cx, buf))?;
            self.tongue.hear(&buf.filled()[before..], &core.connection);
            return Poll::Ready(Ok(()));
        }
        ready!(core.attend(cx));
        self.obey(core);
        if let Act::Messages(lanes) = &mut self.act {
            // What was said and held back moves on while the stream is read; a failure is the
            // writer's to hear.
            let _ = lanes.poll_drain(Pin::new(&mut *core), cx);
            let read = ready!(lanes.poll_read(Pin::new(&mut *core), cx, buf));
            core.connection.forget_reader();
            if lanes.let_leave() {
                core.connection.wake();
            }
            return Poll::Ready(read);
        }
        if self.tongue.drains() {
            let put_in = self.put_in(core, cx)?;
            if self.tongue.is_over() {
                ready!(put_in);
                return Poll::Ready(Ok(()));
            }
        }
        let before = buf.filled().len();
        ready!(core.read(cx, buf))?;
        let heard = &buf.filled()[before..];
        if let Act::Ahead(ahead) = &mut self.act
            && let Some(lanes) = &mut ahead.lanes
            && !heard.is_empty()
        {
            // RFC 6455, section 4.1: a client says nothing before it has the answer. Where the
            // frames of one that does begin cannot be told.
            lanes.spare_incoming();
        }
        self.tongue.hear(heard, &core.connection);
        Poll::Ready(Ok(()))
    }

    pub(crate) fn write<T>(
        &mut self,
        core: &mut Core<T>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        if self.is_plain()
            && let Some(io) = core.plain()
        {
            let written = ready!(Pin::new(io).poll_write(cx, data))?;
            self.said(&core.connection, &data[..written]);
            return Poll::Ready(Ok(written));
        }
        ready!(core.attend(cx));
        self.obey(core);
        ready!(self.put_in(core, cx))?;
        let reach = match &mut self.act {
            Act::Messages(lanes) => {
                return match lanes.poll_write(Pin::new(&mut *core), cx, data) {
                    Poll::Pending if listen(lanes, core, cx) => lanes.poll_write(Pin::new(core), cx, data),
                    poll => poll,
                };
            }
            Act::Chunks(chunks) => {
                let data = &data[..data.len().min(CHUNK)];
                let mut out = BytesMut::with_capacity(data.len() + 8);
                chunks.push(data, &mut out);
                if chunks.is_past() {
                    self.act = Act::Nothing;
                }
                self.rest = out.freeze();
                self.settle(&core.connection, false);
                // What cannot be written now, the next write or a flush will.
                if let Poll::Ready(Err(error)) = self.put_in(core, cx) {
                    return Poll::Ready(Err(error));
                }
                return Poll::Ready(Ok(data.len()));
            }
            Act::Ahead(ahead) => ahead.heads.reach(data),
            Act::Nothing => self.tongue.reach(data),
        };
        let written = ready!(core.write(cx, &data[..reach]))?;
        self.said(&core.connection, &data[..written]);
        if let Act::Ahead(ahead) = &mut self.act
            && let Some(announced) = ahead.heads.take(&data[..written])
        {
            let Ahead { chunks, lanes, .. } = std::mem::take(&mut **ahead);
            self.act = match (announced, chunks, lanes) {
                (Announced::Chunks, Some(chunks), _) => Act::Chunks(Box::new(chunks)),
                (Announced::WebSocket, _, Some(lanes)) => Act::Messages(Box::new(lanes)),
                _ => Act::Nothing,
            };
        }
        if self.tongue.is_due() {
            // Nobody may write or read again by itself.
            core.connection.wake();
        }
        Poll::Ready(Ok(written))
    }

    pub(crate) fn flush<T>(&mut self, core: &mut Core<T>, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        if matches!(self.tongue, Tongue::Http1) {
            self.settle(&core.connection, true);
        }
        if self.is_plain()
            && let Some(io) = core.plain()
        {
            return Pin::new(io).poll_flush(cx);
        }
        ready!(core.attend(cx));
        self.obey(core);
        ready!(self.put_in(core, cx))?;
        match &mut self.act {
            Act::Messages(lanes) => match lanes.poll_flush(Pin::new(&mut *core), cx) {
                Poll::Pending if listen(lanes, core, cx) => lanes.poll_flush(Pin::new(core), cx),
                poll => poll,
            },
            Act::Chunks(chunks) if chunks.closes() => {
                ready!(core.flush(cx))?;
                core.connection.end(Ending::Close, chunks.host.name());
                self.act = Act::Nothing;
                // Of which the server hears when it writes or reads again.
                Poll::Ready(Ok(()))
            }
            _ => core.flush(cx),
        }
    }

    pub(crate) fn shutdown<T>(&mut self, core: &mut Core<T>, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        ready!(core.attend(cx));
        if core.dead.is_none() {
            ready!(self.put_in(core, cx))?;
        }
        match &mut self.act {
            Act::Messages(lanes) => match lanes.poll_shutdown(Pin::new(&mut *core), cx) {
                Poll::Pending if listen(lanes, core, cx) => lanes.poll_shutdown(Pin::new(core), cx),
                poll => poll,
            },
            _ => core.shutdown(cx),
        }
    }

    /// Writes what is our own, where it may stand. Ready when nothing of it is left that could be
    /// written here.
    fn put_in<T>(&mut self, core: &mut Core<T>, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let mut wrote = false;
            while !self.rest.is_empty() {
                let written = ready!(core.write(cx, &self.rest))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.rest.advance(written);
                wrote = true;
            }
            if wrote {
                // Else it would lie in a buffer below us until the server has something to say.
                let _ = core.flush(cx)?;
            }
            let Some(rest) = self.tongue.next() else { return Poll::Ready(Ok(())) };
            self.rest = rest;
        }
    }
}

/// A server that waits for its message to go out does not read; so that a client is heard that
/// leaves meanwhile, we do. Whether it has left.
fn listen<T>(lanes: &mut Lanes, core: &mut Core<T>, cx: &Context<'_>) -> bool
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // By the waker of who waits to read, else the io would forget that.
    let reader = core.connection.reader();
    let waker = reader.as_ref().unwrap_or(cx.waker());
    if lanes.listen(Pin::new(&mut *core), &mut Context::from_waker(waker)) {
        core.connection.wake();
    }
    lanes.let_leave()
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Core<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().read(cx, buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Core<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().shutdown(cx)
    }
}

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
