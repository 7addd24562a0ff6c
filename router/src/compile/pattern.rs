//! Pattern: one compiled route.

use waylay_template::Template;

use crate::matcher::guard::Guard;
use crate::request::media_type;
use crate::request::media_type::Media;
use crate::request::method::MethodSet;
use crate::request::policy::{Policy, TrailingSlash};
use crate::request::view::RequestView;
use crate::template::captures::{Captures, Span};
use crate::template::host::HostPattern;
use crate::template::path::{PathEnd, PathPattern};

/// What the look-up tests once the trie has found the path.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(crate) path: PathPattern,
    pub(crate) host: Option<Box<HostPattern>>,
    pub(crate) guards: Box<[Guard]>,
    pub(crate) methods: MethodSet,
}

impl Pattern {
    /// Whether nothing but path, host index and method bits decides.
    pub(crate) fn is_plain(&self) -> bool {
        self.guards.is_empty()
            && self.path.is_plain()
            && self.host.as_ref().is_none_or(|host| host.exact().is_some() && !host.has_port())
    }

    /// Whether only guards without variables are left open.
    pub(crate) fn is_guarded(&self) -> bool {
        self.path.is_plain()
            && self.host.as_ref().is_none_or(|host| host.exact().is_some() && !host.has_port())
            && self.guards.iter().all(|guard| !matches!(guard, Guard::Query(_) | Guard::Host(_)))
    }

    /// Tests the guards alone.
    pub(crate) fn admits_guards(&self, view: &RequestView<'_>) -> bool {
        self.guards.iter().all(|guard| guard.holds(view, &mut |_| {}))
    }

    /// Whether any condition looks at the host.
    pub(crate) fn looks_at_host(&self) -> bool {
        self.host.is_some() || self.guards.iter().any(Guard::looks_at_host)
    }

    /// Tests all conditions that the trie and the method bits leave open; `spans` are the trie's.
    pub(crate) fn admits(&self, view: &RequestView<'_>, spans: &[Span], captures: &mut Captures) -> bool {
        let mut found = |span| captures.push(span);
        self.path.read(view.path, spans, &mut found)
            && self.admits_host(view, &mut found)
            && self.guards.iter().all(|guard| guard.holds(view, &mut found))
    }

    /// Tests all conditions but the methods that have a bit, without an index.
    pub(crate) fn matches(&self, view: &RequestView<'_>, captures: &mut Captures) -> bool {
        let mut found = |span| captures.push(span);
        self.path.matches(view.path, &mut found)
            && self.admits_host(view, &mut found)
            && self.guards.iter().all(|guard| guard.holds(view, &mut found))
    }

    /// Tests all but the method, the content type and what is accepted, and tells of the latter two.
    pub(crate) fn near_miss(&self, view: &RequestView<'_>, spans: &[Span]) -> Option<NearMiss<'_>> {
        let mut near_miss = NearMiss { content_type: None, accept: None };
        let holds = self.lies_at(view, spans);
        for guard in holds.then_some(&self.guards)?.iter() {
            let holds = guard.holds(view, &mut |_| {});
            match guard {
                Guard::Methods(_) => {}
                Guard::ContentType(any) if !holds => near_miss.content_type = Some(any),
                Guard::Accept(any) if !holds => near_miss.accept = Some(any),
                _ if holds => {}
                _ => return None,
            }
        }
        Some(near_miss)
    }

    /// How much the client wants what the route gives, in thousandths; nothing if the route does not say.
    pub(crate) fn quality(&self, view: &RequestView<'_>) -> Option<u16> {
        let accepts = self.guards.iter().filter_map(|guard| match guard {
            Guard::Accept(any) => Some(media_type::quality(view.head.headers, any)),
            _ => None,
        });
        accepts.min()
    }

    /// Whether path and hosts hold.
    pub(crate) fn lies_at(&self, view: &RequestView<'_>, spans: &[Span]) -> bool {
        let mut hosts = self.guards.iter().filter(|guard| matches!(guard, Guard::Host(_)));
        self.path.read(view.path, spans, &mut |_| {})
            && self.admits_host(view, &mut |_| {})
            && hosts.all(|guard| guard.holds(view, &mut |_| {}))
    }

    /// Whether the host holds.
    pub(crate) fn admits_host(&self, view: &RequestView<'_>, found: &mut impl FnMut(Span)) -> bool {
        match (&self.host, &view.host) {
            (None, _) => true,
            (Some(pattern), Some(host)) => pattern.matches(&host.name, host.port, found),
            (Some(_), None) => false,
        }
    }
}

/// What a request lacks that a route asks for, apart from the method.
pub(crate) struct NearMiss<'p> {
    pub(crate) content_type: Option<&'p [Media]>,
    pub(crate) accept: Option<&'p [Media]>,
}

/// Where a variable's text lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Path,
    Host,
    Query,
}

/// The templates of a route, scopes included.
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
    /// Whether a scope asks for it.
    pub(crate) inherited: bool,
}

/// The same route for the path that differs by its final slash, if such paths get anything else than a miss.
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
