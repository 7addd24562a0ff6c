//! The module `config` of the library, with loom's locks and atomics.

#[path = "../../src/config/duration.rs"]
pub(crate) mod duration;
#[path = "../../src/config/error.rs"]
pub(crate) mod error;
#[path = "../../src/config/one_line.rs"]
pub(crate) mod one_line;
#[path = "../../src/config/secret.rs"]
pub(crate) mod secret;
pub(crate) mod sync;
