//! Matched, Capture: the owned form of a match.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::PathAndQuery;

use crate::compile::pattern::{Pattern, Source, Variable};
use crate::table::catalog::{Catalog, RouteInfo};
use crate::template::captures::{ABSENT, Captures};
use crate::template::decoded::DecodedValues;
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
    pub(crate) captures: &'m Captures,
    pub(crate) path: &'m str,
    /// Read for captures of the query.
    pub(crate) target: Option<&'m PathAndQuery>,
    pub(crate) host: &'m str,
}

impl<'m> CaptureSource<'m> {
    #[inline]
    pub(crate) fn captures(self) -> CaptureIter<'m> {
        let route = self.catalog.routes.get(self.route);
        let pattern = route.map(|route| self.catalog.pattern(route.entry()));
        let vars = pattern.map_or(&[][..], |pattern| &pattern.vars);
        CaptureIter { source: self, vars, pattern, next: 0, end: vars.len() }
    }

    /// Returns the value of the last variable with the name, decoded.
    pub(crate) fn get(self, name: &str) -> Option<Cow<'m, str>> {
        self.captures().rev().find(|capture| capture.name == name)?.decode().ok()
    }
}

/// The variables of a match that have a value.
pub(crate) struct CaptureIter<'m> {
    source: CaptureSource<'m>,
    vars: &'m [Variable],
    pattern: Option<&'m Pattern>,
    next: usize,
    end: usize,
}

impl<'m> CaptureIter<'m> {
    /// A variable; nothing if its optional segment is missing.
    #[inline]
    fn capture(&self, index: usize) -> Option<Capture<'m>> {
        let (source, var) = (self.source, self.vars.get(index)?);
        let capture = |raw, encoding| Capture { name: &var.name, raw, encoding, inherited: var.inherited };
        let path_encoding = source.catalog.policy.path_encoding();
        let span = match source.captures {
            Captures::Segments(ends) if var.source == Source::Path => {
                let range = self.pattern?.path.positions().get(index)?.find(*ends, source.path.len())?;
                return Some(capture(source.path.get(range).unwrap_or(""), path_encoding));
            }
            Captures::Segments(_) => {
                let of_path = self.vars.iter().filter(|var| var.source == Source::Path).count();
                self.pattern?.host.as_ref()?.span(index.checked_sub(of_path)?, source.host)?
            }
            Captures::Spans(spans) => spans.as_slice().get(index).copied().filter(|span| *span != ABSENT)?,
        };
        let (text, encoding) = match var.source {
            Source::Path => (source.path, path_encoding),
            Source::Host => (source.host, Encoding::Plain),
            Source::Query => (source.target.and_then(PathAndQuery::query).unwrap_or(""), Encoding::Form),
        };
        let raw = text.get(usize::from(span.0)..usize::from(span.1)).unwrap_or("");
        Some(capture(raw, encoding))
    }
}

impl<'m> Iterator for CaptureIter<'m> {
    type Item = Capture<'m>;

    #[inline]
    fn next(&mut self) -> Option<Capture<'m>> {
        while self.next < self.end {
            self.next += 1;
            if let Some(capture) = self.capture(self.next - 1) {
                return Some(capture);
            }
        }
        None
    }
}

impl DoubleEndedIterator for CaptureIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while self.next < self.end {
            self.end -= 1;
            if let Some(capture) = self.capture(self.end) {
                return Some(capture);
            }
        }
        None
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
    target: Option<PathAndQuery>,
    found: FoundRoute,
}

/// A route and its captures, from which [`Matched`] is made when something reads it.
#[derive(Debug, Clone)]
pub(crate) struct FoundRoute {
    /// The catalog entry.
    pub(crate) route: usize,
    pub(crate) captures: Captures,
    /// The path, if it is not that of the URI.
    pub(crate) rewritten: Option<Box<str>>,
    /// The host, if the route has variables in it.
    pub(crate) host: Option<Box<str>>,
}

impl FoundRoute {
    /// Adds the texts of the captures and the metadata of the route.
    #[inline]
    pub(crate) fn into_matched(self, catalog: &Arc<Catalog>, uri: &Uri) -> Matched {
        Matched { catalog: Arc::clone(catalog), target: uri.path_and_query().cloned(), found: self }
    }
}

impl Matched {
    /// Returns the index of the route in [`Table::routes`](crate::Table::routes).
    pub fn index(&self) -> usize {
        self.catalog.listed(self.entry())
    }

    pub(crate) fn entry(&self) -> usize {
        self.found.route
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Returns the number of segments that a mounted service does not see: whole ones only, though a prefix may end within
    /// a segment.
    pub(crate) fn mount_segments(&self) -> usize {
        let Some(entry) = self.catalog.routes.get(self.entry()) else { return 0 };
        let segments = usize::from(entry.mount_segments);
        let is_whole = entry.extras().open_prefix.as_ref().is_none_or(|(prefix, edges)| {
            let path = self.path();
            let end = path.match_indices('/').nth(segments).map_or(path.len(), |(at, _)| at);
            prefix.matches(edges, (&path[..end], &DecodedValues::default()), &mut |_| {})
        });
        if is_whole { segments } else { segments.saturating_sub(1) }
    }

    pub(crate) fn of(&self, catalog: &Arc<Catalog>) -> bool {
        Arc::ptr_eq(&self.catalog, catalog)
    }

    fn within(&self) -> CaptureSource<'_> {
        let target = self.target.as_ref();
        CaptureSource {
            catalog: &self.catalog,
            route: self.entry(),
            captures: &self.found.captures,
            path: self.found.rewritten.as_deref().or(target.map(PathAndQuery::path)).unwrap_or(""),
            target,
            host: self.found.host.as_deref().unwrap_or(""),
        }
    }

    /// Returns the path that was matched: that of the request in the [form](crate::PathForm) and with the cleaning of the
    /// policy. In the canonical form it is escaped, and what a proxy sends on, so that the upstream cannot read
    /// another path than the one that was matched.
    ///
    /// ```
    /// use waylay_router::{Peer, Route, Table};
    /// let table = Table::builder().route(Route::prefix("/files").value(())).build()?;
    /// let request = http::Request::get("/f%69les/a%2fb?q").body(())?;
    /// let matched = table.find(&request, &Peer::default()).unwrap().into_matched();
    /// assert_eq!(matched.path(), "/files/a%2Fb");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn path(&self) -> &str {
        self.within().path
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
            && (self.found.route, &self.found.captures) == (other.found.route, &other.found.captures)
            && self.target == other.target
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
