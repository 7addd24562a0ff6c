//! Layers, services and futures of tower, for servers and clients.

pub(crate) mod client;
pub(crate) mod evaluation;
pub(crate) mod future;
pub(crate) mod injected;
pub(crate) mod layer;
pub(crate) mod service;
