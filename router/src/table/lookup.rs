//! Table::find and Match: the look-up.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, Request, Uri};
use waylay_template::Syntax;

use crate::compile::pattern::{Pattern, Source};
use crate::request::method::bit;
use crate::request::peer::{Peer, TrustedProxies};
use crate::request::policy::{MethodMiss, OptionsAnswer};
use crate::request::view::{NormalizedRequest, PlainParts, PlainRequest, RequestView, ViewSource};
use crate::table::catalog::{Catalog, RouteInfo};
use crate::table::index::{BestMatch, HostTree, Index, Trees};
use crate::table::matched::{Capture, CaptureSource, FoundRoute, Matched};
use crate::table::miss::Miss;
use crate::table::routes::ScopeId;
use crate::table::search::Visit;
use crate::table::trie::{Descent, Entry, Tests};
use crate::table::visitors::{Only, SearchLimit};
use crate::template::captures::{Captures, SpanList};
use crate::template::decoded::DecodedValues;
use crate::template::scan::ScannedText;

/// The route of a rank.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RankEntry {
    pub(crate) route: u32,
    /// Whether the rank is that of the path with the other final slash.
    pub(crate) slash_variant: bool,
    /// The ranks of the routes, including this one, between which the client's weights decide.
    pub(crate) accept_group: (u32, u32),
}

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
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) values: Vec<T>,
    /// The catalog entry of each route in rank order.
    pub(crate) ranks: Vec<RankEntry>,
    pub(crate) index: Index,
    /// Scopes in rank order, deepest first.
    pub(crate) scopes: Vec<Arc<Pattern>>,
    pub(crate) scope_ranks: Vec<ScopeId>,
    pub(crate) scope_index: Index,
    pub(crate) hosts: bool,
    /// What is read of requests in canonical form, if they need no other look than at the index.
    pub(crate) plain: Option<PlainParts>,
    /// Whether any route or scope is sealed.
    pub(crate) seals: bool,
    /// The settings of each scope.
    pub(crate) rules: Vec<ScopeRules>,
    /// By rank: the rank from which a sealed route excludes others; empty without seals.
    pub(crate) limits: Vec<u32>,
    pub(crate) proxies: TrustedProxies,
}

/// What a descent has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'t> {
    /// The catalog entry of the best route.
    Route(u32),
    /// No route.
    Nothing,
    /// The only leaf; its routes have more conditions to test.
    Leaf(Descent<'t>),
    /// The tree must be searched.
    Unknown,
}

/// The settings of a scope, its own or those of an outer scope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScopeRules {
    pub(crate) parent: Option<ScopeId>,
    pub(crate) sealed: bool,
    pub(crate) method_miss: MethodMiss,
    pub(crate) options: OptionsAnswer,
}

impl<T> Table<T> {
    /// Finds the best route whose conditions all hold.
    ///
    /// # Errors
    /// A [`Miss`] with the reason.
    #[inline(always)]
    pub fn find<'t, 'r, B>(&'t self, request: &'r Request<B>, peer: &Peer) -> Result<Match<'t, 'r, T>, Miss> {
        let Some(parts) = self.plain else { return self.find_normalized(request, peer) };
        let Some(path) = parts.path(request.uri(), &self.catalog.policy) else {
            return self.find_normalized(request, peer);
        };
        if parts == PlainParts::All {
            return self.find_by_host(request, peer, path);
        }
        match (self.descend(self.index.any_host(), &path, request), path.ends()) {
            (Step::Route(route), Some(ends)) => Ok(self.segments(route, ends, None, request.uri())),
            (step, _) => self.find_searched(request, peer, (path, None), (step, Trees::Any)),
        }
    }

    /// Returns the match of a route whose captures are whole segments.
    #[inline(always)]
    fn segments<'t, 'r>(
        &'t self,
        route: u32,
        ends: u64,
        host: Option<&'r [u8]>,
        uri: &'r Uri,
    ) -> Match<'t, 'r, T> {
        let captures = Captures::Segments(ends);
        Match { table: self, route: route as usize, captures, host, uri, rewritten: None }
    }

    /// The same as `find` for a path in canonical form, if routes look at the host.
    #[inline(never)]
    fn find_by_host<'t, 'r, B>(
        &'t self,
        request: &'r Request<B>,
        peer: &Peer,
        path: ScannedText<'r>,
    ) -> Result<Match<'t, 'r, T>, Miss> {
        let uri = request.uri();
        let Some(host) = PlainParts::All.host(uri, request.headers(), &self.catalog.policy) else {
            return self.find_normalized(request, peer);
        };
        let (mut step, mut trees) = (Step::Nothing, Trees::Named);
        if let Some(name) = &host {
            if let Some(tree) = self.index.named(name.bytes()) {
                step = self.descend(tree, &path, request);
            }
            if step == Step::Nothing {
                trees = Trees::Patterned;
                step = match self.index.patterned(name) {
                    None => Step::Unknown,
                    Some(None) => Step::Nothing,
                    Some(Some(tree)) => self.descend(tree, &path, request),
                };
            }
        }
        if step == Step::Nothing {
            trees = Trees::Any;
            step = self.descend(self.index.any_host(), &path, request);
        }
        let host = host.map(|host| host.bytes());
        match (step, path.ends()) {
            (Step::Route(route), Some(ends)) => {
                Ok(self.segments(route, ends, host.filter(|_| trees == Trees::Patterned), uri))
            }
            (step, _) => self.find_searched(request, peer, (path, host), (step, trees)),
        }
    }

    /// Returns the route of a request among those of a tree, if the tree leads to one leaf, and the first route of it
    /// that has the method has no conditions but those that are tested at once.
    #[inline(always)]
    fn descend<B>(&self, tree: HostTree, path: &ScannedText<'_>, request: &Request<B>) -> Step<'_> {
        let Some(leaf) = self.index.descend(tree, path) else { return Step::Unknown };
        let (method, limit) = (bit(request.method()), leaf.limit.min(tree.others));
        for entry in leaf.entries {
            if entry.methods & method == 0 {
                continue;
            }
            if entry.tests.is_empty() && !entry.is_tentative && entry.rank < limit {
                return Step::Route(entry.route);
            }
            match self.holds(entry, (limit, leaf.is_empty), request.uri(), request.headers()) {
                Some(true) => return Step::Route(entry.route),
                Some(false) => {}
                None if leaf.is_alone() => return Step::Leaf(Descent { limit, ..leaf }),
                None => return Step::Unknown,
            }
        }
        if leaf.is_alone() { Step::Nothing } else { Step::Unknown }
    }

    /// Tests whether the route of an entry is the result; nothing if more is to be tested.
    #[inline(never)]
    fn holds(
        &self,
        entry: &Entry,
        (limit, is_empty): (u32, bool),
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<bool> {
        if is_empty && entry.tests.contains(Tests::SOME) {
            return Some(false);
        }
        if entry.is_tentative || entry.rank >= limit || entry.tests.reads_more_than_head() {
            return None;
        }
        if !entry.tests.contains(Tests::HEAD) {
            return Some(true);
        }
        let pattern = self.catalog.patterns.get(entry.rank as usize)?;
        pattern.admits_at_once(uri, headers, &self.catalog.policy)
    }

    /// Returns the match of the only leaf, if its routes have patterns in the path alone; nothing if more is to be tested.
    #[inline]
    fn find_in_leaf<'t, 'r, B>(
        &'t self,
        leaf: Descent<'t>,
        path: &ScannedText<'r>,
        request: &'r Request<B>,
    ) -> Option<Match<'t, 'r, T>> {
        let (uri, method, values) = (request.uri(), bit(request.method()), DecodedValues::default());
        for entry in leaf.entries.iter().filter(|entry| entry.methods & method != 0) {
            if !entry.tests.contains(Tests::PATH) || entry.is_tentative || entry.rank >= leaf.limit {
                return None;
            }
            let pattern = self.catalog.patterns.get(entry.rank as usize)?;
            let mut spans = SpanList::new();
            if pattern.path.read(path, (uri.path(), &values), &mut |span| spans.push(span))
                && pattern.admits_at_once(uri, request.headers(), &self.catalog.policy)?
            {
                let (route, captures) = (entry.route as usize, Captures::Spans(spans));
                return Some(Match { table: self, route, captures, host: None, uri, rewritten: None });
            }
        }
        None
    }

    /// Looks up a request in canonical form in a table without seals and proxies, from where a descent has stopped: at a
    /// step in the first of some trees.
    #[inline(never)]
    fn find_searched<'t, 'r, B>(
        &'t self,
        request: &'r Request<B>,
        peer: &Peer,
        (path, host): (ScannedText<'r>, Option<&'r [u8]>),
        (step, trees): (Step<'t>, Trees),
    ) -> Result<Match<'t, 'r, T>, Miss> {
        if let Step::Leaf(leaf) = step
            && let Some(found) = self.find_in_leaf(leaf, &path, request)
        {
            return Ok(found);
        }
        let plain = &PlainRequest::new(request, peer, &self.catalog.policy, host);
        let mut best = BestMatch::new(&self.catalog.patterns, plain);
        let trees = match step {
            Step::Leaf(leaf) => {
                best.leaf(leaf.entries, &path, leaf.is_empty);
                trees.behind()
            }
            Step::Nothing => Trees::None,
            Step::Route(_) | Step::Unknown => trees,
        };
        self.index.search_trees(trees, &path, plain.host, &mut best);
        let Some(entry) = best.rank().and_then(|rank| self.ranks.get(rank)) else {
            let miss = self.miss(SearchLimit::OPEN, &plain.view());
            return Err(plain.rejection().map_or(miss, Miss::rejection));
        };
        if let Some(reason) = plain.rejection() {
            return Err(Miss::rejection(reason));
        }
        if entry.slash_variant || entry.accept_group.0 < entry.accept_group.1 {
            return self.find_normalized(request, peer);
        }
        let (uri, captures) = (request.uri(), best.captures(&path));
        Ok(Match { table: self, route: entry.route as usize, captures, host, uri, rewritten: None })
    }

    /// Looks up any request.
    #[inline(never)]
    fn find_normalized<'t, 'r, B>(
        &'t self,
        request: &'r Request<B>,
        peer: &Peer,
    ) -> Result<Match<'t, 'r, T>, Miss> {
        let policy = &self.catalog.policy;
        let read = match NormalizedRequest::new(request, peer, policy, &self.proxies, self.hosts) {
            Ok(read) => read,
            Err(error) => return Err(Self::view_error_miss(error, request.uri())),
        };
        let view = RequestView::new(request, &read, peer, policy);
        let seal = if self.seals { self.seal(&view) } else { SearchLimit::OPEN };
        let path = ScannedText::new(view.path.as_bytes(), b'/');
        let mut best = BestMatch::new(&self.catalog.patterns, &view);
        if seal.is_open() {
            self.index.find(&mut best);
        } else {
            self.search_sealed(seal, &view, &mut best);
        }
        let Some(rank) = best.rank() else {
            let miss = self.miss(seal, &view);
            return Err(view.shared.rejection().map_or(miss, Miss::rejection));
        };
        let mut entry = self.ranks[rank];
        if entry.accept_group.0 < entry.accept_group.1 {
            entry = self.negotiated(seal, &view, entry, &mut best);
        }
        // A route that a rejected request does not match may be one that it must not evade.
        if let Some(reason) = view.shared.rejection() {
            return Err(Miss::rejection(reason));
        }
        let captures = best.captures(&path);
        let may_redirect = entry.slash_variant || self.catalog.policy.syntax == Syntax::Gorilla;
        if may_redirect && let Some(redirect) = self.slash_redirect(entry, request.uri(), &read.path) {
            return Err(self.redirected(redirect, entry, captures, read, request.uri()));
        }
        Ok(self.matched(entry, captures, read, request.uri()))
    }

    /// Among routes that differ only by the types they return, selects the one with the greatest weight.
    #[cold]
    fn negotiated<'s>(
        &'s self,
        seal: SearchLimit,
        view: &'s RequestView<'s>,
        entry: RankEntry,
        best: &mut BestMatch<'s>,
    ) -> RankEntry {
        let mut weight = 0;
        let mut chosen = entry;
        for rank in entry.accept_group.0..entry.accept_group.1 {
            let quality = self.catalog.patterns.get(rank as usize).and_then(|pattern| pattern.quality(view));
            if quality.is_none_or(|quality| quality <= weight) {
                continue;
            }
            let mut candidate = BestMatch::new(&self.catalog.patterns, view);
            let inside =
                |other: u32| other == rank && seal.inside.is_none_or(|scope| self.is_inside(other, scope));
            self.index.search(view, &mut Only { limit: seal.limit, passes: inside, visit: &mut candidate });
            if candidate.rank().is_some() {
                weight = quality.unwrap_or(0);
                chosen = self.ranks[rank as usize];
                *best = candidate;
            }
        }
        chosen
    }

    #[inline(always)]
    pub(crate) fn matched<'t, 'r>(
        &'t self,
        entry: RankEntry,
        captures: Captures,
        read: NormalizedRequest<'r>,
        uri: &'r Uri,
    ) -> Match<'t, 'r, T> {
        let host = read.host.map(|host| match host.port {
            // gorilla/mux's templates may have variables in the port, which capture ranges of host and port.
            Some(port) if self.names_port(entry) => Cow::Owned(format!("{}:{port}", host.name)),
            _ => host.name,
        });
        let (path, (host, rewritten_host)) = (read.path, borrowed(host));
        let host = host.map(str::as_bytes);
        let (_, path) = borrowed(Some(path));
        let rewritten = (path.is_some() || rewritten_host.is_some())
            .then(|| Box::new(Rewritten { path, host: rewritten_host }));
        Match { table: self, route: entry.route as usize, captures, host, uri, rewritten }
    }

    fn names_port(&self, entry: RankEntry) -> bool {
        self.catalog.policy.syntax == Syntax::Gorilla
            && self.catalog.routes.get(entry.route as usize).is_some_and(|entry| {
                let host = &self.catalog.pattern(&entry).host;
                host.as_ref().is_some_and(|host| host.has_port())
            })
    }
}

/// A route that matches a request, and its captures; nothing is copied.
///
/// ```
/// use waylay_router::{Peer, Route, Table};
/// let table = Table::builder().route(Route::get("/{a}/{*b}").name("two").value(7)).build()?;
/// let request = http::Request::get("/x/y/z").body(())?;
/// let found = table.find(&request, &Peer::default()).unwrap();
/// assert_eq!((*found.value(), found.index(), found.get("b").as_deref()), (7, 0, Some("y/z")));
/// assert_eq!(found.route().and_then(|route| route.name()), Some("two"));
/// let owned = found.into_matched();
/// assert_eq!(owned.get("a").as_deref(), Some("x"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Match<'t, 'r, T> {
    table: &'t Table<T>,
    uri: &'r Uri,
    /// The effective host as the request has it, which is text.
    host: Option<&'r [u8]>,
    rewritten: Option<Box<Rewritten>>,
    /// As wide as a register: a match is moved by words.
    route: usize,
    captures: Captures,
}

/// The texts that the policy has changed.
#[derive(Default)]
struct Rewritten {
    path: Option<String>,
    host: Option<String>,
}

fn borrowed(text: Option<Cow<'_, str>>) -> (Option<&str>, Option<String>) {
    match text {
        None => (None, None),
        Some(Cow::Borrowed(text)) => (Some(text), None),
        Some(Cow::Owned(text)) => (None, Some(text)),
    }
}

fn text(host: Option<&[u8]>) -> Option<&str> {
    host.and_then(|host| std::str::from_utf8(host).ok())
}

impl<'t, T> Match<'t, '_, T> {
    /// Returns the value of the route.
    pub fn value(&self) -> &'t T {
        &self.table.values[self.index()]
    }

    /// Returns the catalog entry of the matching alternative.
    pub(crate) fn alternative(&self) -> usize {
        self.route
    }

    /// Returns the index of the route in [`Table::routes`].
    pub fn index(&self) -> usize {
        self.table.catalog.listed(self.alternative())
    }

    /// Returns the route.
    pub fn route(&self) -> Option<RouteInfo<'t>> {
        self.table.catalog.info(self.alternative())
    }

    /// Returns the captures of path, host and query, in template order.
    pub fn captures(&self) -> impl Iterator<Item = Capture<'_>> {
        self.within().captures()
    }

    /// Returns the value of a variable, decoded; `None` if there is no such variable, or if the value is not
    /// UTF-8.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.within().get(name)
    }

    /// Returns the owned form.
    pub fn into_matched(self) -> Matched {
        let (catalog, uri) = (&self.table.catalog, self.uri);
        self.into_found().into_matched(catalog, uri)
    }

    /// Returns what is needed of the match, beside the request and the table, for the owned form.
    #[inline]
    pub(crate) fn into_found(self) -> FoundRoute {
        let rewritten = self.rewritten.map(|texts| *texts).unwrap_or_default();
        let host = rewritten.host.as_deref().or_else(|| text(self.host)).filter(|_| {
            let catalog = &self.table.catalog;
            let vars = catalog.routes.get(self.route).map(|route| &catalog.pattern(route.entry()).vars);
            vars.is_some_and(|vars| vars.iter().any(|var| var.source == Source::Host))
        });
        FoundRoute {
            route: self.route,
            captures: self.captures,
            host: host.map(Into::into),
            rewritten: rewritten.path.map(Into::into),
        }
    }

    fn within(&self) -> CaptureSource<'_> {
        let rewritten = self.rewritten.as_deref();
        CaptureSource {
            catalog: &self.table.catalog,
            route: self.alternative(),
            captures: &self.captures,
            path: rewritten.and_then(|texts| texts.path.as_deref()).unwrap_or(self.uri.path()),
            target: self.uri.path_and_query(),
            host: rewritten.and_then(|texts| texts.host.as_deref()).or_else(|| text(self.host)).unwrap_or(""),
        }
    }
}

impl<T> fmt::Debug for Match<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let captures: Vec<_> = self.captures().map(|capture| (capture.name(), capture.raw())).collect();
        f.debug_struct("Match").field("route", &self.route).field("captures", &captures).finish()
    }
}
