//! Events: a log as server-sent events.
