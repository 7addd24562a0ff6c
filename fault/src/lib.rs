//! Fault injection for tower HTTP services.
