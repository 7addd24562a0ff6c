//! Helpers shared by the programs: command lines, servers, route tables, problem responses.

pub mod admin;
pub mod cli;
pub mod log;
pub mod plan;
pub mod problem;
pub mod redact;
pub mod route_table;
pub mod server;
pub mod table_file;

/// The project's `README.md`: its doctests see all three crates here.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
