//! Lists of routes, by the templates of both supported routers.

#![cfg(all(feature = "axum", feature = "router"))]
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use axum::body::Body;
use axum::routing::get;
use http::Request;
use tower::ServiceExt;
use waylay_fault::{Fault, Key, error};
use waylay_router::{Route, Router, Scope};

/// In both routers the fault is injected into the listed route only.
#[tokio::test]
async fn routes_of_both_routers() {
    let fault = Fault::new("listed", error(503)).enabled(true).participation(1.0);
    let fault = fault.allow_routes(["/v1/orders/{id}"]).build().unwrap();

    let waylay = Router::builder()
        .layer(fault.layer())
        .scope(Scope::new().prefix("/v1").route(Route::get("/orders/{id}").to(async || "order")))
        .route(Route::get("/v1/prices/{id}").to(async || "price"))
        .build()
        .unwrap();
    let axum_app: axum::Router = axum::Router::new()
        .route("/v1/orders/{id}", get(async || "order"))
        .route("/v1/prices/{id}", get(async || "price"))
        .layer(fault.layer());

    for (path, status) in [("/v1/orders/7", 503), ("/v1/prices/7", 200), ("/v1/none", 404)] {
        let request = || Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(waylay.clone().oneshot(request()).await.unwrap().status(), status, "waylay's, {path}");
        assert_eq!(axum_app.clone().oneshot(request()).await.unwrap().status(), status, "axum's, {path}");
    }
}

/// Routes of waylay-router have names as well; a list may mix names and templates.
#[tokio::test]
async fn names_and_templates_mix() {
    let fault = Fault::new("listed", error(503)).enabled(true).participation(1.0);
    let fault = fault.allow_routes(["order", "/v1/prices/{id}"]).block_routes(["skipped"]).build().unwrap();
    let router = Router::builder()
        .layer(fault.layer())
        .route(Route::get("/v1/orders/{id}").name("order").to(async || "order"))
        .route(Route::get("/v1/prices/{id}").name("price").to(async || "price"))
        .route(Route::get("/v1/skipped").name("skipped").to(async || "skipped"))
        .route(Route::get("/v1/others").to(async || "other"))
        .build()
        .unwrap();
    for (path, status) in
        [("/v1/orders/7", 503), ("/v1/prices/7", 503), ("/v1/skipped", 200), ("/v1/others", 200)]
    {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), status, "{path}");
    }
}

/// Requests whose route a list rejects do not advance the counter.
#[tokio::test]
async fn route_lists_do_not_shift_the_counter() {
    let fault = || Fault::new("half", error(503)).enabled(true).participation(0.5).seed(7);
    let sampler = fault().build().unwrap().sampler().clone();
    for fault in [fault().allow_routes(["/a/{x}"]), fault().block_routes(["/b/{x}"])] {
        let fault = fault.build().unwrap();
        let app = axum::Router::<()>::new()
            .route("/a/{x}", get(async || "a"))
            .route("/b/{x}", get(async || "b"))
            .layer(fault.layer());
        let status = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            app.clone().oneshot(request).await.unwrap().status().as_u16()
        };
        for number in 0..60 {
            for _ in 0..number % 3 {
                assert_eq!(status("/b/1").await, 200);
            }
            let wanted = if sampler.draw(Key::Counter(number), b"").is_selected(0.5) { 503 } else { 200 };
            assert_eq!(status("/a/1").await, wanted, "{number}");
        }
    }
}
