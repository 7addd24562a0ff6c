//! Link: the connections through one proxy, and the bytes that they carry.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use waylay_fault::{FaultSet, FaultStream};

/// Bytes read at once in each direction, as many as Toxiproxy reads.
const BUFFER: usize = 32 * 1024;

/// Time before the next attempt to accept a connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

/// What the connections of one proxy share.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) upstream: Arc<str>,
    /// The toxics.
    pub(crate) set: FaultSet,
    /// Wakes idle connections when toxics change.
    pub(crate) changes: watch::Sender<()>,
    pub(crate) traffic: Arc<LinkTraffic>,
}

/// Bytes through a proxy, of all its connections.
#[derive(Debug, Default)]
pub(crate) struct LinkTraffic {
    pub(crate) from_clients: AtomicU64,
    pub(crate) to_upstream: AtomicU64,
    pub(crate) from_upstream: AtomicU64,
    pub(crate) to_clients: AtomicU64,
}

impl Link {
    /// Accepts connections for as long as this is polled; dropped, it closes all of them.
    pub(crate) async fn run(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((client, peer)) => {
                        connections.spawn(self.clone().connect(client, peer));
                    }
                    // Most likely out of file descriptors: an immediate retry would only spin.
                    Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    /// Carries one connection to its end. A server that cannot be reached closes the client's connection.
    async fn connect(self, client: TcpStream, peer: SocketAddr) {
        let mut changes = self.changes.subscribe();
        let Ok(server) = TcpStream::connect(&*self.upstream).await else { return };
        for stream in [&client, &server] {
            // Fails only for a connection that is closed already.
            let _ = stream.set_nodelay(true);
        }
        let traffic = self.traffic;
        let client = Counted { io: client, traffic: traffic.clone(), side: Side::Client };
        let mut server = Counted { io: server, traffic, side: Side::Server };
        let stream = FaultStream::accepted(client, Some(peer)).opaque();
        let mut client = Client(stream.reset_by(|counted| counted.io.set_zero_linger()).fault_set(&self.set));
        let result = {
            let copying = copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER);
            tokio::pin!(copying);
            loop {
                tokio::select! {
                    result = &mut copying => break result,
                    // Polled again, the streams take over the toxics.
                    Ok(()) = changes.changed() => {}
                }
            }
        };
        if let Err(error) = result
            && error.kind() == io::ErrorKind::ConnectionReset
        {
            // A reset on one side is one on the other; it fails only if that side is closed already.
            let _ = server.io.set_zero_linger();
            if let Some(client) = client.0.get_ref() {
                let _ = client.io.set_zero_linger();
            }
        }
    }
}

/// The client's side: a connection that a toxic has ended ends as a whole.
struct Client(FaultStream<Counted>);

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.0).poll_read(cx, buf);
        if matches!(poll, Poll::Ready(Ok(()))) && buf.filled().len() == before && self.0.get_ref().is_none() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        poll
    }
}

impl AsyncWrite for Client {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The peer of a socket.
#[derive(Debug, Clone, Copy)]
enum Side {
    Client,
    Server,
}

/// A socket whose bytes are counted.
struct Counted {
    io: TcpStream,
    traffic: Arc<LinkTraffic>,
    side: Side,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.io).poll_read(cx, buf);
        let counter = match self.side {
            Side::Client => &self.traffic.from_clients,
            Side::Server => &self.traffic.from_upstream,
        };
        let read = buf.filled().len() - before;
        if read > 0 {
            counter.fetch_add(read as u64, Ordering::Relaxed);
        }
        poll
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write(cx, data);
        if let Poll::Ready(Ok(written)) = poll {
            let counter = match self.side {
                Side::Client => &self.traffic.to_clients,
                Side::Server => &self.traffic.to_upstream,
            };
            counter.fetch_add(written as u64, Ordering::Relaxed);
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
