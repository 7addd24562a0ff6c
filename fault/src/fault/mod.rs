//! Fault: filter, selection, capability, execution, control.

pub(crate) mod builder;
pub(crate) mod capability;
pub(crate) mod changes;
pub(crate) mod control;
pub(crate) mod execution;
pub(crate) mod fault;
pub(crate) mod filter;
pub(crate) mod selection;
pub(crate) mod state;
pub(crate) mod switch;
