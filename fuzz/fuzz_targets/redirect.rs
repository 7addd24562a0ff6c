//! Any target of a request, under all policies: no redirect leaves the host.
//!
//! The `Location` is resolved by the WHATWG parser, as browsers do it: it reads `\` as `/` and skips tabs.
#![no_main]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::{Corpus, fuzz_target};
use tower_service::Service;
use url::Url;
use waylay_router::{Body, PathCleaning, PathForm, Policy, Route, Router, TrailingSlash};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(uri) = http::Uri::try_from(data) else {
        return Corpus::Reject;
    };
    for policy in policies() {
        let leaf = || Route::any("/{x}/").to(async || "");
        let inner = Router::builder().policy(policy).route(leaf()).route(Route::any("/a/b").to(async || ""));
        let inner = inner.build().expect("the routes are valid");
        let router = Router::builder()
            .policy(policy)
            .route(leaf())
            .route(Route::any("/{x}/{y}").to(async || ""))
            .route(Route::prefix("/{t}/in").mount(inner))
            .build()
            .expect("the routes are valid");
        check(router, &uri);
    }
    Corpus::Keep
});

fn policies() -> Vec<Policy> {
    let mut policies = Vec::new();
    for base in [Policy::default(), Policy::gorilla()] {
        for form in [PathForm::Canonical, PathForm::Decoded, PathForm::Raw] {
            for cleaning in [PathCleaning::Reject, PathCleaning::Redirect, PathCleaning::Keep] {
                let policy = base.path(form).path_cleaning(cleaning);
                policies.push(policy.trailing_slash(TrailingSlash::Redirect));
            }
        }
    }
    policies
}

fn check(mut router: Router, uri: &http::Uri) {
    let request = http::Request::get(uri).body(Body::empty()).expect("the URI is valid");
    let mut answer = pin!(router.call(request));
    let Poll::Ready(Ok(response)) = answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("no handler waits");
    };
    let location = response.headers().get("location");
    if !response.status().is_redirection() {
        return assert!(location.is_none());
    }
    let location = location.expect("a redirect has a target").to_str().expect("a target is ASCII");
    let base = Url::parse("https://host.example/").expect("a URL");
    let target = base.join(location).expect("a target is a reference");
    assert_eq!(target.origin(), base.origin(), "{uri} leads to {location}");
    // The same is true of the text itself, whatever a client makes of its segments.
    assert!(location.starts_with('/') && !location.starts_with("//") && !location.starts_with("/\\"));
    let path = location.split('?').next().unwrap_or_default();
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'), "{location}");
}
