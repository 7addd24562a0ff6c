//! Proxy handler: forwards a request to the upstream of its route.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use clap::Args;
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::uri::{Authority, Scheme};
use http::{Request, StatusCode, Uri, Version};
use http_body::{Frame, SizeHint};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use waylay_examples::log::causes;
use waylay_examples::problem::Problem;
use waylay_examples::server::{Connection, IdleClock, duration};
use waylay_fault::{FaultConnector, FaultSet};
use waylay_router::{Body, Matched, RouteInfo};

use crate::forward::{add_upgrade, remove_hop_by_hop, rewrite_headers};
use crate::tunnel::{accepted, requested, tunnel};

/// Time limits of upstreams.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Upstreams")]
pub(crate) struct UpstreamLimits {
    /// Time to connect to an upstream
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    connect_timeout: Duration,
    /// Time for the head of a response, once the upstream has the request
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    response_timeout: Duration,
    /// Time that a tunnel may be without a byte
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m")]
    tunnel_timeout: Duration,
}

/// Client for all upstreams, with pooled connections; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Upstreams {
    client: Client<FaultConnector<HttpConnector>, UploadBody>,
    limits: UpstreamLimits,
}

impl Upstreams {
    /// Connects under the faults of this set.
    pub(crate) fn new(limits: UpstreamLimits, faults: &FaultSet) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(limits.connect_timeout));
        connector.set_nodelay(true);
        let mut client = Client::builder(TokioExecutor::new());
        let client = client.pool_timer(TokioTimer::new()).build(faults.connector(connector));
        Self { client, limits }
    }

    /// Waits for the head of a response. The time in which the client is slow to send is not the upstream's.
    async fn send(
        &self,
        request: Request<Body>,
        upstream: &Authority,
    ) -> Result<http::Response<hyper::body::Incoming>, Problem> {
        let clock = IdleClock::default();
        let request = request.map(|body| UploadBody { body, clock: clock.clone() });
        tokio::select! {
            response = self.client.request(request) => response.map_err(|error| failure(upstream, &error)),
            () = clock.expired(self.limits.response_timeout) => {
                Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, format!("{upstream} does not respond")))
            }
        }
    }
}

fn failure(upstream: &Authority, error: &Error) -> Problem {
    let text = causes(error);
    tracing::info!(%upstream, error = text, "a request cannot be forwarded");
    if error.is_connect() && is_timeout(error) {
        let detail = format!("{upstream} does not accept a connection");
        return Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).because_of(error);
    }
    // The error of a fault is none of an upstream: it counts as injected, also where it stops the faults.
    Problem::new(StatusCode::BAD_GATEWAY, format!("{upstream}: {text}")).because_of(error)
}

fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut errors = std::iter::successors(Some(error), |error| (*error).source());
    errors.any(|error| {
        let error = error.downcast_ref::<std::io::Error>();
        error.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
    })
}

/// Forwards a request to the upstream in the `metadata` of its route.
pub(crate) async fn proxy(
    State(upstreams): State<Upstreams>,
    Extension(connection): Extension<Connection>,
    matched: Matched,
    mut request: Request<Body>,
) -> Result<Response, Problem> {
    let route = matched.route();
    let entry = |key: &str| route.as_ref().map(RouteInfo::metadata)?.get(key).map(String::as_str);
    let upstream: Authority =
        entry("upstream").and_then(|upstream| upstream.parse().ok()).ok_or_else(|| {
            Problem::new(StatusCode::BAD_GATEWAY, "the route has no upstream such as `127.0.0.1:80`")
        })?;
    let host = entry("host").and_then(|host| host.parse().ok());
    let protocol = requested(&request, entry("upgrade"));
    let client_upgrade = protocol.as_ref().map(|_| hyper::upgrade::on(&mut request));
    let target = upstream_target(matched.path(), request.uri(), &upstream)?;
    rewrite_headers(&mut request, host);
    *request.uri_mut() = target;
    *request.version_mut() = Version::HTTP_11;
    if let Some(protocol) = &protocol {
        add_upgrade(request.headers_mut(), protocol.clone());
    }

    let mut response = upstreams.send(request, &upstream).await?;
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let upgrade = accepted(response.headers(), protocol.as_ref()).zip(client_upgrade);
    remove_hop_by_hop(response.headers_mut());
    match upgrade {
        Some((protocol, client)) if switched => {
            let upstream = hyper::upgrade::on(&mut response);
            connection.spawn_tunnel(tunnel(client, upstream, upstreams.limits.tunnel_timeout));
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
            response.headers_mut().insert(UPGRADE, protocol);
        }
        _ if switched => {
            let detail = format!("{upstream} has switched to a protocol that was not requested");
            return Err(Problem::new(StatusCode::BAD_GATEWAY, detail));
        }
        _ => {}
    }
    Ok(response.map(Body::new))
}

/// Returns the target at the upstream: the path that was matched, so that the upstream cannot read another one.
fn upstream_target(path: &str, uri: &Uri, upstream: &Authority) -> Result<Uri, Problem> {
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(upstream.clone()).path_and_query(target);
    uri.build().map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))
}

/// Body of a request to an upstream; the clock is paused while the client is to send.
struct UploadBody {
    body: Body,
    clock: IdleClock,
}

impl http_body::Body for UploadBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let poll = Pin::new(&mut self.body).poll_frame(context);
        match &poll {
            Poll::Pending => self.clock.stop(),
            Poll::Ready(_) => self.clock.restart(),
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for UploadBody {
    fn drop(&mut self) {
        self.clock.restart();
    }
}
