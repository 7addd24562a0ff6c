//! Access: who may read and who may change, by host, origin, token and ticket.

pub(crate) mod access;
pub(crate) mod origin;
pub(crate) mod ticket;
pub(crate) mod token;
