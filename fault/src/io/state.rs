//! Stream state: commands, connection faults, termination.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use http::{Method, Request, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::connection::command::{Direction, Ending};
use crate::connection::error::WireError;
use crate::connection::handle::{Connection, Order, Remote, Word};
use crate::fault::capability::Side;
use crate::fault::execution::{Outcome, Rejected};
use crate::fault::fault::Fault;
use crate::fault::switch::halted;
use crate::io::duplex::{Flow, Way};
use crate::io::toxic::{End, Stage};

/// How an io is made to end in a reset when it is dropped, such as `TcpStream::set_zero_linger`.
pub type ResetBy<T> = fn(&T) -> io::Result<()>;

/// What a stream consists of.
pub(crate) struct Core<T> {
    /// Gone once the connection was struck dead: that closes it, whoever holds us still.
    pub(crate) io: Option<T>,
    pub(crate) reset: ResetBy<T>,
    station: Station,
    pub(crate) connection: Connection,
    /// How many orders were followed.
    given: u64,
    pub(crate) ambush: Ambush,
    flow: Option<Box<Flow>>,
    armed: Option<Armed>,
    /// What was ordered about the HTTP that is spoken, of which we know nothing.
    pub(crate) words: Vec<Word>,
    /// What a read came across that is a write's to tell.
    failed: Option<io::Error>,
    pub(crate) dead: Option<WireError>,
}

/// Which end of the connection we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Station {
    Accepted,
    Connected,
}

impl<T> Core<T> {
    pub(crate) fn new(io: T, connection: Connection, station: Station) -> Self {
        Self {
            io: Some(io),
            reset: |_| Ok(()),
            station,
            connection,
            given: 0,
            ambush: Ambush::default(),
            flow: None,
            armed: None,
            words: Vec::new(),
            failed: None,
            dead: None,
        }
    }

    /// Ends the connection so, after the first bytes.
    pub(crate) fn arm(&mut self, ending: Ending, by: Arc<str>) {
        self.armed = Some(Armed { ending, by, spoken: false });
    }

    /// Whether bytes may go straight to the io.
    fn is_plain(&self) -> bool {
        self.dead.is_none()
            && self.flow.is_none()
            && self.armed.is_none()
            && self.ambush.is_empty()
            && self.connection.given() == self.given
    }

    /// The io, if bytes may go straight to it.
    #[inline]
    pub(crate) fn plain(&mut self) -> Option<&mut T> {
        if self.is_plain() { self.io.as_mut() } else { None }
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
    pub(crate) fn attend(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.dead.is_some() {
            return Poll::Ready(());
        }
        if !self.ambush.is_empty()
            && let Some(rejected) = ready!(self.ambush.poll(cx, &self.connection))
        {
            self.arm(rejected.ending, rejected.mark.fault());
        }
        if self.connection.given() != self.given {
            // A toxic that was called off does not stand in the way of the same ordered since.
            if let Some(flow) = &mut self.flow {
                flow.poll_call_off(cx);
            }
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
                Order::Toxic { place, kind, direction, draws, leash } => {
                    let inwards = match self.station {
                        Station::Accepted => Direction::Upstream,
                        Station::Connected => Direction::Downstream,
                    };
                    let way = if direction == inwards { Way::In } else { Way::Out };
                    let flow = self.flow.get_or_insert_default();
                    // Each request of a connection that is kept open may order it once more.
                    if !flow.has(&place) {
                        flow.add(way, place, Stage::new(kind, draws, Instant::now()), leash);
                    }
                }
                Order::Talk(word) => self.words.push(word),
            }
        }
    }

    /// Whoever is not polled by itself is to be woken for orders.
    pub(crate) fn park(&self, cx: &Context<'_>, wait: fn(&Connection, &Waker)) {
        wait(&self.connection, cx.waker());
        // One that was given before we waited would go unheard.
        if self.dead.is_none() && self.connection.given() != self.given {
            cx.waker().wake_by_ref();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Core<T> {
    pub(crate) fn read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.attend(cx));
        if let Some(armed) = &self.armed
            && (self.station == Station::Accepted || armed.spoken)
        {
            ready!(self.spring(cx));
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

    pub(crate) fn write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
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

    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.attend(cx));
        ready!(self.drain(cx))?;
        match &mut self.io {
            Some(io) => Pin::new(io).poll_flush(cx),
            None => Poll::Ready(Err(self.write_dead())),
        }
    }

    pub(crate) fn shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.attend(cx));
        if self.dead.is_some() {
            return Poll::Ready(Ok(()));
        }
        if let Some(flow) = &mut self.flow {
            flow.shut();
            // Where nothing gets through and nobody is left, there is nothing to wait for.
            if flow.is_stuck() && self.io.as_mut().is_none_or(|io| poll_left(io, cx).is_ready()) {
                self.die_at(End::Close);
                return Poll::Ready(Ok(()));
            }
            ready!(self.drain(cx))?;
        }
        match &mut self.io {
            Some(io) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Ends an armed connection once the other end has spoken.
    fn spring(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Some(io), Some(armed)) = (&mut self.io, &self.armed) else { return Poll::Ready(()) };
        if self.station == Station::Accepted {
            ready!(poll_heard(io, cx));
        }
        let Armed { ending, by, .. } = armed.clone();
        self.die(ending, by);
        Poll::Ready(())
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

/// A server may let go of the connection for the failing body of a reject, before it looks here
/// again; the reset that was ordered is due all the same.
impl<T> Drop for Core<T> {
    fn drop(&mut self) {
        if self.dead.is_none() && self.connection.given() != self.given {
            self.obey();
        }
    }
}

/// Faults that decide about one connection, each when it is first on while bytes move.
#[derive(Default)]
pub(crate) struct Ambush {
    watched: Vec<Watched>,
}

struct Watched {
    fault: Fault,
    state: State,
}

enum State {
    Waiting,
    Striking(Pin<Box<dyn Future<Output = Outcome> + Send>>),
    /// Struck or spared, until the fault goes off and on again.
    Decided,
}

impl Ambush {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.watched.push(Watched { fault, state: State::Waiting });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Ready when no fault holds the connection. `Some`: one of them ends it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<Option<Rejected>> {
        let mut held = false;
        for Watched { fault, state } in &mut self.watched {
            if !fault.setup.switch.enabled() || halted() {
                // A strike under way is let to see that for itself.
                if !matches!(state, State::Striking(_)) {
                    *state = State::Waiting;
                    continue;
                }
            }
            if let State::Waiting = state {
                *state = match fault.decide(Side::Listener, &mut stand_in(connection), || false) {
                    Some(strike) => State::Striking(Box::pin(strike.run())),
                    None => State::Decided,
                };
            }
            if let State::Striking(strike) = state {
                let Poll::Ready(outcome) = strike.as_mut().poll(cx) else {
                    held = true;
                    continue;
                };
                *state = State::Decided;
                if let Outcome::Reject(rejected) = outcome {
                    return Poll::Ready(Some(rejected));
                }
            }
        }
        if held { Poll::Pending } else { Poll::Ready(None) }
    }
}

/// The request by which a fault's lists, dice and reports know a connection that was accepted: a
/// CONNECT to its peer's address, with the handle in its extensions.
fn stand_in(connection: &Connection) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    let peer = connection.peer().and_then(|peer| peer.to_string().parse::<Uri>().ok());
    *request.uri_mut() = peer.unwrap_or_default();
    if let Some(peer) = connection.peer() {
        request.extensions_mut().insert(Remote(peer));
    }
    request.extensions_mut().insert(connection.clone());
    request
}

/// What the stream will come to.
#[derive(Debug, Clone)]
pub(crate) struct Armed {
    pub(crate) ending: Ending,
    pub(crate) by: Arc<str>,
    /// The first bytes were written.
    pub(crate) spoken: bool,
}

/// Reads all that has come and throws it away: a close with bytes unread would be a reset. Ready
/// once something has come, or nothing will any more.
pub(crate) fn poll_heard<T: AsyncRead + Unpin>(io: &mut T, cx: &mut Context<'_>) -> Poll<()> {
    let mut heard = false;
    loop {
        match poll_discard(io, cx) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(_)) => heard = true,
            Poll::Pending if heard => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// Throws away what comes. Ready once the other end has closed.
pub(crate) fn poll_left<T: AsyncRead + Unpin>(io: &mut T, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        match poll_discard(io, cx) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(_)) => {}
            Poll::Pending => return Poll::Pending,
        }
    }
}

fn poll_discard<T: AsyncRead + Unpin>(io: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut scratch = [0; 1024];
    let mut buf = ReadBuf::new(&mut scratch);
    Pin::new(io).poll_read(cx, &mut buf).map_ok(|()| buf.filled().len())
}
