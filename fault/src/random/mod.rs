//! Keyed draws, distributions, delays.

pub(crate) mod delay;
pub(crate) mod distribution;
pub(crate) mod draws;
pub(crate) mod math;
