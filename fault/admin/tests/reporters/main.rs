//! Reporters: Grafana on a socket, and the SDK of OpenTelemetry in memory.

#![allow(clippy::unwrap_used, reason = "a test fails at the line of its expectation")]

mod grafana;
mod log;
mod opentelemetry;
mod outage;
mod tls;

use waylay_fault::{Fault, FaultBuilder, error};

/// The halt is process-wide, so tests that it would disturb run one by one.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const TOKEN: &str = "glsa_token-of-the-tests_0123abcd";

fn token() -> waylay_fault_admin::Token {
    waylay_fault_admin::Token::new(TOKEN).unwrap()
}

/// A fault that is injected into every request.
fn on(name: &str) -> FaultBuilder {
    Fault::new(name, error(503)).enabled(true).participation(1.0)
}
