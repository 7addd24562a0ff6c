//! The admin API over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of the wrong expectation")]

mod access;
mod dashboard;
mod document;
mod events;
mod faults;
mod plan;
mod support;
