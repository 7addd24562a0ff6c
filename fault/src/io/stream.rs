//! FaultStream (AsyncRead + AsyncWrite).

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
use crate::fault::set::FaultSet;
use crate::io::proto::intercept::HttpInterceptor;
use crate::io::state::{ResetBy, Role, StreamState};

/// An io that faults can strike, with the [`Connection`] by which they reach it.
///
/// While none does, reads and writes go straight to the io, and cost one look at an atomic number
/// each. Of HTTP/2 in the clear the heads of frames are read along, so that `GOAWAY` can be told.
///
/// What a toxic delays moves on whenever the stream is polled, to read or to write, and a flush
/// waits for it: flush what has to arrive before you let the stream lie.
///
/// Wrap the TCP stream, and hand the result to the TLS acceptor: beneath TLS it tampers with
/// ciphertext, as a bad wire does, and resets are true resets.
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
/// let _ = server.write_all(b"an answer").await;
/// let mut seen = String::new();
/// client.read_to_string(&mut seen).await?;
/// assert_eq!(seen, "an a");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FaultStream<T> {
    state: StreamState<T>,
    http: HttpInterceptor,
}

impl<T> FaultStream<T> {
    /// Around the io of a connection that was accepted from this peer.
    pub fn accepted(io: T, peer: Option<SocketAddr>) -> Self {
        Self::new(io, Connection::new(peer, false), Role::Accepted)
    }

    /// Around the io of a connection that was made.
    pub fn connected(io: T, peer: Option<SocketAddr>) -> Self {
        Self::new(io, Connection::new(peer, false), Role::Connected)
    }

    /// How the io is made to end in a reset when it is dropped: `TcpStream::set_zero_linger`.
    /// Without it a reset is a close, and rejects that promise a reset are `unreachable`. Say it
    /// first: handles taken before do not know of it.
    #[must_use]
    pub fn reset_by(mut self, reset: ResetBy<T>) -> Self {
        self.state.reset = reset;
        self.state.connection = Connection::new(self.state.connection.peer(), true);
        self
    }

    /// Lets a fault lie in wait for this connection: it decides once, when bytes first move while
    /// it is on, and anew when it was off in between.
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

    /// The handle of this connection.
    pub fn connection(&self) -> &Connection {
        &self.state.connection
    }

    /// The io, unless the connection was struck dead.
    pub fn get_ref(&self) -> Option<&T> {
        self.state.io.as_ref()
    }

    #[cfg(feature = "hyper")]
    pub(crate) fn of(io: T, connection: Connection) -> Self {
        Self::new(io, connection, Role::Connected)
    }

    /// Ends the connection so, after the first bytes.
    #[cfg(feature = "hyper")]
    pub(crate) fn terminate_later(&mut self, termination: Termination, by: Arc<str>) {
        self.state.terminate_later(termination, by);
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
