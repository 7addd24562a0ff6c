//! What a fault does: one deed, one file.

pub(crate) mod abort;
pub(crate) mod call;
pub(crate) mod chain;
pub(crate) mod custom;
pub(crate) mod ending;
pub(crate) mod node;
pub(crate) mod plan;
pub(crate) mod random;
pub(crate) mod reject;
pub(crate) mod slow;
pub(crate) mod toxic;
