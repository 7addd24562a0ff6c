//! Who sent a request, as the extensions tell.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;

/// The address at the other end of the connection, for a server to put into the extensions of its
/// requests. What axum's `ConnectInfo<SocketAddr>` (feature `axum`) and waylay-router's `Peer`
/// (feature `router`) tell is read as well, behind a trusted proxy its `Effective`; this one goes first.
///
/// ```
/// use http::Request;
/// use waylay_fault::Remote;
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(Remote(([127, 0, 0, 1], 51234).into()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote(pub SocketAddr);

/// The client's address, an IPv4 address mapped into IPv6 as the IPv4 address it is.
pub(crate) fn client(extensions: &Extensions) -> Option<IpAddr> {
    address(extensions).map(|address| address.ip().to_canonical())
}

fn address(extensions: &Extensions) -> Option<SocketAddr> {
    if let Some(Remote(address)) = extensions.get() {
        return Some(*address);
    }
    #[cfg(feature = "router")]
    if let Some(effective) = extensions.get::<waylay_router::Effective>() {
        return effective.addr;
    }
    #[cfg(feature = "router")]
    if let Some(address) = extensions.get::<waylay_router::Peer>().and_then(|peer| peer.addr) {
        return Some(address);
    }
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(address)) = extensions.get() {
        return Some(*address);
    }
    None
}
