//! RankKey: the order of routes by specificity.
//!
//! Priority, then host, then path segment by segment, then the number of conditions, then their kinds; never the
//! length of a text, and never the order of addition unless the policy says so. `docs/ranks.md` has the rule
//! for users. Routes of one key are ordered by inclusion afterwards (`table/order.rs`).

use std::cmp::Reverse;
use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use waylay_template::{Node, Syntax, Template, Variable, VariableKind, Wildcard};

use crate::compile::pattern::Pattern;
use crate::matcher::formula::Formula;
use crate::matcher::guard::{Guard, RANK_CLASSES, RankClass};
use crate::request::policy::Precedence;
use crate::template::constraint::may_span;
use crate::template::path::PathEnd;

/// The rank of a route; smaller is better.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RankKey {
    priority: Reverse<i32>,
    order: usize,
    host: HostKey,
    /// Whether the path differs from the route's by its final slash; such a path ranks after every route's
    /// own path.
    slash_variant: bool,
    path: Vec<PartKey>,
    /// The number of conditions.
    conditions: Reverse<usize>,
    guards: [Reverse<usize>; RANK_CLASSES],
    /// GET routes match HEAD too; a route for HEAD alone ranks before them.
    head_only: Reverse<bool>,
    /// The text of a foreign rule: those dialects have no conflicts, and vulcand sorts by the text.
    text: Reverse<Box<str>>,
}

/// Class, number of literal bytes (more first), whether constrained (first).
type PartKey = (u8, Reverse<u32>, Reverse<bool>);

/// Class, labels from right to left, port (first).
type HostKey = (u8, Vec<PartKey>, Reverse<bool>);

const LITERAL: u8 = 1;

const AFFIXED: u8 = 2;

const CONSTRAINED: u8 = 3;

const PLAIN: u8 = 4;

const OPTIONAL: u8 = 5;

const TAIL: u8 = 6;

const PREFIX: u8 = 7;

/// The parts of a compiled route that the rank is computed from.
pub(crate) struct Ranked<'p> {
    pub(crate) priority: i32,
    pub(crate) order: usize,
    pub(crate) path: Option<&'p Template>,
    pub(crate) end: PathEnd,
    pub(crate) host: Option<&'p Template>,
    pub(crate) host_is_regex: bool,
    pub(crate) host_has_port: bool,
    pub(crate) has_methods: bool,
    pub(crate) head_only: bool,
    pub(crate) guards: &'p [Guard],
}

impl<'p> Ranked<'p> {
    pub(crate) fn of(priority: i32, order: usize, path: Option<&'p Template>, pattern: &'p Pattern) -> Self {
        let methods = &pattern.methods;
        Self {
            priority,
            order,
            path,
            end: pattern.path.end(),
            host: pattern.host.as_ref().map(|host| host.template()),
            host_is_regex: pattern.host.as_ref().is_some_and(|host| host.is_regex()),
            host_has_port: pattern.host.as_ref().is_some_and(|host| host.port().is_some()),
            has_methods: !methods.is_all(),
            head_only: methods.is_head(),
            guards: &pattern.guards,
        }
    }
}

impl RankKey {
    pub(crate) fn new(route: &Ranked<'_>, precedence: Precedence) -> Self {
        let priority = Reverse(route.priority);
        if precedence == Precedence::RegistrationOrder {
            return Self { priority, order: route.order, ..Self::default() };
        }
        let counts = Counts::of(route);
        Self {
            priority,
            host: host_key(route),
            path: path_key(route),
            conditions: Reverse(counts.conditions),
            guards: counts.classes.map(Reverse),
            head_only: Reverse(route.head_only),
            ..Self::default()
        }
    }
}

impl RankKey {
    /// Returns the rank by specificity, whatever the policy says.
    pub(crate) fn specific(priority: i32, path: Option<&Template>, pattern: &Pattern) -> Self {
        let ranked = Ranked::of(priority, 0, path, pattern);
        Self::new(&ranked, Precedence::Specificity)
    }

    /// Tests whether priority, host and path have the same rank: a seal extends to the last of those.
    pub(crate) fn shares_location(&self, other: &Self) -> bool {
        (self.priority, self.order, &self.host, self.slash_variant, &self.path)
            == (other.priority, other.order, &other.host, other.slash_variant, &other.path)
    }

    /// Returns the rank among foreign rules of equal specificity.
    pub(crate) fn with_text(self, text: &str) -> Self {
        Self { text: Reverse(text.into()), ..self }
    }

    /// Returns the rank for the path with the other final slash.
    pub(crate) fn slash_variant(&self) -> Self {
        Self { slash_variant: true, ..self.clone() }
    }
}

/// The different ranks of a table, numbered in the order of addition.
#[derive(Debug, Default)]
pub(crate) struct RankKeys(HashMap<RankKey, u32, FxBuildHasher>);

impl RankKeys {
    /// Returns the number of a rank.
    pub(crate) fn add(&mut self, key: RankKey) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(key).or_insert(next)
    }

    /// Returns the sorted ranks, and the place of each number among them.
    pub(crate) fn sort(self) -> (Vec<RankKey>, Vec<u32>) {
        let mut numbered: Vec<(RankKey, u32)> = self.0.into_iter().collect();
        numbered.sort_unstable();
        let mut places = vec![0; numbered.len()];
        for (place, (_, number)) in (0..).zip(&numbered) {
            places[*number as usize] = place;
        }
        (numbered.into_iter().map(|(key, _)| key).collect(), places)
    }
}

fn host_key(route: &Ranked<'_>) -> HostKey {
    let port = Reverse(route.host_has_port);
    let Some(host) = route.host else {
        return (3, Vec::new(), port);
    };
    if route.host_is_regex {
        return (2, Vec::new(), port);
    }
    let mut parts = parts(host, b'.');
    if host.text.ends_with('.') {
        // The final dot of a full name starts no label.
        parts.pop();
    }
    parts.reverse();
    let exact = parts.iter().all(|part| part.0 == LITERAL);
    (u8::from(!exact), parts, port)
}

fn path_key(route: &Ranked<'_>) -> Vec<PartKey> {
    let Some(path) = route.path else {
        return without_template(route.guards);
    };
    let mut key = parts(path, b'/');
    let trailing = match path.nodes.last() {
        Some(Node::Text(text)) => text.len() - text.trim_end_matches('/').len(),
        _ => 0,
    };
    match route.end {
        PathEnd::Exact => return key,
        // A prefix by segments ends before its last `/`: `/a/` is `/a`, and `/` is less than `/{x}`.
        PathEnd::Segments => key.truncate(key.len() - trailing),
        // A prefix that may end within a segment is the beginning of a tail there.
        PathEnd::Raw => match key.pop() {
            Some((_, _, _)) if trailing > 0 => {}
            Some((LITERAL, ..)) => key.push((TAIL, Reverse(short(literal_end(path))), Reverse(false))),
            part => key.extend(part),
        },
    }
    key.push((PREFIX, Reverse(0), Reverse(false)));
    key
}

/// The bytes of the last segment of a path that ends in text.
fn literal_end(path: &Template) -> usize {
    match path.nodes.last() {
        Some(Node::Text(text)) => text.len() - text.rfind('/').map_or(0, |slash| slash + 1),
        _ => 0,
    }
}

/// Without a template, the path is that of `/` as a prefix; a regex over it is the text that it begins with,
/// then a constrained tail.
fn without_template(guards: &[Guard]) -> Vec<PartKey> {
    let regexes = guards.iter().filter_map(|guard| match guard {
        Guard::PathRegex(path) => Some(path.beginning().unwrap_or_else(|| "/".to_owned())),
        _ => None,
    });
    let literal = (LITERAL, Reverse(0), Reverse(false));
    let Some(beginning) = regexes.max_by_key(|text| text.matches('/').count()) else {
        return vec![literal, (PREFIX, Reverse(0), Reverse(false))];
    };
    let mut key = vec![literal; beginning.matches('/').count()];
    let last = beginning.rsplit('/').next().map_or(0, str::len);
    key.push((TAIL, Reverse(short(last)), Reverse(true)));
    key
}

/// Counts of one part of a template.
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
        (class, Reverse(short(affix)), Reverse(self.constrained))
    }
}

/// No text of a template is longer.
fn short(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Returns one key for each part of the template between separators.
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

/// Conditions by class, and their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Counts {
    conditions: usize,
    classes: [usize; RANK_CLASSES],
}

impl Counts {
    fn of(route: &Ranked<'_>) -> Self {
        let mut counts = Self::default();
        if route.has_methods {
            counts.add(RankClass::Methods);
        }
        for guard in route.guards {
            counts.add_guard(guard);
        }
        counts.classes[RankClass::Client as usize] = narrowness(route.guards);
        counts
    }

    fn add(&mut self, class: RankClass) {
        self.conditions += 1;
        self.classes[class as usize] += 1;
    }

    fn add_guard(&mut self, guard: &Guard) {
        match guard {
            Guard::Formula(rule) => self.add_all(&Self::of_formula(&rule.formula, false)),
            guard => guard.rank_class().into_iter().for_each(|class| self.add(class)),
        }
    }

    fn add_all(&mut self, other: &Self) {
        self.conditions += other.conditions;
        self.classes.iter_mut().zip(other.classes).for_each(|(own, other)| *own += other);
    }

    /// What a formula admits decides: all parts of a conjunction count, and of alternatives the widest.
    fn of_formula(formula: &Formula<Guard>, is_negated: bool) -> Self {
        let mut counts = Self::default();
        match formula {
            Formula::Leaf(_) if is_negated => counts.add(RankClass::Negated),
            Formula::Leaf(guard) if guard.rank_class().is_none() => counts.add(RankClass::Other),
            Formula::Leaf(guard) => counts.add_guard(guard),
            Formula::Not(inner) => return Self::of_formula(inner, !is_negated),
            Formula::All(parts) | Formula::Either(parts) => {
                let parts = parts.iter().map(|part| Self::of_formula(part, is_negated));
                if matches!(formula, Formula::All(_)) != is_negated {
                    parts.for_each(|part| counts.add_all(&part));
                } else {
                    counts = parts.min().unwrap_or_default();
                }
            }
        }
        counts
    }
}

/// Returns the prefix length of the widest network plus one; 0 without a network, which is wider than any.
fn narrowness(guards: &[Guard]) -> usize {
    let widest = |guard: &Guard| match guard {
        Guard::Client(any) => any.iter().map(|network| usize::from(network.bits()) + 1).min(),
        _ => None,
    };
    guards.iter().filter_map(widest).max().unwrap_or(0)
}
