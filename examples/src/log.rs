//! Logs and errors of the programs, on stderr.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use waylay_router::OneLine;

/// Starts logging to stderr, so that stdout can be piped; `RUST_LOG` overrides the level.
pub fn init(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let is_terminal = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal).with_writer(io::stderr).init();
}

/// Formats an error with all its sources.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |error| (*error).source());
    let text = errors.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    // Some print lines of their own; what an upstream or a client has sent must not forge any.
    text.split('\n').map(|line| OneLine(line).to_string()).collect::<Vec<_>>().join("\n")
}

/// Prints the error that ends a program.
pub fn print_error(program: &str, error: &(dyn Error + 'static)) {
    // If stderr is closed, the exit code still reports the failure.
    let _ = writeln!(io::stderr(), "{program}: {}", causes(error));
}
