//! HttpInterceptor: detects HTTP/1 or HTTP/2 and rewrites responses on a stream.

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

/// Between a stream and its state. Without effect on encrypted streams.
#[derive(Default)]
pub(crate) struct HttpInterceptor {
    protocol: ProtocolState,
    /// All bytes of earlier responses are written: the server has flushed, which completes once its
    /// own buffers are empty. The next byte of HTTP/1 is then the first of a response, if none is
    /// in progress.
    between_responses: bool,
    /// Commands for the next response, until it can be distinguished from the one before.
    commands: Vec<HttpCommand>,
    edit: ResponseEdit,
    /// Written before anything else.
    unwritten: Bytes,
}

/// The change of the current HTTP/1 response.
#[derive(Default)]
enum ResponseEdit {
    #[default]
    Nothing,
    /// Its head is not complete.
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

/// Longest write of bytes that are copied.
const CHUNK: usize = 16 * 1024;

impl HttpInterceptor {
    /// Returns an interceptor that detects the protocol from the first byte on.
    pub(crate) fn detecting() -> Self {
        Self { protocol: ProtocolState::DETECTING, between_responses: true, ..Self::default() }
    }

    /// Tests whether writes only need to be observed.
    #[inline]
    pub(crate) fn is_passthrough(&self) -> bool {
        !self.protocol.is_draining()
            && self.commands.is_empty()
            && self.unwritten.is_empty()
            && matches!(self.edit, ResponseEdit::Nothing)
    }

    /// Observes bytes that were written directly to the io.
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

    /// Takes the commands of the state.
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
        // Without a change, read directly from the io.
        if self.is_passthrough()
            && let Some(io) = state.plain()
        {
            let before = buf.filled().len();
            ready!(Pin::new(io).poll_read(cx, buf))?;
            self.protocol.observe_incoming(&buf.filled()[before..], &state.connection);
            return Poll::Ready(Ok(()));
        }
        ready!(state.poll_state(cx));
        self.apply_commands(state);
        if let ResponseEdit::Messages(pump) = &mut self.edit {
            return read_messages(pump, state, cx, buf);
        }
        if self.protocol.is_draining() {
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
            // RFC 6455, section 4.1: a client sends nothing before it has the response. If it does,
            // the start of its frames is unknown.
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
        if self.is_passthrough()
            && let Some(io) = state.plain()
        {
            let written = ready!(Pin::new(io).poll_write(cx, data))?;
            self.observe_slice(&state.connection, &data[..written]);
            return Poll::Ready(Ok(written));
        }
        ready!(state.poll_state(cx));
        self.apply_commands(state);
        ready!(self.write_frames(state, cx))?;
        match &mut self.edit {
            ResponseEdit::Messages(pump) => match pump.poll_write(Pin::new(&mut *state), cx, data) {
                Poll::Pending if read_ahead(pump, state, cx) => pump.poll_write(Pin::new(state), cx, data),
                poll => poll,
            },
            ResponseEdit::Chunks(_) => self.write_chunks(state, cx, data),
            ResponseEdit::Pending(_) => self.write_head(state, cx, data),
            ResponseEdit::Nothing => {
                let length = self.protocol.frame_length(data);
                let written = ready!(state.write(cx, &data[..length]))?;
                self.observe_slice(&state.connection, &data[..written]);
                if self.protocol.is_due() {
                    // The server may neither write nor read again by itself.
                    state.connection.wake();
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
        if matches!(self.protocol, ProtocolState::Http1) {
            self.set_between_responses(&state.connection, true);
        }
        if self.is_passthrough()
            && let Some(io) = state.plain()
        {
            return Pin::new(io).poll_flush(cx);
        }
        ready!(state.poll_state(cx));
        self.apply_commands(state);
        ready!(self.write_frames(state, cx))?;
        match &mut self.edit {
            ResponseEdit::Messages(pump) => match pump.poll_flush(Pin::new(&mut *state), cx) {
                Poll::Pending if read_ahead(pump, state, cx) => pump.poll_flush(Pin::new(state), cx),
                poll => poll,
            },
            ResponseEdit::Chunks(chunks) if chunks.closes() => {
                ready!(state.flush(cx))?;
                state.connection.end(Termination::Close, chunks.handle.name());
                self.edit = ResponseEdit::Nothing;
                // The server observes the close when it writes or reads again.
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
            ResponseEdit::Messages(pump) => match pump.poll_shutdown(Pin::new(&mut *state), cx) {
                Poll::Pending if read_ahead(pump, state, cx) => pump.poll_shutdown(Pin::new(state), cx),
                poll => poll,
            },
            _ => state.shutdown(cx),
        }
    }

    /// Writes inserted bytes, where that is possible. Ready when none are left that may be written
    /// here.
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
                // Otherwise it would stay in a lower buffer until the server's next write.
                let _ = state.flush(cx)?;
            }
            let Some(unwritten) = self.protocol.next_frames() else { return Poll::Ready(Ok(())) };
            self.unwritten = unwritten;
        }
    }
}

/// Reads from a WebSocket, and writes the messages that are due meanwhile.
fn read_messages<T>(
    pump: &mut WebSocketPump,
    state: &mut StreamState<T>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // A failure is reported to the writer.
    let _ = pump.poll_drain(Pin::new(&mut *state), cx);
    let read = ready!(pump.poll_read(Pin::new(&mut *state), cx, buf));
    state.connection.forget_reader();
    if pump.release_after_close() {
        state.connection.wake();
    }
    Poll::Ready(read)
}

/// Reads from the client while a server waits for its message to be written, to notice that the
/// client has left. Returns whether it has.
fn read_ahead<T>(pump: &mut WebSocketPump, state: &mut StreamState<T>, cx: &Context<'_>) -> bool
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // With the waker of the reading task, which the io would otherwise forget.
    let reader = state.connection.reader();
    let waker = reader.as_ref().unwrap_or(cx.waker());
    if pump.read_ahead(Pin::new(&mut *state), &mut Context::from_waker(waker)) {
        state.connection.wake();
    }
    pump.release_after_close()
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
    /// The number of bytes of HTTP/2's preface so far.
    Detecting(usize),
    Http1,
    Http2(Box<Session>),
    /// Encrypted, or an outgoing connection.
    #[default]
    Opaque,
}

/// The state of an HTTP/2 connection.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) streams: StreamTracker,
    pub(crate) goaway: GoAwaySequence,
}

impl ProtocolState {
    pub(crate) const DETECTING: Self = Self::Detecting(0);

    /// Takes bytes from the peer, and reports the detected protocol to the connection.
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
                    // A method, or the empty lines that may precede it (RFC 9112, section 2.2).
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

    /// Takes bytes to the peer.
    pub(crate) fn observe_outgoing(&mut self, data: &[u8]) {
        if let Self::Http2(session) = self {
            session.streams.observe_outgoing(data);
        }
    }

    /// Tests whether frames are inserted.
    pub(crate) fn is_draining(&self) -> bool {
        matches!(self, Self::Http2(session) if session.goaway.is_started())
    }

    /// Tests whether a frame is to be inserted at the next boundary.
    pub(crate) fn is_due(&self) -> bool {
        matches!(self, Self::Http2(session) if session.goaway.is_due(&session.streams))
    }

    /// Tests whether the connection has ended.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Http2(session) if session.goaway.is_done())
    }

    /// Returns the number of these bytes that may be written before the next check.
    pub(crate) fn frame_length(&self, data: &[u8]) -> usize {
        match self {
            Self::Http2(session) if session.goaway.is_started() => session.streams.frame_length(data),
            _ => data.len(),
        }
    }

    /// Returns the frames that are due, at a boundary.
    pub(crate) fn next_frames(&mut self) -> Option<Bytes> {
        let Self::Http2(session) = self else { return None };
        let Session { streams, goaway } = &mut **session;
        (goaway.is_due(streams) && streams.is_between_frames()).then(|| goaway.next_frames(streams))
    }
}
