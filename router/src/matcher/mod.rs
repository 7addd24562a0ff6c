//! Conditions on requests: each holds, or does not.

pub(crate) mod client;
pub(crate) mod cookie;
pub(crate) mod formula;
pub(crate) mod guard;
pub(crate) mod media;
pub(crate) mod method;
pub(crate) mod query;
pub(crate) mod upgrade;
pub(crate) mod whole;
