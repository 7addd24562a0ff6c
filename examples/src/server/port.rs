//! Port: a bound address, served until a stop.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::Request;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use waylay_fault::{FaultListener, FaultSet, FaultStream};
use waylay_router::Body;

use super::connection::Connection;
use super::limits::Limits;

/// Time before the next attempt to accept a connection.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

/// Number of requests that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 128;

/// A bound port.
#[derive(Debug)]
pub struct Port {
    listener: TcpListener,
    address: SocketAddr,
    faults: Option<FaultSet>,
}

impl Port {
    /// Binds an address.
    ///
    /// # Errors
    /// The address is in use or not one of this machine.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, faults: None })
    }

    /// Returns the actual address, also if port 0 was requested.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts the connections under the listener faults of a set; its other faults control connections too.
    #[must_use]
    pub fn with_faults(self, faults: &FaultSet) -> Self {
        Self { faults: Some(faults.clone()), ..self }
    }

    /// Serves HTTP/1.1 and HTTP/2 (by prior knowledge) until `stop`, then finishes the requests in progress.
    ///
    /// Requests have [`Peer`](waylay_router::Peer) and [`Connection`] among their extensions.
    pub async fn serve<S>(self, service: S, limits: Limits, stop: CancellationToken)
    where
        S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        let builder = builder(&limits);
        let has_faults = self.faults.is_some();
        let listener = self.faults.unwrap_or_else(FaultSet::new).listener(self.listener);
        let permits = Arc::new(Semaphore::new(limits.max_connections as usize));
        let (tasks, cut) = (TaskTracker::new(), CancellationToken::new());
        loop {
            let (stream, peer, permit) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = accept(&listener, &permits) => accepted,
            };
            let handle = has_faults.then(|| stream.connection().clone());
            let connection = Connection::new(peer, handle, permit, tasks.clone(), stop.clone());
            let serve = connection.serve(builder.clone(), stream, service.clone(), limits.clone());
            let cut = cut.clone();
            tasks.spawn(async move { cut.run_until_cancelled(serve).await });
        }
        drop(listener);
        tasks.close();
        if tokio::time::timeout(limits.shutdown_timeout, tasks.wait()).await.is_err() {
            tracing::warn!("requests that took longer than {:?} are cut off", limits.shutdown_timeout);
            cut.cancel();
            tasks.wait().await;
        }
    }
}

/// Waits for a place among the connections, then for a client.
async fn accept(
    listener: &FaultListener<TcpListener>,
    permits: &Arc<Semaphore>,
) -> (FaultStream<TcpStream>, SocketAddr, Option<OwnedSemaphorePermit>) {
    // It is never closed, so there is always a permit.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) => {
                // Most likely out of file descriptors: an immediate retry would only spin.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.keep_alive)
        .keep_alive_timeout(limits.keep_alive)
        .max_concurrent_streams(MAX_STREAMS);
    builder
}

/// Returns a token that SIGTERM or Ctrl-C cancels; a second signal ends the process without waiting for the
/// requests in progress.
///
/// # Errors
/// The signals cannot be handled.
pub fn stop_on_signal() -> io::Result<CancellationToken> {
    let mut signals = Signals::new()?;
    let stop = CancellationToken::new();
    let first = stop.clone();
    tokio::spawn(async move {
        signals.next().await;
        first.cancel();
        signals.next().await;
        std::process::exit(130);
    });
    Ok(stop)
}

/// Handlers of the signals, installed before the program prints its address.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
