//! Waylay's router inside an axum program, with axum's extractors in its handlers.

use axum::Json;
use axum::extract::{Query, State};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use waylay_extract::Extract;
use waylay_router::{Route, Router, Scope};

#[derive(Debug, Clone, Serialize)]
struct Greeting {
    greeting: &'static str,
    to: String,
}

#[derive(Debug, Deserialize)]
struct To {
    to: String,
}

/// Extracts in handlers of both routers; axum's `Path` works only in axum's router.
#[derive(Debug, Extract)]
struct Tenant {
    #[param]
    tenant: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tenants = Router::builder()
        .state("hello")
        .scope(
            Scope::new()
                .host("{tenant}.localhost")
                .route(Route::get("/greeting").query_present("to").to(greet))
                .route(Route::get("/greeting").to(async |Tenant { tenant }: Tenant| tenant + "\n")),
        )
        .build()?;
    let app = axum::Router::new()
        .route("/tenants/{tenant}", get(async |Tenant { tenant }: Tenant| tenant + "\n"))
        .fallback_service(tenants);

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("served by axum's router:");
    println!("  curl -s 'http://{address}/tenants/acme'");
    println!("served by waylay's router, which matches host and query:");
    println!("  curl -s -H 'Host: acme.localhost' 'http://{address}/greeting'");
    println!("  curl -s -H 'Host: acme.localhost' 'http://{address}/greeting?to=you'");
    axum::serve(listener, app).await?;
    Ok(())
}

async fn greet(State(greeting): State<&'static str>, Query(To { to }): Query<To>) -> Json<Greeting> {
    Json(Greeting { greeting, to })
}
