//! Streams, listeners and connectors with faults.

#[cfg(all(feature = "axum", feature = "net"))]
pub(crate) mod axum;
pub(crate) mod connection_faults;
pub(crate) mod connector;
pub(crate) mod duplex;
pub(crate) mod listener;
pub(crate) mod proto;
#[cfg(feature = "hyper")]
pub(crate) mod serve;
pub(crate) mod state;
pub(crate) mod stream;
pub(crate) mod toxic;
pub(crate) mod watched;
