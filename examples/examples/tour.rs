//! A route, a request as a struct, and a fault for half of the requests.

use tower::ServiceExt;
use waylay_extract::Extract;
use waylay_fault::{Fault, error};
use waylay_router::{Body, Route, Router};

#[derive(Debug, Extract)]
struct Show {
    #[param]
    id: u32,
    #[query(default = 1)]
    copies: u16,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flaky = Fault::new("flaky", error(503)).participation(0.5).seed(3).build()?;
    let order = Route::get("/orders/{id:[0-9]+}")
        .host("{tenant}.shop.example")
        .name("order")
        .to(async |show: Show| format!("{} of order {}", show.copies, show.id))
        .layer(flaky.layer());
    let router = Router::builder().route(order).build()?;

    flaky.control().set_enabled(true);
    let url =
        router.urls().builder("order")?.set("tenant", "acme").set("id", 42).scheme("http").absolute()?;
    for query in ["", "?copies=2", "?copies=many", "?copies=3"] {
        let request = http::Request::get(format!("{url}{query}")).body(Body::empty())?;
        println!("{} for {url}{query}", router.clone().oneshot(request).await?.status());
    }
    let counts = flaky.control().counts();
    println!("fault injected into {} of {} requests", counts.injected, counts.seen);
    Ok(())
}
