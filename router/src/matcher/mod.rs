//! Compiled conditions on requests.

pub(crate) mod direct;
pub(crate) mod formula;
pub(crate) mod guard;
pub(crate) mod header;
pub(crate) mod path_regex;
pub(crate) mod query;
