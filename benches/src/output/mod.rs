//! Output: the result file of a run, and what is written from it.

mod bars;
mod curves;
mod markdown;
mod results;
mod svg;

pub use results::Results;
