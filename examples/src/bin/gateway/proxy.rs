//! Proxy handler: forwards a request to the upstream of its route.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, UPGRADE};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Request, StatusCode, Uri};
use hyper_util::client::legacy::{Client as HyperClient, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::timeout;
use waylay_examples::problem::Problem;
use waylay_router::{Body, Matched, Peer};

/// Client for all upstreams, with pooled connections.
pub(crate) type Client = HyperClient<HttpConnector, Body>;

/// Time until the head of the upstream's response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Headers of a single connection, which are not forwarded (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

pub(crate) fn client() -> Client {
    HyperClient::builder(TokioExecutor::new()).build_http()
}

/// Forwards a request to the upstream in the `metadata` of its route.
pub(crate) async fn proxy(
    State(client): State<Client>,
    matched: Matched,
    mut request: Request<Body>,
) -> Result<Response, Problem> {
    let metadata = matched.route().map(|route| route.metadata());
    let entry = |key: &str| metadata?.get(key);
    let upstream: Authority =
        entry("upstream").and_then(|upstream| upstream.parse().ok()).ok_or_else(|| {
            Problem::new(StatusCode::BAD_GATEWAY, "the route has no upstream such as `127.0.0.1:80`")
        })?;
    let host = entry("host").and_then(|host| host.parse().ok());
    let protocol = requested_upgrade(request.headers());
    let client_upgrade = protocol.as_ref().map(|_| hyper::upgrade::on(&mut request));
    let request = upstream_request(request, &upstream, host, protocol)?;
    let mut response = match timeout(TIMEOUT, client.request(request)).await {
        Err(_) => {
            return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, format!("{upstream} does not respond")));
        }
        Ok(Err(error)) => {
            return Err(Problem::new(StatusCode::BAD_GATEWAY, format!("{upstream}: {}", root_cause(&error))));
        }
        Ok(Ok(response)) => response,
    };
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if let (true, Some(client_upgrade)) = (switched, client_upgrade) {
        let upstream_upgrade = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            // The protocol is opaque from here; either side may close the connection.
            if let (Ok(client), Ok(upstream)) = tokio::join!(client_upgrade, upstream_upgrade) {
                let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
                let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
            }
        });
        return Ok(response.map(Body::new));
    }
    remove_hop_by_hop(response.headers_mut());
    Ok(response.map(Body::new))
}

/// Rewrites a request for the upstream: target, host, `x-forwarded-*`, no hop-by-hop headers.
fn upstream_request(
    mut request: Request<Body>,
    upstream: &Authority,
    host: Option<HeaderValue>,
    upgrade: Option<HeaderValue>,
) -> Result<Request<Body>, Problem> {
    let path = request.uri().path_and_query().cloned();
    let authority = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(upstream.clone());
    *request.uri_mut() = uri
        .path_and_query(path.map_or_else(|| "/".to_owned(), |path| path.to_string()))
        .build()
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    *request.version_mut() = http::Version::HTTP_11;
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    let headers = request.headers_mut();
    remove_hop_by_hop(headers);
    // In HTTP/2 the target contains the host. The values that a client sends are not trusted.
    let host_header = headers.remove(HOST);
    set(headers, "x-forwarded-host", authority.or(host_header));
    set(headers, "x-forwarded-proto", peer.scheme.and_then(|scheme| scheme.as_str().parse().ok()));
    if let Some(client) = peer.addr.and_then(|address| address.ip().to_string().parse().ok()) {
        headers.append("x-forwarded-for", client);
    }
    set(headers, "host", host);
    if let Some(upgrade) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, upgrade);
    }
    Ok(request)
}

/// Replaces all values of a header by one or none.
fn set(headers: &mut HeaderMap, name: &'static str, value: Option<HeaderValue>) {
    headers.remove(name);
    headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
}

/// Returns the protocol of an upgrade request.
fn requested_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let listed =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("upgrade"));
    headers.get_all(CONNECTION).iter().any(listed).then(|| headers.get(UPGRADE).cloned())?
}

/// Removes the headers of a single connection, also those that `Connection` names.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    named.iter().for_each(|name| drop(headers.remove(name)));
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(*name)));
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
