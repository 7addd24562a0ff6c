//! Connection: the handle of a stream, its command queue; peer address.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Extensions;
use tokio::sync::Notify;

use crate::body::stage::FaultHandle;
use crate::connection::command::{ChunkError, Direction, Kind, Termination};
use crate::connection::messages::MessageTap;
use crate::connection::waker::TaskWakers;
use crate::random::draws::Draws;

/// The handle of one connection. Cheap to clone.
///
/// A `FaultStream` has one, and whoever serves it puts it into the extensions of its requests:
/// our make-service for axum and our accept loop do so, and in your own loop it is one line,
/// `request.extensions_mut().insert(connection.clone())`. Fault layers find it there and use it
/// for what a layer cannot do: true resets, a closed connection, `GOAWAY`, toxics, and rejects of
/// HEAD. It is there for custom injectors and handlers, too.
///
/// ```
/// use http::Request;
/// use tokio::io::AsyncReadExt;
/// use waylay_fault::{Connection, FaultStream};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let (io, _client) = tokio::io::duplex(64);
/// let mut stream = FaultStream::accepted(io, None);
/// let mut request = Request::new(());
/// request.extensions_mut().insert(stream.connection().clone());
///
/// // Somewhere within a handler:
/// request.extensions().get::<Connection>().expect("the server lends it").close();
/// assert_eq!(stream.read(&mut [0; 8]).await?, 0);
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Connection {
    state: Arc<ConnectionState>,
}

struct ConnectionState {
    id: u64,
    peer: Option<SocketAddr>,
    /// Whether its stream knows how to be reset.
    can_reset: bool,
    /// Whether someone waits for `drained`.
    has_drain_listener: AtomicBool,
    draining: AtomicBool,
    drain: Notify,
    /// A `Protocol`, as far as the stream has understood it.
    protocol: AtomicU8,
    /// Whether the next byte of HTTP/1 that goes out is the first of an answer.
    between_responses: AtomicBool,
    /// How many orders were given, so that a stream without any has one number to look at.
    command_count: AtomicU64,
    queue: Mutex<Vec<Command>>,
    wakers: Arc<TaskWakers>,
}

/// What a stream is to do.
pub(crate) enum Command {
    /// Ends the connection at once.
    End { termination: Termination, by: Arc<str> },
    /// Tampers with the bytes, until the leash is called off. What comes from a `injector` where the
    /// stream has one already is no more than that.
    Toxic {
        injector: Arc<str>,
        kind: Kind<Duration>,
        direction: Direction,
        draws: Draws,
        handle: Box<dyn FaultHandle>,
    },
    /// Has its hand in the HTTP that is spoken.
    Http(HttpCommand),
}

/// What a stream is to do to the HTTP that it understands.
pub(crate) enum HttpCommand {
    /// Frames the next answer wrongly, if it comes in chunks.
    ChunkFraming { how: ChunkError, handle: Box<dyn FaultHandle> },
    /// Has its hand in the messages of a WebSocket, if the next answer agrees to one.
    Messages { tap: MessageTap, handle: Box<dyn FaultHandle> },
    /// Tells an HTTP/2 client to go, by a `GOAWAY` of this code.
    Drain { code: u32 },
}

/// What is spoken over a stream in the clear, so that the stream itself can follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Protocol {
    Http1 = 1,
    Http2 = 2,
}

impl Connection {
    pub(crate) fn new(peer: Option<SocketAddr>, can_reset: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            state: Arc::new(ConnectionState {
                id: NEXT.fetch_add(1, Ordering::Relaxed),
                peer,
                can_reset,
                has_drain_listener: AtomicBool::new(false),
                draining: AtomicBool::new(false),
                drain: Notify::new(),
                protocol: AtomicU8::new(0),
                between_responses: AtomicBool::new(true),
                command_count: AtomicU64::new(0),
                queue: Mutex::default(),
                wakers: Arc::default(),
            }),
        }
    }

    /// Its number among the connections of this process, from 0.
    pub fn id(&self) -> u64 {
        self.state.id
    }

    /// The address of the other end, where the listener or the connector knew it.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.state.peer
    }

    /// Closes the connection at once; what the server has not written yet is never sent.
    pub fn close(&self) {
        self.end(Termination::Close, "by hand".into());
    }

    /// Resets the connection at once, by a TCP `RST` if its stream is TCP's, else as by
    /// [`close`](Self::close).
    pub fn reset(&self) {
        self.end(Termination::Reset, "by hand".into());
    }

    /// Lets the connection go once its requests are answered. Heard by servers that listen to
    /// [`drained`](Self::drained); under others the stream itself tells an HTTP/2 client by
    /// `GOAWAY`, provided that it sees HTTP/2 in the clear.
    pub fn drain(&self) {
        self.state.draining.store(true, Ordering::Release);
        self.state.drain.notify_waiters();
        if !self.state.has_drain_listener.load(Ordering::Acquire) {
            self.go_away(0);
        }
    }

    /// Lets the stream tell an HTTP/2 client by `GOAWAY` of this code.
    pub(crate) fn go_away(&self, code: u32) {
        if self.is_protocol(Protocol::Http2) {
            self.send(Command::Http(HttpCommand::Drain { code }));
        }
    }

    /// Completes when the connection is to be let go. For accept loops: ask for it before the
    /// connection is served, and call hyper's `graceful_shutdown` when it completes.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + use<> {
        let state = self.state.clone();
        // From here on a GOAWAY can be had.
        state.has_drain_listener.store(true, Ordering::Release);
        async move {
            let drain = state.drain.notified();
            // Listening comes before looking, else a call in between would go unheard.
            if !state.draining.load(Ordering::Acquire) {
                drain.await;
            }
        }
    }

    /// The handle that a server has put into a request's extensions.
    pub(crate) fn find(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    pub(crate) fn can_drain(&self) -> bool {
        self.state.has_drain_listener.load(Ordering::Acquire) || self.is_protocol(Protocol::Http2)
    }

    /// Whether the stream follows what is spoken, and it is this.
    pub(crate) fn is_protocol(&self, protocol: Protocol) -> bool {
        self.state.protocol.load(Ordering::Acquire) == protocol as u8
    }

    /// Whether all that was answered before is out, so that the next answer can be told from it.
    pub(crate) fn is_between_responses(&self) -> bool {
        self.state.between_responses.load(Ordering::Acquire)
    }

    pub(crate) fn can_reset(&self) -> bool {
        self.state.can_reset
    }

    pub(crate) fn end(&self, termination: Termination, by: Arc<str>) {
        self.send(Command::End { termination, by });
    }

    pub(crate) fn send(&self, command: Command) {
        self.queue().push(command);
        self.state.command_count.fetch_add(1, Ordering::Release);
        self.wakers().wake_all();
    }

    /// A poisoned desk is as good as any: nothing is left half-done on it.
    fn queue(&self) -> MutexGuard<'_, Vec<Command>> {
        self.state.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream's end of the line.
impl Connection {
    /// How many orders were given so far.
    pub(crate) fn command_count(&self) -> u64 {
        self.state.command_count.load(Ordering::Acquire)
    }

    pub(crate) fn set_protocol(&self, protocol: Protocol) {
        self.state.protocol.store(protocol as u8, Ordering::Release);
    }

    pub(crate) fn set_between_responses(&self, between_responses: bool) {
        self.state.between_responses.store(between_responses, Ordering::Release);
    }

    pub(crate) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *self.queue())
    }

    /// The tasks to be woken for the next command.
    pub(crate) fn wakers(&self) -> &Arc<TaskWakers> {
        &self.state.wakers
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("id", &self.state.id).field("peer", &self.state.peer).finish()
    }
}

/// The address at the other end of the connection, for a server to put into the extensions of its
/// requests. What axum's `ConnectInfo<SocketAddr>` (feature `axum`) and waylay-router's `Peer`
/// (feature `router`) tell is read as well, behind a trusted proxy its `Effective`; this one goes first.
///
/// ```
/// use http::Request;
/// use waylay_fault::PeerAddr;
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(PeerAddr(([127, 0, 0, 1], 51234).into()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The client's address, an IPv4 address mapped into IPv6 as the IPv4 address it is.
pub(crate) fn client(extensions: &Extensions) -> Option<IpAddr> {
    address(extensions).map(|address| address.ip().to_canonical())
}

fn address(extensions: &Extensions) -> Option<SocketAddr> {
    if let Some(PeerAddr(address)) = extensions.get() {
        return Some(*address);
    }
    #[cfg(feature = "router")]
    if let Some(effective) = extensions.get::<waylay_router::Effective>() {
        return effective.addr;
    }
    #[cfg(feature = "router")]
    if let Some(address) = extensions.get::<waylay_router::Peer>().and_then(|peer| peer.addr) {
        return Some(address);
    }
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(address)) = extensions.get() {
        return Some(*address);
    }
    None
}
