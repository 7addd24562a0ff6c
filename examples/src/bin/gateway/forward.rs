//! Header rewriting: removes headers of one connection, and claims of proxies.

use std::net::IpAddr;

use http::header::{CONNECTION, COOKIE, HOST, HeaderName, HeaderValue, UPGRADE};
use http::{HeaderMap, Request, Version};
use waylay_fault::INJECTED_HEADER;
use waylay_router::{ConnectionInfo, Peer};

/// Headers of a single connection, which are not forwarded (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers for all recipients, which a client cannot remove by naming them in `Connection` (RFC 9110 §7.6.1).
const END_TO_END: [&str; 14] = [
    "accept",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "host",
    "location",
    "origin",
    "set-cookie",
    "www-authenticate",
];

/// Headers that upstreams take for those of a proxy, beside all `x-forwarded-*`.
const OF_PROXIES: [&str; 5] =
    ["forwarded", "x-original-url", "x-original-host", "x-real-ip", "x-rewrite-url"];

/// Returns the members of a list header.
pub(crate) fn list<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|member| !member.is_empty())
}

/// Removes the headers of a single connection, also those that `Connection` names.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = list(headers, &CONNECTION).filter_map(|name| name.parse().ok()).collect();
    let named = named.iter().filter(|name| !END_TO_END.contains(&name.as_str()));
    named.for_each(|name| drop(headers.remove(name)));
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(*name)));
}

/// Rewrites the headers of a request for its upstream. The peer is trusted if the router knows the client
/// behind it ([`ConnectionInfo`]); the claims of any other peer are replaced or dropped.
pub(crate) fn rewrite_headers<B>(request: &mut Request<B>, host: Option<HeaderValue>) {
    let trusted = request.extensions().get::<ConnectionInfo>().cloned();
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    let authority = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    let version = request.version();
    let headers = request.headers_mut();
    remove_hop_by_hop(headers);
    if version >= Version::HTTP_2 {
        join_cookies(headers);
    }
    let is_trusted = trusted.is_some();
    let dropped: Vec<HeaderName> =
        headers.keys().filter(|name| is_dropped(name.as_str(), is_trusted)).cloned().collect();
    dropped.iter().for_each(|name| drop(headers.remove(name)));

    // The target has the host in HTTP/2, and overrides the header in HTTP/1.1 (RFC 9112 §3.2.2).
    let header = headers.remove(HOST);
    let client = trusted.unwrap_or_else(|| {
        let mut info = ConnectionInfo::default();
        (info.addr, info.scheme) = (peer.addr, peer.scheme.clone());
        info
    });
    let requested = authority.or(header);
    let forwarded_host = client.host.as_deref().and_then(|host| HeaderValue::from_str(host).ok());
    set(headers, "x-forwarded-host", forwarded_host.or(requested));
    set(headers, "x-forwarded-proto", client.scheme.and_then(|scheme| scheme.as_str().parse().ok()));
    set(headers, "x-real-ip", client.addr.and_then(|address| address_value(address.ip())));
    if let Some(peer) = peer.addr.and_then(|address| address_value(address.ip())) {
        headers.append("x-forwarded-for", peer);
    }
    set(headers, "host", host);
}

/// Adds the upgrade that a route tunnels.
pub(crate) fn add_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// Tests whether a header of the client is dropped. Programs that read headers as variables of CGI take `_` for
/// `-`, and `Proxy` for the proxy that they are to use (httpoxy).
fn is_dropped(name: &str, is_trusted: bool) -> bool {
    let name = name.replace('_', "-");
    let of_proxies = name.starts_with("x-forwarded-") || OF_PROXIES.contains(&name.as_str());
    match name.as_str() {
        // A trusted proxy that does not know `Forwarded` forwards what its client wrote.
        "proxy" | "forwarded" => true,
        name => !is_trusted && (of_proxies || name == INJECTED_HEADER.as_str()),
    }
}

/// Joins the crumbs of a cookie, which HTTP/1.1 does not have (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(COOKIE, cookie);
    }
}

fn address_value(address: IpAddr) -> Option<HeaderValue> {
    address.to_string().parse().ok()
}

/// Replaces all values of a header by one or none.
fn set(headers: &mut HeaderMap, name: &'static str, value: Option<HeaderValue>) {
    headers.remove(name);
    headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
}
