//! The wire side: connections that faults can reach.

pub(crate) mod connector;
pub(crate) mod duplex;
pub(crate) mod listener;
pub(crate) mod proto;
pub(crate) mod serve;
pub(crate) mod state;
pub(crate) mod stream;
pub(crate) mod toxic;
