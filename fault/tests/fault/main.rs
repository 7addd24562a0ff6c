//! Faults around services in memory: no sockets, no real time.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of its expectation")]

mod baggage;
mod bodies;
mod build_errors;
mod control;
mod custom;
mod decision;
mod delay;
mod departure;
mod dribble;
mod event_log;
mod filter_oracle;
mod filters;
mod flags;
mod go_fault;
mod go_fault_file;
mod go_fault_rows;
mod guards;
mod header_control;
mod hostile_texts;
mod http_stream;
mod links;
mod messages;
#[cfg(feature = "metrics")]
mod metrics;
mod overview;
mod panics;
mod process;
mod quota;
mod reentrant;
mod response_match;
mod responses;
mod selection;
mod set;
mod split;
mod standby;
mod support;
mod told_apart;
mod toxics;
#[cfg(feature = "tracing")]
mod tracing_events;
