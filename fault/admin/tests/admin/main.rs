//! The admin API over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]

mod access;
mod dashboard;
mod document;
mod events;
mod faults;
mod fleet;
mod plan;
mod support;
