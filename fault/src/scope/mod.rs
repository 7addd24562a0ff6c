//! The lists that say which requests a fault may touch.

pub(crate) mod clients;
pub(crate) mod globs;
pub(crate) mod headers;
pub(crate) mod hosts;
pub(crate) mod methods;
pub(crate) mod paths;
pub(crate) mod probes;
#[cfg(any(feature = "axum", feature = "router"))]
pub(crate) mod routes;
#[cfg(feature = "router")]
pub(crate) mod rules;
