//! Faults that are aimed through W3C baggage.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use waylay_fault::{
    Baggage, Fault, FaultErrorKind, FaultPlacement, FaultSet, INJECTED_HEADER, SetError, SkipReason, error,
};

use crate::support::{always, request};

const SECRET: &str = "correct-horse-battery";

async fn send(fault: &Fault, headers: &[(&str, &str)]) -> (u16, Option<HeaderMap>) {
    let seen = Arc::new(Mutex::new(None));
    let inner = service_fn({
        let seen = seen.clone();
        move |request: Request<String>| {
            *seen.lock().unwrap() = Some(request.headers().clone());
            async { Ok::<_, Infallible>(Response::new(String::new())) }
        }
    });
    let response = fault.layer().layer(inner).oneshot(request(Method::GET, "/", headers)).await.unwrap();
    let seen = seen.lock().unwrap().take();
    (response.status().as_u16(), seen)
}

#[tokio::test]
async fn only_requests_that_name_the_fault_are_selected() {
    let fault = always(error(503)).baggage(Baggage::trust_all()).build().unwrap();
    let own = always(error(503)).baggage(Baggage::trust_all().key("acme.chaos")).build().unwrap();
    type Row<'a> = (&'a Fault, &'a [(&'a str, &'a str)], u16);
    let rows: [Row<'_>; 6] = [
        (&fault, &[], 200),
        (&fault, &[("baggage", "waylay.fault=test")], 503),
        (&fault, &[("baggage", "a=b"), ("baggage", "waylay.fault=%74est;x=y")], 503),
        (&fault, &[("baggage", "waylay.fault=other")], 200),
        (&own, &[("baggage", "waylay.fault=test")], 200),
        (&own, &[("baggage", "acme.chaos=other%2Ctest")], 503),
    ];
    for (fault, headers, expected) in rows {
        assert_eq!(send(fault, headers).await.0, expected, "{headers:?}");
    }
    assert_eq!((fault.control().counts().not_requested, fault.control().counts().injected), (2, 2));
}

/// The baggage reaches the service, which passes it on; the secret does not.
#[tokio::test]
async fn a_secret_tells_trusted_requests() {
    let baggage = || Baggage::with_secret("x-chaos-key", SECRET);
    let fault = always(error(503)).baggage(baggage()).build().unwrap();
    let aimed = ("baggage", "waylay.fault=test");
    let rows: [(&[(&str, &str)], u16); 4] = [
        (&[aimed], 200),
        (&[aimed, ("x-chaos-key", "a-wrong-secret-value")], 200),
        (&[("x-chaos-key", SECRET)], 200),
        (&[aimed, ("x-chaos-key", SECRET)], 503),
    ];
    for (headers, expected) in rows {
        let (status, seen) = send(&fault, headers).await;
        assert_eq!(status, expected, "{headers:?}");
        if let Some(seen) = seen {
            assert!(!seen.contains_key("x-chaos-key"));
            assert_eq!(seen.contains_key("baggage"), headers.contains(&aimed));
        }
    }
    let counts = fault.control().counts();
    assert_eq!((counts.untrusted, counts.not_requested, counts.injected), (2, 1, 1));

    let set = FaultSet::new();
    set.replace([Fault::new("a", error(503)).enabled(true).participation(1.0).baggage(baggage())]).unwrap();
    let explain =
        |headers: &[(&str, &str)]| set.explain(&request(Method::GET, "/", headers)).faults()[0].skipped();
    let aimed = ("baggage", "waylay.fault=a");
    assert_eq!(explain(&[]), Some(SkipReason::NotRequested));
    assert_eq!(explain(&[aimed]), Some(SkipReason::Untrusted));
    assert_eq!(explain(&[aimed, ("x-chaos-key", SECRET)]), None);
}

#[test]
fn wrong_settings_are_errors() {
    let errors =
        always(error(503)).baggage(Baggage::with_secret("x chaos", "short").key("a b")).build().unwrap_err();
    let found: Vec<_> = errors.iter().map(|error| error.setting()).collect();
    assert_eq!(found, ["baggage.key", "baggage.header", "baggage.secret"]);
    let set = FaultSet::new();
    let fault = Fault::new("a", error(503)).baggage(Baggage::trust_all());
    let placed = set.replace_at([(FaultPlacement::Connector, fault)]);
    let Err(SetError::Faults(errors)) = placed else { panic!("{placed:?}") };
    assert_eq!(errors[0].iter().next().unwrap().kind(), &FaultErrorKind::NoRequest);
}

/// One service of a chain: it has the faults of the plan, calls the next one, and passes the baggage on.
async fn hop(name: &'static str, next: Option<SocketAddr>, trust: Baggage) -> (SocketAddr, FaultSet) {
    #[derive(Clone)]
    struct Hop {
        name: &'static str,
        next: Option<SocketAddr>,
        client: Client<hyper_util::client::legacy::connect::HttpConnector, Empty<bytes::Bytes>>,
    }

    async fn handle(State(hop): State<Hop>, headers: HeaderMap) -> impl IntoResponse {
        let Some(next) = hop.next else { return (StatusCode::OK, hop.name.to_owned()) };
        let mut request = Request::get(format!("http://{next}/"));
        for value in headers.get_all("baggage") {
            request = request.header("baggage", value);
        }
        let response = hop.client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        let status = response.status();
        let mark =
            response.headers().get(INJECTED_HEADER).map(|mark| format!("[{}]", mark.to_str().unwrap()));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, format!("{} {}{}", hop.name, mark.unwrap_or_default(), String::from_utf8_lossy(&body)))
    }

    let set = FaultSet::new();
    set.replace([Fault::new(format!("fail-{name}"), error(503).text("injected"))
        .enabled(true)
        .participation(1.0)
        .baggage(trust)])
        .unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let app = Router::new().route("/", get(handle)).with_state(Hop { name, next, client });
    let app = app.layer(set.layer().map_body(axum::body::Body::new));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, set)
}

/// Three services on sockets: a request to the first aims a fault at the third.
#[tokio::test]
async fn a_fault_is_aimed_two_calls_away() {
    let (third, third_set) = hop("third", None, Baggage::trust_all()).await;
    let (second, second_set) = hop("second", Some(third), Baggage::trust_all()).await;
    let (first, first_set) = hop("first", Some(second), Baggage::with_secret("x-chaos-key", SECRET)).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let ask = async |baggage: Option<&str>, secret: Option<&str>| {
        let mut request = Request::get(format!("http://{first}/"));
        for (name, value) in [("baggage", baggage), ("x-chaos-key", secret)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    let injected = || [&first_set, &second_set, &third_set].map(|set| set.counts()[0].1.injected);

    assert_eq!(ask(None, None).await, (200, "first second third".into()));
    assert_eq!(
        ask(Some("tenant=acme,waylay.fault=fail-third"), None).await,
        (503, "first second [fail-third]injected".into())
    );
    assert_eq!(injected(), [0, 0, 1]);
    assert_eq!(ask(Some("waylay.fault=fail-second"), None).await.0, 503);
    assert_eq!(injected(), [0, 1, 1]);
    // The first service is the edge, and believes only the secret.
    assert_eq!(ask(Some("waylay.fault=fail-first"), None).await, (200, "first second third".into()));
    assert_eq!(ask(Some("waylay.fault=fail-first"), Some(SECRET)).await, (503, "injected".into()));
    assert_eq!(injected(), [1, 1, 1]);
    assert_eq!(first_set.counts()[0].1.untrusted, 1);
}
