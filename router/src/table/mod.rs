//! The table: an index that finds the best route, and the building of it.

pub(crate) mod build;
pub(crate) mod index;
pub(crate) mod lookup;
pub(crate) mod trie;
