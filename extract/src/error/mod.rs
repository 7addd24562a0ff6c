//! Errors of fields, their collector, the rejection, validation.

pub(crate) mod collector;
pub(crate) mod field;
pub(crate) mod format;
pub(crate) mod rejection;
pub(crate) mod validate;
