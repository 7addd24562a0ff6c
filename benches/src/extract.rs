//! Group `extract`: a struct from a request, standalone, in a handler of axum's router, and from JSON.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query};
use axum::response::Response;
use axum::routing;
use http::request::Parts;
use http::{HeaderMap, Request};
use serde::Deserialize;
use tower_service::Service;
use waylay_extract::Extract;

use crate::measure::{Contender, Pace, Sample, race};
use crate::report::{Goal, Group, Report, Runs};

/// The group of figures.
pub const GROUP: Group = Group { name: "extract", is_quick: true, measure, report };

/// Calls per pass.
const CALLS: usize = 50;
const TARGET: &str = "/users/7/posts/4242?page=3&size=50&after=1700000000&all=true";
const QUERY: &str = "page=3&size=50&after=1700000000&all=true";
const JSON: &[u8] =
    br#"{"title":"Ways","likes":12,"score":4.5,"draft":false,"tags":["road","bridge"],"author":"me"}"#;

/// Two variables of the path, four of the query, two headers.
#[derive(Debug, Extract)]
struct Show {
    #[param]
    user: u32,
    #[param]
    post: u64,
    #[query]
    page: u16,
    #[query]
    size: u16,
    #[query]
    after: u64,
    #[query]
    all: bool,
    #[header("x-tenant")]
    tenant: u32,
    #[header("x-attempt")]
    attempt: u8,
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

#[derive(Debug, Extract)]
struct Post {
    #[json]
    title: String,
    #[json]
    likes: u32,
    #[json]
    score: f64,
    #[json]
    draft: bool,
    #[json]
    tags: Vec<String>,
    #[json]
    author: String,
}

#[derive(Debug, Deserialize)]
struct SerdePaged {
    page: u16,
    size: u16,
    after: u64,
    all: bool,
}

#[derive(Debug, Deserialize)]
struct SerdePost {
    title: String,
    likes: u32,
    score: f64,
    draft: bool,
    tags: Vec<String>,
    author: String,
}

async fn plain() -> &'static str {
    "ok"
}

async fn ours(show: Show) -> &'static str {
    let Show { user, post, page, size, after, all, tenant, attempt } = show;
    black_box((user, post, page, size, after, all, tenant, attempt));
    "ok"
}

/// The same in axum: a tuple, a struct, and manual code for the headers.
async fn theirs(
    Path((user, post)): Path<(u32, u64)>,
    Query(SerdePaged { page, size, after, all }): Query<SerdePaged>,
    headers: HeaderMap,
) -> Result<&'static str, http::StatusCode> {
    fn number<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Result<T, http::StatusCode> {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.and_then(|value| value.parse().ok()).ok_or(http::StatusCode::BAD_REQUEST)
    }
    let (tenant, attempt) = (number::<u32>(&headers, "x-tenant")?, number::<u8>(&headers, "x-attempt")?);
    black_box((user, post, page, size, after, all, tenant, attempt));
    Ok("ok")
}

fn request<B>(target: &str, body: B) -> Request<B> {
    let request = Request::post(target).header("x-tenant", "12").header("x-attempt", "1");
    request.header("content-type", "application/json").body(body).expect("the request is valid")
}

fn alone<'a>(name: &str, mut read: impl FnMut() + 'a) -> Contender<'a> {
    Contender::new(name, CALLS, move || (0..CALLS).for_each(|_| read()))
}

#[inline(never)]
fn call<S: Service<Request<Body>, Response = Response, Error = Infallible>>(service: &mut S) {
    let future = pin!(service.call(black_box(request(TARGET, Body::empty()))));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => assert!(black_box(response).status().is_success()),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("the endpoints of the benches never wait"),
    }
}

fn routed<'a>(name: &str, handler: routing::MethodRouter) -> Contender<'a> {
    let mut service: axum::Router = axum::Router::new().route("/users/{user}/posts/{post}", handler);
    alone(name, move || call(&mut service))
}

fn measure(pace: &Pace) -> Vec<Sample> {
    let (parts, ()): (Parts, ()) = request(TARGET, ()).into_parts();
    let path = [("user", "7"), ("post", "4242")];
    let json = Bytes::from_static(JSON);
    let samples = race(
        pace,
        vec![
            alone("struct", || {
                let show = Show::extract_parts(black_box(&parts), black_box(&path));
                assert!(black_box(show).is_ok());
            }),
            alone("query", || {
                let Ok(Paged { page, size, after, all }) = Paged::extract_parts(black_box(&parts), &[])
                else {
                    panic!("the query is valid");
                };
                black_box((page, size, after, all));
            }),
            alone("axum Query", || {
                let read = Query::<SerdePaged>::try_from_uri(black_box(&parts.uri));
                assert!(black_box(read).is_ok());
            }),
            alone("serde_urlencoded", || {
                assert!(black_box(serde_urlencoded::from_str::<SerdePaged>(black_box(QUERY))).is_ok());
            }),
            alone("serde_html_form", || {
                assert!(black_box(serde_html_form::from_str::<SerdePaged>(black_box(QUERY))).is_ok());
            }),
            alone("json", || {
                let Ok(Post { title, likes, score, draft, tags, author }) =
                    Post::extract(black_box(&parts), &[], json.clone())
                else {
                    panic!("the body is valid");
                };
                black_box((title, likes, score, draft, tags, author));
            }),
            alone("serde_json", || {
                let Ok(SerdePost { title, likes, score, draft, tags, author }) =
                    serde_json::from_slice(black_box(JSON))
                else {
                    panic!("the body is valid");
                };
                black_box((title, likes, score, draft, tags, author));
            }),
            routed("handler", routing::post(plain)),
            routed("handler, struct", routing::post(ours)),
            routed("handler, axum's", routing::post(theirs)),
        ],
    );
    for sample in &samples {
        let must_not_allocate = matches!(sample.name.as_str(), "struct" | "query");
        assert!(!must_not_allocate || sample.allocations == 0.0, "scalars allocate: {}", sample.name);
    }
    samples
}

fn report(runs: &Runs, report: &mut Report) {
    report.head(
        "extract: 2 path + 4 query + 2 header scalars as one struct",
        "Standalone, and as the argument of a handler in axum's router, over a handler without\n\
         arguments; axum: Path + Query + manual code for two headers. JSON: six members, 92 bytes.",
    );
    report.ratio(runs, "query / axum Query", "query", "axum Query", Goal::None);
    report.ratio(runs, "query / serde_urlencoded", "query", "serde_urlencoded", Goal::None);
    report.ratio(runs, "query / serde_html_form", "query", "serde_html_form", Goal::None);
    let added = |name: &'static str| runs.figure(move |run| run.value(name) - run.value("handler"));
    let share = runs.figure(|run| {
        let added = |name: &str| run.value(name) - run.value("handler");
        added("handler, struct") / added("handler, axum's")
    });
    let note = format!("{:.1} / {:.1} ns", added("handler, struct").median, added("handler, axum's").median);
    report.line("in a handler: struct adds / axum's adds", share, Goal::AtMost(0.25), &note);
    report.ratio(runs, "json / serde_json", "json", "serde_json", Goal::AtMost(1.05));
    report.line("struct, ns", runs.value("struct"), Goal::AtMost(150.0), "");
    for name in ["struct", "query", "axum Query", "json", "serde_json"] {
        report.remark(format!("allocations per call: {name:16} {:.0}", runs.allocations(name)));
    }
}
