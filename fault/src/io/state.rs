//! StreamState: pending commands, connection faults, termination.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::connection::command::{Direction, Termination};
use crate::connection::error::InjectedIoError;
use crate::connection::handle::{Command, Connection, HttpCommand};
use crate::connection::waker::TaskWakers;
use crate::io::connection_faults::ConnectionFaults;
use crate::io::duplex::{Half, ToxicDuplex};
use crate::io::toxic::{End, ToxicStage};
use crate::io::watched::WatchedIo;
use crate::report::callback::guard;

/// Makes an io end in a reset when it is dropped, such as `TcpStream::set_zero_linger`.
pub type ResetBy<T> = fn(&T) -> io::Result<()>;

/// The io of a stream, with its faults and toxics.
pub(crate) struct StreamState<T> {
    /// Dropped on termination, which closes the connection although the stream still exists.
    pub(crate) io: Option<WatchedIo<T>>,
    pub(crate) reset: ResetBy<T>,
    role: Role,
    pub(crate) connection: Connection,
    /// Number of commands applied.
    applied: u64,
    pub(crate) faults: ConnectionFaults,
    toxics: Option<Box<ToxicDuplex>>,
    pending: Option<PendingTermination>,
    /// Commands for the interceptor.
    pub(crate) http_commands: Vec<HttpCommand>,
    /// A write error that a read encountered, for the next write.
    failed: Option<io::Error>,
    pub(crate) terminated: Option<InjectedIoError>,
}

/// The side of the connection on which the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Accepted,
    Connected,
}

impl<T> StreamState<T> {
    pub(crate) fn new(io: T, connection: Connection, role: Role) -> Self {
        Self {
            io: Some(WatchedIo::new(io)),
            reset: |_| Ok(()),
            role,
            connection,
            applied: 0,
            faults: ConnectionFaults::default(),
            toxics: None,
            pending: None,
            http_commands: Vec::new(),
            failed: None,
            terminated: None,
        }
    }

    /// Terminates the connection after the first bytes.
    pub(crate) fn terminate_later(&mut self, termination: Termination, fault: Arc<str>) {
        self.pending = Some(PendingTermination { termination, fault, has_written: false });
    }

    /// Tests whether bytes may bypass this state.
    fn is_plain(&self) -> bool {
        self.terminated.is_none()
            && self.toxics.is_none()
            && self.pending.is_none()
            && self.faults.is_settled()
            && self.connection.command_count() == self.applied
    }

    /// Returns the io, if bytes may bypass this state.
    #[inline]
    pub(crate) fn plain(&mut self) -> Option<&mut WatchedIo<T>> {
        if self.is_plain() { self.io.as_mut() } else { None }
    }

    fn terminate(&mut self, termination: Termination, fault: Arc<str>) -> io::Error {
        if let (Termination::Reset, Some(io)) = (termination, &self.io) {
            // Fails only for a connection that is closed already.
            let _ = guard(|| (self.reset)(io.get_ref()));
        }
        self.io = None;
        self.toxics = None;
        self.pending = None;
        let error = InjectedIoError::new(fault, termination);
        let io_error = error.to_io();
        self.terminated = Some(error);
        self.connection.wakers().wake_all();
        io_error
    }

    fn terminate_by_toxic(&mut self, end: End) -> io::Error {
        let fault = self.toxics.as_ref().map_or_else(|| "gone".into(), |toxics| toxics.fault_name());
        self.terminate(if end == End::Reset { Termination::Reset } else { Termination::Close }, fault)
    }

    fn apply_commands(&mut self) {
        self.applied = self.connection.command_count();
        for command in self.connection.take_commands() {
            match command {
                Command::End { termination, fault } => {
                    self.terminate(termination, fault);
                    return;
                }
                Command::Toxic { injector, kind, direction, draws, handle } => {
                    let incoming = match self.role {
                        Role::Accepted => Direction::Upstream,
                        Role::Connected => Direction::Downstream,
                    };
                    let half = if direction == incoming { Half::Read } else { Half::Write };
                    let toxics = self.toxics.get_or_insert_default();
                    // Each request of a connection that is kept open may send the command again.
                    if !toxics.has(&injector) {
                        toxics.add(half, injector, ToxicStage::new(kind, draws, Instant::now()), handle);
                    }
                }
                Command::Http(command) => self.http_commands.push(command),
            }
        }
    }
}

impl<T> StreamState<T> {
    /// Lets a command wake the task of this context, which waits for the io.
    pub(crate) fn register(&self, cx: &Context<'_>, register: fn(&TaskWakers, &Waker)) {
        register(self.connection.wakers(), cx.waker());
        // A command sent before the registration would not wake the task.
        if self.terminated.is_none() && self.connection.command_count() != self.applied {
            cx.waker().wake_by_ref();
        }
    }

    /// Registers the task of this context, and returns a waker of both tasks.
    pub(crate) fn shared_waker(&self, cx: &Context<'_>, register: fn(&TaskWakers, &Waker)) -> Waker {
        let wakers = self.connection.wakers();
        register(wakers, cx.waker());
        wakers.waker()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> StreamState<T> {
    /// Updates the state by commands, faults and switches. Ready when bytes may move.
    pub(crate) fn poll_state(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.terminated.is_some() {
            return Poll::Ready(());
        }
        if !self.faults.is_empty() {
            match self.faults.poll(cx, &self.connection) {
                Poll::Ready(Some(rejected)) => {
                    self.terminate_later(rejected.termination, rejected.mark.fault());
                }
                Poll::Ready(None) => {}
                Poll::Pending => {
                    let Some(io) = &mut self.io else { return Poll::Pending };
                    ready!(io.poll_left(cx));
                    // Nothing is delayed for a peer that has left: the server reads what the peer sent,
                    // and its end. An unanswered request stays unanswered.
                    if let Some(fault) = self.faults.abandon() {
                        self.terminate(Termination::Close, fault);
                        return Poll::Ready(());
                    }
                }
            }
        }
        if self.connection.command_count() != self.applied {
            // A cancelled toxic does not block an equal command sent since.
            if let Some(toxics) = &mut self.toxics {
                toxics.poll_cancelled(cx);
            }
            self.apply_commands();
        }
        if let Some(toxics) = &mut self.toxics {
            toxics.poll_cancelled(cx);
            if toxics.is_idle() {
                self.toxics = None;
            }
        }
        Poll::Ready(())
    }

    pub(crate) fn read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_state(cx));
        if let Some(pending) = &self.pending
            && (self.role == Role::Accepted || pending.has_written)
        {
            ready!(self.poll_pending_termination(cx));
        }
        let Some(io) = &mut self.io else { return Poll::Ready(self.read_terminated()) };
        let Some(toxics) = &mut self.toxics else { return Pin::new(io).poll_read(cx, buf) };

        // Delayed data is written while the stream is read, too.
        match toxics.poll_drain(io, cx) {
            Poll::Ready(Ok(Some(end))) => {
                self.terminate_by_toxic(end);
                return Poll::Ready(self.read_terminated());
            }
            Poll::Ready(Ok(None)) => {}
            Poll::Ready(Err(error)) => self.failed = Some(error),
            Poll::Pending => {}
        }
        match ready!(toxics.poll_read(io, cx, buf))? {
            None => {
                if self.toxics.as_ref().is_some_and(|toxics| toxics.is_eof()) && self.release_if_left(cx) {
                    self.connection.wakers().wake_all();
                }
                Poll::Ready(Ok(()))
            }
            Some(end) => {
                self.terminate_by_toxic(end);
                Poll::Ready(self.read_terminated())
            }
        }
    }

    pub(crate) fn write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_state(cx));
        if let Some(PendingTermination { termination: Termination::BrokenPipe, fault, .. }) = &self.pending {
            let fault = fault.clone();
            return Poll::Ready(Err(self.terminate(Termination::BrokenPipe, fault)));
        }
        let is_drained = match self.drain(cx) {
            Poll::Ready(is_drained) => {
                is_drained?;
                true
            }
            Poll::Pending => false,
        };
        let Some(io) = &mut self.io else { return Poll::Ready(Err(self.write_terminated())) };
        match &mut self.toxics {
            Some(toxics) if !(is_drained && toxics.is_write_idle()) => {
                let Some(taken) = toxics.push_written(data) else {
                    return if self.release_if_left(cx) { self.write(cx, data) } else { Poll::Pending };
                };
                // Data that is due at once does not wait for a flush.
                if let Poll::Ready(Err(error)) = self.drain(cx) {
                    return Poll::Ready(Err(error));
                }
                self.note_written();
                Poll::Ready(Ok(taken))
            }
            _ => {
                let written = ready!(Pin::new(io).poll_write(cx, data))?;
                self.note_written();
                Poll::Ready(Ok(written))
            }
        }
    }

    /// Records the first written bytes, after which a waiting reader may return the termination.
    fn note_written(&mut self) {
        if let Some(pending) = &mut self.pending
            && !std::mem::replace(&mut pending.has_written, true)
        {
            self.connection.wakers().wake_all();
        }
    }

    /// Ready when no delayed data is left to be written.
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let Some(io) = &mut self.io else { return Poll::Ready(Err(self.write_terminated())) };
        let Some(toxics) = &mut self.toxics else { return Poll::Ready(Ok(())) };
        match ready!(toxics.poll_drain(io, cx))? {
            None => Poll::Ready(Ok(())),
            Some(end) => Poll::Ready(Err(self.terminate_by_toxic(end))),
        }
    }

    /// Drains, and delays nothing any longer for a peer that has left.
    fn drain_for_peer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.drain(cx) {
            Poll::Pending if self.release_if_left(cx) => self.drain(cx),
            drained => drained,
        }
    }

    /// Releases what toxics delay for a client that has left, or for any peer that nothing would
    /// reach. Returns whether it has just left.
    fn release_if_left(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(io), Some(toxics)) = (&mut self.io, &mut self.toxics) else { return false };
        if toxics.is_released() || (self.role == Role::Connected && !toxics.is_write_blocked()) {
            return false;
        }
        if !toxics.is_eof() && (toxics.is_write_idle() || io.poll_left(cx).is_pending()) {
            return false;
        }
        if let Some(end) = toxics.release() {
            self.terminate_by_toxic(end);
        }
        true
    }

    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_state(cx));
        ready!(self.drain_for_peer(cx))?;
        match &mut self.io {
            Some(io) => Pin::new(io).poll_flush(cx),
            None => Poll::Ready(Err(self.write_terminated())),
        }
    }

    pub(crate) fn shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_state(cx));
        if self.terminated.is_some() {
            return Poll::Ready(Ok(()));
        }
        if let Some(toxics) = &mut self.toxics {
            toxics.push_shutdown();
            let drained = ready!(self.drain_for_peer(cx));
            if self.terminated.is_some() {
                return Poll::Ready(Ok(()));
            }
            drained?;
        }
        match &mut self.io {
            Some(io) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Terminates the connection once the peer has sent bytes.
    fn poll_pending_termination(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Some(io), Some(pending)) = (&mut self.io, &self.pending) else { return Poll::Ready(()) };
        if self.role == Role::Accepted {
            ready!(poll_first_bytes(io, cx));
        }
        let PendingTermination { termination, fault, .. } = pending.clone();
        self.terminate(termination, fault);
        Poll::Ready(())
    }

    fn read_terminated(&self) -> io::Result<()> {
        match &self.terminated {
            Some(error) if !error.is_close() => Err(error.to_io()),
            _ => Ok(()),
        }
    }

    fn write_terminated(&self) -> io::Error {
        self.terminated.as_ref().map_or_else(|| io::ErrorKind::NotConnected.into(), InjectedIoError::to_io)
    }
}

/// A server may drop the connection because of a rejection's failing body, before it polls the
/// stream again; the reset is still due.
impl<T> Drop for StreamState<T> {
    fn drop(&mut self) {
        if self.terminated.is_none() && self.connection.command_count() != self.applied {
            self.apply_commands();
        }
    }
}

/// A termination that waits for the first bytes, so that the client's request stays unanswered.
#[derive(Debug, Clone)]
pub(crate) struct PendingTermination {
    pub(crate) termination: Termination,
    pub(crate) fault: Arc<str>,
    /// The first bytes were written.
    pub(crate) has_written: bool,
}

/// Reads and discards what has arrived: a close with unread bytes would be a reset. Ready once
/// bytes or the end have arrived.
pub(crate) fn poll_first_bytes<T: AsyncRead + Unpin>(io: &mut T, cx: &mut Context<'_>) -> Poll<()> {
    let mut received = false;
    loop {
        match poll_discard(io, cx) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(_)) => received = true,
            Poll::Pending if received => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    }
}

fn poll_discard<T: AsyncRead + Unpin>(io: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut scratch = [0; 1024];
    let mut buf = ReadBuf::new(&mut scratch);
    Pin::new(io).poll_read(cx, &mut buf).map_ok(|()| buf.filled().len())
}
