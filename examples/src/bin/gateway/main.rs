//! Gateway: a reverse proxy whose routes are rules in a file, reloaded on change.

mod admin;
mod forward;
mod proxy;
mod table;
mod tunnel;

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tower::Layer;
use waylay_examples::admin::{address, loopback_address, token};
use waylay_examples::plan::{self, PlanCommand};
use waylay_examples::route_table::route_table;
use waylay_examples::server::{Limits, Port, stop_on_signal};
use waylay_examples::{cli, log};
use waylay_fault::{EventLog, FaultSet};
use waylay_fault_admin::{Admin, Traffic};
use waylay_router::{Body, SwapRouter};

use crate::proxy::{UpstreamLimits, Upstreams};
use crate::table::TableFile;

/// Exit code after a wrong command line, an invalid table or a port in use.
const FAILED: u8 = 1;

/// Events that the console can go back to.
const EVENTS: usize = 5000;

const EXAMPLES: &str = "\
Examples:
  gateway                                       examples/gateway.toml on 127.0.0.1:8080
  gateway routes.toml 127.0.0.1:0               routes.toml on any free port, which is printed
  gateway --plan plan.toml                      the same under the faults of a plan, reloaded on change
  gateway --plan check plan.toml                check a plan, print what it does, and exit
  gateway --completions bash > gateway          write a completion script
  curl '127.0.0.1:8081/_routes'                 routes and lints of the running gateway
  curl '127.0.0.1:8081/_explain?url=http://host/path&method=GET&header=x-a:1'

RUST_LOG sets the log level on stderr, WAYLAY_ADMIN_TOKEN the token of changes to the faults. SIGTERM and Ctrl-C finish the requests in progress.";

/// A reverse proxy whose routes are rules in a file, reloaded on change.
#[derive(Debug, Parser)]
#[command(name = "gateway", after_help = EXAMPLES)]
struct Arguments {
    /// TOML or JSON file with the routes
    #[arg(default_value = "examples/gateway.toml")]
    file: PathBuf,
    /// Address of the gateway; port 0 takes any free port
    #[arg(value_parser = address, default_value = "127.0.0.1:8080")]
    address: SocketAddr,
    /// Address of `/_routes`, `/_explain` and the console of the faults, `/_faults`; loopback only
    #[arg(long, value_name = "ADDR", value_parser = loopback_address, default_value = "127.0.0.1:8081")]
    admin: SocketAddr,
    /// Put the upstreams under the faults of a plan; the environment is that of WAYLAY_ENVIRONMENT
    #[arg(long, value_name = "[check] FILE", num_args = 1..=2)]
    plan: Vec<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    upstream: UpstreamLimits,
}

#[tokio::main]
async fn main() -> ExitCode {
    cli::run("gateway", FAILED, run).await
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    log::init("info");
    let Arguments { file, address, admin, plan, limits, upstream } = arguments;
    let faults = FaultSet::builder().event_log(EventLog::new(EVENTS)).on_event(plan::log_event);
    let faults = faults.reporter(plan::log_injection).build();
    match PlanCommand::parse(&plan)? {
        Some(PlanCommand::Check(plan)) => {
            writeln!(std::io::stdout(), "{}", plan::check(&plan)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(PlanCommand::Follow(plan)) => plan::follow(&plan, &faults)?,
        None => {}
    }
    let traffic = Traffic::new();
    let console = Admin::builder(&faults).traffic(&traffic).token(token()?).build()?;
    let table = TableFile::new(file, Upstreams::new(upstream, &faults));
    // Without a valid table the gateway does not start.
    let swap = SwapRouter::new(table.read()?);
    let view = admin::TableView::new(swap.current());
    let admin_router = admin::router(view.clone(), console.service())?;
    let port = Port::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let admin_port = Port::bind(admin).await.map_err(|error| {
        format!("cannot listen on {admin}; choose another address with `--admin`: {error}")
    })?;
    let stop = stop_on_signal()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\nadmin on http://{}", route_table(&swap.current()), admin_port.address())?;
    writeln!(out, "console {}", console.console_url(&format!("http://{}/_faults", admin_port.address())))?;
    writeln!(out, "listening on http://{}", port.address())?;
    drop(out);
    let port = port.with_faults(&faults);
    let faulty = traffic.layer().layer(faults.layer().map_body(Body::new).layer(swap.clone()));
    let reload = table.follow(swap, view);
    let serve = async {
        tokio::join!(
            port.serve(faulty, limits.clone(), stop.clone()),
            admin_port.serve(admin_router, limits, stop.clone()),
            async {
                stop.cancelled().await;
                // Else the stop would wait for an open console.
                console.close_streams();
            },
        )
    };
    tokio::select! {
        _ = serve => {}
        never = reload => match never {},
    }
    Ok(ExitCode::SUCCESS)
}
