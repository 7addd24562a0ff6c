//! Guard: every compiled condition except path and method, cheapest first.

use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, COOKIE, UPGRADE};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Method, Version};
use waylay_template::Template;

use crate::matcher::formula::Formula;
use crate::matcher::header::HeaderMatch;
use crate::matcher::path_regex::PathRegex;
use crate::matcher::query::{QueryGuard, QueryMatch, unanchored};
use crate::request::media_type;
use crate::request::media_type::Media;
use crate::request::method::MethodSet;
use crate::request::path::BadRequest;
use crate::request::peer::Network;
use crate::request::shared::{header_bytes, single_line};
use crate::request::view::{RequestHead, RequestView};
use crate::rule::function::version_name;
use crate::template::captures::Span;
use crate::template::host::HostPattern;
use crate::template::path::{PathEdges, PathPattern};
use crate::template::value_regex::ValueRegex;

/// A user-defined condition with its name.
#[derive(Clone)]
pub(crate) struct Custom {
    pub(crate) name: String,
    pub(crate) holds: Arc<dyn Fn(&RequestHead<'_>) -> bool + Send + Sync>,
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The part of a rule that is not a list of conditions.
#[derive(Debug, Clone)]
pub(crate) struct RuleGuard {
    pub(crate) formula: Formula<Guard>,
    /// The formula as rule text.
    pub(crate) text: String,
}

/// A host template beside another one, or in a formula.
#[derive(Debug, Clone)]
pub(crate) struct HostGuard {
    pub(crate) pattern: Arc<HostPattern>,
    /// The same as a regex without the port, for comparisons.
    pub(crate) regex: String,
}

/// A path template in a formula.
#[derive(Debug, Clone)]
pub(crate) struct PathGuard {
    pub(crate) pattern: PathPattern,
    pub(crate) edges: PathEdges,
    /// The same as a regex, for comparisons.
    pub(crate) regex: String,
}

/// The types that a request is assumed to have instead of the real ones: the type of its body, and those that its client
/// accepts. None stands for a type that no condition names.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AssumedTypes<'a, 'm> {
    pub(crate) content_type: Option<&'a [&'m Media]>,
    pub(crate) accept: Option<&'a [&'m Media]>,
}

/// One compiled condition.
#[derive(Debug, Clone)]
pub(crate) enum Guard {
    /// Extension methods, which share one method bit.
    Methods(MethodSet),
    /// The scheme; an unknown one does not match.
    Scheme(Vec<Scheme>),
    /// The protocol version.
    Version(Vec<Version>),
    /// The effective host, where the host index does not decide.
    Host(Box<HostGuard>),
    Header(HeaderName, HeaderMatch),
    /// The protocols that the request may upgrade to.
    Upgrade(Vec<String>),
    /// The name of a cookie, and its value if that is required.
    Cookie(String, Option<String>),
    /// The address of the peer; an unknown one does not match.
    Client(Vec<Network>),
    /// The media type of the request body.
    ContentType(Vec<Media>),
    /// The media types that the client accepts.
    Accept(Vec<Media>),
    Query(QueryGuard),
    /// The path, where the trie does not decide.
    Path(Box<PathGuard>),
    PathRegex(PathRegex),
    MethodRegex(ValueRegex),
    Custom(Custom),
    /// A formula of other conditions, from a rule.
    Formula(Box<RuleGuard>),
}

impl RuleGuard {
    /// Tests the formula; `None` if the result depends on something that the request does not have.
    pub(crate) fn verdict(&self, view: &RequestView<'_>) -> Option<bool> {
        self.formula.verdict(&|guard| guard.verdict(view))
    }
}

impl Guard {
    /// Tests the guard; passes the ranges of variables to `found`.
    pub(crate) fn holds(&self, view: &RequestView<'_>, found: &mut impl FnMut(Span)) -> bool {
        match self {
            Self::Methods(set) => set.contains(view.head.method),
            Self::Scheme(any) => view.scheme().is_some_and(|scheme| any.contains(scheme)),
            Self::Version(any) => any.contains(&view.head.version),
            Self::Host(own) => match &view.host {
                Some(host) => own.pattern.matches(host.name, host.port, found),
                None => false,
            },
            Self::Header(name, value) => value.holds(view, name),
            Self::Cookie(name, value) => {
                let headers = view.head.headers;
                let is_met = |cookie: &str| value.as_deref().is_none_or(|value| value == cookie);
                if view.shared.scans(header_bytes(headers, &COOKIE)) {
                    values(headers, name).any(is_met)
                } else {
                    view.shared.cookie(headers, name).any(is_met)
                }
            }
            Self::Client(any) => {
                view.client().is_some_and(|address| any.iter().any(|network| network.contains(address)))
            }
            Self::ContentType(any) => match single_line(view.head.headers, &CONTENT_TYPE) {
                Some(Some(line)) => {
                    let length = std::iter::once(line.len());
                    view.shared.may_match(length, BadRequest::HeaderTooLong) && media_type::carries(line, any)
                }
                Some(None) => false,
                // Several lines count as none.
                None => {
                    view.may_match_header(&CONTENT_TYPE);
                    false
                }
            },
            Self::Accept(any) => view.shared.quality(view.head.headers, any) > 0,
            Self::Upgrade(any) => {
                view.may_match_header(&CONNECTION)
                    && view.may_match_header(&UPGRADE)
                    && requests_upgrade(&view.head, any)
            }
            Self::Query(query) => query.holds(view, found),
            Self::Path(path) => {
                view.may_match_path() && path.pattern.matches(&path.edges, view.path_values(), &mut |_| {})
            }
            Self::PathRegex(whole) => whole.holds(view) == Some(true),
            Self::MethodRegex(regex) => {
                let method = view.head.method.as_str();
                let length = std::iter::once(method.len());
                view.shared.may_match(length, BadRequest::MethodTooLong) && regex.is_match(method)
            }
            Self::Custom(custom) => (custom.holds)(&view.head),
            Self::Formula(rule) => rule.verdict(view) == Some(true),
        }
    }

    /// Tests the guard; `None` if it cannot be read, so that a negation does not hold either.
    fn verdict(&self, view: &RequestView<'_>) -> Option<bool> {
        let holds = self.holds(view, &mut |_| {});
        (holds || self.knows(view)).then_some(holds)
    }

    /// Tests the guard on a request with other types.
    pub(crate) fn holds_with(&self, view: &RequestView<'_>, types: AssumedTypes<'_, '_>) -> bool {
        match self {
            Self::Formula(rule) => {
                rule.formula.verdict(&|guard| guard.verdict_with(view, types)) == Some(true)
            }
            guard => guard.verdict_with(view, types) == Some(true),
        }
    }

    fn verdict_with(&self, view: &RequestView<'_>, types: AssumedTypes<'_, '_>) -> Option<bool> {
        let is_one = |any: &[Media], types: &[&Media], fits: fn(&Media, &Media) -> bool| {
            types.iter().any(|media| any.iter().any(|own| fits(own, media)))
        };
        match (self, types) {
            (Self::ContentType(any), AssumedTypes { content_type: Some(types), .. }) => {
                Some(is_one(any, types, Media::covers))
            }
            (Self::Accept(any), AssumedTypes { accept: Some(types), .. }) => {
                Some(is_one(any, types, |own, other| own.covers(other) || other.covers(own)))
            }
            (guard, _) => guard.verdict(view),
        }
    }

    /// Returns the conditions of a formula, or the guard itself.
    pub(crate) fn leaves(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::Formula(rule) => rule.formula.leaves(),
            guard => Box::new(std::iter::once(guard)),
        }
    }

    /// Tests whether everything that the guard reads is readable.
    fn knows(&self, view: &RequestView<'_>) -> bool {
        let headers = view.head.headers;
        let reads = |name| headers.get_all(name).iter().all(|value| value.to_str().is_ok());
        match self {
            Self::Scheme(_) => view.scheme().is_some(),
            Self::Client(_) => view.client().is_some(),
            Self::Header(name, HeaderMatch::Regex(_) | HeaderMatch::All(_)) => {
                view.may_match_header(name) && reads(name)
            }
            Self::Cookie(..) => view.shared.are_cookies_readable(headers),
            Self::Query(_) => view.shared.is_query_readable(view.query()),
            Self::Path(_) => view.shared.is_path_readable(view.path),
            Self::PathRegex(whole) => whole.holds(view).is_some(),
            _ => true,
        }
    }

    /// Tests whether the result depends on a user-defined function.
    pub(crate) fn is_custom(&self) -> bool {
        match self {
            Self::Custom(_) => true,
            Self::Formula(rule) => rule.formula.leaves().any(Self::is_custom),
            _ => false,
        }
    }

    /// Tests whether the result depends on the method; user-defined functions are not counted.
    pub(crate) fn reads_method(&self) -> bool {
        match self {
            Self::Methods(_) | Self::MethodRegex(_) | Self::Upgrade(_) => true,
            Self::Formula(rule) => rule.formula.leaves().any(Self::reads_method),
            _ => false,
        }
    }

    /// Tests whether the guard reads the type of the body.
    pub(crate) fn reads_content_type(&self) -> bool {
        self.leaves().any(|guard| matches!(guard, Self::ContentType(_)))
    }

    /// Tests whether the guard reads the types that the client accepts.
    pub(crate) fn reads_accept(&self) -> bool {
        self.leaves().any(|guard| matches!(guard, Self::Accept(_)))
    }

    /// Tests whether the guard reads the host.
    pub(crate) fn looks_at_host(&self) -> bool {
        match self {
            Self::Host(_) => true,
            Self::Formula(rule) => rule.formula.leaves().any(Self::looks_at_host),
            _ => false,
        }
    }

    /// Tests whether the guard reads the address of the peer.
    pub(crate) fn reads_client(&self) -> bool {
        match self {
            Self::Client(_) => true,
            Self::Formula(rule) => rule.formula.leaves().any(Self::reads_client),
            _ => false,
        }
    }

    /// Tests whether the guard reads the scheme.
    pub(crate) fn reads_scheme(&self) -> bool {
        match self {
            Self::Scheme(_) => true,
            Self::Formula(rule) => rule.formula.leaves().any(Self::reads_scheme),
            _ => false,
        }
    }

    /// Returns the relative cost; cheaper guards are tested first.
    pub(crate) fn cost(&self) -> u8 {
        match self {
            Self::Methods(_) => 0,
            Self::Scheme(_) | Self::Version(_) => 1,
            Self::Header(_, HeaderMatch::Regex(_) | HeaderMatch::All(_)) | Self::Cookie(..) => 5,
            Self::ContentType(_) | Self::Accept(_) => 5,
            Self::Client(_) | Self::Header(..) | Self::Upgrade(_) => 2,
            Self::Host(_) => 3,
            Self::Query(QueryGuard { value: QueryMatch::Template(_) | QueryMatch::Regex(_), .. }) => 6,
            Self::Query(_) => 4,
            Self::Path(_) | Self::PathRegex(_) | Self::MethodRegex(_) => 6,
            Self::Custom(_) | Self::Formula(_) => 7,
        }
    }

    /// Tests whether the condition is a list of alternatives that can be compared with another list.
    pub(crate) fn has_alternatives(&self) -> bool {
        self.contains(self)
    }

    /// Tests whether each alternative of another guard of this kind is within one of this guard's.
    pub(crate) fn contains(&self, inner: &Self) -> bool {
        match (self, inner) {
            (Self::Scheme(outer), Self::Scheme(inner)) => contains(outer, inner, PartialEq::eq),
            (Self::Version(outer), Self::Version(inner)) => contains(outer, inner, PartialEq::eq),
            (Self::Upgrade(outer), Self::Upgrade(inner)) => {
                contains(outer, inner, |outer, inner| outer.eq_ignore_ascii_case(inner))
            }
            (Self::Client(outer), Self::Client(inner)) => {
                contains(outer, inner, Network::covers)
                    || contains(&Network::aggregate(outer), inner, Network::covers)
            }
            (Self::ContentType(outer), Self::ContentType(inner))
            | (Self::Accept(outer), Self::Accept(inner)) => contains(outer, inner, Media::covers),
            _ => false,
        }
    }

    /// Tests whether no request meets both guards; only for kinds of which a request has one value.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scheme(one), Self::Scheme(other)) => excludes(one, other, PartialEq::eq),
            (Self::Version(one), Self::Version(other)) => excludes(one, other, PartialEq::eq),
            (Self::Client(one), Self::Client(other)) => excludes(one, other, Network::covers),
            (Self::ContentType(one), Self::ContentType(other)) => excludes(one, other, Media::covers),
            _ => false,
        }
    }

    /// Returns the class in which the rank of a route counts this guard.
    pub(crate) fn rank_class(&self) -> Option<RankClass> {
        Some(match self {
            Self::Scheme(_) => RankClass::Scheme,
            Self::Version(_) => RankClass::Version,
            Self::Header(_, HeaderMatch::Exact(_)) => RankClass::HeaderExact,
            Self::Header(_, HeaderMatch::Regex(_) | HeaderMatch::All(_)) => RankClass::HeaderRegex,
            Self::Header(_, HeaderMatch::Present) => RankClass::HeaderPresent,
            Self::Header(_, HeaderMatch::Absent) => RankClass::Absent,
            Self::Query(query) => match query.value {
                QueryMatch::Exact(_) => RankClass::QueryExact,
                QueryMatch::Template(_) | QueryMatch::Regex(_) => RankClass::QueryPattern,
                QueryMatch::Present => RankClass::QueryPresent,
                QueryMatch::Absent => RankClass::Absent,
            },
            Self::Cookie(..) => RankClass::Cookie,
            Self::ContentType(_) | Self::Accept(_) | Self::Upgrade(_) => RankClass::Content,
            Self::Client(_) => RankClass::Client,
            Self::Custom(_) | Self::PathRegex(_) | Self::MethodRegex(_) | Self::Formula(_) => {
                RankClass::Other
            }
            Self::Methods(_) | Self::Host(_) | Self::Path(_) => return None,
        })
    }

    /// Returns the kind of the condition and what it requires, for explanations. `queries` are the query
    /// templates of the route.
    pub(crate) fn required(&self, queries: &[(String, Option<Template>)]) -> (&'static str, String) {
        match self {
            Self::Methods(set) => ("method", set.to_string()),
            Self::Scheme(any) => ("scheme", joined(any)),
            Self::Version(any) => {
                ("version", any.iter().map(|version| version_name(*version)).collect::<Vec<_>>().join("|"))
            }
            Self::Host(_) => ("host", "of a scope".to_owned()),
            Self::Header(name, value) => (
                "header",
                match value {
                    HeaderMatch::Present => name.to_string(),
                    HeaderMatch::Absent => format!("not {name}"),
                    HeaderMatch::Exact(text) => format!("{name}={text}"),
                    HeaderMatch::Regex(regex) => format!("{name}~{}", unanchored(regex)),
                    HeaderMatch::All(regex) => format!("each {name}~{}", unanchored(regex)),
                },
            ),
            Self::Cookie(name, None) => ("cookie", name.clone()),
            Self::Cookie(name, Some(value)) => ("cookie", format!("{name}={value}")),
            Self::Client(any) => ("client", joined(any)),
            Self::ContentType(any) => ("content type", joined(any)),
            Self::Accept(any) => ("accept", joined(any)),
            Self::Upgrade(any) => ("upgrade", any.join("|")),
            Self::Query(query) => ("query", query.required(queries)),
            Self::Path(_) => ("path", "of a rule".to_owned()),
            Self::PathRegex(path) => ("path", format!("~{}", unanchored(&path.regex))),
            Self::MethodRegex(regex) => ("method", format!("~{}", unanchored(regex))),
            Self::Formula(rule) => ("rule", rule.text.clone()),
            Self::Custom(custom) => ("guard", custom.name.clone()),
        }
    }

    /// Returns what the request has instead, for explanations.
    pub(crate) fn actual(&self, view: &RequestView<'_>) -> String {
        let headers = view.head.headers;
        match self {
            Self::Methods(_) | Self::MethodRegex(_) => view.head.method.to_string(),
            Self::Scheme(_) => view.scheme().map_or("unknown".to_owned(), ToString::to_string),
            Self::Version(_) => version_name(view.head.version).to_owned(),
            Self::Host(_) => view.host.map_or("none".to_owned(), |host| host.name.to_owned()),
            Self::Header(name, _) => lines(headers, name),
            Self::Cookie(name, _) => listed(values(headers, name).map(str::to_owned).collect()),
            Self::Client(_) => view.client().map_or("unknown".to_owned(), |client| client.to_string()),
            Self::ContentType(_) => lines(headers, &CONTENT_TYPE),
            Self::Accept(_) => lines(headers, &ACCEPT),
            Self::Upgrade(_) => lines(headers, &UPGRADE),
            Self::Query(query) => listed(query.values(view)),
            Self::Path(_) | Self::PathRegex(_) => view.path.to_owned(),
            Self::Formula(rule) if rule.verdict(view).is_none() => "unknown".to_owned(),
            Self::Formula(_) | Self::Custom(_) => "no".to_owned(),
        }
    }
}

/// Classes of guards by falling importance: a route with more guards of an earlier class ranks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RankClass {
    Methods,
    Scheme,
    Version,
    HeaderExact,
    HeaderRegex,
    HeaderPresent,
    QueryExact,
    QueryPattern,
    QueryPresent,
    Cookie,
    Content,
    Client,
    Other,
    Absent,
    /// The opposite of a condition that is not one itself.
    Negated,
}

/// The number of rank classes.
pub(crate) const RANK_CLASSES: usize = RankClass::Negated as usize + 1;

fn contains<T>(outer: &[T], inner: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    inner.iter().all(|inner| outer.iter().any(|outer| covers(outer, inner)))
}

fn excludes<T>(one: &[T], other: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    one.iter().all(|one| other.iter().all(|other| !covers(one, other) && !covers(other, one)))
}

fn joined<T: ToString>(any: &[T]) -> String {
    any.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
}

/// The values of a header as text.
fn lines(headers: &HeaderMap, name: &HeaderName) -> String {
    listed(headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).collect())
}

fn listed(values: Vec<String>) -> String {
    if values.is_empty() { "none".to_owned() } else { values.join(" and ") }
}

/// Tests whether a request asks for one of the protocols: with `Upgrade` over HTTP/1.1 (RFC 9110 §7.8), with
/// an extended CONNECT (RFC 8441) over HTTP/2 and later.
pub(crate) fn requests_upgrade(head: &RequestHead<'_>, any: &[String]) -> bool {
    match head.version {
        Version::HTTP_11 => {
            // The method bits test the method; a plain CONNECT opens a tunnel instead.
            head.method != Method::CONNECT
                && has(head.headers, &CONNECTION, "upgrade")
                && any.iter().any(|protocol| has(head.headers, &UPGRADE, protocol))
        }
        Version::HTTP_09 | Version::HTTP_10 => false,
        _ => connect_protocol(head)
            .is_some_and(|own| any.iter().any(|wanted| own.eq_ignore_ascii_case(wanted))),
    }
}

/// Tests whether a token is in a comma-separated list, over all lines.
fn has(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Returns the `:protocol` that hyper's server stores.
#[cfg(feature = "http2")]
fn connect_protocol<'r>(head: &RequestHead<'r>) -> Option<&'r str> {
    head.extensions.get::<hyper::ext::Protocol>().map(hyper::ext::Protocol::as_str)
}

#[cfg(not(feature = "http2"))]
fn connect_protocol<'r>(_head: &RequestHead<'r>) -> Option<&'r str> {
    None
}

/// Returns the values of a cookie; several lines (RFC 9113 §8.2.3) and several pairs of the same name all
/// count.
pub(crate) fn values<'r>(headers: &'r HeaderMap, name: &'r str) -> impl Iterator<Item = &'r str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';'));
    pairs.filter_map(move |pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}
