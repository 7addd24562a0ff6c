//! The rule language: its grammar, its errors, its dialects.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a test fails where it stands"
)]

#[cfg(feature = "dialects")]
mod dialects;
mod errors;
mod grammar;
mod texts;
