//! `/_faults`: what lies in wait, and the switch of each.

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
use waylay_extract::Extract;
use waylay_fault::{Control, Counts, Fault};
use waylay_router::{BuildErrors, Head, Miss, Route, Router, Scope};

use crate::faults::Faults;
use crate::problem::Problem;
use crate::shop::routes::FAULT;

/// The control router for the faults of a shop.
pub(crate) fn control(faults: Faults, shop: &Router) -> Result<Router, BuildErrors> {
    let routes = shop.routes().filter_map(|route| {
        let fault = route.metadata().get(FAULT)?;
        Some((fault.clone(), route.name()?.to_owned()))
    });
    let panel = Panel { faults, routes: routes.collect() };
    Router::builder()
        .state(Arc::new(panel))
        .scope(
            Scope::new()
                .prefix("/_faults")
                .guard("loopback host", asks_for_loopback)
                .route(Route::get("").name("faults").to(list))
                .route(Route::get("/{name}").name("fault").to(show))
                .route(Route::put("/{name}").name("change").to(change)),
        )
        .fallback(lost)
        .build()
}

/// A page of another site that had its name resolved to this machine asks for that name.
fn asks_for_loopback(head: &Head<'_>) -> bool {
    let line = head.headers.get(HOST).and_then(|line| line.to_str().ok()?.parse::<Authority>().ok());
    let authority = head.uri.authority().cloned().or(line);
    authority.is_some_and(|authority| {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

async fn lost(miss: Miss) -> Response {
    let allow = miss.allow().and_then(|methods| HeaderValue::from_str(&methods.to_string()).ok());
    let mut response =
        Problem::new(miss.status(), "GET /_faults on a loopback host lists all").into_response();
    response.headers_mut().extend(allow.map(|allow| (ALLOW, allow)));
    response
}

struct Panel {
    faults: Faults,
    /// Fault and route.
    routes: Vec<(String, String)>,
}

impl Panel {
    fn view(&self, fault: &Fault) -> View {
        let control = fault.control();
        let routes = self.routes.iter().filter(|(name, _)| name == fault.name());
        View {
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

/// One fault as JSON.
#[derive(Debug, Serialize)]
struct View {
    name: String,
    routes: Vec<String>,
    enabled: bool,
    participation: f64,
    counts: Counts,
}

#[derive(Debug, Extract)]
struct Name {
    #[param]
    name: String,
}

/// What a PUT may say; what it leaves out stays as it is.
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
    /// A member that is not known, or none at all, is a slip: to do nothing would look like success.
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

/// A share of requests, so that a wrong one is a field error beside all others.
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

async fn list(State(panel): State<Arc<Panel>>) -> Json<Vec<View>> {
    Json(panel.faults.all().into_iter().map(|fault| panel.view(fault)).collect())
}

async fn show(State(panel): State<Arc<Panel>>, Name { name }: Name) -> Result<Json<View>, Problem> {
    Ok(Json(panel.view(panel.find(&name)?)))
}

async fn change(State(panel): State<Arc<Panel>>, change: Change) -> Result<Json<View>, Problem> {
    change.check()?;
    let Change { name, enabled, participation, .. } = change;
    let fault = panel.find(&name)?;
    let control: Control = fault.control();
    // The share first: a fault that is switched on begins with the new one.
    if let Some(Share(share)) = participation {
        control
            .set_participation(share)
            .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    }
    if let Some(enabled) = enabled {
        control.set_enabled(enabled);
    }
    Ok(Json(panel.view(fault)))
}
