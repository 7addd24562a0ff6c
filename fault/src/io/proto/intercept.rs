//! Protocol detection; what is rewritten on the wire.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::command::Termination;
use crate::connection::handle::{Connection, HttpCommand, Protocol};
use crate::io::proto::h1::{Announced, ChunkRewriter, HeadReader};
use crate::io::proto::h2::{GoAwaySequence, PREFACE, StreamTracker};
use crate::io::proto::websocket::WebSocketPump;
use crate::io::state::StreamState;

/// Sits between a stream's face and its core. Over ciphertext it understands nothing, and does
/// nothing.
#[derive(Default)]
pub(crate) struct HttpInterceptor {
    protocol: ProtocolState,
    /// Whether nothing of what was said is still with who says it: it flushed, and that is done
    /// once its own buffers are empty. The next byte of HTTP/1 is then the first of an answer, if
    /// none is under way.
    between_responses: bool,
    /// Orders about the next answer, until that can be told from the one before.
    commands: Vec<HttpCommand>,
    edit: ResponseEdit,
    /// Is written before anything else.
    unwritten: Bytes,
}

/// What is done to the present answer of HTTP/1.
#[derive(Default)]
enum ResponseEdit {
    #[default]
    Nothing,
    /// Its head has yet to go by.
    Pending(Box<PendingResponse>),
    Chunks(Box<ChunkRewriter>),
    Messages(Box<WebSocketPump>),
}

#[derive(Default)]
struct PendingResponse {
    head: HeadReader,
    chunks: Option<ChunkRewriter>,
    pump: Option<WebSocketPump>,
}

/// So much is taken at once where it has to be copied.
const CHUNK: usize = 16 * 1024;

impl HttpInterceptor {
    /// What comes in is listened to from its first byte on.
    pub(crate) fn detecting() -> Self {
        Self { protocol: ProtocolState::DETECTING, between_responses: true, ..Self::default() }
    }

    /// Whether what is written needs nothing but to be told.
    #[inline]
    pub(crate) fn is_passthrough(&self) -> bool {
        !self.protocol.is_draining()
            && self.commands.is_empty()
            && self.unwritten.is_empty()
            && matches!(self.edit, ResponseEdit::Nothing)
    }

    /// So many of these bytes were written without us.
    pub(crate) fn observe_outgoing(
        &mut self,
        connection: &Connection,
        slices: &[io::IoSlice<'_>],
        mut written: usize,
    ) {
        for slice in slices {
            let part = written.min(slice.len());
            self.observe_slice(connection, &slice[..part]);
            written -= part;
        }
    }

    /// These bytes were read without us.
    pub(crate) fn observe_incoming(&mut self, connection: &Connection, data: &[u8]) {
        self.protocol.observe_incoming(data, connection);
    }

    /// The server flushes what it has written.
    pub(crate) fn observe_flush(&mut self, connection: &Connection) {
        if matches!(self.protocol, ProtocolState::Http1) {
            self.set_between_responses(connection, true);
        }
    }

    fn observe_slice(&mut self, connection: &Connection, data: &[u8]) {
        self.protocol.observe_outgoing(data);
        if matches!(self.protocol, ProtocolState::Http1) && !data.is_empty() {
            self.set_between_responses(connection, false);
        }
    }

    fn set_between_responses(&mut self, connection: &Connection, between_responses: bool) {
        if std::mem::replace(&mut self.between_responses, between_responses) != between_responses {
            connection.set_between_responses(between_responses);
        }
    }

    /// Takes what was ordered.
    fn apply_commands<T>(&mut self, state: &mut StreamState<T>) {
        self.commands.append(&mut state.http_commands);
        if self.commands.is_empty() {
            return;
        }
        match &mut self.protocol {
            ProtocolState::Http1 if !self.between_responses => return,
            ProtocolState::Http1 => {}
            ProtocolState::Http2(session) => {
                for command in self.commands.drain(..) {
                    if let HttpCommand::Drain { code } = command {
                        session.goaway.begin(code);
                    }
                }
                return;
            }
            ProtocolState::Detecting(_) | ProtocolState::Opaque => return self.commands.clear(),
        }
        let mut pending = match std::mem::take(&mut self.edit) {
            ResponseEdit::Pending(pending) => pending,
            _ => Box::default(),
        };
        for command in self.commands.drain(..) {
            match command {
                HttpCommand::ChunkFraming { how, handle } => {
                    pending.chunks = Some(ChunkRewriter::new(how, handle))
                }
                HttpCommand::Messages { tap, handle } => {
                    pending.pump.get_or_insert_default().add(&tap, handle)
                }
                HttpCommand::Drain { .. } => {}
            }
        }
        self.edit = ResponseEdit::Pending(pending);
    }
}

impl HttpInterceptor {
    pub(crate) fn read<T>(
        &mut self,
        state: &mut StreamState<T>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        ready!(state.poll_state(cx));
        self.apply_commands(state);
        if let ResponseEdit::Messages(pump) = &mut self.edit {
            let wakers = state.connection.wakers().clone();
            return pump.poll_read_and_drain(Pin::new(state), cx, buf, &wakers);
        }
        if self.protocol.is_draining() || !self.unwritten.is_empty() {
            let write_frames = self.write_frames(state, cx)?;
            if self.protocol.is_done() {
                ready!(write_frames);
                return Poll::Ready(Ok(()));
            }
        }
        let before = buf.filled().len();
        ready!(state.read(cx, buf))?;
        let incoming = &buf.filled()[before..];
        if let ResponseEdit::Pending(pending) = &mut self.edit
            && let Some(pump) = &mut pending.pump
            && !incoming.is_empty()
        {
            // RFC 6455, section 4.1: a client says nothing before it has the answer. Where the
            // frames of one that does begin cannot be told.
            pump.stop_incoming();
        }
        self.protocol.observe_incoming(incoming, &state.connection);
        Poll::Ready(Ok(()))
    }

    pub(crate) fn write<T>(
        &mut self,
        state: &mut StreamState<T>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        ready!(state.poll_state(cx));
        self.apply_commands(state);
        ready!(self.write_frames(state, cx))?;
        match &mut self.edit {
            ResponseEdit::Messages(pump) => {
                let wakers = state.connection.wakers().clone();
                pump.poll_watched(Pin::new(state), &wakers, |pump, io, cx| pump.poll_write(io, cx, data))
            }
            ResponseEdit::Chunks(_) => self.write_chunks(state, cx, data),
            ResponseEdit::Pending(_) => self.write_head(state, cx, data),
            ResponseEdit::Nothing => {
                let length = self.protocol.frame_length(data);
                let written = ready!(state.write(cx, &data[..length]))?;
                self.observe_slice(&state.connection, &data[..written]);
                if self.protocol.is_due() {
                    // The server may neither write nor read again by itself.
                    state.connection.wakers().wake_all();
                }
                Poll::Ready(Ok(written))
            }
        }
    }

    /// Writes bytes of the head of an HTTP/1 response, and begins the edit after it.
    fn write_head<T>(
        &mut self,
        state: &mut StreamState<T>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let ResponseEdit::Pending(pending) = &mut self.edit else { return Poll::Ready(Ok(0)) };
        let length = pending.head.head_length(data);
        let written = ready!(state.write(cx, &data[..length]))?;
        if let Some(announced) = pending.head.take(&data[..written]) {
            let PendingResponse { chunks, pump, .. } = std::mem::take(&mut **pending);
            self.edit = match (announced, chunks, pump) {
                (Announced::Chunks, Some(chunks), _) => ResponseEdit::Chunks(Box::new(chunks)),
                (Announced::WebSocket, _, Some(pump)) => ResponseEdit::Messages(Box::new(pump)),
                _ => ResponseEdit::Nothing,
            };
        }
        self.observe_slice(&state.connection, &data[..written]);
        Poll::Ready(Ok(written))
    }

    /// Writes bytes of a chunked body, with one chunk framed wrongly.
    fn write_chunks<T>(
        &mut self,
        state: &mut StreamState<T>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let ResponseEdit::Chunks(chunks) = &mut self.edit else { return Poll::Ready(Ok(0)) };
        let data = &data[..data.len().min(CHUNK)];
        let mut out = BytesMut::with_capacity(data.len() + 8);
        chunks.push(data, &mut out);
        if chunks.is_done() {
            self.edit = ResponseEdit::Nothing;
        }
        self.unwritten = out.freeze();
        self.set_between_responses(&state.connection, false);
        // The next write or a flush writes what cannot be written now.
        if let Poll::Ready(Err(error)) = self.write_frames(state, cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(data.len()))
    }

    pub(crate) fn flush<T>(
        &mut self,
        state: &mut StreamState<T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        ready!(state.poll_state(cx));
        self.apply_commands(state);
        ready!(self.write_frames(state, cx))?;
        match &mut self.edit {
            ResponseEdit::Messages(pump) => {
                let wakers = state.connection.wakers().clone();
                pump.poll_watched(Pin::new(state), &wakers, WebSocketPump::poll_flush)
            }
            ResponseEdit::Chunks(chunks) if chunks.closes() => {
                ready!(state.flush(cx))?;
                state.connection.end(Termination::Close, chunks.handle.name());
                self.edit = ResponseEdit::Nothing;
                // Of which the server hears when it writes or reads again.
                Poll::Ready(Ok(()))
            }
            _ => state.flush(cx),
        }
    }

    pub(crate) fn shutdown<T>(
        &mut self,
        state: &mut StreamState<T>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        ready!(state.poll_state(cx));
        if state.terminated.is_none() {
            ready!(self.write_frames(state, cx))?;
        }
        match &mut self.edit {
            ResponseEdit::Messages(pump) => {
                let wakers = state.connection.wakers().clone();
                pump.poll_watched(Pin::new(state), &wakers, WebSocketPump::poll_shutdown)
            }
            _ => state.shutdown(cx),
        }
    }

    /// Writes what is our own, where it may stand. Ready when nothing of it is left that could be
    /// written here.
    fn write_frames<T>(&mut self, state: &mut StreamState<T>, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let mut wrote = false;
            while !self.unwritten.is_empty() {
                let written = ready!(state.write(cx, &self.unwritten))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.unwritten.advance(written);
                wrote = true;
            }
            if wrote {
                // Else it would lie in a buffer below us until the server has something to say.
                let _ = state.flush(cx)?;
            }
            let Some(unwritten) = self.protocol.next_frames() else { return Poll::Ready(Ok(())) };
            self.unwritten = unwritten;
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for StreamState<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().read(cx, buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for StreamState<T> {
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
pub(crate) enum ProtocolState {
    /// So much of HTTP/2's preface has come.
    Detecting(usize),
    Http1,
    Http2(Box<Session>),
    /// Ciphertext, or our own end of a connection that was made.
    #[default]
    Opaque,
}

/// What is known of an HTTP/2 connection.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) streams: StreamTracker,
    pub(crate) goaway: GoAwaySequence,
}

impl ProtocolState {
    pub(crate) const DETECTING: Self = Self::Detecting(0);

    /// Takes what came in, and lets the connection know what it was.
    pub(crate) fn observe_incoming(&mut self, mut data: &[u8], connection: &Connection) {
        match self {
            Self::Detecting(have) if !data.is_empty() => {
                let part = data.len().min(PREFACE.len() - *have);
                if data[..part] == PREFACE[*have..*have + part] {
                    *have += part;
                    data = &data[part..];
                    if *have == PREFACE.len() {
                        let mut session = Box::<Session>::default();
                        session.streams.observe_incoming(data);
                        *self = Self::Http2(session);
                        connection.set_protocol(Protocol::Http2);
                    }
                } else if *have > 0 || data[0].is_ascii_alphabetic() || matches!(data[0], b'\r' | b'\n') {
                    // A method, or the empty lines that may stand before it (RFC 9112, section 2.2).
                    *self = Self::Http1;
                    connection.set_protocol(Protocol::Http1);
                } else {
                    *self = Self::Opaque;
                }
            }
            Self::Http2(session) => session.streams.observe_incoming(data),
            _ => {}
        }
    }

    /// Takes what went out.
    pub(crate) fn observe_outgoing(&mut self, data: &[u8]) {
        if let Self::Http2(session) = self {
            session.streams.observe_outgoing(data);
        }
    }

    /// Whether frames of our own are put in.
    pub(crate) fn is_draining(&self) -> bool {
        matches!(self, Self::Http2(session) if session.goaway.is_started())
    }

    /// Whether one is to be put in where it may stand next.
    pub(crate) fn is_due(&self) -> bool {
        matches!(self, Self::Http2(session) if session.goaway.is_due(&session.streams))
    }

    /// Whether the connection has come to its end.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Http2(session) if session.goaway.is_done())
    }

    /// How many of these bytes may go out before it is to be asked again what is next.
    pub(crate) fn frame_length(&self, data: &[u8]) -> usize {
        match self {
            Self::Http2(session) if session.goaway.is_started() => session.streams.frame_length(data),
            _ => data.len(),
        }
    }

    /// The frames of our own that are due and may stand here.
    pub(crate) fn next_frames(&mut self) -> Option<Bytes> {
        let Self::Http2(session) = self else { return None };
        let Session { streams, goaway } = &mut **session;
        (goaway.is_due(streams) && streams.is_between_frames()).then(|| goaway.next_frames(streams))
    }
}
