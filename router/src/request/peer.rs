//! Peer, ConnectionInfo, Network: addresses, trusted proxies.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum_core::extract::FromRequestParts;
use http::header::HOST;
use http::request::Parts;
use http::uri::Scheme;
use http::{Extensions, HeaderMap, Request, Uri};
use ipnet::{IpNet, Ipv4Net};

/// A network in CIDR notation (RFC 4632, RFC 4291 §2.3); an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    /// As written.
    net: IpNet,
    /// As compared: the IPv4 network of an IPv4-mapped one.
    canonical: IpNet,
}

/// The text is neither an address nor a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidNetwork;

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let net = match text.split_once('/') {
            None => text.parse::<IpAddr>().map(IpNet::from).map_err(|_| InvalidNetwork)?,
            Some((_, length)) => {
                let net: IpNet = text.parse().map_err(|_| InvalidNetwork)?;
                // `+8` and `08` are not prefix lengths.
                Some(net).filter(|net| net.prefix_len().to_string() == length).ok_or(InvalidNetwork)?
            }
        };
        let canonical = match net.addr().to_canonical() {
            IpAddr::V4(address) if net.addr().is_ipv6() => {
                Ipv4Net::new(address, net.prefix_len().saturating_sub(96)).map_or(net, IpNet::from)
            }
            _ => net,
        };
        Ok(Self { net, canonical })
    }
}

impl Network {
    /// Tests whether an address is in the network. An IPv4-mapped IPv6 address (`::ffff:…`) is the IPv4 address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.canonical.contains(&address.to_canonical())
    }

    /// Tests whether all addresses of another network are in this one.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.canonical.contains(&other.canonical)
    }

    /// Joins networks that make a wider one together.
    pub(crate) fn aggregate(networks: &[Self]) -> Vec<Self> {
        let networks: Vec<IpNet> = networks.iter().map(|network| network.canonical.trunc()).collect();
        IpNet::aggregate(&networks).into_iter().map(|net| Self { net, canonical: net }).collect()
    }

    /// Returns the address as written.
    pub(crate) fn first(&self) -> IpAddr {
        self.net.addr()
    }

    /// Returns the prefix length.
    pub(crate) fn bits(&self) -> u8 {
        self.net.prefix_len()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.net)
    }
}

/// The proxies whose headers are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies {
    pub(crate) networks: Vec<Network>,
    /// Whether their `X-Forwarded-Host` is read.
    pub(crate) name_host: bool,
}

impl TrustedProxies {
    pub(crate) fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

/// The client of a connection through proxies.
#[derive(Debug)]
pub(crate) struct Forwarded<'r> {
    pub(crate) peer: Peer,
    pub(crate) host: Option<&'r str>,
}

/// Reads `X-Forwarded-For` and `-Proto`, and `-Host` if it is trusted too, if the peer is a trusted proxy; from others
/// they are client input. RFC 7239's `Forwarded` is not read: a proxy that does not know it passes it on as the client sent
/// it.
pub(crate) fn forwarded<'r>(
    headers: &'r HeaderMap,
    peer: &Peer,
    proxies: &TrustedProxies,
) -> Option<Forwarded<'r>> {
    let trusted = |address: IpAddr| proxies.contains(address);
    let nearest = peer.addr.filter(|address| trusted(address.ip()))?;
    let mut client = Some(nearest);
    let mut hops: Vec<&str> = items(headers, "x-forwarded-for").collect();
    // An empty value says nothing.
    if hops.iter().all(|hop| hop.is_empty()) {
        hops.clear();
    }
    // Each proxy appends the address of its peer: the last one that is not a trusted proxy is the client.
    for hop in hops.iter().rev() {
        if !client.is_some_and(|client| trusted(client.ip())) {
            break;
        }
        client = address(hop);
    }
    // The last entry is that of the nearest proxy.
    let scheme = items(headers, "x-forwarded-proto").last().filter(|scheme| !scheme.is_empty());
    let scheme = scheme.and_then(|scheme| match scheme.to_ascii_lowercase().as_str() {
        // Proxies name the scheme of the URL of a WebSocket; the connection is one of HTTP (RFC 6455 §3).
        "wss" => Some(Scheme::HTTPS),
        "ws" => Some(Scheme::HTTP),
        other => other.parse().ok(),
    });
    let scheme = scheme.or_else(|| peer.scheme.clone());
    let host = items(headers, "x-forwarded-host").last();
    let host = host.filter(|host| proxies.name_host && !host.is_empty());
    Some(Forwarded { peer: Peer { addr: client, scheme }, host })
}

fn items<'r>(headers: &'r HeaderMap, name: &str) -> impl Iterator<Item = &'r str> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or(""));
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// Parses `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let alone = bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
    alone.or_else(|_| text.parse()).ok()
}

/// Client address, scheme and host of a request as the client sees them.
///
/// Behind a [trusted proxy](crate::Builder::trusted_proxy) they come from `X-Forwarded-For`, `X-Forwarded-Proto`
/// and, if it is [trusted](crate::Builder::trusted_forwarded_host), `X-Forwarded-Host`, and the router inserts them
/// into the request's extensions; otherwise they come from [`Peer`] and the request itself. As an argument of a handler this never fails; an
/// unknown value is `None`.
///
/// ```
/// use tower::ServiceExt;
/// use waylay_router::{Body, ConnectionInfo, Peer, Route, Router};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::builder()
///     .trusted_proxy("10.0.0.0/8")
///     .trusted_forwarded_host()
///     .route(Route::get("/").to(async |effective: ConnectionInfo| effective.origin().unwrap_or_default()))
///     .build()?;
/// let mut request = http::Request::get("/")
///     .header("host", "inner:8080")
///     .header("x-forwarded-proto", "https")
///     .header("x-forwarded-host", "shop.example")
///     .body(Body::empty())?;
/// request.extensions_mut().insert(Peer::default().addr(([10, 0, 0, 1], 4321).into()));
/// let response = router.oneshot(request).await?;
/// assert_eq!(axum::body::to_bytes(response.into_body(), 99).await?, "https://shop.example");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The client's address; the port is 0 if the proxy sent none.
    pub addr: Option<SocketAddr>,
    /// The scheme that the client used.
    pub scheme: Option<Scheme>,
    /// The host that the client requested, with the port if there is one.
    pub host: Option<String>,
}

impl ConnectionInfo {
    /// Returns `scheme://host` if both are known (RFC 6454 §6.2): the start of an absolute URL to this
    /// service.
    pub fn origin(&self) -> Option<String> {
        Some(format!("{}://{}", self.scheme.as_ref()?, self.host.as_ref()?))
    }

    /// Returns the values of the headers if the peer is a trusted proxy.
    pub(crate) fn behind<B>(request: &Request<B>, proxies: &TrustedProxies) -> Option<Self> {
        let peer = Peer::of(request.extensions())?;
        let seen = forwarded(request.headers(), &peer, proxies)?;
        let host = seen.host.map(str::to_owned).or_else(|| host(request.uri(), request.headers()));
        Some(Self { addr: seen.peer.addr, scheme: seen.peer.scheme, host })
    }
}

fn host(uri: &Uri, headers: &http::HeaderMap) -> Option<String> {
    let line = || headers.get(HOST).and_then(|line| line.to_str().ok());
    let host = uri.authority().map(|authority| authority.as_str()).or_else(line)?;
    (!host.is_empty()).then(|| host.to_owned())
}

impl<S: Send + Sync> FromRequestParts<S> for ConnectionInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        if let Some(behind) = parts.extensions.get::<Self>() {
            return Ok(behind.clone());
        }
        let peer = Peer::of(&parts.extensions).map(Cow::into_owned).unwrap_or_default();
        Ok(Self { addr: peer.addr, scheme: peer.scheme, host: host(&parts.uri, &parts.headers) })
    }
}

/// Connection information from the listener; a request extension.
///
/// An unknown value is `None`, and no condition on it matches. [`Router::into_make_service`] inserts it, and with
/// feature `axum` so does `axum::serve(listener, router)`. With that feature, the address of axum's
/// `ConnectInfo<SocketAddr>` counts where the request has no other.
///
/// [`Router::into_make_service`]: crate::Router::into_make_service
///
/// ```
/// use waylay_router::Peer;
/// let peer = Peer::default().scheme(http::uri::Scheme::HTTPS);
/// assert!(peer.addr.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The address of the peer.
    pub addr: Option<SocketAddr>,
    /// `https` with TLS, `http` without.
    pub scheme: Option<Scheme>,
}

impl Peer {
    /// Returns the peer of a request: its own, completed with the address that axum knows.
    pub(crate) fn of(extensions: &Extensions) -> Option<Cow<'_, Self>> {
        let own = extensions.get::<Self>();
        if own.is_none_or(|peer| peer.addr.is_none())
            && let Some(addr) = connect_info(extensions)
        {
            return Some(Cow::Owned(own.cloned().unwrap_or_default().addr(addr)));
        }
        own.map(Cow::Borrowed)
    }

    /// Sets the address.
    #[must_use]
    pub fn addr(self, addr: SocketAddr) -> Self {
        Self { addr: Some(addr), ..self }
    }

    /// Sets the scheme.
    #[must_use]
    pub fn scheme(self, scheme: Scheme) -> Self {
        Self { scheme: Some(scheme), ..self }
    }
}

/// Returns the address in axum's `ConnectInfo`.
#[cfg(feature = "axum")]
fn connect_info(extensions: &Extensions) -> Option<SocketAddr> {
    use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};
    let real = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    real.or_else(|| extensions.get::<MockConnectInfo<SocketAddr>>().map(|info| info.0))
}

#[cfg(not(feature = "axum"))]
fn connect_info(_: &Extensions) -> Option<SocketAddr> {
    None
}

#[cfg(test)]
mod client_tests {
    use super::Network;

    #[test]
    fn contain_their_addresses() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("10.1.2.3/24", "10.1.2.200", "10.1.3.3"),
            ("0.0.0.0/0", "255.1.2.3", "::1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
            ("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("::/0", "::2", "1.2.3.4"),
            ("::1", "::1", "::2"),
            ("::ffff:0:0/90", "10.9.9.9", "::1"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{network} {outside}");
        }
        for text in
            ["", "1", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/08", "::/129", "h/8", "1.2.3"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}

#[cfg(test)]
mod forwarded_tests {
    use super::*;

    #[test]
    fn the_first_stranger_from_the_right() {
        let networks = ["10.0.0.0/8", "::1"].map(|network| network.parse().unwrap()).to_vec();
        let proxies = TrustedProxies { networks, name_host: false };
        for (peer, lines, wanted) in [
            ("9.9.9.9:1", &["1.1.1.1"][..], None),
            ("10.0.0.1:1", &[], Some("10.0.0.1:1")),
            ("10.0.0.1:1", &["1.1.1.1"], Some("1.1.1.1:0")),
            ("10.0.0.1:1", &["1.1.1.1, 2.2.2.2"], Some("2.2.2.2:0")),
            ("10.0.0.1:1", &["1.1.1.1", "2.2.2.2, 10.9.9.9"], Some("2.2.2.2:0")),
            ("10.0.0.1:1", &["10.1.1.1"], Some("10.1.1.1:0")),
            ("[::1]:1", &["[2001:db8::1]:443"], Some("[2001:db8::1]:443")),
            ("10.0.0.1:1", &["1.1.1.1, unknown"], Some("")),
            ("10.0.0.1:1", &["1.1.1.1,"], Some("")),
            ("10.0.0.1:1", &[""], Some("10.0.0.1:1")),
            ("10.0.0.1:1", &[" ", ","], Some("10.0.0.1:1")),
        ] {
            let headers: HeaderMap = lines
                .iter()
                .map(|line| (http::HeaderName::from_static("x-forwarded-for"), line.parse().unwrap()))
                .collect();
            let peer = Peer::default().addr(peer.parse().unwrap());
            let got = forwarded(&headers, &peer, &proxies)
                .map(|seen| seen.peer.addr.map(|address| address.to_string()).unwrap_or_default());
            assert_eq!(got.as_deref(), wanted, "{peer:?} {lines:?}");
        }
    }

    #[test]
    fn the_scheme_of_the_connection() {
        let proxies = TrustedProxies { networks: vec!["10.0.0.0/8".parse().unwrap()], name_host: false };
        let peer = Peer::default().addr("10.0.0.1:1".parse().unwrap()).scheme(Scheme::HTTP);
        for (lines, wanted) in [
            (&["https"][..], "https"),
            (&["WSS"], "https"),
            (&["https, ws"], "http"),
            (&[""], "http"),
            (&["https,"], "http"),
            (&["h t t p"], "http"),
            (&["https", "ftp"], "ftp"),
        ] {
            let name = http::HeaderName::from_static("x-forwarded-proto");
            let headers = lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect();
            let forwarded = forwarded(&headers, &peer, &proxies).unwrap();
            assert_eq!(forwarded.peer.scheme.unwrap().as_str(), wanted, "{lines:?}");
        }
    }
}
