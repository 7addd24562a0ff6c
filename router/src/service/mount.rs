//! Mounted services.

use std::str::FromStr;

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Uri};

use crate::request::policy::PathForm;
use crate::service::endpoint::{Endpoint, EndpointFuture, Next};
use crate::service::handler::NotRouted;
use crate::table::matched::Matched;

/// Where a service is mounted: an extension of the requests that it gets from
/// [`Route::mount`](crate::Route::mount), and a handler's argument in it.
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
    /// The request's own URI, before any prefix was cut off.
    pub fn original_uri(&self) -> &Uri {
        &self.original
    }

    /// A path of what is mounted, as the request's own URI has it: with what was cut off in front.
    pub(crate) fn outward(&self, inner: &str, target: &str) -> String {
        let cut = cut_off(self.original.path(), inner).trim_matches('/');
        // Two slashes in front would be another host.
        if cut.is_empty() { target.to_owned() } else { format!("/{cut}{target}") }
    }

    /// What matched outside, with the variables of the prefix.
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

/// Cuts the prefix off before a service is called.
pub(crate) struct Mounted {
    pub(crate) service: Next,
}

impl Endpoint for Mounted {
    fn answer(&self, mut request: Request<Body>) -> EndpointFuture {
        if let Some(matched) = request.extensions().get::<Matched>().cloned() {
            let decoded = matched.catalog().policy.path == PathForm::Decoded;
            let shortened = without(request.uri(), matched.segments(), decoded);
            let outer = request.extensions().get::<Mount>().map(|mount| mount.original.clone());
            let original = outer.unwrap_or_else(|| request.uri().clone());
            request.extensions_mut().insert(Mount { original, matched });
            if let Some(uri) = shortened {
                *request.uri_mut() = uri;
            }
        }
        self.service.answer(request).into_answer()
    }
}

/// What stands in front of the inner path; nothing, if the path was rewritten on the way.
fn cut_off<'p>(original: &'p str, inner: &str) -> &'p str {
    let root = if inner == "/" { original } else { "" };
    original.strip_suffix(inner).unwrap_or(root)
}

/// The URI without the first segments of its path, which are counted raw: `%2F` divides only where
/// matching takes it for a separator.
fn without(uri: &Uri, segments: usize, decoded: bool) -> Option<Uri> {
    let path = uri.path();
    let separates = |at: &usize| {
        let rest = &path.as_bytes()[*at..];
        rest.starts_with(b"/") || (decoded && (rest.starts_with(b"%2F") || rest.starts_with(b"%2f")))
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
    use super::{cut_off, without};

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
            assert_eq!(cut_off(original, inner), wanted, "{original} {inner}");
        }
    }

    #[test]
    fn whole_raw_segments() {
        for (uri, segments, decoded, wanted) in [
            ("/a/b/c?d=e", 1, false, "/b/c?d=e"),
            ("/a/b/c", 2, false, "/c"),
            ("/a", 1, false, "/"),
            ("/a?x", 1, false, "/?x"),
            ("/a/", 1, false, "/"),
            ("/a//b", 1, false, "//b"),
            ("/x%2Fy/b", 1, false, "/b"),
            ("/x%2Fy/b", 1, true, "/%2Fy/b"),
            ("http://h/a/b", 1, false, "http://h/b"),
            ("/a/b", 0, false, "/a/b"),
        ] {
            assert_eq!(
                without(&uri.parse().unwrap(), segments, decoded).unwrap().to_string(),
                wanted,
                "{uri}"
            );
        }
    }
}
