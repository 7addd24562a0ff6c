//! The table: an index that finds the best route, and the building of it.

pub(crate) mod build;
pub(crate) mod conflict;
pub(crate) mod explain;
pub(crate) mod index;
mod lay;
pub(crate) mod lints;
pub(crate) mod lookup;
pub(crate) mod misses;
pub(crate) mod order;
pub(crate) mod seal;
pub(crate) mod trie;
mod words;
