//! Events, counters, the mark of an injected response.

pub(crate) mod counts;
pub(crate) mod event;
pub(crate) mod mark;
