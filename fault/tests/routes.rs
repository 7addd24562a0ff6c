//! Lists of routes, by the templates of both supported routers.

#![cfg(all(feature = "axum", feature = "router"))]
#![allow(clippy::unwrap_used, reason = "a test fails at the line of its expectation")]

use axum::body::Body;
use axum::routing::get;
use http::{Request, Response};
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

/// A request at this path, as the fault sees it in each place: around the routers, within axum's
/// `nest` and `nest_service`, within the router's `mount`, and in one router within the other.
async fn is_injected(fault: &Fault, path: &str) -> Vec<bool> {
    let leaf = || axum::Router::<()>::new().route("/{*rest}", get(async || "real"));
    let ours = |layer: bool| {
        let routes = Router::builder();
        let routes = if layer { routes.layer(fault.layer()) } else { routes };
        routes.route(Route::get("/{*rest}").to(async || "real")).build().unwrap()
    };
    let axum_nest = axum::Router::new().nest("/api", leaf().layer(fault.layer()));
    let axum_service = axum::Router::new().nest_service("/api", leaf().layer(fault.layer()));
    let axum_twice =
        axum::Router::new().nest("/api", axum::Router::new().nest("/admin", leaf().layer(fault.layer())));
    let axum_around = axum::Router::new().nest("/api", leaf()).layer(fault.layer());
    let mounted = Router::builder().route(Route::prefix("/api").mount(ours(true))).build().unwrap();
    let axum_mounted = Router::builder().route(Route::prefix("/api").mount(leaf().layer(fault.layer())));
    let ours_nested = axum::Router::new().nest_service("/api", ours(true));
    let mut seen = Vec::new();
    for service in [axum_nest, axum_service, axum_twice, axum_around, ours_nested] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        seen.push(service.oneshot(request).await.unwrap().status() == 503);
    }
    for service in [mounted, axum_mounted.build().unwrap()] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        seen.push(service.oneshot(request).await.unwrap().status() == 503);
    }
    seen
}

/// The filter reads the path that the server received, in every placement of the fault.
#[tokio::test]
async fn paths_are_those_that_the_server_got() {
    let fault = || Fault::new("listed", error(503)).enabled(true).participation(1.0);
    let rows = [
        (fault().block_paths(["/api/admin/*"]), "/api/admin/x", false),
        (fault().block_paths(["/admin/*"]), "/api/admin/x", true),
        (fault().allow_paths(["/api/admin/{id}"]), "/api/admin/7", true),
        (fault().allow_paths(["/admin/{id}"]), "/api/admin/7", false),
        (fault().block_rules(["PathPrefix(`/api/admin`)"]), "/api/admin/x", false),
        (fault().allow_rules(["Path(`/admin/x`)"]), "/api/admin/x", false),
        // Probes are those of the server, not of a part of it.
        (fault(), "/api/admin/health", true),
    ];
    for (builder, path, wanted) in rows {
        let fault = builder.build().unwrap();
        assert_eq!(is_injected(&fault, path).await, [wanted; 7], "{path} {fault:?}");
    }
    // A probe's path that a nested router shortens is still one.
    let fault = fault().build().unwrap();
    let app = axum::Router::<()>::new().nest(
        "/grpc.health.v1.Health",
        axum::Router::new().route("/Check", get(async || "real")).layer(fault.layer()),
    );
    let request = Request::get("/grpc.health.v1.Health/Check").body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 200);
}

/// A client's request has its own path, also within a request to the server.
#[tokio::test]
async fn clients_keep_their_own_path() {
    use tower_layer::Layer;
    let fault = Fault::new("listed", error(503)).enabled(true).participation(1.0);
    let fault = fault.allow_paths(["/api/upstream"]).build().unwrap();
    let client =
        tower::service_fn(async |_: Request<Body>| Ok::<_, std::io::Error>(Response::new(Body::empty())));
    let client = fault.client_layer().layer(client);
    let app = axum::Router::<()>::new().nest(
        "/api",
        axum::Router::new().route(
            "/upstream",
            get(async move |request: Request<Body>| client.oneshot(request).await.unwrap().status()),
        ),
    );
    let request = Request::get("/api/upstream").body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 200);
}

/// Reports have the path that the server received.
#[tokio::test]
async fn reports_have_the_path_that_the_server_got() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let fault = Fault::new("listed", error(503))
        .enabled(true)
        .participation(1.0)
        .block_methods(["POST"])
        .reporter(move |event: &waylay_fault::Event<'_>| log.lock().unwrap().push(event.uri().to_string()))
        .build()
        .unwrap();
    let app = axum::Router::<()>::new()
        .nest("/api", axum::Router::new().route("/a", get(async || "real")).layer(fault.layer()));
    for method in ["GET", "POST"] {
        let request = Request::builder().method(method).uri("/api/a?b=c").body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), ["/api/a?b=c"; 3]);
}

/// Within a mount a template is known with the prefix, as within axum's `nest`, and without it.
#[tokio::test]
async fn templates_within_mounts() {
    let fault = || Fault::new("listed", error(503)).enabled(true).participation(1.0);
    for (template, wanted) in [
        ("/api/{version}/items/{id}", true),
        ("/items/{id}", true),
        ("/api/{version}/items", false),
        ("/other/items/{id}", false),
    ] {
        let fault = fault().allow_routes([template]).build().unwrap();
        let ours = Router::builder().layer(fault.layer());
        let ours = ours.route(Route::get("/items/{id}").to(async || "item")).build().unwrap();
        let theirs =
            axum::Router::<()>::new().route("/items/{id}", get(async || "item")).layer(fault.layer());
        let ours = Router::builder().route(Route::prefix("/api/{version}").mount(ours)).build().unwrap();
        let theirs = Router::builder().route(Route::prefix("/api/{version}").mount(theirs)).build().unwrap();
        let request = || Request::get("/api/v1/items/7").body(Body::empty()).unwrap();
        assert_eq!(ours.oneshot(request()).await.unwrap().status() == 503, wanted, "{template}");
        // Of axum's router within, the outer match hides the template without the prefix.
        let wanted = wanted && template.starts_with("/api");
        assert_eq!(theirs.oneshot(request()).await.unwrap().status() == 503, wanted, "axum's, {template}");
    }
}
