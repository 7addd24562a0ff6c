//! The wire side: connections that faults can reach.

pub(crate) mod ambush;
pub(crate) mod answer;
pub(crate) mod armed;
#[cfg(all(feature = "axum", feature = "net"))]
pub(crate) mod axum;
pub(crate) mod chunks;
pub(crate) mod connect;
#[cfg(feature = "hyper")]
pub(crate) mod connector;
pub(crate) mod core;
pub(crate) mod drain;
pub(crate) mod error;
pub(crate) mod flow;
pub(crate) mod frames;
pub(crate) mod lane;
pub(crate) mod lanes;
pub(crate) mod lend;
pub(crate) mod line;
pub(crate) mod listener;
pub(crate) mod pipe;
#[cfg(feature = "hyper")]
pub(crate) mod serve;
pub(crate) mod stage;
pub(crate) mod stream;
pub(crate) mod streams;
pub(crate) mod talk;
pub(crate) mod tongue;
pub(crate) mod websocket;
