//! A service under load with its admin API and console: `cargo run -p waylay-fault-admin --example console`.
//!
//! The token is that of `WAYLAY_ADMIN_TOKEN`, or a new one, which the printed address has. With `EXAMPLE_FLEET` set, the
//! console shows a fleet of three replicas, two of which are made up.

use std::convert::Infallible;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tower::{ServiceBuilder, ServiceExt};
use waylay_fault::{EventLog, FaultPlan, FaultSet};
use waylay_fault_admin::{Admin, Fleet, FleetFuture, FleetOverview, Replica, Token, Traffic};
use waylay_router::{Body, Route, Router};

/// Four faults, all off.
const PLAN: &str = include_str!("plan.toml");

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:9901".to_owned());
    let listener = TcpListener::bind(&address).await?;

    let set = FaultSet::builder().environment("staging").event_log(EventLog::new(2000)).build();
    set.apply(&FaultPlan::from_toml(PLAN)?)?;
    let traffic = Traffic::new();
    let shop = Router::builder()
        .route(Route::get("/cart/{id}").name("cart").to(async || answer(3).await))
        .route(Route::post("/orders").name("orders").to(async || answer(12).await))
        .route(Route::get("/search").query("q", "{q}").name("search").to(async || answer(6).await))
        .build()?;
    let service = ServiceBuilder::new()
        .layer(traffic.layer())
        .layer(set.layer().map_body(Body::new))
        .service(shop.clone());

    let mut admin = Admin::builder(&set).traffic(&traffic).routes(&shop);
    if std::env::var_os("WAYLAY_ADMIN_TOKEN").is_some() {
        admin = admin.token(Token::from_env("WAYLAY_ADMIN_TOKEN")?);
    }
    if std::env::var_os("EXAMPLE_FLEET").is_some() {
        admin = admin.fleet(ExampleFleet(set.clone()));
    }
    let admin = admin.build()?;
    println!("{}", admin.console_url(&format!("http://{}", listener.local_addr()?)));
    tokio::spawn(load(service));
    admin.serve(listener).await?;
    Ok(())
}

/// This process, and two replicas that are made up.
struct ExampleFleet(FaultSet);

impl Fleet for ExampleFleet {
    fn overview(&self) -> FleetFuture<'_> {
        let replica = |name: &str| {
            let mut replica = Replica::new(name);
            (replica.revision, replica.state) = (Some(self.0.revision()), "running".to_owned());
            replica.plan = self.0.plan().and_then(|plan| plan.id().map(str::to_owned));
            replica
        };
        let [mut this, mut late, mut other] = ["console", "made-up-1", "made-up-2"].map(replica);
        (this.is_this, late.age_seconds) = (true, 3.0);
        other.state = "stopped".to_owned();
        other.reason =
            Some("12 of 40 genuine server responses within 30s failed (30 %), more than 20 %".to_owned());
        let mut overview = FleetOverview::new([this, late, other]);
        overview.revision = Some(self.0.revision());
        Box::pin(std::future::ready(Ok(overview)))
    }
}

/// Works for about this many milliseconds.
async fn answer(millis: u64) -> &'static str {
    sleep(Duration::from_millis(millis)).await;
    "done\n"
}

/// Sends some sixty requests a second.
async fn load<S, B>(service: S)
where
    S: tower::Service<http::Request<Body>, Response = http::Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    let mut ticks = interval(Duration::from_millis(50));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u64.. {
        ticks.tick().await;
        for (method, target) in [("GET", "/cart/7"), ("POST", "/orders"), ("GET", "/search?q=tea")] {
            let request = http::Request::builder().method(method).uri(target).header("x-request-id", number);
            let Ok(request) = request.body(Body::empty()) else { continue };
            tokio::spawn(service.clone().oneshot(request));
        }
    }
}
