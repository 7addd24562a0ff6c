//! Drill: many requests under all faults, checked from both ends.

mod client;
mod comparison;
mod report;
mod runner;
mod workload;

pub(crate) use runner::run;
