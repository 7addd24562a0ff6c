//! Attribute syntax: options, serde attributes, rename_all, collected errors.

pub(crate) mod error;
pub(crate) mod options;
pub(crate) mod rename;
pub(crate) mod serde;
