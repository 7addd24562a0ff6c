//! Staging: a demo shop with faults that are switched on and off while it runs.

mod drill;
mod faults;
mod fleet;
mod guide;
mod handlers;
mod routes;
mod server;
mod store;
mod warehouse;

use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::process::ExitCode;

use clap::Parser;
use waylay_examples::admin::{address, loopback_address, token};
use waylay_examples::plan::{self, PlanCommand};
use waylay_examples::server::{Limits, stop_on_signal};
use waylay_examples::{cli, log};
use waylay_fault::{Event, EventLog, FaultSet};

use crate::fleet::FleetArguments;
use crate::server::Servers;

/// Exit code after a wrong command line, a port in use, a drill that found a disagreement, or one whose plan
/// stopped itself.
const FAILED: u8 = 1;

/// Events that the console can go back to.
const EVENTS: usize = 5000;

const EXAMPLES: &str = "\
Examples:
  staging                                 serve the shop and its console until Ctrl-C or SIGTERM
  staging --addr 127.0.0.1:0              the same on any free port, which is printed
  staging --drill 2000                    run 2000 requests against all faults and print a report
  staging --drill 2000 --seed 1           the same with another seed
  staging --plan plan.toml                put the shop under the faults of a plan, reloaded on change
  staging --drill 2000 --plan plan.toml   run 2000 requests under the faults of a plan and print a report
  staging --nats nats://127.0.0.1:4222    be a replica of a fleet (built with `--features nats`)
  staging --plan check plan.toml          check a plan, print what it does, and exit
  staging --completions bash > staging    write a completion script

RUST_LOG sets the log level on stderr, WAYLAY_ADMIN_TOKEN the token of changes to the faults; by default
it is a new one, in the address of the console.";

/// A demo shop with real routes, real sockets, and faults that are switched on and off while it runs.
#[derive(Debug, Parser)]
#[command(name = "staging", after_help = EXAMPLES)]
struct Arguments {
    /// Address of the shop; port 0 takes any free port
    #[arg(long, value_name = "ADDR", value_parser = address, default_value_t = local(3000))]
    addr: SocketAddr,
    /// Address of the console and the admin API of the faults, loopback only
    #[arg(long, value_name = "ADDR", value_parser = loopback_address, default_value_t = local(3001))]
    control_addr: SocketAddr,
    /// Start on free ports, enable every fault, send N requests, compare what the clients saw with what
    /// the server injected, and exit; with a plan, enable its faults alone, and tell whether it stopped
    #[arg(long, value_name = "N", conflicts_with_all = ["addr", "control_addr"])]
    drill: Option<NonZeroU32>,
    /// Seed of the faults; equal seeds inject the same faults into the same requests
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Put the shop under the faults of a plan, in place of the built-in one; the environment is that of
    /// WAYLAY_ENVIRONMENT, or `staging`
    #[arg(long, value_name = "[check] FILE", num_args = 1..=2)]
    plan: Vec<String>,
    #[command(flatten)]
    fleet: FleetArguments,
    #[command(flatten)]
    limits: Limits,
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[tokio::main]
async fn main() -> ExitCode {
    cli::run("staging", FAILED, run).await
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let Arguments { addr, control_addr, drill, seed, plan, fleet, limits } = arguments;
    let plan = PlanCommand::parse(&plan)?;
    if let Some(PlanCommand::Check(file)) = &plan {
        if drill.is_some() {
            return Err("--drill takes the plan to run, not one to check".into());
        }
        writeln!(io::stdout(), "{}", plan::check(file)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    // This program is a staging environment unless the variable says otherwise.
    let environment = std::env::var("WAYLAY_ENVIRONMENT").is_err().then_some("staging");
    let Some(requests) = drill else {
        log::init("info");
        let set = FaultSet::builder().event_log(EventLog::new(EVENTS)).on_event(plan::log_event);
        let set = environment.into_iter().fold(set, |set, name| set.environment(name));
        let faults = set.reporter(|event: &Event<'_>| tracing::info!("{event}")).build();
        let fleet = fleet.connect().await?;
        let servers =
            Servers::bind(addr, control_addr, limits, &faults, token()?, |admin| fleet.show(admin)).await?;
        let has_built_in_faults = plan.is_none() && !fleet.is_member();
        match plan {
            Some(PlanCommand::Follow(file)) => plan::follow(&file, &faults)?,
            _ if fleet.is_member() => fleet.join(&faults),
            // Of another environment it is logged.
            _ => _ = faults.apply(&faults::plan(seed)?),
        }
        serve(servers, has_built_in_faults).await?;
        fleet.leave().await;
        return Ok(ExitCode::SUCCESS);
    };
    // The report contains the injected faults, so the log is off by default.
    log::init("off");
    let is_good = match plan {
        Some(PlanCommand::Follow(file)) => {
            let report = drill::run_plan(requests, &file, environment).await?;
            writeln!(io::stdout(), "{report}")?;
            !report.is_stopped()
        }
        _ => {
            let report = drill::run(requests, seed).await?;
            writeln!(io::stdout(), "{report}")?;
            report.agrees()
        }
    };
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

async fn serve(servers: Servers, has_built_in_faults: bool) -> Result<(), Box<dyn Error>> {
    let stop = stop_on_signal()?;
    guide::print(&servers, has_built_in_faults)?;
    servers.run(stop.cancelled()).await;
    Ok(())
}
