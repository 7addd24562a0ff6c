//! Events, counters, the mark of an injected response.

pub(crate) mod callback;
pub(crate) mod counts;
pub(crate) mod event;
pub(crate) mod mark;
#[cfg(feature = "tracing")]
pub(crate) mod trace;
