//! Fault plans of waylay-fault for a fleet of replicas, in a key-value bucket of NATS JetStream.
#![doc = ""]
#![doc = include_str!("../README.md")]

// Modules, top to bottom. A module imports only from modules below it (checked by `examples/tests/modules.rs`).
//
// fleet    NatsFleet: its builder, the replica that runs, what an operator does
// source   The plan's key and the halt's: watch, poll, the time that is left of a plan
// status   What each replica reports, and the table of all
// replica  State of this process in the fleet, its events, the halt
// store    The connection and the buckets
// backoff  Jittered delays
// names    Names of buckets, keys and replicas
// error    Errors

mod backoff;
mod error;
mod fleet;
mod names;
mod replica;
mod source;
mod status;
mod store;

/// The client of NATS, whose options [`NatsFleetBuilder::options`] takes.
pub use async_nats;

pub use crate::error::{FleetError, PutError, StoreError};
pub use crate::fleet::builder::NatsFleetBuilder;
pub use crate::fleet::fleet::NatsFleet;
pub use crate::fleet::operator::StoredPlan;
pub use crate::replica::event::FleetEvent;
pub use crate::source::source::NatsSource;
pub use crate::status::report::{RejectedPlan, ReplicaCounts, ReplicaReport, ReplicaState};
