//! Traffic, TrafficLayer: what a service answers, measured outside of its faults.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use pin_project_lite::pin_project;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;
use waylay_fault::{INJECTED_HEADER, Injected};

use crate::traffic::histogram::{BOUNDS_MS, Histogram, HistogramView};

/// Counts of requests, errors and latency, of genuine and of injected responses apart.
///
/// Its layer lies outside of the layers of the faults, and costs a clock and a few atomic additions for each request.
/// The latency is the time until the head of the response. A request whose client leaves before is counted as
/// abandoned, whatever kept it.
///
/// ```
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
/// use waylay_fault::{Fault, FaultSet, error};
/// use waylay_fault_admin::Traffic;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let set = FaultSet::new();
/// set.replace([Fault::new("flaky", error(503)).enabled(true).participation(1.0)])?;
/// let traffic = Traffic::new();
/// let service = ServiceBuilder::new()
///     .layer(traffic.layer())
///     .layer(set.layer())
///     .service(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
/// service.oneshot(Request::new(String::new())).await?;
/// assert_eq!((traffic.genuine(), traffic.injected()), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    genuine: Histogram,
    injected: Histogram,
    active: AtomicU64,
    abandoned: AtomicU64,
}

/// What a service answered so far.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "Traffic")]
pub(crate) struct TrafficView {
    /// Upper ends of the buckets in seconds.
    pub(crate) bounds: Vec<f64>,
    /// Responses that no fault touched.
    pub(crate) genuine: HistogramView,
    /// Responses that a fault made or changed.
    pub(crate) injected: HistogramView,
    /// Requests without a response yet.
    pub(crate) active: u64,
    /// Requests whose clients left before the response.
    pub(crate) abandoned: u64,
}

impl Traffic {
    /// Returns counters at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a layer that counts what passes it.
    pub fn layer(&self) -> TrafficLayer {
        TrafficLayer { traffic: self.clone() }
    }

    /// Returns the number of responses that no fault touched.
    pub fn genuine(&self) -> u64 {
        self.counters.genuine.view().responses
    }

    /// Returns the number of responses that a fault made or changed.
    pub fn injected(&self) -> u64 {
        self.counters.injected.view().responses
    }

    pub(crate) fn view(&self) -> TrafficView {
        TrafficView {
            bounds: BOUNDS_MS.iter().map(|bound| *bound as f64 / 1000.0).collect(),
            genuine: self.counters.genuine.view(),
            injected: self.counters.injected.view(),
            active: self.counters.active.load(Relaxed),
            abandoned: self.counters.abandoned.load(Relaxed),
        }
    }

    fn add<B, E>(&self, latency: Duration, result: &Result<Response<B>, E>) {
        let (is_injected, is_error) = match result {
            Ok(response) => {
                // Of this process, or of another one that a gateway asked.
                let is_injected = response.extensions().get::<Injected>().is_some()
                    || response.headers().contains_key(INJECTED_HEADER);
                (is_injected, response.status().is_server_error())
            }
            Err(_) => (false, true),
        };
        let origin = if is_injected { &self.counters.injected } else { &self.counters.genuine };
        origin.add(latency, is_error);
    }
}

/// Counts what passes a service, made by [`Traffic::layer`].
#[derive(Debug, Clone)]
pub struct TrafficLayer {
    traffic: Traffic,
}

impl<S> Layer<S> for TrafficLayer {
    type Service = TrafficService<S>;

    fn layer(&self, inner: S) -> TrafficService<S> {
        TrafficService { inner, traffic: self.traffic.clone() }
    }
}

/// A service whose traffic is counted.
#[derive(Debug, Clone)]
pub struct TrafficService<S> {
    inner: S,
    traffic: Traffic,
}

impl<S, A, B> Service<Request<A>> for TrafficService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TrafficFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let pending = Pending::new(self.traffic.clone());
        TrafficFuture { inner: self.inner.call(request), pending: Some(pending) }
    }
}

pin_project! {
    /// The response of a service whose traffic is counted.
    pub struct TrafficFuture<F> {
        #[pin]
        inner: F,
        pending: Option<Pending>,
    }
}

impl<F, B, E> Future for TrafficFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        if let Some(pending) = this.pending.take() {
            pending.finish(&result);
        }
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for TrafficFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrafficFuture").finish_non_exhaustive()
    }
}

/// A request without a response; dropped like that it counts as abandoned.
struct Pending {
    traffic: Traffic,
    begin: Instant,
    is_finished: bool,
}

impl Pending {
    fn new(traffic: Traffic) -> Self {
        traffic.counters.active.fetch_add(1, Relaxed);
        Self { traffic, begin: Instant::now(), is_finished: false }
    }

    fn finish<B, E>(mut self, result: &Result<Response<B>, E>) {
        self.is_finished = true;
        self.traffic.add(self.begin.elapsed(), result);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let counters = &self.traffic.counters;
        counters.active.fetch_sub(1, Relaxed);
        counters.abandoned.fetch_add(u64::from(!self.is_finished), Relaxed);
    }
}
