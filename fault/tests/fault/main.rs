//! What a fault does to services in memory: no sockets, no real time.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing where it stands")]

mod answers;
mod bodies;
mod build_errors;
mod cases;
mod control;
mod decision;
mod delay;
mod gate;
mod guards;
mod limits;
mod messages;
mod quota;
mod rig;
mod rows;
mod rows_file;
mod set;
mod talk;
mod toxics;
mod whom;
