//! Request to struct: head, path, body, JSON, forms, multipart.

pub(crate) mod body;
pub(crate) mod extract;
#[cfg(feature = "form")]
pub(crate) mod form;
pub(crate) mod handler;
pub(crate) mod head;
pub(crate) mod json;
#[cfg(feature = "multipart")]
pub(crate) mod multipart;
#[cfg(feature = "multipart")]
pub(crate) mod parts;
#[cfg(feature = "router")]
pub(crate) mod path;
#[cfg(feature = "axum")]
pub(crate) mod path_axum;
