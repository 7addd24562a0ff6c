//! Dispatch by poem, whose requests and endpoints have types of their own.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::Request;
use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, Response, Route};

use crate::github::ROUTES;
use crate::measure::Contender;
use crate::peers::colon;

/// An endpoint; it reads its captures, if `READ`.
#[derive(Debug, Clone, Copy)]
struct Plain<const READ: bool>;

impl<const READ: bool> Endpoint for Plain<READ> {
    type Output = &'static str;

    async fn call(&self, request: poem::Request) -> poem::Result<&'static str> {
        if READ {
            for name in ["p1", "p2", "p3", "p4"] {
                let Some(value) = request.raw_path_param(name) else { break };
                black_box(value);
            }
        }
        drop(request);
        Ok("ok")
    }
}

/// Creates a router of matchit's routes; each path has GET.
fn router<const READ: bool>() -> Route {
    ROUTES.iter().fold(Route::new(), |router, template| router.at(colon(template), poem::get(Plain::<READ>)))
}

#[inline(never)]
fn call(endpoint: &impl Endpoint<Output = Response>, original: &Request<()>) -> Response {
    let request = poem::Request::builder().method(original.method().clone()).uri(original.uri().clone());
    let future = pin!(endpoint.call(black_box(request.finish())));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => black_box(response),
        Poll::Ready(Err(error)) => panic!("{error}"),
        Poll::Pending => panic!("the endpoints of the benches never wait"),
    }
}

fn contender<'a>(
    name: &str,
    endpoint: impl Endpoint<Output = Response> + 'a,
    requests: &'a [Request<()>],
) -> Contender<'a> {
    for original in requests {
        assert_eq!(call(&endpoint, original).status(), 200, "{name}: {}", original.uri());
    }
    Contender::new(name, requests.len(), move || {
        for original in requests {
            call(&endpoint, black_box(original));
        }
    })
}

/// Creates the contenders: the endpoint alone, the router, and the router with captures read.
pub fn contenders(requests: &[Request<()>]) -> Vec<Contender<'_>> {
    let alone: BoxEndpoint<'static> = Plain::<false>.map_to_response().boxed();
    vec![
        contender("poem, alone", alone, requests),
        contender("poem", router::<false>(), requests),
        contender("poem, captures", router::<true>(), requests),
    ]
}
