//! Handle of a connection and the commands that it takes; links that connections share.

pub(crate) mod bucket;
pub(crate) mod command;
pub(crate) mod error;
pub(crate) mod handle;
pub(crate) mod layer;
pub(crate) mod messages;
pub(crate) mod queue;
pub(crate) mod waker;
