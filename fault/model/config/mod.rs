//! The module `config` of the library, with loom's locks and atomics.

#[path = "../../src/config/duration.rs"]
pub(crate) mod duration;
#[path = "../../src/config/error.rs"]
pub(crate) mod error;
pub(crate) mod sync;
