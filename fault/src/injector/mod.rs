//! What a fault does: one deed, one file.

pub(crate) mod abort;
pub(crate) mod call;
pub(crate) mod chain;
pub(crate) mod corrupt;
pub(crate) mod custom;
pub(crate) mod edits;
pub(crate) mod ending;
pub(crate) mod grpc;
pub(crate) mod length;
pub(crate) mod node;
pub(crate) mod patch;
pub(crate) mod plan;
pub(crate) mod quota;
pub(crate) mod random;
pub(crate) mod rate;
pub(crate) mod reject;
pub(crate) mod replace;
pub(crate) mod reported;
pub(crate) mod retry;
pub(crate) mod slow;
pub(crate) mod tamper;
pub(crate) mod toxic;
pub(crate) mod truncate;
