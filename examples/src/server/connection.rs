//! Connection: serves the requests of one client, closes when idle or stopped.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::Response;
use http::Request;
use http::uri::Scheme;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, service_fn};
use waylay_fault::FaultStream;
use waylay_router::{Body, Peer};

use super::idle::IdleClock;
use super::limits::Limits;
use super::request::{self, ActiveBody};

/// A connection of a [`Port`](super::Port); a request extension.
#[derive(Debug, Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    peer: SocketAddr,
    /// Control of the connection by the faults of the port's set.
    handle: Option<waylay_fault::Connection>,
    /// Place among the connections of the port, also of a tunnel.
    _permit: Option<OwnedSemaphorePermit>,
    tasks: TaskTracker,
    stop: CancellationToken,
    clock: IdleClock,
    /// Number of requests whose responses are not finished.
    active: Mutex<usize>,
    has_served: AtomicBool,
}

impl Connection {
    pub(super) fn new(
        peer: SocketAddr,
        handle: Option<waylay_fault::Connection>,
        permit: Option<OwnedSemaphorePermit>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (clock, active, has_served) = (IdleClock::default(), Mutex::new(0), AtomicBool::new(false));
        Self {
            shared: Arc::new(Shared {
                peer,
                handle,
                _permit: permit,
                tasks,
                stop,
                clock,
                active,
                has_served,
            }),
        }
    }

    /// Runs a tunnel that the connection has become: it counts as a connection and ends at a stop.
    pub fn spawn_tunnel(&self, tunnel: impl Future<Output = ()> + Send + 'static) {
        let connection = self.clone();
        self.shared.tasks.spawn(async move { connection.shared.stop.run_until_cancelled(tunnel).await });
    }

    /// Serves all requests of the connection.
    pub(super) async fn serve<S>(
        self,
        builder: auto::Builder<TokioExecutor>,
        stream: FaultStream<TcpStream>,
        service: S,
        limits: Limits,
    ) where
        S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        // Nagle's algorithm would only delay small responses.
        if let Some(Err(error)) = stream.get_ref().map(|stream| stream.set_nodelay(true)) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        let (connection, body_timeout) = (self.clone(), limits.body_timeout);
        let service = service_fn(move |request: Request<Incoming>| {
            connection.clone().call(service.clone(), request, body_timeout)
        });
        let http =
            builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
        let mut http = pin!(http);
        let result = tokio::select! {
            result = http.as_mut() => Some(result),
            () = self.idle(&limits) => None,
            () = self.shared.stop.cancelled() => None,
        };
        let result = match result {
            Some(result) => result,
            None => {
                http.as_mut().graceful_shutdown();
                // Requests in progress have the time of the stop. Without any only the protocol's end is awaited.
                self.shared.clock.extend();
                tokio::select! {
                    result = http.as_mut() => result,
                    () = self.shared.clock.expired(limits.header_timeout) => return,
                }
            }
        };
        if let Err(error) = result {
            // This is also how a rejecting fault ends a connection, and a client that is slow.
            tracing::debug!(error, peer = %self.shared.peer, "a connection ended early");
        }
    }

    /// Waits until the connection has been without requests for too long.
    async fn idle(&self, limits: &Limits) {
        let Shared { clock, has_served, .. } = &*self.shared;
        // The protocol is known, and the limits of hyper apply, from the first request on.
        clock.expired(limits.header_timeout).await;
        if has_served.load(Ordering::Relaxed) {
            clock.expired(limits.idle_timeout).await;
        }
    }

    async fn call<S>(
        self,
        mut service: S,
        request: Request<Incoming>,
        body_timeout: Duration,
    ) -> Result<http::Response<ActiveBody>, Infallible>
    where
        S: Service<Request<Body>, Response = Response, Error = Infallible>,
    {
        let active = ActiveRequest::new(&self);
        let response = match request::refuse(&request) {
            Some(response) => response,
            None => {
                let (mut request, failure) = request::prepare(request, body_timeout);
                let (peer, version) = (self.shared.peer, request.version());
                request.extensions_mut().insert(Peer::default().addr(peer).scheme(Scheme::HTTP));
                if let Some(handle) = &self.shared.handle {
                    request.extensions_mut().insert(handle.clone());
                }
                request.extensions_mut().insert(self);
                let response = match service.call(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                failure.replace(response, version, peer)
            }
        };
        Ok(response.map(|body| ActiveBody::new(body, active)))
    }
}

/// A request in progress, up to the end of its response.
#[derive(Debug)]
pub(super) struct ActiveRequest(Arc<Shared>);

impl ActiveRequest {
    fn new(connection: &Connection) -> Self {
        let shared = Arc::clone(&connection.shared);
        shared.has_served.store(true, Ordering::Relaxed);
        shared.count(|active| active + 1);
        Self(shared)
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.count(|active| active - 1);
    }
}

impl Shared {
    /// Changes the number of active requests, and the clock with it: streams of HTTP/2 are separate tasks,
    /// so that one may begin while another one ends.
    fn count(&self, change: impl Fn(usize) -> usize) {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        *active = change(*active);
        match *active {
            0 => self.clock.restart(),
            _ => self.clock.stop(),
        }
    }
}
