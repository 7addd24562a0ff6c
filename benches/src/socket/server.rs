//! Servers: one process each, with the same answer for all requests.

use std::convert::Infallible;
use std::io::{BufRead, Write};
use std::process::ExitCode;

use axum::body::Bytes;
use cpu_time::ProcessTime;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use waylay_router::{Route, Router};

use crate::github::ROUTES;

const BODY: &str = "ok";

async fn endpoint() -> &'static str {
    BODY
}

/// Serves until the standard input ends; prints the port, then for each line of input the CPU time in nanoseconds.
pub fn serve(name: &str) -> ExitCode {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.set_nonblocking(true).expect("the listener is open");
    println!("{}", listener.local_addr().expect("a bound listener has an address").port());
    std::thread::spawn(|| {
        let mut out = std::io::stdout();
        for _ in std::io::stdin().lock().lines() {
            let spent = ProcessTime::now().as_duration().as_nanos();
            if writeln!(out, "{spent}").and_then(|()| out.flush()).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    match name {
        "hyper" => on_hyper(listener, service_fn(bare)),
        "waylay" => on_hyper(listener, TowerToHyperService::new(waylay())),
        "axum" => on_hyper(listener, TowerToHyperService::new(axum())),
        #[cfg(feature = "peers")]
        "actix-web" => actix(listener),
        _ => {
            eprintln!("unknown server `{name}`");
            ExitCode::FAILURE
        }
    }
}

/// Accepts connections on one thread.
fn on_hyper<S, B>(listener: std::net::TcpListener, service: S) -> ExitCode
where
    S: HttpService<Incoming, ResBody = B, Error = Infallible> + Clone + 'static,
    S::Future: 'static,
    B: http_body::Body + 'static,
    B::Data: 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let listener = TcpListener::from_std(listener).expect("the listener does not block");
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("the connection is open");
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
            tokio::task::spawn_local(connection);
        }
    });
    ExitCode::SUCCESS
}

async fn bare(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    drop(request);
    let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    Ok(response)
}

fn waylay() -> Router {
    let add = |all: waylay_router::Builder, path: &&str| all.route(Route::get(*path).to(endpoint));
    ROUTES.iter().fold(Router::builder(), add).build().expect("the routes are valid")
}

fn axum() -> axum::Router {
    let add = |all: axum::Router, path: &&str| all.route(path, axum::routing::get(endpoint));
    ROUTES.iter().fold(axum::Router::new(), add)
}

#[cfg(feature = "peers")]
fn actix(listener: std::net::TcpListener) -> ExitCode {
    use actix_web::{App, HttpServer, web};

    let app = || {
        let add = |app: App<_>, path: &&str| app.route(path, web::get().to(endpoint));
        ROUTES.iter().fold(App::new(), add)
    };
    let server = HttpServer::new(app).workers(1).listen(listener).expect("the listener is open");
    match actix_web::rt::System::new().block_on(server.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
