//! Faults around services in memory: no sockets, no real time.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing where it stands")]

mod bodies;
mod build_errors;
mod control;
mod decision;
mod delay;
mod filter_oracle;
mod filters;
mod go_fault;
mod go_fault_file;
mod go_fault_rows;
mod http_stream;
mod messages;
mod quota;
mod responses;
mod selection;
mod support;
mod toxics;
