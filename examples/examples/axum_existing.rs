//! An existing axum program, and the four lines (`// +`) that add a fault to one route.

use axum::{Router, extract::Path, routing::get};
use tokio::net::TcpListener;
use waylay_fault::{Fault, error}; // +

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flaky = Fault::new("flaky", error(503)).participation(0.5).allow_routes(["/orders/{id}"]).build()?; // +
    let app = Router::new()
        .route("/orders/{id}", get(async |Path(id): Path<u32>| format!("order {id}\n")))
        .route("/prices", get(async || "teapot 18.50\n"))
        .layer(flaky.layer()); // +
    flaky.control().set_enabled(true); // +

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("about half of the responses are `503 Service Unavailable` with `x-fault-injected: flaky`:");
    println!("  curl -si 'http://{address}/orders/7'");
    println!("never a fault:");
    println!("  curl -si 'http://{address}/prices'");
    axum::serve(listener, app).await?;
    Ok(())
}
