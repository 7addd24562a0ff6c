//! Routes of the shop; its faults go by their names.

use http::{HeaderMap, Request};
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::{Level, Span};
use waylay_fault::FaultSet;
use waylay_fault_admin::Traffic;
use waylay_router::{Body, BuildErrors, Matched, OneLine, Policy, Route, Router, Scope};

use crate::handlers::{self, TenantSku};
use crate::store::Store;
use crate::warehouse::Warehouse;

/// Builds the router of the shop: two hosts, and a home page on any host.
pub(crate) fn shop_router(
    store: Store,
    warehouse: Warehouse,
    faults: &FaultSet,
    traffic: &Traffic,
) -> Result<Router, BuildErrors> {
    let trace = TraceLayer::new_for_http()
        .make_span_with(span)
        .on_response(DefaultOnResponse::new().level(Level::INFO))
        .on_failure(());

    let shop = Scope::new()
        .host("shop.localhost")
        .prefix("/api/{version:v[0-9]+}")
        .name("shop")
        .route(Route::get("/products").name("products").to(handlers::products))
        .route(Route::get("/products").query("q", "{q}").name("search").to(handlers::search))
        .route(Route::get("/products/{sku:[0-9]+}").name("product").to(handlers::product))
        .route(
            Route::put("/products/{sku:[0-9]+}/stock")
                .content_type("application/json")
                .name("set-stock")
                .to(handlers::set_stock),
        )
        .route(
            Route::put("/products/{sku:[0-9]+}/stock")
                .content_type("text/csv")
                .name("count-stock")
                .to(handlers::set_stock_from_csv),
        )
        .route(Route::post("/carts/{cart:[0-9]+}/orders").name("place-order").to(handlers::place_order))
        .route(Route::get("/orders/{id:[0-9]+}").name("order").to(handlers::order));

    let tenant = Scope::new()
        .host("{tenant}.shop.localhost")
        .prefix("/api/{version:v[0-9]+}")
        .name("tenant")
        .route(Route::get("/products/{sku:[0-9]+}/stock").name("stock").to(
            move |headers: HeaderMap, sku: TenantSku| handlers::tenant_stock(warehouse.clone(), headers, sku),
        ));

    Router::builder()
        .policy(Policy::strict())
        .state(store)
        .layer(trace)
        .layer(traffic.layer())
        .layer(faults.layer())
        .route(Route::get("/").name("home").to(async || "A shop that is broken on purpose.\n"))
        .route(Route::get("/healthz").name("health").to(async || "ok\n"))
        .scope(shop)
        .scope(tenant)
        .build()
}

/// Creates a span with the name of the route, not only the path.
fn span(request: &Request<Body>) -> Span {
    let matched = request.extensions().get::<Matched>();
    let route = matched.and_then(Matched::name).unwrap_or("none");
    tracing::info_span!("request", method = %request.method(), uri = %OneLine(&request.uri().to_string()), route)
}
