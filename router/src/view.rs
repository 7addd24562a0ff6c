//! A request as the matchers see it.

use std::borrow::Cow;
use std::net::SocketAddr;

use http::uri::Scheme;
use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

use crate::authority::{self, Host};
use crate::canonical::{BadRequest, canonical, cleaned, has_dot_segment};
use crate::policy::{Cleaning, MissingHost, PathForm, Policy};
use crate::template::decode::Coding;

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
pub struct Peer {
    /// The address of the other end.
    pub addr: Option<SocketAddr>,
    /// `https` behind TLS, `http` without.
    pub scheme: Option<Scheme>,
}

impl Peer {
    /// Sets the address.
    pub fn addr(self, addr: SocketAddr) -> Self {
        Self { addr: Some(addr), ..self }
    }

    /// Sets the scheme.
    pub fn scheme(self, scheme: Scheme) -> Self {
        Self { scheme: Some(scheme), ..self }
    }
}

/// The head of a request, borrowed; what custom conditions are given.
#[derive(Debug, Clone, Copy)]
pub struct Head<'r> {
    /// The method.
    pub method: &'r Method,
    /// The target as it came.
    pub uri: &'r Uri,
    /// The protocol version.
    pub version: Version,
    /// The header fields.
    pub headers: &'r HeaderMap,
    /// The extensions.
    pub extensions: &'r Extensions,
}

/// Why a request has no view: it is refused, or sent elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unseen {
    Bad(BadRequest),
    Cleaned(String),
}

/// The head with the policy applied.
pub(crate) struct View<'r> {
    pub(crate) head: Head<'r>,
    pub(crate) path: Cow<'r, str>,
    pub(crate) query: &'r str,
    pub(crate) host: Option<Host<'r>>,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) policy: Policy,
}

impl<'r> View<'r> {
    /// Applies the policy; `hosts` says whether any route looks at the host.
    pub(crate) fn new<B>(
        request: &'r Request<B>,
        peer: &Peer,
        policy: Policy,
        hosts: bool,
    ) -> Result<Self, Unseen> {
        let uri = request.uri();
        let path = path(uri, policy)?;
        let host = if hosts || policy.missing_host == MissingHost::Refuse {
            authority::effective(uri, request.headers(), policy.grammar).map_err(Unseen::Bad)?
        } else {
            None
        };
        let asked = policy.missing_host == MissingHost::Refuse && request.version() <= Version::HTTP_11;
        if asked && host.is_none() {
            return Err(Unseen::Bad(BadRequest::NoHost));
        }
        let scheme = match policy.path {
            PathForm::Canonical => peer.scheme.as_ref().or(uri.scheme()).cloned(),
            PathForm::Decoded | PathForm::Raw => uri.scheme().or(peer.scheme.as_ref()).cloned(),
        };
        Ok(Self {
            head: Head {
                method: request.method(),
                uri,
                version: request.version(),
                headers: request.headers(),
                extensions: request.extensions(),
            },
            path,
            query: uri.query().unwrap_or(""),
            host,
            scheme,
            policy,
        })
    }
}

fn path(uri: &Uri, policy: Policy) -> Result<Cow<'_, str>, Unseen> {
    let raw = uri.path();
    let path = match policy.path {
        PathForm::Canonical => match policy.cleaning {
            Cleaning::Refuse => return canonical(raw).map_err(Unseen::Bad),
            Cleaning::Redirect | Cleaning::Keep => Cow::Borrowed(raw),
        },
        PathForm::Decoded => Coding::Path.decode(raw).map_err(|_| Unseen::Bad(BadRequest::BadEscape))?,
        PathForm::Raw => Cow::Borrowed(raw),
    };
    if path.len() > usize::from(u16::MAX) {
        return Err(Unseen::Bad(BadRequest::PathTooLong));
    }
    match policy.cleaning {
        Cleaning::Refuse if has_dot_segment(&path) => Err(Unseen::Bad(BadRequest::DotSegment)),
        Cleaning::Redirect => {
            let clean = cleaned(&path);
            if clean == *path { Ok(path) } else { Err(Unseen::Cleaned(clean)) }
        }
        Cleaning::Refuse | Cleaning::Keep => Ok(path),
    }
}
