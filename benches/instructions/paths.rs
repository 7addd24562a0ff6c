//! The ten paths.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{Method, Request, Response};
use tower_layer::Layer;
use tower_service::Service;
use waylay_extract::Extract;
use waylay_fault::{Fault, FaultSet, error};
use waylay_router::{Body, Peer, Route, Router, Table};

use crate::github::{ROUTES, path};

/// Names of the paths.
pub const NAMES: [&str; 10] = [
    "look-up, static path",
    "look-up, captures read",
    "look-up, miss",
    "look-up, wrong method",
    "look-up, host among 1,000",
    "look-up, header guard",
    "dispatch, no argument",
    "extract, 4 query scalars",
    "fault, disabled",
    "fault, not selected",
];

/// Header of the guarded table.
const HEADER: (&str, &str) = ("x-tier", "gold");

/// Runs a path.
pub fn run(name: &str, calls: u32) {
    match name {
        "look-up, static path" => {
            let paths = || ROUTES.iter().filter(|template| !template.contains('{'));
            look_up(
                &github(|route| route),
                &paths().map(|path| request(Method::GET, path)).collect::<Vec<_>>(),
                calls,
            );
        }
        "look-up, captures read" => {
            let paths = || ROUTES.iter().filter(|template| template.contains('{'));
            let requests: Vec<_> = paths().map(|template| request(Method::GET, &path(template))).collect();
            look_up(&github(|route| route), &requests, calls);
        }
        "look-up, miss" => {
            let targets =
                ["/repos/p1/p2/nothing", "/nothing", "/users/p1/events/public/more", "/orgs/p1/members/p2/x"];
            look_up(&github(|route| route), &targets.map(|target| request(Method::GET, target)), calls);
        }
        "look-up, wrong method" => {
            let requests: Vec<_> =
                ROUTES.iter().map(|template| request(Method::PUT, &path(template))).collect();
            look_up(&github(|route| route), &requests, calls);
        }
        "look-up, host among 1,000" => look_up(&hosts(), &host_requests(), calls),
        "look-up, header guard" => {
            let requests: Vec<_> =
                ROUTES.iter().map(|template| request(Method::GET, &path(template))).collect();
            look_up(&github(|route| route.header(HEADER.0, HEADER.1)), &requests, calls);
        }
        "dispatch, no argument" => dispatch(calls),
        "extract, 4 query scalars" => extract(calls),
        "fault, disabled" => {
            let fault = Fault::new("idle", error(503)).build().expect("the fault is valid");
            respond(fault.layer().layer(Bare), calls);
        }
        "fault, not selected" => {
            // It matches, and its draw selects next to nothing.
            let fault = Fault::new("unlikely", error(503)).enabled(true).participation(1e-12).seed(1);
            let set = FaultSet::new();
            set.replace([fault.allow_paths(["/*"])]).expect("the fault is valid");
            respond(set.layer().layer(Bare), calls);
        }
        _ => panic!("unknown path `{name}`"),
    }
}

/// The function whose instructions are counted.
#[inline(never)]
fn measured_calls(calls: u32, call: &mut dyn FnMut(usize)) {
    for number in 0..calls as usize {
        call(number);
    }
}

fn request(method: Method, target: &str) -> Request<()> {
    Request::builder()
        .method(method)
        .uri(target)
        .header("host", "shop.test")
        .header("user-agent", "instructions/1")
        .header("accept", "application/json")
        .header(HEADER.0, HEADER.1)
        .body(())
        .expect("the targets are valid")
}

fn github(conditions: impl Fn(Route) -> Route) -> Table<usize> {
    let mut builder = Table::builder();
    for (index, template) in ROUTES.iter().enumerate() {
        builder.add(None, conditions(Route::get(*template)).value(index));
    }
    builder.build().expect("the routes are valid")
}

fn hosts() -> Table<usize> {
    let mut builder = Table::builder();
    for host in 0..1_000 {
        for template in ["/", "/users/{id}", "/users/{id}/orders"] {
            builder.add(None, Route::get(template).host(format!("tenant-{host}.shop.test")).value(host));
        }
    }
    builder.build().expect("the routes are valid")
}

fn host_requests() -> Vec<Request<()>> {
    let request = |host: usize| {
        Request::get("/users/17")
            .header("host", format!("tenant-{host}.shop.test"))
            .body(())
            .expect("the host is valid")
    };
    (0..1_000).step_by(10).map(request).collect()
}

fn look_up(table: &Table<usize>, requests: &[Request<()>], calls: u32) {
    measured_calls(calls, &mut |number| match &table
        .find(black_box(&requests[number % requests.len()]), &Peer::default())
    {
        Ok(found) => {
            for capture in found.captures() {
                black_box((capture.name(), capture.raw()));
            }
            black_box(found.value());
        }
        Err(miss) => {
            black_box(miss.status());
        }
    });
}

fn dispatch(calls: u32) {
    let add = |all: waylay_router::Builder, path: &&str| all.route(Route::get(*path).to(async || "ok"));
    let mut router: Router =
        ROUTES.iter().fold(Router::builder(), add).build().expect("the routes are valid");
    let paths: Vec<_> =
        ROUTES.iter().map(|template| path(template).parse::<http::Uri>().expect("a path")).collect();
    measured_calls(calls, &mut |number| {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = paths[number % paths.len()].clone();
        let Ok(response) = poll(router.call(black_box(request)));
        assert_eq!(black_box(response).status(), 200);
    });
}

#[derive(Debug, Extract)]
struct Paged {
    #[query]
    page: u16,
    #[query]
    size: u16,
    #[query]
    after: u64,
    #[query]
    all: bool,
}

fn extract(calls: u32) {
    let (parts, ()) = request(Method::GET, "/posts?page=3&size=50&after=1700000000&all=true").into_parts();
    measured_calls(calls, &mut |_| {
        let read = Paged::extract_parts(black_box(&parts), &[]);
        let Ok(Paged { page, size, after, all }) = read else { panic!("the query is valid") };
        black_box((page, size, after, all));
    });
}

/// A service that responds at once.
#[derive(Debug, Clone)]
struct Bare;

impl Service<Request<()>> for Bare {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(&request);
        ready(Ok(Response::new(Body::empty())))
    }
}

fn respond<S: Service<Request<()>, Error = Infallible>>(mut service: S, calls: u32) {
    measured_calls(calls, &mut |_| {
        drop(black_box(poll(service.call(black_box(Request::new(()))))));
    });
}

fn poll<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}
