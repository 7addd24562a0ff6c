//! Injectors, the tree of them, and the steps drawn for a request.

pub(crate) mod abort;
pub(crate) mod corrupt;
pub(crate) mod custom;
pub(crate) mod dribble;
pub(crate) mod key;
#[cfg(feature = "stress")]
pub(crate) mod load;
pub(crate) mod message_stage;
pub(crate) mod messages;
#[cfg(feature = "panic")]
pub(crate) mod panic;
pub(crate) mod quota;
pub(crate) mod reject;
pub(crate) mod rewrite;
pub(crate) mod slow;
pub(crate) mod standby;
pub(crate) mod steps;
#[cfg(feature = "stress")]
pub(crate) mod stress;
pub(crate) mod toxic;
pub(crate) mod tree;
pub(crate) mod truncate;
