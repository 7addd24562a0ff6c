//! A reverse proxy whose routes are rules in a file, which may change while it serves.
//!
//! `cargo run -p waylay-examples --bin gateway -- examples/gateway.toml 127.0.0.1:8080`

mod proxy;

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceExt;
use waylay_router::{Body, BuildErrors, FileWatcher, Followed, Peer, Route, Router, SwapRouter, TableSpec};

use crate::proxy::{Client, client, proxy};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let file = args.next().unwrap_or_else(|| "examples/gateway.toml".to_owned());
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let client = client();
    // A gateway does not start without a table.
    let swap = SwapRouter::new(table(&std::fs::read_to_string(&file)?, &client)?);
    let router = around(swap.clone())?;
    let listener = TcpListener::bind(&address).await?;
    println!("{}listening on http://{}", swap.current(), listener.local_addr()?);
    tokio::spawn(async move {
        let file = FileWatcher::new(file).every(Duration::from_millis(250));
        swap.follow(file, |text| table(text, &client), report).await
    });
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely, which passes.
                eprintln!("a connection cannot be accepted: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        tokio::spawn(connection(stream, peer, router.clone()));
    }
}

/// The routes of the file; the one handler that they name is `proxy`.
fn table(text: &str, client: &Client) -> Result<Router, BuildErrors> {
    let bind = |spec: &waylay_router::RouteSpec, route: Route| match spec.handler.as_str() {
        "proxy" if spec.metadata.contains_key("upstream") => Ok(route.to(proxy)),
        "proxy" => Err("`metadata.upstream` is missing".to_owned()),
        other => Err(format!("there is no handler `{other}`, only `proxy`")),
    };
    Router::builder().state(client.clone()).spec(&TableSpec::toml(text), bind).build()
}

fn report(followed: Followed<BuildErrors>) {
    match followed {
        Followed::Replaced(diff) if diff.is_empty() => {}
        Followed::Replaced(diff) => print!("the table has changed:\n{diff}"),
        Followed::Refused(errors) => eprintln!("the new table is refused, the old one goes on:\n{errors}"),
        Followed::Unread(error) => eprintln!("the table cannot be read, the old one goes on: {error}"),
        _ => {}
    }
}

/// What does not change: the table as a page, and its answer to questions. All else is the table's.
fn around(swap: SwapRouter) -> Result<Router, BuildErrors> {
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
    format!("{router}{lints}")
}

/// `/_explain?url=http://host/path&method=GET&header=x-a:1`
async fn explain(
    State(swap): State<SwapRouter>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<impl IntoResponse, (StatusCode, String)> {
    let bad = |what: String| (StatusCode::BAD_REQUEST, format!("{what}\n"));
    let mut request = Request::new(());
    for (key, value) in asked {
        match key.as_str() {
            "url" => {
                *request.uri_mut() =
                    value.parse::<Uri>().map_err(|error| bad(format!("url {value}: {error}")))?;
            }
            "method" => {
                *request.method_mut() =
                    value.parse::<Method>().map_err(|error| bad(format!("method {value}: {error}")))?;
            }
            "header" => {
                let (name, value) = value.split_once(':').unwrap_or((&value, ""));
                let name =
                    name.parse::<HeaderName>().map_err(|error| bad(format!("header {name}: {error}")))?;
                let value = HeaderValue::from_str(value.trim()).map_err(|error| bad(error.to_string()))?;
                request.headers_mut().append(name, value);
            }
            other => return Err(bad(format!("`{other}` is none of `url`, `method`, `header`"))),
        }
    }
    let explained = swap.current().explain(&request);
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], explained.to_string()))
}

async fn connection(stream: tokio::net::TcpStream, peer: SocketAddr, router: Router) {
    let peer = Peer::default().addr(peer).scheme(http::uri::Scheme::HTTP);
    let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request.map(Body::new)
    });
    let server = auto::Builder::new(TokioExecutor::new());
    // A client that goes away is no error of the gateway's.
    let _ =
        server.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service)).await;
}
