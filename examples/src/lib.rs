//! Helpers shared by the programs: command lines, route tables, problem responses.

pub mod cli;
pub mod problem;
pub mod route_table;

/// The project's `README.md`: its doctests see all three crates here.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
