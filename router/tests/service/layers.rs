//! Order and scope of layers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next as AxumNext, from_fn};
use axum::response::Response;
use http::{HeaderValue, StatusCode};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt};
use waylay_router::{Body, Matched, Miss, Route, Router, Scope, recover};

use crate::{answer, get, text};

/// Appends its name to the response's `trace` header.
#[derive(Clone)]
struct Mark(&'static str);

impl<S> Layer<S> for Mark {
    type Service = Marked<S>;

    fn layer(&self, inner: S) -> Marked<S> {
        Marked { inner, name: self.0 }
    }
}

#[derive(Clone)]
struct Marked<S> {
    inner: S,
    name: &'static str,
}

impl<S> tower::Service<Request> for Marked<S>
where
    S: tower::Service<Request, Response = Response, Error = std::convert::Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let name = self.name;
        let knows = match (request.extensions().get::<Matched>(), request.extensions().get::<Miss>()) {
            (Some(matched), None) => matched.template().to_owned(),
            (None, Some(miss)) => miss.status().as_str().to_owned(),
            other => panic!("a layer saw {other:?}"),
        };
        let future = self.inner.call(request);
        Box::pin(async move {
            let mut response = future.await?;
            let after = response.headers().get("trace").map_or("", |v| v.to_str().unwrap()).to_owned();
            let trace = format!("{name} {after}").trim_end().to_owned();
            response.headers_mut().insert("trace", HeaderValue::from_str(&trace).unwrap());
            response.headers_mut().insert("knows", HeaderValue::from_str(&knows.replace('…', "*")).unwrap());
            Ok(response)
        })
    }
}

fn layered() -> Router {
    Router::builder()
        .layer(Mark("all1"))
        .layer(Mark("all2"))
        .route_layer(Mark("hit"))
        .miss_layer(Mark("miss"))
        .route(Route::get("/").to(async || "root").layer(Mark("own1")).layer(Mark("own2")))
        .scope(
            Scope::new()
                .prefix("/a")
                .layer(Mark("a.all"))
                .route_layer(Mark("a.hit"))
                .route(Route::get("/x").to(async || "x"))
                .scope(
                    Scope::new()
                        .prefix("/b")
                        .miss_layer(Mark("b.miss"))
                        .layer(Mark("b.all"))
                        .route(Route::get("/y").to(async || "y"))
                        .fallback(async || (StatusCode::GONE, "gone")),
                ),
        )
        .scope(Scope::new().prefix("/bare").route(Route::get("/x").to(async || "bare")))
        .build()
        .unwrap()
}

#[tokio::test]
async fn run_as_written() {
    let router = layered();
    for (target, status, trace) in [
        ("/", 200, "all1 all2 hit own1 own2"),
        ("/a/x", 200, "all1 all2 hit a.all a.hit"),
        ("/a/b/y", 200, "all1 all2 hit a.all a.hit b.all"),
        ("/a/zz", 404, "all1 all2 miss a.all"),
        ("/a/b/zz", 410, "all1 all2 miss a.all b.all b.miss"),
        ("/bare/x", 200, "all1 all2 hit"),
        ("/bare/zz", 404, "all1 all2 miss"),
        ("/%zz", 400, "all1 all2 miss"),
    ] {
        let response = answer(&router, get(target)).await;
        let seen = response.headers()["trace"].to_str().unwrap();
        assert_eq!((response.status().as_u16(), seen), (status, trace), "{target}");
    }
    let response = answer(&router, get("/a/b/y")).await;
    assert_eq!(response.headers()["knows"], "/a/b/y");
}

#[tokio::test]
async fn are_applied_once() {
    #[derive(Clone)]
    struct Count(Arc<AtomicUsize>);
    impl<S> Layer<S> for Count {
        type Service = S;
        fn layer(&self, inner: S) -> S {
            self.0.fetch_add(1, Ordering::Relaxed);
            inner
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    let mut scope = Scope::new().prefix("/s").layer(Count(count.clone()));
    for i in 0..5 {
        scope = scope.route(Route::get(format!("/{i}")).to(async || "x"));
    }
    let router = Router::builder().scope(scope).build().unwrap();
    for i in 0..5 {
        assert_eq!(text(&router, &format!("/s/{i}")).await.0, 200);
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

/// A layer that drops the extensions costs a second look-up, not a 500.
#[tokio::test]
async fn may_rebuild_the_request() {
    async fn rebuild(request: Request, next: AxumNext) -> Response {
        let (parts, body) = request.into_parts();
        let fresh = Request::builder().method(parts.method).uri(parts.uri).body(body).unwrap();
        next.run(fresh).await
    }
    let router = Router::builder()
        .layer(from_fn(rebuild))
        .route(Route::get("/{id}").to(async |matched: Matched| matched.get("id").unwrap().into_owned()))
        .fallback(async |miss: Miss| (miss.status(), "lost"))
        .build()
        .unwrap();
    assert_eq!(text(&router, "/7").await, (200, "7".into()));
    assert_eq!(text(&router, "/7/8").await, (404, "lost".into()));
}

/// Readiness is polled on the service that is called, and awaited.
#[tokio::test]
async fn wait_for_readiness() {
    let limited =
        ServiceBuilder::new().concurrency_limit(1).service(tower::service_fn(async |_: Request| {
            tokio::task::yield_now().await;
            Ok::<_, std::convert::Infallible>(Response::new(Body::from("limited")))
        }));
    let router = Router::builder()
        .route(Route::get("/limited").to_service(limited))
        .route(Route::get("/free").to(async || "free"))
        .build()
        .unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for i in 0..40 {
        let router = router.clone();
        calls.spawn(async move { text(&router, if i % 2 == 0 { "/limited" } else { "/free" }).await });
    }
    for (status, _) in calls.join_all().await {
        assert_eq!(status, 200);
    }
}

/// Pending once, as a service is that yields to others, then ready or failed.
#[derive(Clone)]
struct Yielding {
    polls: usize,
    readiness: Result<(), StatusCode>,
}

impl tower::Service<Request> for Yielding {
    type Response = Response;
    type Error = StatusCode;
    type Future = std::future::Ready<Result<Response, StatusCode>>;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), StatusCode>> {
        self.polls += 1;
        if self.polls == 2 {
            return std::task::Poll::Ready(self.readiness);
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    }

    fn call(&mut self, _: Request) -> Self::Future {
        assert_eq!((self.polls, self.readiness), (2, Ok(())), "called before it was ready");
        std::future::ready(Ok(Response::new(Body::from("ready"))))
    }
}

#[tokio::test]
async fn readiness_may_be_pending_or_fail() {
    for (before, readiness, expected) in [
        (0, Ok(()), (200, "ready")),
        (1, Ok(()), (200, "ready")),
        (0, Err(StatusCode::BAD_GATEWAY), (502, "")),
        (1, Err(StatusCode::BAD_GATEWAY), (502, "")),
    ] {
        let service = Yielding { polls: before, readiness };
        let router = Router::builder().route(Route::get("/").to_service(service)).build().unwrap();
        assert_eq!(text(&router, "/").await, (expected.0, expected.1.to_owned()), "{before} {readiness:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn fallible_ones_follow_recover() {
    let router = Router::builder()
        .layer(
            ServiceBuilder::new()
                .layer(recover(|error: BoxError| (StatusCode::GATEWAY_TIMEOUT, error.to_string())))
                .layer(tower::timeout::TimeoutLayer::new(Duration::from_secs(1))),
        )
        .route(Route::get("/slow").to(async || tokio::time::sleep(Duration::from_secs(9)).await))
        .route(Route::get("/fast").to(async || "fast"))
        .build()
        .unwrap();
    assert_eq!(text(&router, "/slow").await, (504, "request timed out".into()));
    assert_eq!(router.oneshot(get("/fast")).await.unwrap().status(), 200);
}
