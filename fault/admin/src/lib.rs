//! Admin API and console for the faults of waylay-fault.
#![doc = ""]
#![doc = include_str!("../README.md")]

// Modules, top to bottom. A module imports only from modules below it (checked by `examples/tests/modules.rs`).
//
// toxiproxy TCP proxies with toxics, under Toxiproxy's HTTP API (feature `toxiproxy`)
// reporters Annotations of Grafana; metrics and span events of OpenTelemetry (features `grafana`, `opentelemetry`)
// server    Admin: the builder, the service, the listener
// api       Endpoints and the OpenAPI document
// console   The page for a browser
// metrics   Prometheus text
// events    Server-sent events of a log, with resumption
// traffic   Requests, errors and latency, injected and genuine apart
// access    Host, origin, token and ticket of a request
// problem   Error responses

mod access;
mod api;
mod console;
mod events;
mod metrics;
mod problem;
#[cfg(any(feature = "grafana", feature = "opentelemetry"))]
mod reporters;
mod server;
#[cfg(feature = "toxiproxy")]
mod toxiproxy;
mod traffic;

pub use crate::access::token::{Token, TokenError};
pub use crate::api::fleet::{Fleet, FleetFuture, FleetOverview, FleetUnreachable, Replica};
#[cfg(feature = "grafana")]
pub use crate::reporters::grafana::{Grafana, GrafanaBuilder, GrafanaError};
#[cfg(feature = "opentelemetry")]
pub use crate::reporters::opentelemetry::OpenTelemetry;
pub use crate::server::admin::{Admin, AdminBuilder, AdminError, AdminService};
pub use crate::server::serve::ServeError;
#[cfg(feature = "toxiproxy")]
pub use crate::toxiproxy::error::ProxyError;
#[cfg(feature = "toxiproxy")]
pub use crate::toxiproxy::proxy::{ProxyConfig, ProxyStatus};
#[cfg(feature = "toxiproxy")]
pub use crate::toxiproxy::proxy_set::ProxySet;
#[cfg(feature = "toxiproxy")]
pub use crate::toxiproxy::serve::ToxiproxyService;
#[cfg(feature = "toxiproxy")]
pub use crate::toxiproxy::toxic::{ToxicConfig, ToxicKind, ToxicStream};
pub use crate::traffic::traffic::{Traffic, TrafficLayer, TrafficService};
