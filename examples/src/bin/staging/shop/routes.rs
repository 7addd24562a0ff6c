//! The shop's routes, and which fault lies on which.

use http::Request;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::{Level, Span};
use waylay_fault::Fault;
use waylay_router::{Body, BuildErrors, Matched, Pending, Route, Router, Scope};

use super::store::Store;
use super::{goods, orders};
use crate::faults::Faults;

/// The key under which a route's metadata names its fault.
pub(crate) const FAULT: &str = "fault";

/// The whole shop: two hosts, and a front page for whoever names neither.
pub(crate) fn shop(store: Store, faults: &Faults) -> Result<Router, BuildErrors> {
    let trace = TraceLayer::new_for_http()
        .make_span_with(span)
        .on_response(DefaultOnResponse::new().level(Level::INFO))
        .on_failure(());

    let counter = Scope::new()
        .host("shop.localhost")
        .prefix("/api/{version:v[0-9]+}")
        .name("shop")
        .route(Route::get("/products").name("products").to(goods::products).beset_by(&faults.mixed_products))
        .route(
            Route::get("/products")
                .query("q", "{q}")
                .name("search")
                .to(goods::search)
                .beset_by(&faults.slow_search),
        )
        .route(
            Route::get("/products/{sku:[0-9]+}")
                .name("product")
                .to(goods::product)
                .beset_by(&faults.drop_product),
        )
        .route(
            Route::put("/products/{sku:[0-9]+}/stock")
                .header("content-type", "application/json")
                .name("set-stock")
                .to(goods::set_stock),
        )
        .route(
            Route::put("/products/{sku:[0-9]+}/stock")
                .header("content-type", "text/csv")
                .name("count-stock")
                .to(goods::count_stock),
        )
        .route(
            Route::post("/carts/{cart:[0-9]+}/orders")
                .name("place-order")
                .to(orders::place_order)
                .beset_by(&faults.fail_order),
        )
        .route(
            Route::get("/orders/{id:[0-9]+}")
                .name("order")
                .to(orders::order)
                .beset_by(&faults.refuse_receipt),
        );

    let tenant =
        Scope::new().host("{tenant}.shop.localhost").prefix("/api/{version:v[0-9]+}").name("tenant").route(
            Route::get("/products/{sku:[0-9]+}/stock")
                .name("stock")
                .to(goods::tenant_stock)
                .beset_by(&faults.hang_stock),
        );

    Router::builder()
        .state(store)
        .layer(trace)
        .route(Route::get("/").name("home").to(async || "A shop that is broken on purpose.\n"))
        .route(Route::get("/healthz").name("health").to(async || "ok\n"))
        .scope(counter)
        .scope(tenant)
        .build()
}

/// A span that says which route was taken, not only which path.
fn span(request: &Request<Body>) -> Span {
    let matched = request.extensions().get::<Matched>();
    let route = matched.and_then(Matched::name).unwrap_or("none");
    tracing::info_span!("request", method = %request.method(), uri = %request.uri(), route)
}

/// A route with a fault on it.
trait Beset {
    /// Lays the fault around the handler, and notes it where the table is walked.
    fn beset_by(self, fault: &Fault) -> Self;
}

impl Beset for Route<Pending<Store>> {
    fn beset_by(self, fault: &Fault) -> Self {
        self.metadata(FAULT, fault.name()).layer(fault.layer())
    }
}
