//! Templates: text with variables, read into pieces, compiled into patterns, filled into text again.

pub(crate) mod constraint;
pub(crate) mod decode;
pub(crate) mod host;
pub(crate) mod parse;
pub(crate) mod path;
pub(crate) mod piece;
pub(crate) mod slot;
