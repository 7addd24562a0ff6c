//! Server: the service that checks and routes requests, and its own listener.

pub(crate) mod accept;
pub(crate) mod admin;
pub(crate) mod serve;
