//! Router as a `tower::Service`: handlers, scopes, layers, mounts, reload.

pub(crate) mod builder;
pub(crate) mod endpoint;
pub(crate) mod handler;
pub(crate) mod make;
pub(crate) mod mount;
pub(crate) mod recover;
pub(crate) mod response;
pub(crate) mod router;
pub(crate) mod scope;
#[cfg(feature = "swap")]
pub(crate) mod swap;
#[cfg(feature = "watch")]
pub(crate) mod watch;
