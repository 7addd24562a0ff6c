//! Admin::serve: the admin API on its own listener.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service;
use waylay_router::Peer;

use crate::server::admin::{Admin, AdminService};

/// Connections at once; event streams count too.
const MAX_ADMIN_CONNECTIONS: usize = 128;

/// Time for the head of a request.
const HEADER_TIME: Duration = Duration::from_secs(10);

/// Time before the next attempt to accept a connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

impl Admin {
    /// Serves the API over HTTP/1.1 and HTTP/2 (by prior knowledge), for as long as this is polled.
    ///
    /// A token that was generated, not given, is printed once on standard error, in the address of the console.
    ///
    /// ```no_run
    /// # async fn run(set: waylay_fault::FaultSet) -> Result<(), Box<dyn std::error::Error>> {
    /// use waylay_fault_admin::{Admin, Token};
    ///
    /// let admin = Admin::builder(&set).token(Token::from_env("WAYLAY_ADMIN_TOKEN")?).build()?;
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9901").await?;
    /// tokio::spawn(async move { admin.serve(listener).await });
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The listener can be reached from other machines, and no [host](crate::AdminBuilder::hosts) is named; or it
    /// has no address.
    pub async fn serve(&self, listener: TcpListener) -> Result<(), ServeError> {
        let address = listener.local_addr().map_err(ServeError::Io)?;
        if !address.ip().to_canonical().is_loopback() && !self.access().is_remote() {
            return Err(ServeError::NotLoopback(address));
        }
        if !self.is_token_given() {
            eprintln!("faults: {}", self.console_url(&format!("http://{address}")));
        }
        let permits = Arc::new(Semaphore::new(MAX_ADMIN_CONNECTIONS));
        loop {
            // It is never closed, so there is always a permit.
            let permit = permits.clone().acquire_owned().await.ok();
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let service = WithPeer { service: self.service(), peer };
                    tokio::spawn(async move {
                        let _permit = permit;
                        connection(stream, service).await;
                    });
                }
                // Most likely out of file descriptors: an immediate retry would only spin.
                Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
            }
        }
    }
}

async fn connection(stream: TcpStream, service: WithPeer) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIME)
        .keep_alive_timeout(HEADER_TIME)
        .max_concurrent_streams(32);
    // A client that breaks off, or speaks no HTTP, is no error of this program.
    let _ = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
}

/// The service of one connection.
#[derive(Debug, Clone)]
struct WithPeer {
    service: AdminService,
    peer: SocketAddr,
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = <AdminService as Service<Request<Incoming>>>::Response;
    type Error = <AdminService as Service<Request<Incoming>>>::Error;
    type Future = <AdminService as Service<Request<Incoming>>>::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        Service::<Request<Incoming>>::poll_ready(&mut self.service, cx)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Peer::default().addr(self.peer));
        self.service.call(request)
    }
}

/// Why an [`Admin`] does not serve a listener.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The address can be reached from other machines, and no host was named for them.
    NotLoopback(SocketAddr),
    /// The listener has no address.
    Io(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(address) => write!(
                f,
                "{address} can be reached from other machines; listen on a loopback address, or name the hosts of this API (`AdminBuilder::hosts`)"
            ),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::NotLoopback(_) => None,
        }
    }
}
