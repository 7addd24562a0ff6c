//! Store: the connection to NATS, and the buckets of a fleet.

pub(crate) mod bucket;
pub(crate) mod connection;
