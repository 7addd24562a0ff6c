//! Attribute syntax, collected errors, rename_all.

pub(crate) mod error;
pub(crate) mod options;
pub(crate) mod rename;
pub(crate) mod serde;
