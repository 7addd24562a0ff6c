//! Conditions to patterns: ranks, overlaps, errors.

pub(crate) mod automaton;
pub(crate) mod cases;
pub(crate) mod compiler;
pub(crate) mod error;
pub(crate) mod guards;
pub(crate) mod overlap;
pub(crate) mod pattern;
pub(crate) mod rank;
pub(crate) mod shape;
pub(crate) mod subsume;
pub(crate) mod witness;
