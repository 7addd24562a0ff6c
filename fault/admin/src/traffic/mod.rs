//! Traffic: requests, errors and latency of a service, injected and genuine apart.

pub(crate) mod histogram;
pub(crate) mod traffic;
