//! Fleet: NatsFleet, its builder, and what an operator does with it.

#[cfg(feature = "admin")]
pub(crate) mod admin;
pub(crate) mod builder;
pub(crate) mod fleet;
pub(crate) mod operator;
