//! Servers: the shop and its control API, each on its own port.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::uri::Scheme;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt;
use waylay_fault::Reporter;
use waylay_router::{Peer, Router};

use crate::faults::{Faults, control_router};
use crate::routes::shop_router;
use crate::store::Store;

/// Time that requests in progress have to finish after shutdown begins.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Both routers with their bound ports.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) shop: Router,
    control: Router,
    shop_port: Port,
    control_port: Port,
}

impl Servers {
    /// Builds the routers and binds the ports.
    pub(crate) async fn bind(
        shop_addr: SocketAddr,
        control_addr: SocketAddr,
        seed: u64,
        reporter: &Arc<dyn Reporter>,
    ) -> Result<Self, Box<dyn Error>> {
        let faults = Faults::new(seed, reporter)?;
        let shop = shop_router(Store::with_sample_order(), &faults)?;
        let control = control_router(faults, &shop)?;
        let shop_port = Port::bind("--addr", shop_addr).await?;
        let control_port = Port::bind("--control-addr", control_addr).await?;
        Ok(Self { shop, control, shop_port, control_port })
    }

    pub(crate) fn shop_address(&self) -> SocketAddr {
        self.shop_port.address
    }

    pub(crate) fn control_address(&self) -> SocketAddr {
        self.control_port.address
    }

    /// Serves until `stop`, then cancels all active faults and finishes the requests in progress.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        // Dropping the only receiver notifies both servers.
        let (shutdown, receiver) = watch::channel(());
        tokio::join!(
            self.shop_port.serve(self.shop, shutdown.closed()),
            self.control_port.serve(self.control, shutdown.closed()),
            async {
                stop.await;
                // Without this, shutdown would wait for a hang of half a minute.
                waylay_fault::halt();
                drop(receiver);
            },
        );
    }
}

/// A bound port.
#[derive(Debug)]
struct Port {
    listener: TcpListener,
    /// The actual address, also if port 0 was requested.
    address: SocketAddr,
}

impl Port {
    /// Binds the address that `flag` sets.
    async fn bind(flag: &'static str, address: SocketAddr) -> Result<Self, BindError> {
        let bind_error = |source| BindError { flag, address, source };
        let listener = TcpListener::bind(address).await.map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        Ok(Self { listener, address })
    }

    /// Serves HTTP/1.1 and HTTP/2 (by prior knowledge) until `stop`, then finishes the requests in progress.
    async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        let connections = GracefulShutdown::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, peer)) => spawn_connection(stream, peer, &router, &connections),
                Err(error) => {
                    // Most likely out of file descriptors: an immediate retry would only spin.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
        drop(self.listener);
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, connections.shutdown()).await.is_err() {
            tracing::warn!("requests that took longer than {SHUTDOWN_TIMEOUT:?} were cut off");
        }
    }
}

fn spawn_connection(stream: TcpStream, peer: SocketAddr, router: &Router, connections: &GracefulShutdown) {
    // Responses are small, so Nagle's algorithm would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let peer = Peer::default().addr(peer).scheme(Scheme::HTTP);
    let service = router.clone().map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = connections.watch(connection.into_owned());
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // This is also how a rejecting fault ends a connection.
            tracing::debug!(error, "a connection ended early");
        }
    });
}

/// An address that cannot be bound.
#[derive(Debug)]
struct BindError {
    flag: &'static str,
    address: SocketAddr,
    source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flag, address, .. } = self;
        write!(
            f,
            "cannot listen on {address}; choose another address with `{flag}`, port 0 takes any free one"
        )
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
