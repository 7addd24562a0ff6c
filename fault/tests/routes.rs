//! Lists of routes, by the templates of the routers that we know.

#![cfg(all(feature = "axum", feature = "router"))]
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use axum::body::Body;
use axum::routing::get;
use http::Request;
use tower::ServiceExt;
use waylay_fault::{Fault, Key, error};
use waylay_router::{Route, Router, Scope};

/// In both routers the fault strikes the one route that is listed.
#[tokio::test]
async fn are_known_in_both_routers() {
    let fault = Fault::new("listed", error(503)).enabled(true).participation(1.0);
    let fault = fault.allow_routes(["/v1/orders/{id}"]).build().unwrap();

    let ours = Router::builder()
        .layer(fault.layer())
        .scope(Scope::new().prefix("/v1").route(Route::get("/orders/{id}").to(async || "order")))
        .route(Route::get("/v1/prices/{id}").to(async || "price"))
        .build()
        .unwrap();
    let theirs: axum::Router = axum::Router::new()
        .route("/v1/orders/{id}", get(async || "order"))
        .route("/v1/prices/{id}", get(async || "price"))
        .layer(fault.layer());

    for (path, status) in [("/v1/orders/7", 503), ("/v1/prices/7", 200), ("/v1/none", 404)] {
        let request = || Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(ours.clone().oneshot(request()).await.unwrap().status(), status, "ours, {path}");
        assert_eq!(theirs.clone().oneshot(request()).await.unwrap().status(), status, "axum's, {path}");
    }
}

/// Our router's routes have names as well; a list holds both, side by side.
#[tokio::test]
async fn names_stand_beside_templates() {
    let fault = Fault::new("listed", error(503)).enabled(true).participation(1.0);
    let fault = fault.allow_routes(["order", "/v1/prices/{id}"]).block_routes(["spared"]).build().unwrap();
    let router = Router::builder()
        .layer(fault.layer())
        .route(Route::get("/v1/orders/{id}").name("order").to(async || "order"))
        .route(Route::get("/v1/prices/{id}").name("price").to(async || "price"))
        .route(Route::get("/v1/spared").name("spared").to(async || "spared"))
        .route(Route::get("/v1/others").to(async || "other"))
        .build()
        .unwrap();
    for (path, status) in
        [("/v1/orders/7", 503), ("/v1/prices/7", 503), ("/v1/spared", 200), ("/v1/others", 200)]
    {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), status, "{path}");
    }
}

/// Requests of routes that a list turns away take no number.
#[tokio::test]
async fn lists_of_routes_never_shift_the_draws_of_others() {
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
