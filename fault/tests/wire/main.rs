//! What clients see of a fault: real servers, real clients, loopback sockets.

mod answers;
mod leaving;
mod rejects;
mod rig;
