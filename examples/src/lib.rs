//! Where the project's `README.md` is tested: its code sees all three crates here.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
