//! Waylay's router on hyper, with limits and a graceful stop.

use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::timeout::RequestBodyTimeoutLayer;
use waylay_examples::server::stop_on_signal;
use waylay_router::{Matched, Peer, Route, Router};

/// Time for the head of a request, from the connection or the previous response on.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

/// Time between two pings of an HTTP/2 connection.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Time between two pieces of a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for requests in progress after SIGTERM or Ctrl-C.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Number of connections that are open at once; further ones wait.
const MAX_CONNECTIONS: usize = 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = Router::builder()
        .route(Route::get("/archive/{year:[0-9]{4}}-{month:[0-9]{2}}").to(archive))
        .route(Route::get("/").scheme("http").to(async || "not encrypted\n"))
        .build()?;

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let stop = stop_on_signal()?;
    println!("  curl -s 'http://{address}/archive/2026-11'");
    println!("  curl -s --http2-prior-knowledge 'http://{address}/'");
    println!("  curl -si -X DELETE 'http://{address}/'");

    // Without a timer hyper has no time limits.
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(KEEP_ALIVE);
    let (connections, permits) = (GracefulShutdown::new(), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    loop {
        let accept = async { (permits.clone().acquire_owned().await, listener.accept().await) };
        let (permit, stream, peer) = tokio::select! {
            (permit, accepted) = accept => match accepted {
                Ok((stream, peer)) => (permit?, stream, peer),
                Err(error) => {
                    // Most likely out of file descriptors, which is temporary.
                    eprintln!("accept: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        // The router reads peer address and scheme from this extension.
        let peer = Peer::default().addr(peer).scheme(Scheme::HTTP);
        let service = ServiceBuilder::new()
            .map_request(move |mut request: http::Request<_>| {
                request.extensions_mut().insert(peer.clone());
                request
            })
            .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
            .service(router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                eprintln!("connection: {error}");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, connections.shutdown()).await.is_err() {
        eprintln!("requests that took longer than {SHUTDOWN_TIMEOUT:?} are cut off");
    }
    Ok(())
}

async fn archive(matched: Matched) -> String {
    let get = |name| matched.get(name).unwrap_or_default();
    format!("month {} of {}\n", get("month"), get("year"))
}
