//! `Table<T>`: routes compiled for look-up; no async, no bodies, any value.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::{Request, Uri};

use super::index::Index;
use crate::captures::Captures;
use crate::catalog::{Catalog, RouteInfo};
use crate::matched::{Capture, Matched, Within};
use crate::miss::{Miss, Reason, ScopeId};
use crate::pattern::Pattern;
use crate::url::Urls;
use crate::view::{Peer, Read, Unseen, View};

/// Routes compiled for look-up, each with a value of any type.
///
/// ```
/// use waylay_router::{Peer, Route, Table};
/// let table = Table::builder()
///     .route(Route::get("/{tenant}/stats").value("by path"))
///     .route(Route::get("/stats").host("{tenant}.example.com").value("by host"))
///     .build()?;
/// let request = http::Request::get("http://acme.example.com/stats").body(())?;
/// let found = table.find(&request, &Peer::default()).unwrap();
/// assert_eq!((*found.value(), found.get("tenant").as_deref()), ("by host", Some("acme")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Table<T> {
    pub(super) catalog: Arc<Catalog>,
    pub(super) values: Vec<T>,
    /// The place in the catalog of each route in rank order.
    pub(super) places: Vec<u32>,
    pub(super) index: Index,
    /// Scopes in rank order, deepest first.
    pub(super) scopes: Vec<Pattern>,
    pub(super) scope_places: Vec<ScopeId>,
    pub(super) scope_index: Index,
    pub(super) hosts: bool,
}

impl<T> Table<T> {
    /// The best route whose conditions all hold.
    ///
    /// # Errors
    /// A [`Miss`] that says why there is none.
    pub fn find<'t, 'r, B>(&'t self, request: &'r Request<B>, peer: &Peer) -> Result<Match<'t, 'r, T>, Miss> {
        let policy = &self.catalog.policy;
        let read = match Read::new(request, policy, self.hosts) {
            Ok(read) => read,
            Err(unseen) => return Err(unseen_miss(unseen, request.uri())),
        };
        let view = View::new(request, &read, peer, policy);
        let best = self.index.find(&self.catalog.patterns, &view);
        let Some(rank) = best.rank() else {
            return Err(self.miss(&view));
        };
        Ok(Match {
            table: self,
            place: self.places[rank] as usize,
            captures: best.captures,
            path: read.path,
            host: read.host.map(|host| host.name),
            uri: request.uri(),
        })
    }

    /// 405 if some route would match with another method, else 404.
    #[cold]
    fn miss(&self, view: &View<'_>) -> Miss {
        let allowed = self.index.allowed(&self.catalog.patterns, view);
        let reason = if allowed.is_empty() { Reason::NotFound } else { Reason::MethodNotAllowed(allowed) };
        let scope = self.scope_index.find(&self.scopes, view).rank();
        let scope = scope.and_then(|rank| self.scope_places.get(rank).copied());
        Miss { reason, scope }
    }

    /// The routes in the order of writing.
    pub fn routes(&self) -> impl Iterator<Item = RouteInfo<'_>> {
        self.catalog.infos()
    }

    /// Names to URLs.
    pub fn urls(&self) -> Urls {
        Urls::new(Arc::clone(&self.catalog))
    }

    /// The value of the route at a place of [`routes`](Self::routes).
    pub fn value(&self, place: usize) -> Option<&T> {
        self.values.get(place)
    }

    /// The scope of the route at a place.
    pub(crate) fn scope(&self, place: usize) -> Option<ScopeId> {
        self.catalog.routes.get(place)?.scope
    }

    /// Checks the host of every request, also if no route looks at it: what a server owes its
    /// clients (RFC 9112 §3.2), a bare table leaves to its user.
    pub(crate) fn check_hosts(mut self) -> Self {
        self.hosts = true;
        self
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }
}

#[cold]
fn unseen_miss(unseen: Unseen, uri: &Uri) -> Miss {
    let reason = match unseen {
        Unseen::Bad(bad) => Reason::BadRequest(bad),
        Unseen::Cleaned(path) => {
            let mut target = crate::template::slot::escape(&path);
            if let Some(query) = uri.query() {
                target.push('?');
                target.push_str(query);
            }
            Reason::Redirect(target)
        }
    };
    Miss { reason, scope: None }
}

impl<T> fmt::Display for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.catalog.fmt(f)
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("routes", &self.catalog.routes.len()).finish_non_exhaustive()
    }
}

/// A route that matches a request, and what it took from it; nothing is copied.
pub struct Match<'t, 'r, T> {
    table: &'t Table<T>,
    place: usize,
    captures: Captures,
    path: Cow<'r, str>,
    host: Option<Cow<'r, str>>,
    uri: &'r Uri,
}

impl<'t, T> Match<'t, '_, T> {
    /// The route's value.
    pub fn value(&self) -> &'t T {
        &self.table.values[self.place]
    }

    /// The route's place in [`Table::routes`].
    pub fn place(&self) -> usize {
        self.place
    }

    /// The route.
    pub fn route(&self) -> Option<RouteInfo<'t>> {
        self.table.catalog.info(self.place)
    }

    /// The variables of path, host and query, in template order.
    pub fn captures(&self) -> impl Iterator<Item = Capture<'_>> {
        self.within().captures()
    }

    /// The value of a variable, decoded; nothing if there is none of the name, or if it is not UTF-8.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.within().get(name)
    }

    /// The owned form.
    pub fn into_matched(self) -> Matched {
        let matched = Matched::new(&self.table.catalog, self.place, self.captures, self.uri);
        let path = match self.path {
            Cow::Owned(path) => Some(path),
            Cow::Borrowed(_) => None,
        };
        matched.rewritten(path).host(self.host.as_deref())
    }

    fn within(&self) -> Within<'_> {
        Within {
            catalog: &self.table.catalog,
            route: self.place,
            spans: self.captures.as_slice(),
            path: &self.path,
            query: self.uri.query().unwrap_or(""),
            host: self.host.as_deref().unwrap_or(""),
        }
    }
}

impl<T> fmt::Debug for Match<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let captures: Vec<_> = self.captures().map(|capture| (capture.name(), capture.raw())).collect();
        f.debug_struct("Match").field("place", &self.place).field("captures", &captures).finish()
    }
}
