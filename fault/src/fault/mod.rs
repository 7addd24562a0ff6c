//! Fault: filter, selection, capability, execution, control; FaultSet: several of them, with guards.

pub(crate) mod actions;
pub(crate) mod builder;
pub(crate) mod capability;
pub(crate) mod changes;
pub(crate) mod control;
pub(crate) mod edit;
pub(crate) mod execution;
pub(crate) mod explain;
pub(crate) mod fault;
pub(crate) mod filter;
pub(crate) mod guards;
pub(crate) mod limits;
pub(crate) mod overview;
pub(crate) mod schedule;
pub(crate) mod selection;
pub(crate) mod set;
pub(crate) mod source;
pub(crate) mod standby;
pub(crate) mod state;
pub(crate) mod stop;
pub(crate) mod switch;
pub(crate) mod window;
