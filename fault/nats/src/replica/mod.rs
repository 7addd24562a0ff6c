//! Replica: this process as a member of the fleet.

pub(crate) mod event;
pub(crate) mod halt;
pub(crate) mod replica;
