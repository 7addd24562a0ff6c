//! Pattern: one compiled route.

use http::Method;
use waylay_template::Template;

use crate::matcher::guard::Guard;
use crate::request::media_type::Media;
use crate::request::method::MethodSet;
use crate::request::policy::{Policy, TrailingSlash};
use crate::request::view::RequestView;
use crate::template::captures::{Span, SpanList};
use crate::template::host::HostPattern;
use crate::template::path::{PathEnd, PathPattern};
use crate::template::scan::ScannedText;

/// The conditions that a look-up tests after the trie has matched the path.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(crate) path: PathPattern,
    pub(crate) host: Option<Box<HostPattern>>,
    pub(crate) guards: Box<[Guard]>,
    pub(crate) methods: MethodSet,
}

impl Pattern {
    /// Tests whether path, host index and method bits decide alone.
    pub(crate) fn is_plain(&self) -> bool {
        self.guards.is_empty()
            && self.path.is_plain()
            && self.host.as_ref().is_none_or(|host| host.exact().is_some() && !host.has_port())
    }

    /// Tests whether only guards without variables remain.
    pub(crate) fn is_guarded(&self) -> bool {
        self.path.is_plain()
            && self.host.as_ref().is_none_or(|host| host.exact().is_some() && !host.has_port())
            && self.guards.iter().all(|guard| !matches!(guard, Guard::Query(_) | Guard::Host(_)))
    }

    /// Tests the guards alone.
    pub(crate) fn admits_guards(&self, view: &RequestView<'_>) -> bool {
        self.guards.iter().all(|guard| guard.holds(view, &mut |_| {}))
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

    /// Tests all conditions but the methods with a bit, without the index.
    pub(crate) fn matches(&self, view: &RequestView<'_>, captures: &mut SpanList) -> bool {
        let mut found = |span| captures.push(span);
        self.path.matches(view.path, &mut found)
            && self.admits_host(view, &mut found)
            && self.guards.iter().all(|guard| guard.holds(view, &mut found))
    }

    /// Tests all conditions but method, content type and accepted type; returns the methods with which they
    /// hold, and which of the types fail.
    pub(crate) fn near_miss(&self, view: &RequestView<'_>, path: &ScannedText<'_>) -> Option<NearMiss<'_>> {
        let mut near_miss = NearMiss { methods: MethodSet::default(), content_type: None, accept: None };
        let (by_method, others): (Vec<&Guard>, Vec<&Guard>) =
            self.matches_location(view, path).then_some(&self.guards)?.iter().partition(|g| g.reads_method());
        for guard in others {
            let holds = guard.holds(view, &mut |_| {});
            match guard {
                Guard::ContentType(any) if !holds => near_miss.content_type = Some(any),
                Guard::Accept(any) if !holds => near_miss.accept = Some(any),
                _ if holds => {}
                _ => return None,
            }
        }
        near_miss.methods = self.methods_that(view, &by_method);
        (!near_miss.methods.is_empty()).then_some(near_miss)
    }

    /// Returns the methods of the route with which some guards hold.
    fn methods_that(&self, view: &RequestView<'_>, guards: &[&Guard]) -> MethodSet {
        // The set has the same extension methods.
        if guards.iter().all(|guard| matches!(guard, Guard::Methods(_))) {
            return self.methods.clone();
        }
        let hold = |method: &&Method| {
            let view = view.with_method(method);
            guards.iter().all(|guard| guard.holds(&view, &mut |_| {}))
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
        (self.path.is_plain() || view.may_match_path()) && self.path.read(path, view.path, found)
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

/// The conditions that keep a route from matching.
pub(crate) struct NearMiss<'p> {
    /// The methods with which nothing else fails.
    pub(crate) methods: MethodSet,
    pub(crate) content_type: Option<&'p [Media]>,
    pub(crate) accept: Option<&'p [Media]>,
}

/// The part of a request that a variable captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Path,
    Host,
    Query,
}

/// The templates of a route with those of its scopes.
#[derive(Debug, Clone)]
pub(crate) struct RouteTemplates {
    pub(crate) trailing_slash: TrailingSlash,
    pub(crate) path: Option<Template>,
    pub(crate) end: PathEnd,
    pub(crate) hosts: Vec<Template>,
    pub(crate) queries: Vec<(String, Option<Template>)>,
    pub(crate) schemes: Vec<String>,
    /// In the order of the captures.
    pub(crate) vars: Vec<Variable>,
}

/// A variable of a route.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) source: Source,
    /// Whether it comes from a scope.
    pub(crate) inherited: bool,
}

/// Returns the pattern for the path with the other final slash, if such paths are redirected or matched.
pub(crate) fn slash_variant(
    pattern: &Pattern,
    templates: &RouteTemplates,
    policy: Policy,
) -> Option<Pattern> {
    if templates.trailing_slash == TrailingSlash::Strict || templates.end != PathEnd::Exact {
        return None;
    }
    let other = templates.path.as_ref()?.with_other_slash()?;
    let path = PathPattern::compile(&other, PathEnd::Exact, policy.syntax, policy.path_encoding()).ok()?;
    Some(Pattern { path, ..pattern.clone() })
}
