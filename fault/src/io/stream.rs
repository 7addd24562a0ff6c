//! FaultStream: an io with faults (AsyncRead and AsyncWrite).

use std::net::SocketAddr;
use std::pin::Pin;
#[cfg(feature = "hyper")]
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(feature = "hyper")]
use crate::connection::command::Termination;
use crate::connection::handle::Connection;
use crate::fault::fault::Fault;
use crate::io::proto::intercept::HttpInterceptor;
use crate::io::state::{ResetBy, Role, StreamState};

/// Wraps an io, with the [`Connection`] handle by which faults control it.
///
/// Without an active fault, reads and writes go directly to the io, and cost one atomic load each.
/// Frame headers of unencrypted HTTP/2 are parsed, so that `GOAWAY` can be inserted.
///
/// Data delayed by a toxic is written whenever the stream is polled, to read or to write, and a
/// flush waits for it: flush data before the stream is left unpolled.
///
/// Wrap the TCP stream, and pass the result to the TLS acceptor: below TLS a toxic applies to
/// ciphertext, as a faulty network does, and resets are TCP resets.
///
/// ```
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use waylay_fault::{Fault, FaultStream, Toxic};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let fault = Fault::new("cut", Toxic::limit_data(4)).enabled(true).participation(1.0).build()?;
/// let (io, mut client) = tokio::io::duplex(1024);
/// let mut server = FaultStream::accepted(io, None).fault(&fault);
///
/// let _ = server.write_all(b"a response").await;
/// let mut seen = String::new();
/// client.read_to_string(&mut seen).await?;
/// assert_eq!(seen, "a re");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FaultStream<T> {
    state: StreamState<T>,
    http: HttpInterceptor,
}

impl<T> FaultStream<T> {
    /// Wraps the io of a connection accepted from this peer.
    pub fn accepted(io: T, peer: Option<SocketAddr>) -> Self {
        Self::new(io, Connection::new(peer, false), Role::Accepted)
    }

    /// Wraps the io of an outgoing connection.
    pub fn connected(io: T, peer: Option<SocketAddr>) -> Self {
        Self::new(io, Connection::new(peer, false), Role::Connected)
    }

    /// Sets the function that makes the io end in a reset when it is dropped:
    /// `TcpStream::set_zero_linger`. Without it a reset is a close, and rejections by a reset are
    /// not deliverable. Call it first: it replaces the handle.
    #[must_use]
    pub fn reset_by(mut self, reset: ResetBy<T>) -> Self {
        self.state.reset = reset;
        self.state.connection = Connection::new(self.state.connection.peer(), true);
        self
    }

    /// Adds a fault of this connection: it decides once, when bytes are transferred while it is
    /// enabled, and again after it was disabled in between.
    #[must_use]
    pub fn fault(mut self, fault: &Fault) -> Self {
        self.state.faults.add(fault.clone());
        self
    }

    /// Returns the handle of this connection.
    pub fn connection(&self) -> &Connection {
        &self.state.connection
    }

    /// Returns the io, unless the connection was terminated.
    pub fn get_ref(&self) -> Option<&T> {
        self.state.io.as_ref()
    }

    #[cfg(feature = "hyper")]
    pub(crate) fn of(io: T, connection: Connection) -> Self {
        Self::new(io, connection, Role::Connected)
    }

    /// Terminates the connection after the first bytes.
    #[cfg(feature = "hyper")]
    pub(crate) fn terminate_later(&mut self, termination: Termination, fault: Arc<str>) {
        self.state.terminate_later(termination, fault);
    }

    fn new(io: T, connection: Connection, role: Role) -> Self {
        let http = match role {
            Role::Accepted => HttpInterceptor::detecting(),
            Role::Connected => HttpInterceptor::default(),
        };
        Self { state: StreamState::new(io, connection, role), http }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for FaultStream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { state, http } = self.get_mut();
        let poll = http.read(state, cx, buf);
        if poll.is_pending() {
            state.register_waker(cx, Connection::register_reader);
        }
        poll
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for FaultStream<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let Self { state, http } = self.get_mut();
        let poll = http.write(state, cx, data);
        if poll.is_pending() {
            state.register_waker(cx, Connection::register_writer);
        }
        poll
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { state, http } = self.get_mut();
        let poll = http.flush(state, cx);
        if poll.is_pending() {
            state.register_waker(cx, Connection::register_writer);
        }
        poll
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { state, http } = self.get_mut();
        let poll = http.shutdown(state, cx);
        if poll.is_pending() {
            state.register_waker(cx, Connection::register_writer);
        }
        poll
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { state, http } = self.get_mut();
        if http.is_passthrough()
            && let Some(io) = state.plain()
        {
            let poll = Pin::new(io).poll_write_vectored(cx, slices);
            match poll {
                Poll::Pending => state.register_waker(cx, Connection::register_writer),
                Poll::Ready(Ok(written)) => http.observe_outgoing(&state.connection, slices, written),
                Poll::Ready(Err(_)) => {}
            }
            return poll;
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        let poll = http.write(state, cx, first.map_or(&[], |slice| slice));
        if poll.is_pending() {
            state.register_waker(cx, Connection::register_writer);
        }
        poll
    }

    fn is_write_vectored(&self) -> bool {
        self.state.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

impl<T> fmt::Debug for FaultStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultStream")
            .field("connection", &self.state.connection)
            .field("terminated", &self.state.terminated)
            .finish_non_exhaustive()
    }
}
