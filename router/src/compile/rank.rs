//! Specificity order.
//!
//! Priority, then host, then path segment by segment, then guards counted; never
//! the length of a text, and never the order of writing unless the policy says so.

use std::cmp::Reverse;

use waylay_template::{Node, Syntax, Template, Variable, VariableKind, Wildcard};

use crate::compile::pattern::{Pattern, RouteTemplates};
use crate::matcher::guard::{Guard, HeaderMatch};
use crate::matcher::query::QueryMatch;
use crate::request::policy::Precedence;
use crate::template::constraint::may_span;
use crate::template::path::PathEnd;

/// Smaller is better.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RankKey {
    priority: Reverse<i32>,
    order: usize,
    host: HostKey,
    /// A path that is the route's but for its final slash gives way to any path that is a route's own.
    slash_variant: bool,
    path: Vec<PartKey>,
    guards: [Reverse<usize>; 13],
    /// GET routes answer HEAD too; a route for HEAD alone goes before them.
    head_only: Reverse<bool>,
    /// The text of a foreign rule: those languages have no conflicts, and vulcand goes by the text.
    text: Reverse<Box<str>>,
}

/// Class, literal bytes (more first), constrained (first).
type PartKey = (u8, Reverse<usize>, Reverse<bool>);

type HostKey = (u8, Vec<PartKey>);

const LITERAL: u8 = 1;

const AFFIXED: u8 = 2;

const CONSTRAINED: u8 = 3;

const PLAIN: u8 = 4;

const OPTIONAL: u8 = 5;

const TAIL: u8 = 6;

const PREFIX: u8 = 7;

/// What of a compiled route the order looks at.
pub(crate) struct Ranked<'p> {
    pub(crate) priority: i32,
    pub(crate) order: usize,
    pub(crate) path: Option<&'p Template>,
    pub(crate) end: PathEnd,
    pub(crate) hosts: &'p [Template],
    pub(crate) host_is_regex: bool,
    pub(crate) has_methods: bool,
    pub(crate) head_only: bool,
    pub(crate) guards: &'p [Guard],
}

impl<'p> Ranked<'p> {
    pub(crate) fn of(
        priority: i32,
        order: usize,
        templates: &'p RouteTemplates,
        pattern: &'p Pattern,
    ) -> Self {
        let methods = &pattern.methods;
        Self {
            priority,
            order,
            path: templates.path.as_ref(),
            end: templates.end,
            hosts: &templates.hosts,
            host_is_regex: pattern.host.as_ref().is_some_and(|host| host.is_regex()),
            has_methods: !methods.is_all(),
            head_only: methods.to_string() == "HEAD",
            guards: &pattern.guards,
        }
    }
}

impl RankKey {
    pub(crate) fn new(route: &Ranked<'_>, precedence: Precedence) -> Self {
        let written = precedence == Precedence::RegistrationOrder;
        Self {
            priority: Reverse(route.priority),
            order: if written { route.order } else { 0 },
            host: if written { (0, Vec::new()) } else { host_key(route) },
            slash_variant: false,
            path: if written { Vec::new() } else { path_key(route.path, route.end) },
            guards: if written { [Reverse(0); 13] } else { guard_key(route) },
            head_only: Reverse(!written && route.head_only),
            text: Reverse(Box::default()),
        }
    }
}

impl RankKey {
    /// The rank by specificity, whatever the policy says.
    pub(crate) fn specific(priority: i32, templates: &RouteTemplates, pattern: &Pattern) -> Self {
        let ranked = Ranked::of(priority, 0, templates, pattern);
        Self::new(&ranked, Precedence::Specificity)
    }

    /// Whether priority, host and path are of one rank: what a seal reaches up to.
    pub(crate) fn lies_with(&self, other: &Self) -> bool {
        (self.priority, self.order, &self.host, self.slash_variant, &self.path)
            == (other.priority, other.order, &other.host, other.slash_variant, &other.path)
    }

    /// The rank among foreign rules that are as specific.
    pub(crate) fn with_text(self, text: &str) -> Self {
        Self { text: Reverse(text.into()), ..self }
    }

    /// The rank of the same route for the path with the other final slash.
    pub(crate) fn slash_variant(&self) -> Self {
        Self { slash_variant: true, ..self.clone() }
    }
}

fn host_key(route: &Ranked<'_>) -> HostKey {
    let Some(host) = route.hosts.last() else {
        return (3, Vec::new());
    };
    if route.host_is_regex {
        return (2, Vec::new());
    }
    let mut parts = parts(host, b'.');
    if host.text.ends_with('.') {
        // The final dot of a full name begins no label.
        parts.pop();
    }
    parts.reverse();
    let exact = parts.iter().all(|part| part.0 == LITERAL);
    (u8::from(!exact), parts)
}

fn path_key(path: Option<&Template>, end: PathEnd) -> Vec<PartKey> {
    let mut key: Vec<PartKey> = path.map(|path| parts(path, b'/')).unwrap_or_default();
    if end == PathEnd::Segments
        && let Some(Node::Text(text)) = path.and_then(|path| path.nodes.last())
    {
        // A prefix by segments ends before its last `/`: `/a/` is `/a`, and `/` is less than `/{x}`.
        key.truncate(key.len() - (text.len() - text.trim_end_matches('/').len()));
    }
    if path.is_none() || end != PathEnd::Exact {
        key.push((PREFIX, Reverse(0), Reverse(false)));
    }
    key
}

/// What stands in one part of a template, counted.
#[derive(Default, Clone, Copy)]
struct Part {
    bytes: usize,
    vars: usize,
    constrained: bool,
    optional: bool,
    tail: bool,
}

impl Part {
    fn var(&mut self, var: &Variable, separator: Option<u8>) {
        self.vars += 1;
        self.constrained |= matches!(var.kind, VariableKind::Regex(_));
        self.optional |= var.optional;
        self.tail |= may_span(&var.kind, separator, Syntax::Native);
    }

    fn key(self) -> PartKey {
        let class = match (self.vars, self.bytes) {
            (0, _) => LITERAL,
            _ if self.tail => TAIL,
            _ if self.optional => OPTIONAL,
            (_, 1..) => AFFIXED,
            _ if self.constrained => CONSTRAINED,
            _ => PLAIN,
        };
        let affix = if self.vars == 0 { 0 } else { self.bytes };
        (class, Reverse(affix), Reverse(self.constrained))
    }
}

/// One key for each part of the template between separators.
fn parts(template: &Template, separator: u8) -> Vec<PartKey> {
    let mut keys = Vec::new();
    let mut part = Part::default();
    for node in &template.nodes {
        match node {
            Node::Variable(var) => part.var(var, template.kind.separator()),
            Node::Wildcard(wild) => {
                part.vars += 1;
                part.tail |= *wild != Wildcard::One;
            }
            Node::Text(text) => {
                for byte in text.bytes() {
                    if byte == separator {
                        keys.push(std::mem::take(&mut part).key());
                    } else {
                        part.bytes += 1;
                    }
                }
            }
        }
    }
    keys.push(part.key());
    keys
}

fn guard_key(route: &Ranked<'_>) -> [Reverse<usize>; 13] {
    let count =
        |wanted: fn(&Guard) -> bool| Reverse(route.guards.iter().filter(|guard| wanted(guard)).count());
    [
        Reverse(usize::from(route.has_methods)),
        count(|guard| matches!(guard, Guard::Scheme(_))),
        count(|guard| matches!(guard, Guard::Header(_, HeaderMatch::Exact(_)))),
        count(|guard| matches!(guard, Guard::Header(_, HeaderMatch::Regex(_) | HeaderMatch::All(_)))),
        count(|guard| matches!(guard, Guard::Header(_, HeaderMatch::Present))),
        count(|guard| matches!(guard, Guard::Query(query) if matches!(query.want, QueryMatch::Exact(_)))),
        count(|guard| match guard {
            Guard::Query(query) => matches!(query.want, QueryMatch::Template(_) | QueryMatch::Regex(_)),
            _ => false,
        }),
        count(|guard| matches!(guard, Guard::Query(query) if matches!(query.want, QueryMatch::Present))),
        count(|guard| matches!(guard, Guard::Cookie(..))),
        count(|guard| matches!(guard, Guard::ContentType(_) | Guard::Accept(_) | Guard::Upgrade(_))),
        narrowness(route.guards),
        count(|guard| {
            matches!(
                guard,
                Guard::Custom(_) | Guard::PathRegex(_) | Guard::MethodRegex(_) | Guard::Formula(_)
            )
        }),
        count(|guard| match guard {
            Guard::Header(_, want) => matches!(want, HeaderMatch::Absent),
            Guard::Query(query) => matches!(query.want, QueryMatch::Absent),
            _ => false,
        }),
    ]
}

/// One more than the bits of the widest network: none at all is wider than any.
fn narrowness(guards: &[Guard]) -> Reverse<usize> {
    let widest = |guard: &Guard| match guard {
        Guard::Client(any) => any.iter().map(|network| usize::from(network.bits()) + 1).min(),
        _ => None,
    };
    Reverse(guards.iter().filter_map(widest).max().unwrap_or(0))
}
