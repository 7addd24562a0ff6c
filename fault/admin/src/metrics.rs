//! Metrics of a set of faults as Prometheus text.
