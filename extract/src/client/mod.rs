//! Typed HTTP client over tower services.

pub(crate) mod base_url;
pub(crate) mod client;
pub(crate) mod error_response;
pub(crate) mod excerpt;
