//! What a trusted proxy says of the client behind it.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::uri::Scheme;

use crate::matcher::client::Network;
use crate::peer::Peer;

/// The client's side of a connection through proxies.
#[derive(Debug)]
pub(crate) struct Forwarded<'r> {
    pub(crate) peer: Peer,
    pub(crate) host: Option<&'r str>,
}

/// Reads `X-Forwarded-For`, `-Proto` and `-Host`, if the other end is a trusted proxy: from anybody else
/// they are the client's own words. RFC 7239's `Forwarded` is not read: a proxy that does not know it
/// hands on what the client wrote.
pub(crate) fn forwarded<'r>(
    headers: &'r HeaderMap,
    peer: &Peer,
    proxies: &[Network],
) -> Option<Forwarded<'r>> {
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    let nearest = peer.addr.filter(|address| trusted(address.ip()))?;
    let mut client = Some(nearest);
    let hops: Vec<&str> = items(headers, "x-forwarded-for").collect();
    // Each proxy adds the address that it heard from: the first one that is no proxy of ours is the client.
    for hop in hops.iter().rev() {
        if !client.is_some_and(|client| trusted(client.ip())) {
            break;
        }
        client = address(hop);
    }
    // The last word is that of the proxy next to us.
    let scheme = items(headers, "x-forwarded-proto").last();
    let scheme = scheme.map(str::to_ascii_lowercase).and_then(|scheme| scheme.parse::<Scheme>().ok());
    let scheme = scheme.or_else(|| peer.scheme.clone());
    let host = items(headers, "x-forwarded-host").last().filter(|host| !host.is_empty());
    Some(Forwarded { peer: Peer { addr: client, scheme }, host })
}

fn items<'r>(headers: &'r HeaderMap, name: &str) -> impl Iterator<Item = &'r str> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or(""));
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let alone = bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
    alone.or_else(|_| text.parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stranger_from_the_right() {
        let proxies: Vec<Network> =
            ["10.0.0.0/8", "::1"].map(|network| network.parse().unwrap()).into_iter().collect();
        for (peer, lines, wanted) in [
            ("9.9.9.9:1", &["1.1.1.1"][..], None),
            ("10.0.0.1:1", &[], Some("10.0.0.1:1")),
            ("10.0.0.1:1", &["1.1.1.1"], Some("1.1.1.1:0")),
            ("10.0.0.1:1", &["1.1.1.1, 2.2.2.2"], Some("2.2.2.2:0")),
            ("10.0.0.1:1", &["1.1.1.1", "2.2.2.2, 10.9.9.9"], Some("2.2.2.2:0")),
            ("10.0.0.1:1", &["10.1.1.1"], Some("10.1.1.1:0")),
            ("[::1]:1", &["[2001:db8::1]:443"], Some("[2001:db8::1]:443")),
            ("10.0.0.1:1", &["1.1.1.1, unknown"], Some("")),
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
}
