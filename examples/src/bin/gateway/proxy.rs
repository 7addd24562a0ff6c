//! One request on its way to an upstream and back.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, UPGRADE};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Request, StatusCode, Uri};
use hyper_util::client::legacy::{Client as HyperClient, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::timeout;
use waylay_router::{Body, Matched, Peer};

/// The client that all requests go out by; connections are kept.
pub(crate) type Client = HyperClient<HttpConnector, Body>;

/// How long an upstream may take to begin its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Headers of one connection, which are not handed on (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

pub(crate) fn client() -> Client {
    HyperClient::builder(TokioExecutor::new()).build_http()
}

/// Hands a request to the upstream that its route names in `metadata`.
pub(crate) async fn proxy(
    State(client): State<Client>,
    matched: Matched,
    mut request: Request<Body>,
) -> Result<Response, Problem> {
    let metadata = matched.route().map(|route| route.metadata());
    let told = |key: &str| metadata?.get(key);
    let upstream: Authority =
        told("upstream").and_then(|upstream| upstream.parse().ok()).ok_or_else(|| {
            Problem::new(StatusCode::BAD_GATEWAY, "the route names no upstream such as `127.0.0.1:80`")
        })?;
    let host = told("host").and_then(|host| host.parse().ok());
    let asked = asked_upgrade(request.headers());
    let from_client = asked.as_ref().map(|_| hyper::upgrade::on(&mut request));
    let outward = outward(request, &upstream, host, asked)?;
    let mut response = match timeout(PATIENCE, client.request(outward)).await {
        Err(_) => {
            return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, &format!("{upstream} does not answer")));
        }
        Ok(Err(error)) => {
            return Err(Problem::new(StatusCode::BAD_GATEWAY, &format!("{upstream}: {}", innermost(&error))));
        }
        Ok(Ok(response)) => response,
    };
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if let (true, Some(from_client)) = (switched, from_client) {
        let from_upstream = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            // From here on both sides speak their own protocol; either may end it.
            if let (Ok(client), Ok(upstream)) = tokio::join!(from_client, from_upstream) {
                let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
                let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
            }
        });
        return Ok(response.map(Body::new));
    }
    strip(response.headers_mut());
    Ok(response.map(Body::new))
}

/// The same request for the upstream: the host that it answers to, who asked for what, and no header of the
/// old connection.
fn outward(
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
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, &error.to_string()))?;
    *request.version_mut() = http::Version::HTTP_11;
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    let headers = request.headers_mut();
    strip(headers);
    // Of HTTP/2 the target names the host. What a client says of these is its own word, and is dropped.
    let asked = headers.remove(HOST);
    set(headers, "x-forwarded-host", authority.or(asked));
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

/// Leaves one value of a header, or none.
fn set(headers: &mut HeaderMap, name: &'static str, value: Option<HeaderValue>) {
    headers.remove(name);
    headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
}

fn asked_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let listed =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("upgrade"));
    headers.get_all(CONNECTION).iter().any(listed).then(|| headers.get(UPGRADE).cloned())?
}

fn strip(headers: &mut HeaderMap) {
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

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// An error as RFC 9457's problem+json.
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, detail: &str) -> Self {
        Self { status, detail: detail.to_owned() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or_default();
        let body = serde_json::json!({
            "title": title, "status": self.status.as_u16(), "detail": self.detail,
        });
        (self.status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }
}
