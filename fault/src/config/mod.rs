//! Durations and the errors of settings.

pub(crate) mod duration;
pub(crate) mod error;
pub(crate) mod one_line;
