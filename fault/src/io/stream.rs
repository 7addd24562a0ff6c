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
use crate::connection::waker::TaskWakers;
use crate::fault::fault::Fault;
use crate::fault::set::FaultSet;
use crate::io::proto::intercept::HttpInterceptor;
use crate::io::state::{ResetBy, Role, StreamState};
use crate::io::watched::WatchedIo;

/// Wraps an io, with the [`Connection`] handle by which faults control it.
///
/// Without an active fault, reads and writes go directly to the io, and cost one atomic load each.
/// Frame headers of unencrypted HTTP/2 are parsed, so that `GOAWAY` can be inserted.
///
/// Data delayed by a toxic is written whenever the stream is polled, to read or to write, and a
/// flush waits for it: flush data before the stream is left unpolled. Timers wake both tasks of a
/// stream whose halves are in two tasks (`tokio::io::split`).
///
/// A client that leaves ends every wait: a hang closes the connection, and nothing is delayed any
/// longer on the way to the client. It is noticed while the stream is polled, by reading up to 1 MiB
/// ahead.
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

    /// Puts the connection under the faults of a set for listeners. A connection that is open
    /// follows the set: faults that come later decide when bytes next move.
    #[must_use]
    pub fn fault_set(mut self, set: &FaultSet) -> Self {
        self.state.faults.follow(set.clone());
        self
    }

    /// Takes the bytes as those of any protocol: HTTP is not looked for, so that a `GOAWAY` and faults of single
    /// messages are not deliverable. For proxies of TCP.
    #[must_use]
    pub fn opaque(mut self) -> Self {
        self.http = HttpInterceptor::default();
        self
    }

    /// Returns the handle of this connection.
    pub fn connection(&self) -> &Connection {
        &self.state.connection
    }

    /// Returns the io, unless the connection was terminated.
    pub fn get_ref(&self) -> Option<&T> {
        self.state.io.as_ref().map(WatchedIo::get_ref)
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
        if http.is_passthrough()
            && let Some(io) = state.plain()
        {
            let before = buf.filled().len();
            let poll = Pin::new(io).poll_read(cx, buf);
            match poll {
                Poll::Pending => state.register(cx, TaskWakers::register_reader),
                Poll::Ready(Ok(())) => http.observe_incoming(&state.connection, &buf.filled()[before..]),
                Poll::Ready(Err(_)) => {}
            }
            return poll;
        }
        let waker = state.shared_waker(cx, TaskWakers::register_reader);
        http.read(state, &mut Context::from_waker(&waker), buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for FaultStream<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(data)])
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { state, http } = self.get_mut();
        http.observe_flush(&state.connection);
        if http.is_passthrough()
            && let Some(io) = state.plain()
        {
            let poll = Pin::new(io).poll_flush(cx);
            if poll.is_pending() {
                state.register(cx, TaskWakers::register_writer);
            }
            return poll;
        }
        let waker = state.shared_waker(cx, TaskWakers::register_writer);
        http.flush(state, &mut Context::from_waker(&waker))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { state, http } = self.get_mut();
        let waker = state.shared_waker(cx, TaskWakers::register_writer);
        http.shutdown(state, &mut Context::from_waker(&waker))
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
            let poll = match slices {
                [data] => Pin::new(io).poll_write(cx, data),
                _ => Pin::new(io).poll_write_vectored(cx, slices),
            };
            match poll {
                Poll::Pending => state.register(cx, TaskWakers::register_writer),
                Poll::Ready(Ok(written)) => http.observe_outgoing(&state.connection, slices, written),
                Poll::Ready(Err(_)) => {}
            }
            return poll;
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        let waker = state.shared_waker(cx, TaskWakers::register_writer);
        http.write(state, &mut Context::from_waker(&waker), first.map_or(&[], |slice| slice))
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
