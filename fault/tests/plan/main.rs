//! Fault plans: documents in three formats, applied to sets of faults.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing where it stands")]

mod apply;
mod determinism;
mod documents;
mod errors;
mod hostile;
mod injectors;
mod read;
mod schema;
mod source;
mod supplied;
