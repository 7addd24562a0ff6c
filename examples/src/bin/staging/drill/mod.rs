//! Drill: many requests under all faults, checked from both ends.

mod client;
mod comparison;
mod plan;
mod report;
mod runner;
mod workload;

pub(crate) use plan::run_plan;
pub(crate) use runner::run;
