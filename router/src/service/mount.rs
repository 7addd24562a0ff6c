//! Mounted services: a service under a prefix that it does not see.

use std::convert::Infallible;
use std::str::FromStr;

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponseParts, ResponseParts};
use http::header::{CONTENT_LOCATION, LOCATION};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};

use crate::request::path::escaped;
use crate::request::policy::{EmptySegments, PathForm, Policy};
use crate::service::endpoint::{Endpoint, EndpointFuture, Next};
use crate::service::handler::NotRouted;
use crate::table::matched::Matched;

/// The mount point of a service: an extension of the requests that [`Route::mount`](crate::Route::mount)
/// passes on, and an extractor of handlers.
///
/// ```
/// use tower::ServiceExt;
/// use waylay_router::{Body, Matched, Mount, Route, Router};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shop = Router::builder()
///     .route(Route::get("/items/{id}").to(async |mount: Mount, matched: Matched| {
///         let tenant = mount.matched().get("tenant").unwrap_or_default().into_owned();
///         format!("{tenant} {} {}", matched.get("id").unwrap_or_default(), mount.original_uri())
///     }))
///     .build()?;
/// let router = Router::builder().route(Route::prefix("/shops/{tenant}").mount(shop)).build()?;
/// let request = http::Request::get("/shops/acme/items/7").body(Body::empty())?;
/// let body = http_body_util::BodyExt::collect(router.oneshot(request).await?.into_body()).await?;
/// assert_eq!(body.to_bytes(), "acme 7 /shops/acme/items/7");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Mount {
    original: Uri,
    matched: Matched,
}

impl Mount {
    /// Returns the original URI, before any prefix was removed.
    pub fn original_uri(&self) -> &Uri {
        &self.original
    }

    /// Returns the outer match, with the variables of the prefix.
    pub fn matched(&self) -> &Matched {
        &self.matched
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Mount {
    type Rejection = NotRouted;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotRouted> {
        parts.extensions.get::<Self>().cloned().ok_or(NotRouted)
    }
}

/// Removes the prefix before it calls a service.
pub(crate) struct Mounted {
    pub(crate) service: Next,
}

impl Endpoint for Mounted {
    fn answer(&self, mut request: Request<Body>) -> EndpointFuture {
        let Some(matched) = request.extensions().get::<Matched>().cloned() else {
            return self.service.answer(request).into_answer();
        };
        let shortened = without(request.uri(), matched.mount_segments(), &matched.catalog().policy);
        let outer = request.extensions().get::<Mount>().map(|mount| mount.original.clone());
        let original = outer.unwrap_or_else(|| request.uri().clone());
        if let Some(uri) = shortened {
            *request.uri_mut() = uri;
        }
        let (outer, inner) = (original.clone(), request.uri().clone());
        request.extensions_mut().insert(Mount { original, matched });
        let answer = self.service.answer(request);
        Box::pin(async move {
            let mut response = answer.into_answer().await;
            add_prefix(&mut response, outer.path(), inner.path());
            response
        })
    }
}

/// Returns a target of an inner router as one of the outermost, with the removed prefixes.
pub(crate) fn outer_path<B>(request: &Request<B>, target: &str) -> String {
    let mount = request.extensions().get::<Mount>().map(|mount| &mount.original);
    // axum may nest what is mounted, or the other way round: the longer path has both prefixes.
    let original = mount.into_iter().chain(nested(request)).max_by_key(|uri| uri.path().len());
    let removed = original.map_or("", |original| removed_prefix(original.path(), request.uri().path()));
    let removed = removed.trim_matches('/');
    // Two leading slashes would name another host, and so would a slash and a backslash.
    if removed.is_empty() { target.to_owned() } else { format!("/{}{target}", escaped(removed)) }
}

/// Returns the URI before axum's `nest` removed its prefix.
#[cfg(feature = "axum")]
fn nested<B>(request: &Request<B>) -> Option<&Uri> {
    request.extensions().get::<axum::extract::OriginalUri>().map(|original| &original.0)
}

#[cfg(not(feature = "axum"))]
fn nested<B>(_request: &Request<B>) -> Option<&Uri> {
    None
}

/// Marks a response whose `Location` and `Content-Location` are paths of the outermost router: a
/// [mount](crate::Route::mount) leaves them alone. It is a response extension, and a part of the response of a
/// handler.
///
/// ```
/// use axum_core::response::{IntoResponse, Response};
/// use http::StatusCode;
/// use waylay_router::OuterLocation;
/// async fn leave_the_mount() -> impl IntoResponse {
///     (StatusCode::SEE_OTHER, OuterLocation, [("location", "/login")])
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OuterLocation;

impl IntoResponseParts for OuterLocation {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        response.extensions_mut().insert(self);
        Ok(response)
    }
}

/// Adds the removed prefix to the path-absolute references (RFC 3986 §4.2) of a response, once: a mounted service
/// names its own paths.
fn add_prefix(response: &mut Response<Body>, outer: &str, inner: &str) {
    if response.extensions().get::<OuterLocation>().is_some() {
        return;
    }
    let Some(prefix) = outer_prefix(outer, inner) else { return };
    let mut has_changed = false;
    for name in [LOCATION, CONTENT_LOCATION] {
        let Some(target) = response.headers().get(&name).and_then(|value| value.to_str().ok()) else {
            continue;
        };
        if !is_path_absolute(target, inner) {
            continue;
        }
        if let Ok(value) = HeaderValue::from_str(&format!("{prefix}{target}")) {
            response.headers_mut().insert(name, value);
            has_changed = true;
        }
    }
    if has_changed {
        response.extensions_mut().insert(OuterLocation);
    }
}

/// Tests whether a reference is a path. Two leading slashes, or what browsers read as such, name a host, unless the
/// request had such a path itself.
fn is_path_absolute(target: &str, inner: &str) -> bool {
    let names_host = |text: &str| text.starts_with("//") || text.starts_with("/\\");
    target.starts_with('/') && (!names_host(target) || names_host(inner) && target.starts_with(inner))
}

/// Returns the removed prefix, escaped, without a final slash; `None` if nothing was removed. As a start of
/// a reference it never names a host.
fn outer_prefix(original: &str, inner: &str) -> Option<String> {
    let removed = removed_prefix(original, inner).trim_matches('/');
    // Two leading slashes would name another host, and so would a slash and a backslash.
    (!removed.is_empty()).then(|| format!("/{}", escaped(removed)))
}

/// Returns the prefix that precedes the inner path; `None` if a layer has rewritten the path.
fn removed_prefix<'p>(original: &'p str, inner: &str) -> &'p str {
    let root = if inner == "/" { original } else { "" };
    original.strip_suffix(inner).unwrap_or(root)
}

/// Returns the URI without the first segments of its path. They are counted in the raw path: `%2F` separates
/// only if matching decodes it, and of slashes that matching merges the last one does.
fn without(uri: &Uri, segments: usize, policy: &Policy) -> Option<Uri> {
    let path = uri.path();
    let is_decoded = policy.path == PathForm::Decoded;
    let is_separator = |rest: &[u8]| {
        rest.starts_with(b"/") || is_decoded && [b"%2F", b"%2f"].iter().any(|own| rest.starts_with(*own))
    };
    let is_merged = policy.empty_segments == EmptySegments::Merge;
    let separates = |at: &usize| {
        let rest = &path.as_bytes()[*at..];
        let after = if rest.starts_with(b"/") { 1 } else { 3 };
        is_separator(rest) && !(is_merged && is_separator(rest.get(after..).unwrap_or_default()))
    };
    let start = (0..path.len()).filter(separates).nth(segments).unwrap_or(path.len());
    let rest = &path[start..];
    let slash = if rest.starts_with('/') { "" } else { "/" };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::from_str(&format!("{slash}{rest}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::{is_path_absolute, outer_prefix, removed_prefix, without};
    use crate::request::policy::{EmptySegments, PathForm, Policy};

    #[test]
    fn prefixes_never_name_a_host() {
        for (original, inner, expected) in [
            ("/a/b/c", "/c", Some("/a/b")),
            ("/a", "/", Some("/a")),
            ("//a/b", "/b", Some("/a")),
            ("/\\a.example/b", "/b", Some("/%5Ca.example")),
            ("/x%2Fy/b", "/b", Some("/x%2Fy")),
            ("/b", "/b", None),
            ("/", "/", None),
        ] {
            assert_eq!(outer_prefix(original, inner).as_deref(), expected, "{original} {inner}");
        }
    }

    #[test]
    fn path_absolute_references() {
        for (target, inner, expected) in [
            ("/", "/", true),
            ("/a?b=/c", "/", true),
            ("a", "/", false),
            ("?a", "/", false),
            ("", "/", false),
            ("https://h/a", "/", false),
            ("//h/a", "/a", false),
            ("/\\h/a", "/a", false),
            ("//h/a/", "//h/a", true),
            ("/\\h/", "/\\h", true),
        ] {
            assert_eq!(is_path_absolute(target, inner), expected, "{target} {inner}");
        }
    }

    #[test]
    fn what_was_cut_off() {
        for (original, inner, wanted) in [
            ("/a/b/c", "/c", "/a/b"),
            ("/a", "/", "/a"),
            ("/a/", "/", "/a"),
            ("/a//b", "//b", "/a"),
            ("/x", "/x", ""),
            ("/a/b", "/rewritten", ""),
        ] {
            assert_eq!(removed_prefix(original, inner), wanted, "{original} {inner}");
        }
    }

    #[test]
    fn whole_raw_segments() {
        let raw = Policy::default();
        let decoded = raw.path(PathForm::Decoded);
        let merged = raw.empty_segments(EmptySegments::Merge);
        for (uri, segments, policy, wanted) in [
            ("//a///b//c", 1, merged, "/b//c"),
            ("//a///b//c", 2, merged, "/c"),
            ("//a//", 1, merged, "/"),
            ("//a", 1, merged, "/"),
            ("/a%2F/b", 1, decoded.empty_segments(EmptySegments::Merge), "/b"),
            ("/a/b/c?d=e", 1, raw, "/b/c?d=e"),
            ("/a/b/c", 2, raw, "/c"),
            ("/a", 1, raw, "/"),
            ("/a?x", 1, raw, "/?x"),
            ("/a/", 1, raw, "/"),
            ("/a//b", 1, raw, "//b"),
            ("/x%2Fy/b", 1, raw, "/b"),
            ("/x%2Fy/b", 1, decoded, "/%2Fy/b"),
            ("http://h/a/b", 1, raw, "http://h/b"),
            ("/a/b", 0, raw, "/a/b"),
        ] {
            assert_eq!(
                without(&uri.parse().unwrap(), segments, &policy).unwrap().to_string(),
                wanted,
                "{uri}"
            );
        }
    }
}
