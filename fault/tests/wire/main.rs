//! Faults as clients observe them: real servers, real clients, loopback sockets.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of its expectation")]

mod bodies;
mod chunks;
mod clients;
mod curl;
mod disconnect;
mod go_fault_rows;
mod goaway;
mod grpc;
mod handle;
mod messages;
mod observe;
mod processes;
mod rejects;
mod request_bodies;
mod responses;
mod slow_tls;
mod support;
mod table;
mod websocket;
