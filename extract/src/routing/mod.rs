//! Structs as routes of waylay-router, and typed URLs.

pub(crate) mod body;
#[cfg(feature = "openapi")]
pub(crate) mod description;
pub(crate) mod endpoint;
pub(crate) mod link;
pub(crate) mod root;
pub(crate) mod status;
