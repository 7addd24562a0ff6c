//! Durations, the errors of settings, and what threads are synchronized by.

pub(crate) mod duration;
pub(crate) mod error;
pub(crate) mod one_line;
pub(crate) mod secret;
pub(crate) mod sync;
