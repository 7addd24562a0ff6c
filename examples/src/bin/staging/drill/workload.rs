//! Workload: the requests of a drill, each tried until it succeeds or is given up.

use std::fmt;
use std::str::FromStr;

use http::request::Builder;
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use super::client::{Client, Observation, Outcome, Protocol};
use crate::faults::{ATTEMPT_ID, REQUEST_ID};

/// A kind of request, its route, and the status of the response without a fault.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) route: &'static str,
    pub(crate) success: StatusCode,
    host: &'static str,
    target: &'static str,
    /// Body of a POST; without a body the request is a GET.
    body: Option<&'static str>,
}

/// One scenario per route with a fault, and one without a fault.
pub(crate) static SCENARIOS: [Scenario; 7] = [
    Scenario::get("home", "shop.localhost", "/"),
    Scenario::get("shop.products", "shop.localhost", "/api/v1/products"),
    Scenario::get("shop.search", "shop.localhost", "/api/v1/products?q=tea"),
    Scenario::get("shop.product", "shop.localhost", "/api/v1/products/3"),
    Scenario::get("shop.order", "shop.localhost", "/api/v1/orders/1"),
    Scenario::get("tenant.stock", "acme.shop.localhost", "/api/v1/products/2/stock"),
    Scenario {
        route: "shop.place-order",
        success: StatusCode::CREATED,
        host: "shop.localhost",
        target: "/api/v1/carts/7/orders?gift=true",
        body: Some(r#"{"sku":4,"quantity":2}"#),
    },
];

impl Scenario {
    const fn get(route: &'static str, host: &'static str, target: &'static str) -> Self {
        Self { route, success: StatusCode::OK, host, target, body: None }
    }

    /// Returns the builder of a request, without the ids of its attempts, and the body.
    fn request(&self, request: u32) -> (Builder, &'static str) {
        let builder = Request::builder().uri(format!("http://{}{}", self.host, self.target));
        let Some(body) = self.body else {
            return (builder, "");
        };
        let builder = builder
            .method(Method::POST)
            .header("content-type", "application/json")
            .header("idempotency-key", format!("drill-{request}"));
        (builder, body)
    }
}

/// Number of attempts after which the client gives up.
pub(crate) const ATTEMPTS: usize = 4;

/// A request and the observations of its attempts.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: u32,
    pub(crate) scenario: &'static Scenario,
    pub(crate) protocol: Protocol,
    /// One per attempt, in order.
    pub(crate) observations: Vec<Observation>,
}

impl Exchange {
    /// Sends the request of this number, and retries without a delay: a backoff, as real clients use, would
    /// test the same and take longer.
    pub(crate) async fn run(client: &Client, request: u32) -> Result<Self, http::Error> {
        let index = request as usize;
        let scenario = &SCENARIOS[index % SCENARIOS.len()];
        let protocol =
            if (index / SCENARIOS.len()).is_multiple_of(2) { Protocol::Http1 } else { Protocol::Http2 };
        let mut exchange = Self { request, scenario, protocol, observations: Vec::new() };
        while exchange.observations.len() < ATTEMPTS && !exchange.is_successful() {
            let attempt = exchange.id(exchange.observations.len());
            let (builder, body) = scenario.request(request);
            let trace = format!("00-{:032x}-00f067aa0ba902b7-01", u64::from(request) + 1);
            let builder = builder.header(REQUEST_ID, request).header(ATTEMPT_ID, attempt.to_string());
            let builder = builder.header("traceparent", trace);
            let observation = client.send(protocol, builder.body(Full::from(body))?).await;
            exchange.observations.push(observation);
        }
        Ok(exchange)
    }

    /// Tests whether the last attempt got the response of the route, late or not.
    pub(crate) fn is_successful(&self) -> bool {
        let success = self.scenario.success;
        self.observations
            .last()
            .is_some_and(|last| matches!(last.outcome, Outcome::Response { status, .. } if status == success))
    }

    /// Returns all attempts with their observations.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = (AttemptId, &Observation)> {
        self.observations.iter().enumerate().map(|(index, observation)| (self.id(index), observation))
    }

    fn id(&self, index: usize) -> AttemptId {
        AttemptId { request: self.request, attempt: index as u32 + 1 }
    }
}

/// Id of an attempt, sent to the server: `17.2` is the second attempt of request 17.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AttemptId {
    pub(crate) request: u32,
    pub(crate) attempt: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.request, self.attempt)
    }
}

impl FromStr for AttemptId {
    type Err = InvalidAttemptId;

    fn from_str(text: &str) -> Result<Self, InvalidAttemptId> {
        let (request, attempt) = text.split_once('.').ok_or(InvalidAttemptId)?;
        let number = |text: &str| text.parse().map_err(|_| InvalidAttemptId);
        Ok(Self { request: number(request)?, attempt: number(attempt)? })
    }
}

/// A text that is not an [`AttemptId`].
#[derive(Debug)]
pub(crate) struct InvalidAttemptId;
