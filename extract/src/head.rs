//! What a `#[request]` field can be: a piece of the request's head.

use http::{Extensions, HeaderMap, Method, Uri, Version, request::Parts};

/// A type that a `#[request]` field can have.
///
/// Here are [`Method`], [`Uri`], [`Version`], [`HeaderMap`] and [`Extensions`] of `http`; with the feature
/// `router` also `Matched` and `Peer`, which need waylay's router. Where a piece may be missing, the field
/// is an `Option`.
///
/// ```
/// use http::{Method, Request, Uri};
/// use waylay_extract::Extract;
///
/// #[derive(Debug, Extract)]
/// struct Log {
///     #[request]
///     method: Method,
///     #[request]
///     uri: Uri,
/// }
///
/// let (parts, ()) = Request::put("/a?b").body(()).unwrap().into_parts();
/// let log = Log::extract_parts(&parts, &[]).unwrap();
/// assert_eq!((log.method, log.uri.query()), (Method::PUT, Some("b")));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no piece of a request's head",
    label = "not a method, URI, version, header map, match or peer",
    note = "a type of your own in the extensions is `#[extension]`, an extractor is `#[from]`"
)]
pub trait FromHead: Sized {
    /// The piece, if the request has it.
    fn from_head(parts: &Parts) -> Option<Self>;
}

impl FromHead for Method {
    fn from_head(parts: &Parts) -> Option<Self> {
        Some(parts.method.clone())
    }
}

impl FromHead for Uri {
    fn from_head(parts: &Parts) -> Option<Self> {
        Some(parts.uri.clone())
    }
}

impl FromHead for Version {
    fn from_head(parts: &Parts) -> Option<Self> {
        Some(parts.version)
    }
}

impl FromHead for HeaderMap {
    fn from_head(parts: &Parts) -> Option<Self> {
        Some(parts.headers.clone())
    }
}

impl FromHead for Extensions {
    fn from_head(parts: &Parts) -> Option<Self> {
        Some(parts.extensions.clone())
    }
}

#[cfg(feature = "router")]
impl FromHead for waylay_router::Matched {
    fn from_head(parts: &Parts) -> Option<Self> {
        parts.extensions.get().cloned()
    }
}

#[cfg(feature = "router")]
impl FromHead for waylay_router::Peer {
    fn from_head(parts: &Parts) -> Option<Self> {
        parts.extensions.get().cloned()
    }
}
