//! A shop that is broken on purpose; `--help` says how.

mod args;
mod control;
mod door;
mod drill;
mod faults;
mod problem;
mod shop;
mod stage;
mod tries;

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use args::{Command, USAGE};
use drill::run::drill;
use stage::Stage;
use tracing_subscriber::EnvFilter;
use tries::TRIES;
use waylay_fault::{Event, Reporter};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            let mut text = format!("staging: {error}");
            let mut source = error.source();
            while let Some(error) = source {
                text += &format!(": {error}");
                source = error.source();
            }
            // There is nobody left to tell if even this cannot be written.
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<ExitCode, Box<dyn Error>> {
    match Command::read(std::env::args().skip(1))? {
        Command::Help => {
            writeln!(io::stdout(), "{USAGE}")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve { addr, control_addr, seed } => {
            log_by("info");
            serve(addr, control_addr, seed).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Drill { requests, seed } => {
            // What the faults do is in the report.
            log_by("off");
            let report = drill(requests, seed).await?;
            writeln!(io::stdout(), "{report}")?;
            Ok(if report.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

async fn serve(addr: SocketAddr, control_addr: SocketAddr, seed: u64) -> Result<(), Box<dyn Error>> {
    let log: Arc<dyn Reporter> = Arc::new(|event: &Event<'_>| tracing::info!("{event}"));
    let stage = Stage::open(addr, control_addr, seed, &log).await?;
    print_guide(&stage)?;
    tokio::select! {
        () = stage.play(interrupted()) => {}
        // Whoever asks twice does not want to wait for what is still being answered.
        () = async { interrupted().await; interrupted().await } => {}
    }
    Ok(())
}

/// Where everything is, and what to try.
fn print_guide(stage: &Stage) -> io::Result<()> {
    let (shop, control) = (stage.shop_address(), stage.control_address());
    let mut out = io::stdout().lock();
    writeln!(out, "shop    http://{shop} (HTTP/1.1, and HTTP/2 by prior knowledge)")?;
    writeln!(out, "faults  http://{control}/_faults (all off)\n\n{}\nTry", stage.shop)?;
    for line in TRIES {
        writeln!(out, "\n{}", line.at(shop, control))?;
    }
    writeln!(out, "\nCtrl-C ends it.")
}

async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(%error, "Ctrl-C cannot be heard; end this process by other means");
        std::future::pending().await
    }
}

/// Logs go to stderr, so that what is printed can be piped on.
fn log_by(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let coloured = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(coloured).with_writer(io::stderr).init();
}
