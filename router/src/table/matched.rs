//! Matched, Capture: the owned form of a match.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::PathAndQuery;

use crate::compile::pattern::Source;
use crate::table::catalog::{Catalog, RouteInfo};
use crate::template::captures::{ABSENT, Captures, Span};
use crate::template::encoding::Encoding;

/// A captured variable of a match.
///
/// ```
/// use waylay_router::{Peer, Route, Table};
/// let table = Table::builder().route(Route::get("/{title}").value(())).build()?;
/// let request = http::Request::get("/a%20b").body(())?;
/// let found = table.find(&request, &Peer::default()).unwrap();
/// let title = found.captures().next().unwrap();
/// assert_eq!((title.name(), title.raw(), &*title.decode()?), ("title", "a%20b", "a b"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture<'m> {
    name: &'m str,
    raw: &'m str,
    encoding: Encoding,
    inherited: bool,
}

impl<'m> Capture<'m> {
    /// Returns the name of the variable.
    pub fn name(&self) -> &'m str {
        self.name
    }

    /// Returns the text in the request, escapes included.
    pub fn raw(&self) -> &'m str {
        self.raw
    }

    /// Tests whether the variable comes from a scope of the route.
    pub fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// Decodes the value once.
    ///
    /// # Errors
    /// The decoded bytes are not UTF-8.
    pub fn decode(&self) -> Result<Cow<'m, str>, std::str::Utf8Error> {
        self.encoding.decode(self.raw)
    }
}

/// The texts that captures are ranges of.
#[derive(Clone, Copy)]
pub(crate) struct CaptureSource<'m> {
    pub(crate) catalog: &'m Catalog,
    pub(crate) route: usize,
    pub(crate) spans: &'m [Span],
    pub(crate) path: &'m str,
    pub(crate) query: &'m str,
    pub(crate) host: &'m str,
}

impl<'m> CaptureSource<'m> {
    pub(crate) fn captures(self) -> impl DoubleEndedIterator<Item = Capture<'m>> + use<'m> {
        let path = self.catalog.policy.path_encoding();
        let vars = self.catalog.routes.get(self.route).map_or(&[][..], |entry| &entry.templates.vars);
        let count = vars.len().min(self.spans.len());
        let taken = vars[..count].iter().zip(&self.spans[..count]).filter(|(_, span)| **span != ABSENT);
        taken.map(move |(var, span)| {
            let (text, encoding) = match var.source {
                Source::Path => (self.path, path),
                Source::Host => (self.host, Encoding::Plain),
                Source::Query => (self.query, Encoding::Form),
            };
            let raw = text.get(usize::from(span.0)..usize::from(span.1)).unwrap_or("");
            Capture { name: &var.name, raw, encoding, inherited: var.inherited }
        })
    }

    /// Returns the value of the last variable with the name, decoded.
    pub(crate) fn get(self, name: &str) -> Option<Cow<'m, str>> {
        self.captures().rev().find(|capture| capture.name == name)?.decode().ok()
    }
}

/// The route of a match and the values of its variables.
///
/// The router inserts it into the request's extensions before any layer runs, so that layers, handlers and
/// extractors can read it. It is also an extractor.
///
/// ```
/// use waylay_router::{Matched, Router, Route};
/// let router = Router::builder()
///     .route(Route::get("/users/{id}").name("user").to(async |matched: Matched| {
///         assert_eq!((matched.name(), matched.template()), (Some("user"), "/users/{id}"));
///         matched.get("id").unwrap_or_default().into_owned()
///     }))
///     .build()?;
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Clone)]
pub struct Matched {
    catalog: Arc<Catalog>,
    route: u32,
    captures: Captures,
    target: Option<PathAndQuery>,
    rewritten: Option<Box<str>>,
    host: Option<Box<str>>,
}

impl Matched {
    /// Stores the path if it is not that of the URI, and the host if the route has variables in it.
    #[inline]
    pub(crate) fn new(
        catalog: &Arc<Catalog>,
        route: usize,
        captures: Captures,
        uri: &Uri,
        path: Cow<'_, str>,
        host: Option<Cow<'_, str>>,
    ) -> Self {
        let at_host = |_: &Cow<'_, str>| {
            let entry = catalog.routes.get(route);
            entry.is_some_and(|entry| entry.templates.vars.iter().any(|var| var.source == Source::Host))
        };
        Self {
            catalog: Arc::clone(catalog),
            route: route as u32,
            captures,
            target: uri.path_and_query().cloned(),
            rewritten: match path {
                Cow::Owned(path) => Some(path.into()),
                Cow::Borrowed(_) => None,
            },
            host: host.filter(at_host).map(|host| (*host).into()),
        }
    }

    /// Returns the index of the route in [`Table::routes`](crate::Table::routes).
    pub fn index(&self) -> usize {
        self.catalog.listed(self.entry())
    }

    pub(crate) fn entry(&self) -> usize {
        self.route as usize
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Returns the number of segments that a mounted service does not see.
    pub(crate) fn mount_segments(&self) -> usize {
        self.catalog.routes.get(self.entry()).map_or(0, |entry| entry.mount_segments)
    }

    pub(crate) fn of(&self, catalog: &Arc<Catalog>) -> bool {
        Arc::ptr_eq(&self.catalog, catalog)
    }

    fn within(&self) -> CaptureSource<'_> {
        let target = self.target.as_ref();
        CaptureSource {
            catalog: &self.catalog,
            route: self.entry(),
            spans: self.captures.as_slice(),
            path: self.rewritten.as_deref().or(target.map(PathAndQuery::path)).unwrap_or(""),
            query: target.and_then(PathAndQuery::query).unwrap_or(""),
            host: self.host.as_deref().unwrap_or(""),
        }
    }

    /// Returns the captures of path, host and query, in template order, those of scopes included. A missing
    /// optional segment has none.
    pub fn captures(&self) -> impl Iterator<Item = Capture<'_>> {
        self.within().captures()
    }

    /// Returns the value of a variable, decoded; `None` if there is no such variable, or if the value is not
    /// UTF-8.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.within().get(name)
    }

    /// Returns the route.
    pub fn route(&self) -> Option<RouteInfo<'_>> {
        self.catalog.info(self.entry())
    }

    /// Returns the name of the route, preceded by the names of its scopes.
    pub fn name(&self) -> Option<&str> {
        self.route()?.name()
    }

    /// Returns the path template with the prefixes of its scopes: a stable label for metrics.
    pub fn template(&self) -> &str {
        self.route().map_or("", |route| route.template())
    }
}

impl PartialEq for Matched {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.catalog, &other.catalog)
            && (self.route, &self.captures, &self.target) == (other.route, &other.captures, &other.target)
    }
}

impl Eq for Matched {}

impl fmt::Debug for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let captures: Vec<_> = self.captures().map(|capture| (capture.name, capture.raw)).collect();
        f.debug_struct("Matched")
            .field("name", &self.name())
            .field("template", &self.template())
            .field("captures", &captures)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Matched;

    /// An extension of up to 400 bytes is as cheap as a small one; a larger one is measurably slower to move.
    #[test]
    fn stays_small() {
        assert!(size_of::<Matched>() <= 400, "{}", size_of::<Matched>());
    }
}
