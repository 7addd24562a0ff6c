//! Staging: a demo shop with faults that are switched on and off while it runs.

mod drill;
mod faults;
mod guide;
mod handlers;
mod routes;
mod server;
mod store;

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use waylay_examples::cli;
use waylay_fault::{Event, Reporter};

use crate::server::Servers;

/// Exit code after a wrong command line, a port in use, or a drill that found a disagreement.
const FAILED: u8 = 1;

const EXAMPLES: &str = "\
Examples:
  staging                                 serve the shop until Ctrl-C
  staging --addr 127.0.0.1:0              the same on any free port, which is printed
  staging --drill 2000                    run 2000 requests against all faults and print a report
  staging --drill 2000 --seed 1           the same with another seed
  staging --completions bash > staging    write a completion script

RUST_LOG sets the log level on stderr.";

/// A demo shop with real routes, real sockets, and faults that are switched on and off while it runs.
#[derive(Debug, Parser)]
#[command(name = "staging", after_help = EXAMPLES)]
struct Arguments {
    /// Address of the shop; port 0 takes any free port
    #[arg(long, value_name = "ADDR", value_parser = address, default_value_t = local(3000))]
    addr: SocketAddr,
    /// Address of the control API of the faults, loopback only
    #[arg(long, value_name = "ADDR", value_parser = loopback_address, default_value_t = local(3001))]
    control_addr: SocketAddr,
    /// Start on free ports, enable every fault, send N requests, compare what the clients saw with what
    /// the server injected, and exit
    #[arg(long, value_name = "N", conflicts_with_all = ["addr", "control_addr"])]
    drill: Option<NonZeroU32>,
    /// Seed of the faults; equal seeds inject the same faults into the same requests
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "not an address such as 127.0.0.1:3000".to_owned())
}

/// The control API has no authentication, so it must not be reachable from other machines.
fn loopback_address(text: &str) -> Result<SocketAddr, String> {
    let address = address(text)?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("reachable from other machines; give a loopback address such as 127.0.0.1:3001".to_owned())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match cli::parse::<Arguments>(FAILED) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match run(arguments).await {
        Ok(code) => code,
        Err(error) => {
            let mut text = format!("staging: {error}");
            let mut source = error.source();
            while let Some(error) = source {
                text += &format!(": {error}");
                source = error.source();
            }
            // If stderr is closed, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::from(FAILED)
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let Arguments { addr, control_addr, drill, seed } = arguments;
    let Some(requests) = drill else {
        init_log("info");
        serve(addr, control_addr, seed).await?;
        return Ok(ExitCode::SUCCESS);
    };
    // The report contains the injected faults, so the log is off by default.
    init_log("off");
    let report = drill::run(requests, seed).await?;
    writeln!(io::stdout(), "{report}")?;
    Ok(if report.agrees() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

async fn serve(addr: SocketAddr, control_addr: SocketAddr, seed: u64) -> Result<(), Box<dyn Error>> {
    let log: Arc<dyn Reporter> = Arc::new(|event: &Event<'_>| tracing::info!("{event}"));
    let servers = Servers::bind(addr, control_addr, seed, &log).await?;
    guide::print(&servers)?;
    tokio::select! {
        () = servers.run(interrupt()) => {}
        // A second Ctrl-C ends the process without waiting for the requests in progress.
        () = async { interrupt().await; interrupt().await } => {}
    }
    Ok(())
}

async fn interrupt() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(%error, "Ctrl-C cannot be handled; stop this process by other means");
        std::future::pending().await
    }
}

/// Starts logging to stderr, so that stdout can be piped.
fn init_log(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let is_terminal = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal).with_writer(io::stderr).init();
}
