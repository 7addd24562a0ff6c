//! Proxy: TCP proxies with toxics, under Toxiproxy's HTTP API.

use std::error::Error;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::net::TcpListener;
use waylay_examples::server::stop_on_signal;
use waylay_examples::{cli, log};
use waylay_fault_admin::ProxySet;

/// Exit code after a wrong command line, an invalid file or a port in use.
const FAILED: u8 = 1;

const EXAMPLES: &str = "\
Examples:
  proxy                                   the API on 127.0.0.1:8474, no proxy yet
  proxy --config toxiproxy.json           with the proxies of a file
  curl -X POST 127.0.0.1:8474/proxies -d '{\"name\":\"redis\",\"listen\":\"127.0.0.1:26379\",\"upstream\":\"127.0.0.1:6379\"}'
  curl -X POST 127.0.0.1:8474/proxies/redis/toxics -d '{\"type\":\"latency\",\"attributes\":{\"latency\":1000}}'

The clients of Toxiproxy in any language control it. SIGTERM and Ctrl-C end all connections.";

/// TCP proxies with toxics, under Toxiproxy's HTTP API.
#[derive(Debug, Parser)]
#[command(name = "proxy", after_help = EXAMPLES)]
struct Arguments {
    /// JSON file with proxies, in Toxiproxy's format
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of the API; every client that reaches it controls the proxies
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port of the API; 0 takes any free port
    #[arg(long, default_value_t = 8474)]
    port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    cli::run("proxy", FAILED, run).await
}

async fn run(Arguments { config, host, port }: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    log::init("info");
    let address = SocketAddr::new(host, port);
    let proxies = ProxySet::new();
    if let Some(file) = config {
        let document = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let (_, result) = proxies.populate(&document).await;
        result.map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}; choose another port with `--port`: {error}"))?;
    let stop = stop_on_signal()?;
    let mut out = std::io::stdout().lock();
    for proxy in proxies.list().await {
        writeln!(out, "{}: {} -> {}", proxy.config.name, proxy.config.listen, proxy.config.upstream)?;
    }
    writeln!(out, "Toxiproxy's API on http://{}", listener.local_addr()?)?;
    drop(out);
    tokio::select! {
        result = proxies.serve(listener) => result?,
        () = stop.cancelled() => {}
    }
    Ok(ExitCode::SUCCESS)
}
