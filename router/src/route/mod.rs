//! Route, its conditions, and rules lowered to conditions.

pub(crate) mod call;
pub(crate) mod conditions;
pub(crate) mod lower;
pub(crate) mod route;
pub(crate) mod to_rule;
