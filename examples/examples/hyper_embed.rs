//! Waylay's router on hyper without a framework: HTTP/1.1 and HTTP/2 on one port.

use std::time::Duration;

use http::uri::Scheme;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use waylay_router::{Matched, Peer, Route, Router};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = Router::builder()
        .route(Route::get("/archive/{year:[0-9]{4}}-{month:[0-9]{2}}").to(archive))
        .route(Route::get("/").scheme("http").to(async || "not encrypted\n"))
        .build()?;

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("  curl -s 'http://{address}/archive/2026-11'");
    println!("  curl -s --http2-prior-knowledge 'http://{address}/'");
    println!("  curl -si -X DELETE 'http://{address}/'");

    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Most likely out of file descriptors, which is temporary.
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        // The router reads peer address and scheme from this extension.
        let peer = Peer::default().addr(peer).scheme(Scheme::HTTP);
        let service = ServiceBuilder::new()
            .map_request(move |mut request: http::Request<_>| {
                request.extensions_mut().insert(peer.clone());
                request
            })
            .service(router.clone());
        tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            let connection =
                builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
            if let Err(error) = connection.await {
                eprintln!("connection: {error}");
            }
        });
    }
}

async fn archive(matched: Matched) -> String {
    let get = |name| matched.get(name).unwrap_or_default();
    format!("month {} of {}\n", get("month"), get("year"))
}
