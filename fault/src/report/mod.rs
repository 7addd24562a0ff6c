//! Events and their log, counters, metrics, the mark of an injected response.

pub(crate) mod callback;
pub(crate) mod counts;
pub(crate) mod event;
pub(crate) mod log;
pub(crate) mod mark;
#[cfg(feature = "metrics")]
pub(crate) mod meters;
#[cfg(feature = "serde")]
pub(crate) mod serialize;
pub(crate) mod set_event;
#[cfg(feature = "tracing")]
pub(crate) mod trace;
