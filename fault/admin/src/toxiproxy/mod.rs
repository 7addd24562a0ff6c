//! Toxiproxy: TCP proxies with toxics, under the HTTP API of Toxiproxy.

pub(crate) mod api;
pub(crate) mod error;
pub(crate) mod json;
pub(crate) mod link;
pub(crate) mod proxy;
pub(crate) mod proxy_set;
pub(crate) mod serve;
pub(crate) mod toxic;
