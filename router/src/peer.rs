//! What the listener knows of a connection.

use std::net::SocketAddr;

use http::uri::Scheme;

/// What the listener knows of a connection; a request extension.
///
/// What is absent is unknown, and an unknown fact matches no condition on it.
///
/// ```
/// use waylay_router::Peer;
/// let peer = Peer::default().scheme(http::uri::Scheme::HTTPS);
/// assert!(peer.addr.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The address of the other end.
    pub addr: Option<SocketAddr>,
    /// `https` behind TLS, `http` without.
    pub scheme: Option<Scheme>,
}

impl Peer {
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
