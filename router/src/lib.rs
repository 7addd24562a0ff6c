//! HTTP router for tower.
