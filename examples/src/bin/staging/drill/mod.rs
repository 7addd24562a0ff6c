//! The drill: many requests under every fault, and a check that both ends tell one story.

pub(crate) mod attempt;
pub(crate) mod client;
pub(crate) mod errand;
pub(crate) mod ledger;
pub(crate) mod progress;
pub(crate) mod pursuit;
pub(crate) mod remote;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod sighting;
pub(crate) mod verdict;
