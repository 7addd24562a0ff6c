//! Ratios.
