//! Source: the plan of the fleet as a source of plans.

pub(crate) mod keys;
pub(crate) mod source;
pub(crate) mod time_left;
