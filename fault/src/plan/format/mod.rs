//! The three formats of a plan, each read into the same nodes.

#[cfg(feature = "json")]
pub(crate) mod json;
#[cfg(feature = "toml")]
pub(crate) mod toml;
pub(crate) mod write;
#[cfg(feature = "yaml")]
pub(crate) mod yaml;
