//! The contents of a table: routes, values, URLs, scopes and their seals.

use std::fmt;
use std::sync::Arc;

use http::Request;

use crate::request::method::MethodSet;
use crate::request::peer::{ConnectionInfo, Peer};
use crate::request::view::{NormalizedRequest, PlainParts, RequestView};
use crate::table::catalog::{Catalog, RouteInfo};
use crate::table::index::BestMatch;
use crate::table::lookup::Table;
use crate::table::routes::ScopeId;
use crate::table::search::Visit;
use crate::table::url::Urls;
use crate::table::visitors::{Allowed, Only, SearchLimit};

impl<T> Table<T> {
    /// Returns the limit that seals set for a request: the deepest sealed scope that it is in, and no route
    /// less specific than a sealed one with its host and path.
    #[cold]
    pub(crate) fn seal(&self, view: &RequestView<'_>) -> SearchLimit {
        let sealed = |rank: u32| {
            let scope = self.scope_ranks.get(rank as usize);
            scope.and_then(|scope| self.rules.get(scope.index())).is_some_and(|rules| rules.sealed)
        };
        let mut deepest = BestMatch::new(&self.scopes, view);
        self.scope_index.search(view, &mut Only { limit: u32::MAX, passes: sealed, visit: &mut deepest });
        let scope = deepest.rank().and_then(|rank| self.scope_ranks.get(rank).copied());
        let limits = if self.limits.is_empty() {
            SearchLimit::OPEN
        } else {
            SearchLimit::of_routes(&self.index, &self.catalog.patterns, &self.limits, view)
        };
        limits.inside(scope)
    }

    #[cold]
    pub(crate) fn search_sealed(&self, seal: SearchLimit, view: &RequestView<'_>, visit: &mut impl Visit) {
        let inside = |rank: u32| seal.inside.is_none_or(|scope| self.is_inside(rank, scope));
        self.index.search(view, &mut Only { limit: seal.limit, passes: inside, visit });
    }

    /// Tests whether the route of a rank is in a scope.
    pub(crate) fn is_inside(&self, rank: u32, scope: ScopeId) -> bool {
        let mut next = self.ranks.get(rank as usize).and_then(|entry| self.scope(entry.route as usize));
        while let Some(own) = next {
            if own == scope {
                return true;
            }
            next = self.rules.get(own.index()).and_then(|rules| rules.parent);
        }
        false
    }

    /// Returns the methods with which some route would match the request; none if the request is rejected or
    /// redirected.
    pub fn allowed<B>(&self, request: &Request<B>, peer: &Peer) -> MethodSet {
        let policy = &self.catalog.policy;
        let Ok(read) = NormalizedRequest::new(request, peer, policy, &self.proxies, self.hosts) else {
            return MethodSet::default();
        };
        let view = RequestView::new(request, &read, peer, policy);
        let seal = if self.seals { self.seal(&view) } else { SearchLimit::OPEN };
        let patterns = &self.catalog.patterns;
        let mut allowed = Allowed { patterns, view: &view, methods: MethodSet::default() };
        self.search_sealed(seal, &view, &mut allowed);
        if view.shared.rejection().is_some() { MethodSet::default() } else { allowed.methods }
    }

    /// Returns the routes in the order of addition.
    pub fn routes(&self) -> impl Iterator<Item = RouteInfo<'_>> {
        self.catalog.infos()
    }

    /// Returns the alternatives of the route at an index of [`routes`](Self::routes), each as a route: one,
    /// or as many as its [rules](crate::rule) have.
    pub fn alternatives(&self, index: usize) -> impl Iterator<Item = RouteInfo<'_>> {
        self.catalog.alternatives(index)
    }

    /// Returns the URL builders of the named routes.
    pub fn urls(&self) -> Urls {
        Urls::new(Arc::clone(&self.catalog))
    }

    /// Returns the value of the route at an index of [`routes`](Self::routes).
    pub fn value(&self, index: usize) -> Option<&T> {
        self.values.get(self.catalog.listed(index))
    }

    /// Returns the scope of a catalog entry.
    pub(crate) fn scope(&self, route: usize) -> Option<ScopeId> {
        self.catalog.routes.get(route)?.scope
    }

    /// Checks the host of every request, even if no route reads it: a server has to (RFC 9112 §3.2), a table
    /// alone does not.
    pub(crate) fn check_hosts(mut self) -> Self {
        self.hosts = true;
        self.plain = self.plain.map(|_| PlainParts::All);
        self
    }

    /// Returns the connection information from a trusted proxy.
    #[inline]
    pub(crate) fn effective<B>(&self, request: &Request<B>) -> Option<ConnectionInfo> {
        if self.proxies.is_empty() { None } else { ConnectionInfo::behind(request, &self.proxies) }
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }
}

impl<T> fmt::Display for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.catalog.fmt(f)
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("routes", &self.catalog.listed).finish_non_exhaustive()
    }
}
