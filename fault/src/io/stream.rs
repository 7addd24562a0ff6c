//! A stream that faults can strike: byte for byte its io while nothing does.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::ambush::Ambush;
use super::error::WireError;
use super::flow::{Flow, Way};
use super::line::{Connection, Order};
use super::stage::{End, Stage};
use crate::fault::Fault;
use crate::injector::ending::Ending;
use crate::injector::toxic::Direction;

/// An io that faults can strike, with the [`Connection`] by which they reach it.
///
/// While none does, reads and writes go straight to the io, and cost one look at an atomic number
/// each. What a toxic delays moves on while the stream is polled at all, and a flush waits for it:
/// flush what has to arrive. Beneath TLS it tampers with ciphertext, which is what a bad wire
/// does, and resets are true resets; so wrap the TCP stream, and hand the result to the TLS
/// acceptor.
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
    /// Gone once the connection was struck dead: that closes it, whoever holds us still.
    io: Option<T>,
    reset: ResetBy<T>,
    station: Station,
    connection: Connection,
    /// How many orders were followed.
    given: u64,
    ambush: Ambush,
    flow: Option<Box<Flow>>,
    armed: Option<Armed>,
    /// What a read came across that is a write's to tell.
    failed: Option<io::Error>,
    dead: Option<WireError>,
}

/// How an io is made to end in a reset when it is dropped, such as `TcpStream::set_zero_linger`.
pub type ResetBy<T> = fn(&T) -> io::Result<()>;

/// Which end of the connection we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Station {
    Accepted,
    Connected,
}

/// An ending that waits for the first bytes, so that the client has sent its request in vain.
struct Armed {
    ending: Ending,
    by: Arc<str>,
    /// The first bytes were written.
    spoken: bool,
}

impl<T> FaultStream<T> {
    /// Around the io of a connection that was accepted from this peer.
    pub fn accepted(io: T, peer: Option<SocketAddr>) -> Self {
        Self::new(io, Connection::new(peer, false), Station::Accepted)
    }

    /// Around the io of a connection that was made.
    pub fn connected(io: T, peer: Option<SocketAddr>) -> Self {
        Self::new(io, Connection::new(peer, false), Station::Connected)
    }

    /// How the io is made to end in a reset when it is dropped: `TcpStream::set_zero_linger`.
    /// Without it a reset is a close, and rejects that promise a reset are `unreachable`. Say it
    /// first: handles taken before do not know of it.
    #[must_use]
    pub fn reset_by(mut self, reset: ResetBy<T>) -> Self {
        self.reset = reset;
        self.connection = Connection::new(self.connection.peer(), true);
        self
    }

    /// Lets a fault lie in wait for this connection: it decides once, when bytes first move while
    /// it is on, and anew when it was off in between.
    #[must_use]
    pub fn fault(mut self, fault: &Fault) -> Self {
        self.ambush.add(fault.clone());
        self
    }

    /// The handle of this connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The io, unless the connection was struck dead.
    pub fn get_ref(&self) -> Option<&T> {
        self.io.as_ref()
    }

    #[cfg(feature = "hyper")]
    pub(crate) fn of(io: T, connection: Connection) -> Self {
        Self::new(io, connection, Station::Connected)
    }

    /// Ends the connection so, after the first bytes.
    pub(crate) fn arm(&mut self, ending: Ending, by: Arc<str>) {
        self.armed = Some(Armed { ending, by, spoken: false });
    }

    fn new(io: T, connection: Connection, station: Station) -> Self {
        Self {
            io: Some(io),
            reset: |_| Ok(()),
            station,
            connection,
            given: 0,
            ambush: Ambush::default(),
            flow: None,
            armed: None,
            failed: None,
            dead: None,
        }
    }

    fn die(&mut self, ending: Ending, by: Arc<str>) -> io::Error {
        if let (Ending::Reset, Some(io)) = (ending, &self.io) {
            // It fails only for what is no connection any longer.
            let _ = (self.reset)(io);
        }
        self.io = None;
        self.flow = None;
        self.armed = None;
        let error = WireError::new(by, ending);
        let told = error.to_io();
        self.dead = Some(error);
        self.connection.wake();
        told
    }

    fn die_at(&mut self, end: End) -> io::Error {
        let by = self.flow.as_ref().map_or_else(|| "gone".into(), |flow| flow.by());
        self.die(if end == End::Reset { Ending::Reset } else { Ending::Close }, by)
    }

    /// The state that follows from orders, faults and switches. Ready when bytes may move.
    fn attend(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.dead.is_some() {
            return Poll::Ready(());
        }
        if !self.ambush.is_empty()
            && let Some(rejected) = ready!(self.ambush.poll(cx, &self.connection))
        {
            self.arm(rejected.ending, rejected.mark.fault());
        }
        if self.connection.given() != self.given {
            self.obey();
        }
        if let Some(flow) = &mut self.flow {
            flow.poll_call_off(cx);
            if flow.is_over() {
                self.flow = None;
            }
        }
        Poll::Ready(())
    }

    fn obey(&mut self) {
        self.given = self.connection.given();
        for order in self.connection.take_orders() {
            match order {
                Order::End { ending, by } => {
                    self.die(ending, by);
                    return;
                }
                Order::Toxic { kind, direction, draws, leash } => {
                    let inwards = match self.station {
                        Station::Accepted => Direction::Upstream,
                        Station::Connected => Direction::Downstream,
                    };
                    let way = if direction == inwards { Way::In } else { Way::Out };
                    let stage = Stage::new(kind, draws, Instant::now());
                    self.flow.get_or_insert_default().add(way, stage, leash);
                }
            }
        }
    }

    /// Whoever is not polled by itself is to be woken for orders.
    fn park(&self, cx: &Context<'_>, wait: fn(&Connection, &std::task::Waker)) {
        wait(&self.connection, cx.waker());
        // One that was given before we waited would go unheard.
        if self.dead.is_none() && self.connection.given() != self.given {
            cx.waker().wake_by_ref();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> FaultStream<T> {
    fn read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.attend(cx));
        if let Some(armed) = &self.armed
            && (self.station == Station::Accepted || armed.spoken)
        {
            ready!(self.spring(cx))?;
        }
        let Some(io) = &mut self.io else { return Poll::Ready(self.read_dead()) };
        let Some(flow) = &mut self.flow else { return Pin::new(io).poll_read(cx, buf) };

        // What was written and delayed moves on while the stream is read.
        match flow.poll_drain(io, cx) {
            Poll::Ready(Ok(Some(end))) => {
                self.die_at(end);
                return Poll::Ready(self.read_dead());
            }
            Poll::Ready(Ok(None)) => {}
            Poll::Ready(Err(error)) => self.failed = Some(error),
            Poll::Pending => {}
        }
        match ready!(flow.poll_read(io, cx, buf))? {
            None => Poll::Ready(Ok(())),
            Some(end) => {
                self.die_at(end);
                Poll::Ready(self.read_dead())
            }
        }
    }

    fn write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.attend(cx));
        if let Some(Armed { ending: Ending::BrokenPipe, by, .. }) = &self.armed {
            let by = by.clone();
            return Poll::Ready(Err(self.die(Ending::BrokenPipe, by)));
        }
        let drained = match self.drain(cx) {
            Poll::Ready(drained) => {
                drained?;
                true
            }
            Poll::Pending => false,
        };
        let Some(io) = &mut self.io else { return Poll::Ready(Err(self.write_dead())) };
        match &mut self.flow {
            Some(flow) if !(drained && flow.writes_plainly()) => {
                let Some(taken) = flow.take(data) else { return Poll::Pending };
                // What is due at once need not wait for a flush.
                if let Poll::Ready(Err(error)) = self.drain(cx) {
                    return Poll::Ready(Err(error));
                }
                self.spoken();
                Poll::Ready(Ok(taken))
            }
            _ => {
                let written = ready!(Pin::new(io).poll_write(cx, data))?;
                self.spoken();
                Poll::Ready(Ok(written))
            }
        }
    }

    /// The first bytes were written: a reader that waits may now be told the end.
    fn spoken(&mut self) {
        if let Some(armed) = &mut self.armed
            && !std::mem::replace(&mut armed.spoken, true)
        {
            self.connection.wake();
        }
    }

    /// Ready when nothing delayed is left to write.
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let Some(io) = &mut self.io else { return Poll::Ready(Err(self.write_dead())) };
        let Some(flow) = &mut self.flow else { return Poll::Ready(Ok(())) };
        match ready!(flow.poll_drain(io, cx))? {
            None => Poll::Ready(Ok(())),
            Some(end) => Poll::Ready(Err(self.die_at(end))),
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.attend(cx));
        ready!(self.drain(cx))?;
        match &mut self.io {
            Some(io) => Pin::new(io).poll_flush(cx),
            None => Poll::Ready(Err(self.write_dead())),
        }
    }

    fn shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.attend(cx));
        if self.dead.is_some() {
            return Poll::Ready(Ok(()));
        }
        if let Some(flow) = &mut self.flow {
            flow.shut();
            if flow.is_stuck() && self.is_left(cx) {
                self.die(Ending::Close, "gone".into());
                return Poll::Ready(Ok(()));
            }
            ready!(self.drain(cx))?;
        }
        match &mut self.io {
            Some(io) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Whether the other end has closed while nothing can reach it: nobody is left to wait for.
    fn is_left(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(io) = &mut self.io else { return true };
        loop {
            let mut scratch = [0; 1024];
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *io).poll_read(cx, &mut buf) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return true,
            }
        }
    }

    /// Ends an armed connection once the other end has spoken.
    fn spring(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (Some(io), Some(armed)) = (&mut self.io, &self.armed) else { return Poll::Ready(Ok(())) };
        let (ending, by) = (armed.ending, armed.by.clone());
        if self.station == Station::Accepted {
            // All that has come is read, for a close with bytes unread would be a reset.
            let mut heard = false;
            loop {
                let mut scratch = [0; 1024];
                let mut buf = ReadBuf::new(&mut scratch);
                match Pin::new(&mut *io).poll_read(cx, &mut buf) {
                    Poll::Pending if heard => break,
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(())) if !buf.filled().is_empty() => heard = true,
                    Poll::Ready(_) => break,
                }
            }
        }
        self.die(ending, by);
        Poll::Ready(Ok(()))
    }

    fn read_dead(&self) -> io::Result<()> {
        match &self.dead {
            Some(error) if !error.is_close() => Err(error.to_io()),
            _ => Ok(()),
        }
    }

    fn write_dead(&self) -> io::Error {
        self.dead.as_ref().map_or_else(|| io::ErrorKind::NotConnected.into(), WireError::to_io)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for FaultStream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = this.read(cx, buf);
        if poll.is_pending() {
            this.park(cx, Connection::wait_reading);
        }
        poll
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for FaultStream<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = this.write(cx, data);
        if poll.is_pending() {
            this.park(cx, Connection::wait_writing);
        }
        poll
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = this.flush(cx);
        if poll.is_pending() {
            this.park(cx, Connection::wait_writing);
        }
        poll
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = this.shutdown(cx);
        if poll.is_pending() {
            this.park(cx, Connection::wait_writing);
        }
        poll
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let plain = this.dead.is_none()
            && this.flow.is_none()
            && this.armed.is_none()
            && this.ambush.is_empty()
            && this.connection.given() == this.given;
        if plain && let Some(io) = &mut this.io {
            return Pin::new(io).poll_write_vectored(cx, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        Pin::new(this).poll_write(cx, first.map_or(&[], |slice| slice))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

/// A server may let go of the connection for the failing body of a reject, before it looks here
/// again; the reset that was ordered is due all the same.
impl<T> Drop for FaultStream<T> {
    fn drop(&mut self) {
        if self.dead.is_none() && self.connection.given() != self.given {
            self.obey();
        }
    }
}

impl<T> fmt::Debug for FaultStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultStream")
            .field("connection", &self.connection)
            .field("dead", &self.dead)
            .finish_non_exhaustive()
    }
}
