//! Templates: text with variables, read into pieces, compiled into patterns, filled into text again.

pub(crate) mod captures;
pub(crate) mod constraint;
pub(crate) mod encoding;
pub(crate) mod host;
pub(crate) mod path;
pub(crate) mod segment;
