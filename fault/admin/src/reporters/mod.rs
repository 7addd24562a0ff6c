//! Reporters: annotations of Grafana; metrics and span events of OpenTelemetry.

#[cfg(feature = "grafana")]
pub(crate) mod annotation;
#[cfg(feature = "grafana")]
pub(crate) mod changes;
#[cfg(feature = "grafana")]
pub(crate) mod grafana;
#[cfg(feature = "opentelemetry")]
pub(crate) mod opentelemetry;
#[cfg(feature = "grafana")]
pub(crate) mod poster;
