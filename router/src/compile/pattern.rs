//! Pattern: one compiled route.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::{HeaderMap, Method, Uri};
use rustc_hash::FxBuildHasher;
use waylay_template::Template;

use crate::matcher::guard::{AssumedTypes, Guard};
use crate::request::media_type::Media;
use crate::request::method::MethodSet;
use crate::request::policy::{Policy, TrailingSlash};
use crate::request::view::{RequestView, ViewSource};
use crate::template::captures::{Span, SpanList};
use crate::template::constraint::Regexes;
use crate::template::encoding::Encoding;
use crate::template::host::HostPattern;
use crate::template::path::{PathEdges, PathEnd, PathPattern};
use crate::template::scan::ScannedText;

/// The conditions that a look-up tests after the trie has matched the literal text of the path, and the variables. Most
/// routes of a table share their patterns.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(crate) path: PathPattern,
    pub(crate) trailing_slash: TrailingSlash,
    /// The innermost host; outer ones are guards.
    pub(crate) host: Option<Arc<HostPattern>>,
    pub(crate) guards: Box<[Guard]>,
    pub(crate) methods: MethodSet,
    /// In the order of the captures.
    pub(crate) vars: Box<[Variable]>,
    /// The keys and templates of the query guards.
    pub(crate) queries: Box<[(String, Option<Template>)]>,
    pub(crate) schemes: Box<[String]>,
}

impl Pattern {
    /// Tests whether only guards without variables remain after the index.
    pub(crate) fn is_guarded(&self) -> bool {
        self.path.is_plain()
            && self.host.as_ref().is_none_or(|host| host.is_plain())
            && self.guards.iter().all(|guard| match guard {
                Guard::Query(query) => !query.captures(),
                guard => !matches!(guard, Guard::Host(_)),
            })
    }

    /// Tests whether only the path has patterns and variables, and all guards are mostly tested at once.
    pub(crate) fn is_path_alone(&self) -> bool {
        !self.path.is_plain()
            && self.is_direct()
            && self.host.as_ref().is_none_or(|host| host.exact().is_some() && !host.has_port())
    }

    /// Tests whether all guards are mostly tested at once.
    pub(crate) fn is_direct(&self) -> bool {
        self.guards.iter().all(Guard::is_direct)
    }

    /// Tests such guards; nothing if the request needs a view.
    #[inline]
    pub(crate) fn admits_at_once(&self, uri: &Uri, headers: &HeaderMap, policy: &Policy) -> Option<bool> {
        for guard in &self.guards {
            if !guard.holds_at_once(uri, headers, policy)? {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Tests the guards alone.
    pub(crate) fn admits_guards(&self, source: &impl ViewSource) -> bool {
        self.guards.iter().all(|guard| match guard {
            Guard::Header(name, value) if value.is_direct() => value.holds_in(name, source.headers()),
            guard => guard.holds(&source.view(), &mut |_| {}),
        })
    }

    /// Returns the host templates, outermost scope first.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Template> {
        let outer = self.guards.iter().filter_map(|guard| match guard {
            Guard::Host(outer) => Some(outer.pattern.template()),
            _ => None,
        });
        outer.chain(self.host.iter().map(|host| host.template()))
    }

    /// Tests whether any condition reads the host.
    pub(crate) fn looks_at_host(&self) -> bool {
        self.host.is_some() || self.guards.iter().any(Guard::looks_at_host)
    }

    /// Tests all conditions beyond the trie and the method bits; the search of `path` has reached a leaf of the
    /// pattern.
    pub(crate) fn admits(
        &self,
        view: &RequestView<'_>,
        path: &ScannedText<'_>,
        captures: &mut SpanList,
    ) -> bool {
        let mut found = |span| captures.push(span);
        self.admits_path(view, path, &mut found)
            && self.admits_host(view, &mut found)
            && self.guards.iter().all(|guard| guard.holds(view, &mut found))
    }

    /// Tests all conditions but the methods with a bit, without the index; a route without a path template matches every
    /// path.
    pub(crate) fn matches(
        &self,
        path: Option<&Template>,
        view: &RequestView<'_>,
        captures: &mut SpanList,
    ) -> bool {
        let mut found = |span| captures.push(span);
        self.matches_path(path, view, &mut found)
            && self.admits_host(view, &mut found)
            && self.guards.iter().all(|guard| guard.holds(view, &mut found))
    }

    /// Tests the path without the index.
    pub(crate) fn matches_path(
        &self,
        path: Option<&Template>,
        view: &RequestView<'_>,
        found: &mut impl FnMut(Span),
    ) -> bool {
        path.is_none_or(|path| self.path.matches(&self.path.edges(path), view.path_values(), found))
    }

    /// Tests whether a condition beside the method bits reads the method or a type.
    pub(crate) fn has_open_guards(&self) -> bool {
        self.guards.iter().any(is_open)
    }

    /// Tests all conditions with other methods and types than those of the request; returns the methods with which they
    /// hold, and the types if those of the request do not fit.
    pub(crate) fn near_miss(&self, view: &RequestView<'_>, path: &ScannedText<'_>) -> Option<NearMiss<'_>> {
        let (others, open): (Vec<&Guard>, Vec<&Guard>) = self
            .matches_location(view, path)
            .then_some(&self.guards)?
            .iter()
            .partition(|guard| !is_open(guard));
        if !others.iter().all(|guard| guard.holds(view, &mut |_| {})) {
            return None;
        }
        let methods = self.methods_that(view, &open, AssumedTypes::default());
        if !methods.is_empty() {
            return Some(NearMiss { methods, content_types: None, accepts: None });
        }
        let named = |list: fn(&Guard) -> &[Media]| -> Vec<&Media> {
            open.iter().flat_map(|guard| guard.leaves()).flat_map(list).take(MAX_TRIED_TYPES).collect()
        };
        let content_types = named(|guard| if let Guard::ContentType(any) = guard { any } else { &[] });
        let accepts = named(|guard| if let Guard::Accept(any) = guard { any } else { &[] });
        let sent = || vec![None];
        let [one_type, one_accepted] =
            [&content_types, &accepts].map(|named| named.chunks(1).map(Some).collect());
        let (one_type, one_accepted): (Vec<_>, Vec<_>) = (one_type, one_accepted);
        let (other, all_accepted) = (|| vec![Some(&[][..])], vec![Some(accepts.as_slice())]);
        let wrong_type = [one_type, other()];
        let wrong_accept = [one_accepted, all_accepted, other()];
        let by_type = wrong_type.iter().map(|types| (types.clone(), sent()));
        let by_accept = wrong_accept.iter().map(|types| (sent(), types.clone()));
        let both = wrong_type
            .iter()
            .flat_map(|types| wrong_accept.iter().map(|accepts| (types.clone(), accepts.clone())));
        let mut tried = by_type.chain(by_accept).chain(both);
        tried.find_map(|(types, accepts)| self.near_types(view, &open, &types, &accepts))
    }

    /// Tests some guards with each of the types. Where the method of the request is allowed with some, only those count.
    fn near_types<'p>(
        &self,
        view: &RequestView<'_>,
        guards: &[&Guard],
        content_types: &[Option<&[&'p Media]>],
        accepts: &[Option<&[&'p Media]>],
    ) -> Option<NearMiss<'p>> {
        let (mut own, mut others) = (NearMiss::default(), NearMiss::default());
        for &content_type in content_types {
            for &accept in accepts {
                let methods = self.methods_that(view, guards, AssumedTypes { content_type, accept });
                let near = if methods.contains(view.head.method) { &mut own } else { &mut others };
                if !methods.is_empty() {
                    near.add(&methods, content_type, accept);
                }
            }
        }
        [own, others].into_iter().find(|near| !near.methods.is_empty())
    }

    /// Returns the methods of the route with which some guards hold, with other types than those of the request.
    fn methods_that(
        &self,
        view: &RequestView<'_>,
        guards: &[&Guard],
        types: AssumedTypes<'_, '_>,
    ) -> MethodSet {
        let (by_method, others): (Vec<&Guard>, Vec<&Guard>) =
            guards.iter().partition(|guard| guard.reads_method());
        if !others.iter().all(|guard| guard.holds_with(view, types)) {
            return MethodSet::default();
        }
        // The set has the same extension methods.
        if by_method.iter().all(|guard| matches!(guard, Guard::Methods(_))) {
            return self.methods.clone();
        }
        let hold = |method: &&Method| {
            let view = view.with_method(method);
            by_method.iter().all(|guard| guard.holds_with(&view, types))
        };
        let own = Some(view.head.method).filter(|method| self.methods.contains(method));
        self.methods.iter().chain(own).filter(hold).cloned().collect()
    }

    /// Returns the client's weight for the types that the route returns, in thousandths; `None` without such
    /// types.
    pub(crate) fn quality(&self, view: &RequestView<'_>) -> Option<u16> {
        let accepts = self.guards.iter().filter_map(|guard| match guard {
            Guard::Accept(any) => Some(view.shared.quality(view.head.headers, any)),
            _ => None,
        });
        accepts.min()
    }

    /// Tests path and hosts.
    pub(crate) fn matches_location(&self, view: &RequestView<'_>, path: &ScannedText<'_>) -> bool {
        let mut hosts = self.guards.iter().filter(|guard| matches!(guard, Guard::Host(_)));
        self.admits_path(view, path, &mut |_| {})
            && self.admits_host(view, &mut |_| {})
            && hosts.all(|guard| guard.holds(view, &mut |_| {}))
    }

    /// Tests the variables of a path whose search has reached a leaf of the pattern.
    fn admits_path(
        &self,
        view: &RequestView<'_>,
        path: &ScannedText<'_>,
        found: &mut impl FnMut(Span),
    ) -> bool {
        (self.path.is_plain() || view.may_match_path()) && self.path.read(path, view.path_values(), found)
    }

    /// Tests the host.
    pub(crate) fn admits_host(&self, view: &RequestView<'_>, found: &mut impl FnMut(Span)) -> bool {
        match (&self.host, &view.host) {
            (None, _) => true,
            (Some(pattern), Some(host)) => pattern.matches(host.name, host.port, found),
            (Some(_), None) => false,
        }
    }
}

/// Tests whether the result depends on what a miss may name: the method or a type.
fn is_open(guard: &Guard) -> bool {
    guard.reads_method() || guard.reads_content_type() || guard.reads_accept()
}

/// What a request would need to match a route.
#[derive(Debug, Default)]
pub(crate) struct NearMiss<'p> {
    /// The methods with which nothing else fails.
    pub(crate) methods: MethodSet,
    /// The types of the body with which nothing else fails, if that of the request is wrong.
    pub(crate) content_types: Option<Vec<&'p Media>>,
    /// The types that the client would have to accept, if it does not.
    pub(crate) accepts: Option<Vec<&'p Media>>,
}

impl<'p> NearMiss<'p> {
    fn add(&mut self, methods: &MethodSet, content_type: Option<&[&'p Media]>, accept: Option<&[&'p Media]>) {
        self.methods.extend(methods);
        for (types, list) in [(content_type, &mut self.content_types), (accept, &mut self.accepts)] {
            if let Some(types) = types {
                let list = list.get_or_insert_default();
                types.iter().for_each(|media| {
                    if !list.contains(media) {
                        list.push(media)
                    }
                });
            }
        }
    }
}

/// The most types of a route that are tried for a miss.
const MAX_TRIED_TYPES: usize = 64;

/// The part of a request that a variable captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Path,
    Host,
    Query,
}

/// A variable of a route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Variable {
    pub(crate) name: Box<str>,
    pub(crate) source: Source,
    /// Whether it comes from a scope.
    pub(crate) inherited: bool,
}

/// A route, compiled alone.
#[derive(Debug)]
pub(crate) struct CompiledRoute {
    pub(crate) pattern: Pattern,
    /// The path with the prefixes of the scopes.
    pub(crate) path: Option<Template>,
    pub(crate) edges: PathEdges,
}

impl CompiledRoute {
    /// Returns the pattern for the path with the other final slash, if such paths are redirected or matched.
    pub(crate) fn slash_variant(
        &self,
        regexes: &Regexes,
        encoding: Encoding,
    ) -> Option<(Pattern, PathEdges)> {
        if self.pattern.trailing_slash == TrailingSlash::Strict || self.pattern.path.end() != PathEnd::Exact {
            return None;
        }
        let other = self.path.as_ref()?.with_other_slash()?;
        let (path, edges) = PathPattern::compile(&other, PathEnd::Exact, regexes, encoding).ok()?;
        Some((Pattern { path, ..self.pattern.clone() }, edges))
    }
}

/// The patterns of a table; those without guards are kept once.
#[derive(Debug, Default)]
pub(crate) struct PatternSet(HashSet<Unguarded, FxBuildHasher>);

impl PatternSet {
    /// Returns the pattern, or an equal one.
    pub(crate) fn share(&mut self, pattern: Pattern) -> Arc<Pattern> {
        let pattern = Unguarded(Arc::new(pattern));
        if !pattern.0.guards.is_empty() {
            return pattern.0;
        }
        match self.0.get(&pattern) {
            Some(known) => Arc::clone(&known.0),
            None => {
                self.0.insert(Unguarded(Arc::clone(&pattern.0)));
                pattern.0
            }
        }
    }
}

/// A pattern without guards, and so without queries and schemes.
#[derive(Debug)]
struct Unguarded(Arc<Pattern>);

impl Unguarded {
    /// All that patterns without guards differ by.
    fn parts(&self) -> (&PathPattern, u8, Option<&HostPattern>, &MethodSet, &[Variable]) {
        let pattern = &self.0;
        (
            &pattern.path,
            pattern.trailing_slash as u8,
            pattern.host.as_deref(),
            &pattern.methods,
            &pattern.vars,
        )
    }
}

impl PartialEq for Unguarded {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Unguarded {}

impl Hash for Unguarded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}
