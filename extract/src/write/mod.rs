//! Struct to request: the writer, encoding, bodies, nested keys.

pub(crate) mod body;
pub(crate) mod encoding;
pub(crate) mod into_request;
pub(crate) mod nested_ser;
pub(crate) mod path;
pub(crate) mod writer;
