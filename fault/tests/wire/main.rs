//! What clients see of a fault: real servers, real clients, loopback sockets.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing where it stands")]

mod answers;
mod bodies;
mod clients;
mod curl;
mod framing;
mod going;
mod grpc;
mod leaving;
mod lent;
mod messages;
mod rejects;
mod rig;
mod rows;
mod sealed;
mod see;
mod slow_tls;
mod soak;
mod table;
mod twins;
mod uploads;
