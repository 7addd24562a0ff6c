//! Gateway: a reverse proxy whose routes are rules in a file, reloaded on change.

mod proxy;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::IntoResponse;
use clap::Parser;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceExt;
use waylay_examples::cli;
use waylay_examples::route_table::route_table;
use waylay_router::{
    Body, BuildErrors, FileWatcher, Peer, ReloadEvent, Route, Router, SwapRouter, TableSpec,
};

use crate::proxy::{Client, client, proxy};

const EXAMPLES: &str = "\
Examples:
  gateway                                       examples/gateway.toml on 127.0.0.1:8080
  gateway routes.toml 127.0.0.1:0               routes.toml on any free port, which is printed
  gateway --completions bash > gateway          write a completion script
  curl '127.0.0.1:8080/_routes'                 routes and lints of the running gateway
  curl '127.0.0.1:8080/_explain?url=http://host/path&method=GET&header=x-a:1'";

/// A reverse proxy whose routes are rules in a file, reloaded on change.
#[derive(Debug, Parser)]
#[command(name = "gateway", after_help = EXAMPLES)]
struct Arguments {
    /// TOML file with the routes
    #[arg(default_value = "examples/gateway.toml")]
    file: PathBuf,
    /// Address of the gateway; port 0 takes any free port
    #[arg(default_value = "127.0.0.1:8080")]
    address: String,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    match cli::parse(1) {
        Ok(arguments) => run(arguments).await,
        Err(code) => Ok(code),
    }
}

async fn run(Arguments { file, address }: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let client = client();
    // Without a valid table the gateway does not start.
    let swap = SwapRouter::new(table(&std::fs::read_to_string(&file)?, &client)?);
    let router = admin_router(swap.clone())?;
    let listener = TcpListener::bind(&address).await?;
    println!("{}\nlistening on http://{}", route_table(&swap.current()), listener.local_addr()?);
    tokio::spawn(async move {
        let file = FileWatcher::new(file).every(Duration::from_millis(250));
        swap.reload(file, move |text| table(text, &client), report).await
    });
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Most likely out of file descriptors, which is temporary.
                eprintln!("a connection cannot be accepted: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        tokio::spawn(serve_connection(stream, peer, router.clone()));
    }
}

/// Builds the routes of the file; `proxy` is the only handler.
fn table(text: &str, client: &Client) -> Result<Router, BuildErrors> {
    let bind = |spec: &waylay_router::RouteSpec, route: Route| match spec.handler.as_str() {
        "proxy" if spec.metadata.contains_key("upstream") => Ok(route.to(proxy)),
        "proxy" => Err("`metadata.upstream` is missing".to_owned()),
        other => Err(format!("unknown handler `{other}`, expected `proxy`")),
    };
    Router::builder().state(client.clone()).spec(&TableSpec::toml(text), bind).build()
}

fn report(followed: ReloadEvent<BuildErrors>) {
    match followed {
        ReloadEvent::Replaced(diff) if diff.is_empty() => {}
        ReloadEvent::Replaced(diff) => print!("the table has changed:\n{diff}"),
        ReloadEvent::Rejected(errors) => {
            eprintln!("the new table is rejected, the old one stays in use:\n{errors}")
        }
        ReloadEvent::ReadFailed(error) => {
            eprintln!("the table cannot be read, the old one stays in use: {error}")
        }
        _ => {}
    }
}

/// Builds the fixed routes `/_routes` and `/_explain`; all other requests go to the table.
fn admin_router(swap: SwapRouter) -> Result<Router, BuildErrors> {
    Router::builder()
        .state(swap.clone())
        .route(Route::get("/_routes").to(routes))
        .route(Route::get("/_explain").to(explain))
        .fallback_service(swap)
        .build()
}

async fn routes(State(swap): State<SwapRouter>) -> String {
    let router = swap.current();
    let lints: String = router.lints().iter().map(|lint| format!("lint: {lint}\n")).collect();
    format!("{}\n{lints}", route_table(&router))
}

/// Handles `/_explain?url=http://host/path&method=GET&header=x-a:1`.
async fn explain(
    State(swap): State<SwapRouter>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<impl IntoResponse, (StatusCode, String)> {
    let bad_request = |text: String| (StatusCode::BAD_REQUEST, format!("{text}\n"));
    let mut request = Request::new(());
    for (key, value) in pairs {
        match key.as_str() {
            "url" => {
                *request.uri_mut() =
                    value.parse::<Uri>().map_err(|error| bad_request(format!("url {value}: {error}")))?;
            }
            "method" => {
                *request.method_mut() = value
                    .parse::<Method>()
                    .map_err(|error| bad_request(format!("method {value}: {error}")))?;
            }
            "header" => {
                let (name, value) = value.split_once(':').unwrap_or((&value, ""));
                let name = name
                    .parse::<HeaderName>()
                    .map_err(|error| bad_request(format!("header {name}: {error}")))?;
                let value =
                    HeaderValue::from_str(value.trim()).map_err(|error| bad_request(error.to_string()))?;
                request.headers_mut().append(name, value);
            }
            other => {
                return Err(bad_request(format!(
                    "unknown key `{other}`, expected `url`, `method` or `header`"
                )));
            }
        }
    }
    let explanation = swap.current().explain(&request);
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], explanation.to_string()))
}

async fn serve_connection(stream: tokio::net::TcpStream, peer: SocketAddr, router: Router) {
    let peer = Peer::default().addr(peer).scheme(http::uri::Scheme::HTTP);
    let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request.map(Body::new)
    });
    let server = auto::Builder::new(TokioExecutor::new());
    // A connection closed by the client is not an error of the gateway.
    let _ =
        server.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service)).await;
}
