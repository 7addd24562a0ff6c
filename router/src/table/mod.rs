//! The table: index, look-up, URLs, lints, explanations, differences.

pub(crate) mod assemble;
pub(crate) mod builder;
pub(crate) mod catalog;
pub(crate) mod condition_lint;
pub(crate) mod conflict;
pub(crate) mod contents;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod index;
pub(crate) mod lint;
pub(crate) mod lookup;
pub(crate) mod matched;
pub(crate) mod miss;
pub(crate) mod misses;
pub(crate) mod order;
pub(crate) mod routes;
pub(crate) mod search;
#[cfg(feature = "serde")]
pub(crate) mod serialize;
pub(crate) mod texts;
pub(crate) mod trie;
pub(crate) mod trie_builder;
pub(crate) mod url;
pub(crate) mod visitors;
