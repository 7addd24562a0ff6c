//! Group `dispatch`: overhead of `Router::call` and of axum's router over the endpoint alone.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use axum::extract::RawPathParams;
use axum::response::{IntoResponse, Response};
use axum::routing;
use http::Request;
use tower_layer::Layer;
use tower_service::Service;
use waylay_router::{Matched, Route, Router};

use crate::github::{ROUTES, path};
use crate::measure::{Contender, Pace, Sample, race};
use crate::report::{Bars, Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "dispatch", is_quick: true, measure, report };

/// Endpoint without arguments.
async fn plain() -> &'static str {
    "ok"
}

/// Endpoint that reads its captures, in waylay.
async fn reading(matched: Matched) -> &'static str {
    for capture in matched.captures() {
        let _ = black_box((capture.name(), capture.decode()));
    }
    "ok"
}

/// Endpoint that reads its captures, in axum with its cheapest extractor, without a deserializer.
async fn reading_axum(params: RawPathParams) -> &'static str {
    for param in &params {
        black_box(param);
    }
    "ok"
}

/// A layer that does nothing.
#[derive(Debug, Clone, Copy)]
struct Noop;

impl<S> Layer<S> for Noop {
    type Service = NoopService<S>;

    fn layer(&self, inner: S) -> NoopService<S> {
        NoopService { inner }
    }
}

#[derive(Debug, Clone)]
struct NoopService<S> {
    inner: S,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for NoopService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        self.inner.call(request)
    }
}

/// The endpoint without a router, with a boxed future as in both routers.
#[derive(Debug, Clone)]
struct Alone;

impl Service<Request<Body>> for Alone {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        drop(request);
        Box::pin(async { Ok(plain().await.into_response()) })
    }
}

/// Copies a request.
fn copy(original: &Request<()>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = original.method().clone();
    *request.uri_mut() = original.uri().clone();
    request
}

/// Handles one request, from its creation to its response.
#[inline(never)]
fn call<S: Service<Request<Body>, Response = Response, Error = Infallible>>(
    service: &mut S,
    original: &Request<()>,
) -> Response {
    let future = pin!(service.call(black_box(copy(original))));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => black_box(response),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("the endpoints of the benches never wait"),
    }
}

fn contender<'a, S>(name: &str, mut service: S, requests: &'a [Request<()>]) -> Contender<'a>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + 'a,
{
    for original in requests {
        assert_eq!(call(&mut service, original).status(), 200, "{name}: {}", original.uri());
    }
    Contender::new(name, requests.len(), move || {
        for original in requests {
            call(&mut service, black_box(original));
        }
    })
}

fn waylay(to: impl Fn(Route) -> Route<waylay_router::PendingEndpoint<()>>, layers: usize) -> Router {
    let mut builder = Router::builder();
    for template in ROUTES {
        builder = builder.route(to(Route::get(template)));
    }
    (0..layers).fold(builder, |builder, _| builder.layer(Noop)).build().expect("the routes are valid")
}

fn axum(to: impl Fn() -> routing::MethodRouter, layers: usize) -> axum::Router {
    let router = ROUTES.iter().fold(axum::Router::new(), |router, template| router.route(template, to()));
    (0..layers).fold(router, |router, _| router.layer(Noop))
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let requests: Vec<Request<()>> = ROUTES
        .iter()
        .map(|template| Request::get(path(template)).body(()).expect("the paths are valid"))
        .collect();
    let contenders = vec![
        contender("alone", Alone, &requests),
        contender("waylay", waylay(|route| route.to(plain), 0), &requests),
        contender("axum", axum(|| routing::get(plain), 0), &requests),
        contender("waylay, captures", waylay(|route| route.to(reading), 0), &requests),
        contender("axum, captures", axum(|| routing::get(reading_axum), 0), &requests),
        contender("waylay, layer", waylay(|route| route.to(plain), 1), &requests),
        contender("axum, layer", axum(|| routing::get(plain), 1), &requests),
        contender("waylay, captures, layer", waylay(|route| route.to(reading), 1), &requests),
        contender("axum, captures, layer", axum(|| routing::get(reading_axum), 1), &requests),
    ];
    #[cfg(feature = "peers")]
    let contenders = contenders.into_iter().chain(crate::dispatch_poem::contenders(&requests)).collect();
    race(pace, contenders)
}

/// Variants: label, suffix of the names, goals of the ratio and of the allocations.
const VARIANTS: [(&str, &str, Goal, f64); 4] = [
    ("no argument", "", Goal::AtMost(0.4), 2.0),
    ("captures read", ", captures", Goal::AtMost(0.5), 3.0),
    ("no argument, 1 layer", ", layer", Goal::AtMost(0.45), 3.0),
    ("captures read, 1 layer", ", captures, layer", Goal::None, 4.0),
];

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "dispatch: overhead of Router::call over the endpoint alone, against that of axum 0.8",
        "matchit's 130 routes, all GET with one handler, all 130 requests in turn; polled without a runtime.\n\
         Captures: each value is read and decoded (axum: RawPathParams, poem: raw_path_param). Layer: one that does\n\
         nothing. poem has another type of requests: its overhead is over its endpoint alone.",
    );
    let overhead = |name: &str, alone: &str| runs.figure(|run| run.value(name) - run.value(alone));
    for (label, variant, goal, most) in VARIANTS {
        let (ours, theirs) = (format!("waylay{variant}"), format!("axum{variant}"));
        let ratio = runs.figure(|run| {
            (run.value(&ours) - run.value("alone")) / (run.value(&theirs) - run.value("alone"))
        });
        let both = (overhead(&ours, "alone").median, overhead(&theirs, "alone").median);
        let note = format!("{:.0} / {:.0} ns", both.0, both.1);
        report.line(&format!("{label}: overhead / axum's overhead"), ratio, goal, &note);
        report.line(&format!("{label}: total / axum's total"), runs.ratio(&ours, &theirs), Goal::None, "");
        let extra = |name: &str| runs.figure(|run| run.allocations(name) - run.allocations("alone"));
        let note = format!("axum {:.1}", extra(&theirs).median);
        report.line(&format!("{label}: extra allocations"), extra(&ours), Goal::AtMost(most), &note);
    }
    for (label, variant) in [("no argument", ""), ("captures read", ", captures")] {
        let (ours, theirs) = (format!("waylay{variant}"), format!("poem{variant}"));
        let ratio = runs.figure(|run| {
            (run.value(&ours) - run.value("alone")) / (run.value(&theirs) - run.value("poem, alone"))
        });
        let note = format!("poem {:.0} ns", overhead(&theirs, "poem, alone").median);
        report.line(&format!("{label}: overhead / poem's overhead"), ratio, Goal::None, &note);
    }
    report.remark(format!(
        "the endpoint alone: {:.0} ns, {:.1} allocations",
        runs.value("alone").median,
        runs.allocations("alone")
    ));
    let alone = [("waylay", "alone"), ("axum", "alone"), ("poem", "poem, alone")];
    let measured = alone.iter().filter(|(name, _)| runs.has(name));
    report.bars.push(Bars {
        title: "What a router of 130 routes adds to its endpoint".to_owned(),
        unit: "ns".to_owned(),
        bars: measured.map(|(name, alone)| ((*name).to_owned(), overhead(name, alone).median)).collect(),
    });
}
