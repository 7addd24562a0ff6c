//! Connection: the handle of a stream and its command queue; PeerAddr.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::Extensions;

use crate::body::stage::FaultHandle;
use crate::config::sync::{AtomicBool, AtomicU8, AtomicU64, Mutex, MutexGuard, Notify, Ordering};
use crate::connection::command::{ChunkError, Direction, Termination, ToxicKind};
use crate::connection::messages::{MessageTap, StandbyTap};
use crate::connection::waker::TaskWakers;
use crate::random::draws::Draws;

/// The handle of one connection. Cheap to clone.
///
/// A `FaultStream` has a handle, and the server puts it into the extensions of its requests:
/// [`with_connection`](crate::with_connection) and [`serve_connection`](crate::serve_connection) do
/// so; in a custom accept loop it is one line,
/// `request.extensions_mut().insert(connection.clone())`. Fault layers use it for what a layer
/// cannot do: TCP resets, a closed connection, `GOAWAY`, toxics, and rejection of HEAD requests.
/// Custom injectors and handlers may use it, too.
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
/// // In a handler:
/// request.extensions().get::<Connection>().expect("inserted by the server").close();
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
    /// The stream can be reset.
    can_reset: bool,
    /// A task waits for [`drained`](Connection::drained).
    has_drain_listener: AtomicBool,
    draining: AtomicBool,
    drain: Notify,
    /// A [`Protocol`], as far as the stream has detected it.
    protocol: AtomicU8,
    /// The next byte of HTTP/1 that is written is the first of a response.
    between_responses: AtomicBool,
    /// Number of commands sent, so that a stream without commands reads one number only.
    command_count: AtomicU64,
    queue: Mutex<Vec<Command>>,
    wakers: Arc<TaskWakers>,
}

/// A command for a stream.
pub(crate) enum Command {
    /// Ends the connection at once.
    End { termination: Termination, fault: Arc<str> },
    /// Adds a toxic until its fault is off. A second toxic of the same `injector` is ignored.
    Toxic {
        injector: Arc<str>,
        kind: ToxicKind<Duration>,
        direction: Direction,
        draws: Draws,
        handle: Box<dyn FaultHandle>,
    },
    /// Changes the HTTP on the stream.
    Http(HttpCommand),
}

/// A command for the HTTP on a stream.
pub(crate) enum HttpCommand {
    /// Frames the next response wrongly, if it is chunked.
    ChunkFraming { how: ChunkError, handle: Box<dyn FaultHandle> },
    /// Applies message rules to a WebSocket, if the next response accepts one.
    Messages { tap: MessageTap, handle: Box<dyn FaultHandle> },
    /// Watches the messages of a WebSocket, if the next response opens one, for a fault that is off.
    Standby(Arc<dyn StandbyTap>),
    /// Sends `GOAWAY` with this code to an HTTP/2 client.
    Drain { code: u32 },
}

/// The protocol of an unencrypted stream, which the stream itself can follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Protocol {
    Http1 = 1,
    Http2 = 2,
}

impl Connection {
    pub(crate) fn new(peer: Option<SocketAddr>, can_reset: bool) -> Self {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
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

    /// Returns the number of the connection among those of this process, from 0.
    pub fn id(&self) -> u64 {
        self.state.id
    }

    /// Returns the address of the peer, if the listener or the connector knows it.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.state.peer
    }

    /// Closes the connection at once; what the server has not written yet is never sent.
    pub fn close(&self) {
        self.end(Termination::Close, "manual".into());
    }

    /// Resets the connection at once: by a TCP `RST` if it is a TCP stream, otherwise like
    /// [`close`](Self::close).
    pub fn reset(&self) {
        self.end(Termination::Reset, "manual".into());
    }

    /// Closes the connection once its requests are answered. Servers that await
    /// [`drained`](Self::drained) shut down gracefully; under others the stream itself sends
    /// `GOAWAY` to an HTTP/2 client, provided that HTTP/2 is not encrypted on it.
    pub fn drain(&self) {
        self.state.draining.store(true, Ordering::Release);
        self.state.drain.notify_waiters();
        if !self.state.has_drain_listener.load(Ordering::Acquire) {
            self.go_away(0);
        }
    }

    /// Lets the stream send `GOAWAY` with this code to an HTTP/2 client.
    pub(crate) fn go_away(&self, code: u32) {
        if self.is_protocol(Protocol::Http2) {
            self.send(Command::Http(HttpCommand::Drain { code }));
        }
    }

    /// Completes when the connection is to be drained. For accept loops: call it before the
    /// connection is served, and call hyper's `graceful_shutdown` when it completes.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + use<> {
        let state = self.state.clone();
        // From here on GOAWAY is deliverable.
        state.has_drain_listener.store(true, Ordering::Release);
        async move {
            let drain = state.drain.notified();
            // Registered before the check, so that no notification is missed.
            if !state.draining.load(Ordering::Acquire) {
                drain.await;
            }
        }
    }

    /// Returns the handle in a request's extensions.
    pub(crate) fn find(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    pub(crate) fn can_drain(&self) -> bool {
        self.state.has_drain_listener.load(Ordering::Acquire) || self.is_protocol(Protocol::Http2)
    }

    /// Tests whether the stream has detected this protocol.
    pub(crate) fn is_protocol(&self, protocol: Protocol) -> bool {
        self.state.protocol.load(Ordering::Acquire) == protocol as u8
    }

    /// Tests whether every earlier response is written, so that the next one can be recognized.
    pub(crate) fn is_between_responses(&self) -> bool {
        self.state.between_responses.load(Ordering::Acquire)
    }

    pub(crate) fn can_reset(&self) -> bool {
        self.state.can_reset
    }

    pub(crate) fn end(&self, termination: Termination, fault: Arc<str>) {
        self.send(Command::End { termination, fault });
    }

    /// Queues a command, and wakes the stream. What the command makes needless is dropped, with the
    /// queue unlocked: handles run reporters when they are dropped.
    pub(crate) fn send(&self, command: Command) {
        let needless = queue_command(&mut self.queue(), command);
        self.state.command_count.fetch_add(1, Ordering::Release);
        self.wakers().wake_all();
        drop(needless);
    }

    /// A poisoned queue is consistent: no change of it can panic halfway.
    fn queue(&self) -> MutexGuard<'_, Vec<Command>> {
        self.state.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commands that wait for the stream at once. It takes them when it is polled, and they wake it.
const MAX_COMMANDS: usize = 1024;

/// Adds a command to a queue. Returns the commands that have no effect beside the others.
fn queue_command(queue: &mut Vec<Command>, command: Command) -> Vec<Command> {
    if let [Command::End { .. }] = queue[..] {
        return vec![command];
    }
    if let Command::End { .. } = command {
        return std::mem::replace(queue, vec![command]);
    }
    let is_needless = queue.len() >= MAX_COMMANDS
        || queue.iter_mut().any(|queued| match (queued, &command) {
            (Command::Toxic { injector, handle, .. }, Command::Toxic { injector: other, .. }) => {
                Arc::ptr_eq(injector, other) && !handle.is_off()
            }
            (
                Command::Http(HttpCommand::Drain { code }),
                Command::Http(HttpCommand::Drain { code: other }),
            ) => {
                *code = (*code).max(*other);
                true
            }
            _ => false,
        });
    if is_needless {
        return vec![command];
    }
    queue.push(command);
    Vec::new()
}

/// The side of the stream.
impl Connection {
    /// Returns the number of commands sent so far.
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

/// The address of the peer, for a server to put into the extensions of its requests. Without it,
/// axum's `ConnectInfo<SocketAddr>` (feature `axum`) and waylay-router's `Peer` and `ConnectionInfo`
/// (feature `router`, the latter for a trusted proxy) are read.
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

/// Returns the client's address, an IPv4 address mapped into IPv6 as the IPv4 address.
pub(crate) fn client_address(extensions: &Extensions) -> Option<IpAddr> {
    address(extensions).map(|address| address.ip().to_canonical())
}

fn address(extensions: &Extensions) -> Option<SocketAddr> {
    if let Some(PeerAddr(address)) = extensions.get() {
        return Some(*address);
    }
    #[cfg(feature = "router")]
    if let Some(effective) = extensions.get::<waylay_router::ConnectionInfo>() {
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
