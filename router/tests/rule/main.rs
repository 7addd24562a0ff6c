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
#[cfg(feature = "dialects")]
mod foreign;
mod grammar;
mod lowering;
mod naive;
mod printed;
mod texts;
