//! accept: HTTP connections of a listener, with limits, under one service.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service;
use waylay_router::Peer;

/// Connections at once; event streams count too.
const MAX_ADMIN_CONNECTIONS: usize = 128;

/// Time for the head of a request.
const HEADER_TIME: Duration = Duration::from_secs(10);

/// Time before the next attempt to accept a connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

/// Serves HTTP/1.1 and HTTP/2 (by prior knowledge) for as long as this is polled.
pub(crate) async fn accept<S>(listener: &TcpListener, service: S)
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let permits = Arc::new(Semaphore::new(MAX_ADMIN_CONNECTIONS));
    loop {
        // It is never closed, so there is always a permit.
        let permit = permits.clone().acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, peer)) => {
                let service = WithPeer { service: service.clone(), peer };
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

async fn connection<S>(stream: TcpStream, service: WithPeer<S>)
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
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
struct WithPeer<S> {
    service: S,
    peer: SocketAddr,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for WithPeer<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Peer::default().addr(self.peer));
        self.service.call(request)
    }
}
