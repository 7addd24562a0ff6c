//! Faults of the shop, all disabled at start, and their control API `/_faults`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ALLOW, HOST};
use http::uri::Authority;
use http::{HeaderValue, StatusCode};
use serde::de::{Error, IgnoredAny, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use waylay_examples::problem::Problem;
use waylay_extract::Extract;
use waylay_fault::{
    Control, Counts, DecideBy, Delay, Fault, FaultErrors, Injector, Reject, Reporter, ResetCode, chain,
    error, random, reject, slow,
};
use waylay_router::{BuildErrors, Miss, RequestHead, Route, Router, Scope};

/// Header with the id of a request; together with the seed it decides which faults are injected.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// Header with the id of one attempt, so that each retry is decided separately.
pub(crate) const ATTEMPT_ID: &str = "x-attempt-id";
/// Metadata key of a route under which the name of its fault is stored.
pub(crate) const FAULT: &str = "fault";

/// One fault per route that has one.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    pub(crate) mixed_products: Fault,
    pub(crate) slow_search: Fault,
    pub(crate) drop_product: Fault,
    pub(crate) fail_order: Fault,
    pub(crate) reset_receipt: Fault,
    pub(crate) hang_stock: Fault,
}

impl Faults {
    /// Creates the faults with one seed; they report to `reporter`.
    pub(crate) fn new(seed: u64, reporter: &Arc<dyn Reporter>) -> Result<Self, FaultErrors> {
        let fault = |name: &str, injector: Injector| {
            Fault::new(name, injector)
                .participation(0.2)
                .seed(seed)
                .decide_by(DecideBy::Header(REQUEST_ID.into()))
                .attempt_header(ATTEMPT_ID)
                .reporter(Arc::clone(reporter))
                .build()
        };
        let stutter = chain([slow(Delay::uniform("5ms", "25ms")), reject(Reject::EmptyReply)]);
        let mixed = random([(3.0, error(500).into()), (2.0, stutter), (1.0, slow(Delay::fixed("5s")))]);
        let till_closed = error(503).text("the till is closed").header("retry-after", "1");
        Ok(Self {
            mixed_products: fault("mixed-products", mixed)?,
            slow_search: fault("slow-search", slow(Delay::lognormal("40ms", 0.8).max("1s")))?,
            drop_product: fault("drop-product", reject(Reject::EmptyReply))?,
            fail_order: fault("fail-order", till_closed.into())?,
            reset_receipt: fault("reset-receipt", reject(Reject::StreamReset(ResetCode::REFUSED_STREAM)))?,
            hang_stock: fault("hang-stock", reject(Reject::hang("30s")))?,
        })
    }

    pub(crate) fn all(&self) -> [&Fault; 6] {
        let Self { mixed_products, slow_search, drop_product, fail_order, reset_receipt, hang_stock } = self;
        [mixed_products, slow_search, drop_product, fail_order, reset_receipt, hang_stock]
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Fault> {
        self.all().into_iter().find(|fault| fault.name() == name)
    }
}

/// Builds the router of the control API for the faults of a shop.
pub(crate) fn control_router(faults: Faults, shop: &Router) -> Result<Router, BuildErrors> {
    let routes = shop.routes().filter_map(|route| {
        let fault = route.metadata().get(FAULT)?;
        Some((fault.clone(), route.name()?.to_owned()))
    });
    let state = ControlState { faults, routes: routes.collect() };
    Router::builder()
        .state(Arc::new(state))
        .scope(
            Scope::new()
                .prefix("/_faults")
                .guard("loopback host", has_loopback_host)
                .route(Route::get("").name("faults").to(list))
                .route(Route::get("/{name}").name("fault").to(show))
                .route(Route::put("/{name}").name("change").to(change)),
        )
        .fallback(not_found)
        .build()
}

/// Rejects DNS rebinding: a page of another site whose name resolves to this machine sends that name.
fn has_loopback_host(head: &RequestHead<'_>) -> bool {
    let header = head.headers.get(HOST).and_then(|value| value.to_str().ok()?.parse::<Authority>().ok());
    let authority = head.uri.authority().cloned().or(header);
    authority.is_some_and(|authority| {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

async fn not_found(miss: Miss) -> Response {
    let allow = miss.allow().and_then(|methods| HeaderValue::from_str(&methods.to_string()).ok());
    let mut response =
        Problem::new(miss.status(), "GET /_faults on a loopback host lists all faults").into_response();
    response.headers_mut().extend(allow.map(|allow| (ALLOW, allow)));
    response
}

struct ControlState {
    faults: Faults,
    /// Names of faults and of their routes.
    routes: Vec<(String, String)>,
}

impl ControlState {
    fn view(&self, fault: &Fault) -> FaultView {
        let control = fault.control();
        let routes = self.routes.iter().filter(|(name, _)| name == fault.name());
        FaultView {
            name: control.name().to_owned(),
            routes: routes.map(|(_, route)| route.clone()).collect(),
            enabled: control.enabled(),
            participation: control.participation(),
            counts: control.counts(),
        }
    }

    fn find(&self, name: &str) -> Result<&Fault, Problem> {
        let unknown = || Problem::not_found(format!("there is no fault `{name}`; GET /_faults lists all"));
        self.faults.find(name).ok_or_else(unknown)
    }
}

/// A fault as JSON.
#[derive(Debug, Serialize)]
struct FaultView {
    name: String,
    routes: Vec<String>,
    enabled: bool,
    participation: f64,
    counts: Counts,
}

#[derive(Debug, Extract)]
struct FaultName {
    #[param]
    name: String,
}

/// The change that a PUT makes; absent members stay as they are.
#[derive(Debug, Extract)]
struct Change {
    #[param]
    name: String,
    #[json]
    enabled: Option<bool>,
    #[json]
    participation: Option<Share>,
    #[body(bytes)]
    raw: Bytes,
}

impl Change {
    /// Rejects unknown members and an empty change: both are mistakes that would look like success.
    fn check(&self) -> Result<(), Problem> {
        let members: BTreeMap<String, IgnoredAny> = serde_json::from_slice(&self.raw).unwrap_or_default();
        let unknown = members.keys().find(|name| !matches!(name.as_str(), "enabled" | "participation"));
        let detail = match unknown {
            Some(name) => format!("there is no `{name}` to change, only `enabled` and `participation`"),
            None if members.is_empty() => {
                "nothing to change: give `enabled`, `participation` or both".to_owned()
            }
            None => return Ok(()),
        };
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
    }
}

/// A share of requests; as a type, so that a wrong one is reported together with all other field errors.
#[derive(Debug, Clone, Copy)]
struct Share(f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer)?;
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(D::Error::invalid_value(Unexpected::Float(share), &"a number from 0 to 1"))
        }
    }
}

async fn list(State(state): State<Arc<ControlState>>) -> Json<Vec<FaultView>> {
    Json(state.faults.all().into_iter().map(|fault| state.view(fault)).collect())
}

async fn show(
    State(state): State<Arc<ControlState>>,
    FaultName { name }: FaultName,
) -> Result<Json<FaultView>, Problem> {
    Ok(Json(state.view(state.find(&name)?)))
}

async fn change(State(state): State<Arc<ControlState>>, change: Change) -> Result<Json<FaultView>, Problem> {
    change.check()?;
    let Change { name, enabled, participation, .. } = change;
    let fault = state.find(&name)?;
    let control: Control = fault.control();
    // The share is set first, so that a fault is never enabled with the old one.
    if let Some(Share(share)) = participation {
        control
            .set_participation(share)
            .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    }
    if let Some(enabled) = enabled {
        control.set_enabled(enabled);
    }
    Ok(Json(state.view(fault)))
}
