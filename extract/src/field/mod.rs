//! Slots: the state of each field while a request is read.

pub(crate) mod expected;
pub(crate) mod member;
pub(crate) mod nested;
pub(crate) mod nested_de;
pub(crate) mod nested_error;
pub(crate) mod nested_node;
pub(crate) mod part;
pub(crate) mod rest;
pub(crate) mod slot;
pub(crate) mod slots;
#[cfg(feature = "multipart")]
pub(crate) mod upload;
pub(crate) mod value;
