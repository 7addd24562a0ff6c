//! Compiled templates: path and host patterns, constraints, captures.

pub(crate) mod captures;
pub(crate) mod constraint;
pub(crate) mod decoded;
pub(crate) mod edges;
pub(crate) mod encoding;
pub(crate) mod host;
pub(crate) mod path;
pub(crate) mod scan;
pub(crate) mod segment;
pub(crate) mod value_regex;
