//! Conditions on requests: each holds, or does not.

pub(crate) mod describe;
pub(crate) mod formula;
pub(crate) mod guard;
pub(crate) mod path_regex;
pub(crate) mod query;
