//! RequestView: the request as matchers see it.

use std::borrow::Cow;
use std::net::IpAddr;

use http::uri::Scheme;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use waylay_template::Syntax;

use crate::request::host;
use crate::request::host::{Host, HostView};
use crate::request::pairs::PairIndex;
use crate::request::path::{
    BadRequest, canonical, check_length, check_spelling, cleaned, has_dot_segment, merged, normalize,
};
use crate::request::peer::{Forwarded, Peer, TrustedProxies, forwarded};
use crate::request::policy::{EmptySegments, MissingHost, PathCleaning, PathForm, Policy};
use crate::request::shared::SharedParts;
use crate::template::decoded::DecodedValues;
use crate::template::encoding::{Encoding, escape, has_bad_escape};
use crate::template::scan::ScannedText;

/// The head of a request, borrowed; the argument of custom conditions.
///
/// ```
/// use waylay_router::{RequestHead, Peer, Route, Table};
/// let shouts = |head: &RequestHead<'_>| head.uri.path().chars().any(char::is_uppercase);
/// let table = Table::builder().route(Route::new().guard("shouts", shouts).value("hush")).build()?;
/// let request = http::Request::get("/HELLO").body(())?;
/// assert!(table.find(&request, &Peer::default()).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'r> {
    /// The method.
    pub method: &'r Method,
    /// The request target, unchanged.
    pub uri: &'r Uri,
    /// The protocol version.
    pub version: Version,
    /// The header fields.
    pub headers: &'r HeaderMap,
    /// The extensions.
    pub extensions: &'r Extensions,
}

impl<'r> RequestHead<'r> {
    #[inline]
    fn of<B>(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

/// The reason for not testing any route: the request is rejected or redirected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ViewError {
    Bad(BadRequest),
    /// The clean path, encoded.
    Cleaned(String),
}

/// A request normalized by the policy; [`RequestView`] borrows it.
pub(crate) struct NormalizedRequest<'r> {
    pub(crate) path: Cow<'r, str>,
    pub(crate) host: Option<Host<'r>>,
    /// The client, if the peer is a trusted proxy.
    behind: Option<Box<Forwarded<'r>>>,
    shared: SharedParts,
}

impl<'r> NormalizedRequest<'r> {
    /// Applies the policy; `hosts` is true if any route reads the host.
    #[inline(always)]
    pub(crate) fn new<B>(
        request: &'r Request<B>,
        peer: &Peer,
        policy: &Policy,
        proxies: &TrustedProxies,
        hosts: bool,
    ) -> Result<Self, ViewError> {
        let uri = request.uri();
        let path = path(uri, policy)?;
        let behind = if proxies.is_empty() { None } else { forwarded(request.headers(), peer, proxies) };
        let strict = policy.missing_host == MissingHost::Reject;
        let host = if hosts || strict {
            let given = behind.as_ref().and_then(|behind| behind.host);
            host::effective(uri, request.headers(), given, request.version(), policy.syntax)
                .map_err(ViewError::Bad)?
        } else {
            None
        };
        if strict && host.is_none() && request.version() == Version::HTTP_11 {
            return Err(ViewError::Bad(BadRequest::NoHost));
        }
        Ok(Self { path, host, behind: behind.map(Box::new), shared: SharedParts::default() })
    }
}

/// The request head with the policy applied, all borrowed.
#[derive(Clone, Copy)]
pub(crate) struct RequestView<'v> {
    pub(crate) head: RequestHead<'v>,
    pub(crate) path: &'v str,
    pub(crate) host: Option<HostView<'v>>,
    pub(crate) policy: &'v Policy,
    peer: &'v Peer,
    pub(crate) shared: &'v SharedParts,
}

impl<'v> RequestView<'v> {
    #[inline]
    pub(crate) fn new<B>(
        request: &'v Request<B>,
        read: &'v NormalizedRequest<'_>,
        peer: &'v Peer,
        policy: &'v Policy,
    ) -> Self {
        Self {
            head: RequestHead::of(request),
            path: &read.path,
            host: read.host.as_ref().map(Host::view),
            policy,
            peer: read.behind.as_ref().map_or(peer, |behind| &behind.peer),
            shared: &read.shared,
        }
    }

    /// Returns the same request with another method.
    pub(crate) fn with_method<'m>(self, method: &'m Method) -> RequestView<'m>
    where
        'v: 'm,
    {
        RequestView { head: RequestHead { method, ..self.head }, ..self }
    }

    /// Returns the path, and what was decoded of it.
    #[inline]
    pub(crate) fn path_values(&self) -> (&'v str, &'v DecodedValues) {
        (self.path, &self.shared.values)
    }

    /// Returns the query, empty if there is none.
    pub(crate) fn query(&self) -> &'v str {
        self.head.uri.query().unwrap_or("")
    }

    /// Returns the values of the query by key.
    pub(crate) fn query_index(&self) -> &'v PairIndex {
        self.shared.query(self.query(), |c| u8::try_from(c).is_ok_and(|byte| self.policy.divides_query(byte)))
    }

    /// Tests whether a pattern may read the path; rejects the request if it is too long.
    pub(crate) fn may_match_path(&self) -> bool {
        self.shared.may_match(std::iter::once(self.path.len()), BadRequest::PathTooLong)
    }

    /// Tests whether conditions may search the lines of a header; rejects the request if they are too long.
    pub(crate) fn may_match_header(&self, name: &HeaderName) -> bool {
        let lines = self.head.headers.get_all(name).iter();
        self.shared.may_match(lines.map(HeaderValue::len), BadRequest::HeaderTooLong)
    }

    /// Returns the address of the peer, if it is known.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        self.peer.addr.map(|address| address.ip())
    }

    /// Returns the scheme if the listener knows it: the scheme of the target is client input.
    pub(crate) fn scheme(&self) -> Option<&'v Scheme> {
        match self.policy.syntax {
            Syntax::Native => self.peer.scheme.as_ref(),
            // gorilla/mux uses the scheme of an absolute target.
            Syntax::Gorilla => self.head.uri.scheme().or(self.peer.scheme.as_ref()),
        }
    }
}

/// Makes a view when a guard needs it.
pub(crate) trait ViewSource {
    fn method(&self) -> &Method;
    fn headers(&self) -> &HeaderMap;
    fn view(&self) -> RequestView<'_>;
}

impl ViewSource for &RequestView<'_> {
    #[inline]
    fn method(&self) -> &Method {
        self.head.method
    }

    #[inline]
    fn headers(&self) -> &HeaderMap {
        self.head.headers
    }

    #[inline]
    fn view(&self) -> RequestView<'_> {
        **self
    }
}

/// A request whose path and host are in canonical form already.
pub(crate) struct PlainRequest<'r, 'p, B> {
    request: &'r Request<B>,
    pub(crate) host: Option<&'r str>,
    peer: &'p Peer,
    policy: &'p Policy,
    shared: SharedParts,
}

/// What is read of a request before the search, if its policy [is plain](Policy::is_plain).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlainParts {
    Path,
    /// Path and host; the policy may reject requests without a host or with empty segments.
    All,
}

impl PlainParts {
    /// Reads the path in place; nothing if the request needs a [`NormalizedRequest`].
    #[inline(always)]
    pub(crate) fn path<'r>(self, uri: &'r Uri, policy: &Policy) -> Option<ScannedText<'r>> {
        let target = uri.path_and_query()?;
        if target.as_str().len() > usize::from(u16::MAX) {
            return None;
        }
        let path = ScannedText::canonical(target.path())?;
        let may_be_rejected = self == Self::All && policy.empty_segments != EmptySegments::Keep;
        (!may_be_rejected || !path.has_empty_segments()).then_some(path)
    }

    /// Reads the host in place, likewise.
    #[inline(always)]
    pub(crate) fn host<'r>(
        self,
        uri: &'r Uri,
        headers: &'r HeaderMap,
        policy: &Policy,
    ) -> Option<Option<ScannedText<'r>>> {
        let host = if self == Self::All { host::plain(uri, headers)? } else { None };
        (host.is_some() || policy.missing_host != MissingHost::Reject).then_some(host)
    }
}

impl<'r, 'p, B> PlainRequest<'r, 'p, B> {
    /// A request whose path and host were read in place; the host is text.
    #[inline]
    pub(crate) fn new(
        request: &'r Request<B>,
        peer: &'p Peer,
        policy: &'p Policy,
        host: Option<&'r [u8]>,
    ) -> Self {
        let host = host.and_then(|host| std::str::from_utf8(host).ok());
        Self { request, host, peer, policy, shared: SharedParts::default() }
    }

    /// Returns why the request is rejected, after all conditions were tested.
    #[inline]
    pub(crate) fn rejection(&self) -> Option<BadRequest> {
        self.shared.rejection()
    }
}

impl<B> ViewSource for &PlainRequest<'_, '_, B> {
    #[inline]
    fn method(&self) -> &Method {
        self.request.method()
    }

    #[inline]
    fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    fn view(&self) -> RequestView<'_> {
        RequestView {
            head: RequestHead::of(self.request),
            path: self.request.uri().path(),
            host: self.host.map(|name| HostView { name, port: None }),
            policy: self.policy,
            peer: self.peer,
            shared: &self.shared,
        }
    }
}

#[inline(always)]
fn path<'r>(uri: &'r Uri, policy: &Policy) -> Result<Cow<'r, str>, ViewError> {
    let raw = uri.path();
    check_length(raw, uri.query()).and_then(|()| check_spelling(raw, *policy)).map_err(ViewError::Bad)?;
    let path = if policy.path == PathForm::Canonical && policy.path_cleaning == PathCleaning::Reject {
        canonical(raw).map_err(ViewError::Bad)?
    } else {
        other_path(uri, policy)?
    };
    match policy.empty_segments {
        EmptySegments::Keep => Ok(path),
        EmptySegments::Merge => Ok(merged(path)),
        EmptySegments::Reject if path.contains("//") => Err(ViewError::Bad(BadRequest::EmptySegment)),
        EmptySegments::Reject => Ok(path),
    }
}

/// Returns the path in a form of gorilla/mux.
fn other_path<'r>(uri: &'r Uri, policy: &Policy) -> Result<Cow<'r, str>, ViewError> {
    let raw = uri.path();
    let path = match policy.path {
        PathForm::Canonical => normalize(raw).map_err(ViewError::Bad)?.0,
        PathForm::Decoded if has_bad_escape(raw) => return Err(ViewError::Bad(BadRequest::BadEscape)),
        PathForm::Decoded => Encoding::Path.decode(raw).map_err(|_| ViewError::Bad(BadRequest::NotUtf8))?,
        PathForm::Raw => Cow::Borrowed(raw),
    };
    if path.len() > usize::from(u16::MAX) {
        return Err(ViewError::Bad(BadRequest::PathTooLong));
    }
    match policy.path_cleaning {
        PathCleaning::Reject if has_dot_segment(&path) => Err(ViewError::Bad(BadRequest::DotSegment)),
        PathCleaning::Redirect if policy.empty_segments == EmptySegments::Reject && path.contains("//") => {
            Err(ViewError::Bad(BadRequest::EmptySegment))
        }
        PathCleaning::Redirect => {
            let clean = cleaned(&path);
            match policy.path {
                _ if clean == *path => Ok(path),
                PathForm::Decoded => Err(ViewError::Cleaned(escape(&clean))),
                PathForm::Canonical | PathForm::Raw => Err(ViewError::Cleaned(clean)),
            }
        }
        PathCleaning::Reject | PathCleaning::Keep => Ok(path),
    }
}
