//! Conflicts: overlaps of routes of equal rank.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;
use std::rc::Rc;

use rustc_hash::FxBuildHasher;
use waylay_template::{Node, Template};

use crate::compile::automaton::{bare_host, host_regex};
use crate::compile::error::{BuildError, BuildErrorKind};
use crate::compile::overlap::{Overlap, OverlapChecker, RouteRef};
use crate::compile::pattern::Pattern;
use crate::compile::shape::Shape;
use crate::compile::witness::Witness;
use crate::matcher::guard::Guard;
use crate::matcher::header::HeaderMatch;
use crate::request::policy::Policy;
use crate::table::catalog::UnknownOverlaps;
use crate::table::routes::Routes;
use crate::template::path::PathEnd;

/// The most pairs whose literal text is compared; further ones are not compared at all.
const MAX_CANDIDATES: usize = 4_000_000;

/// The most pairs of unknown overlap that are listed.
const MAX_UNDECIDED: usize = 256;

/// Finds overlaps of routes of equal rank.
pub(crate) struct Conflicts<'f> {
    routes: &'f Routes,
    policy: &'f Policy,
    checker: OverlapChecker<'f>,
    candidates: usize,
    /// Pairs of catalog indices, with a request that both match.
    pub(crate) found: Vec<(usize, usize, Witness)>,
    /// Pairs of places: the second route matches whatever the first one matches, and more.
    pub(crate) inclusions: Vec<(usize, usize)>,
    pub(crate) unknown_overlaps: UnknownOverlaps,
}

/// A route of a group of equal rank.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RankedRoute<'s> {
    /// Its catalog index.
    pub(crate) index: usize,
    pub(crate) pattern: &'s Pattern,
    /// The [hash](literal_hash) of its literal text.
    pub(crate) literals: u64,
}

/// A route in a comparison.
struct Member<'s> {
    prefix: &'s str,
    index: usize,
    pattern: &'s Pattern,
    path: Option<&'s Template>,
    exact: Exact<'s>,
    shapes: OnceCell<Shapes>,
}

/// The shapes of what path and host must match; most pairs of routes are found to differ without them.
struct Shapes {
    paths: Vec<Rc<Shape>>,
    hosts: Vec<Rc<Shape>>,
}

impl Shapes {
    fn of(route: RouteRef<'_>, checker: &mut OverlapChecker<'_>) -> Self {
        let syntax = checker.policy.syntax;
        let mut paths = vec![checker.shape(&route.path_regex(syntax))];
        paths.extend(route.pattern.guards.iter().filter_map(|guard| match guard {
            Guard::PathRegex(path) => Some(checker.shape(path.regex.as_str())),
            Guard::Path(path) => Some(checker.shape(&path.regex)),
            _ => None,
        }));
        let hosts = route.pattern.hosts().map(|host| checker.shape(&host_regex(host, syntax))).collect();
        Self { paths, hosts }
    }
}

impl<'s> Member<'s> {
    fn new(route: RankedRoute<'s>, path: Option<&'s Template>) -> Self {
        let RankedRoute { index, pattern, .. } = route;
        let (prefix, exact) = (prefix(path, pattern.path.end()), exact(pattern));
        Self { prefix, index, pattern, path, exact, shapes: OnceCell::new() }
    }

    fn route(&self) -> RouteRef<'s> {
        RouteRef { pattern: self.pattern, path: self.path }
    }

    /// Tests whether literal text separates two routes.
    fn excludes(&self, other: &Self, checker: &mut OverlapChecker<'_>) -> bool {
        let exclude = |own: &[Rc<Shape>], others: &[Rc<Shape>]| {
            own.iter().any(|own| others.iter().any(|other| own.excludes(other)))
        };
        if have_different_values(&self.exact, &other.exact)
            || self.pattern.methods.and(&other.pattern.methods).is_empty()
        {
            return true;
        }
        let own = self.shapes.get_or_init(|| Shapes::of(self.route(), checker));
        let others = other.shapes.get_or_init(|| Shapes::of(other.route(), checker));
        exclude(&own.paths, &others.paths) || exclude(&own.hosts, &others.hosts)
    }
}

impl<'f> Conflicts<'f> {
    pub(crate) fn new(routes: &'f Routes, policy: &'f Policy) -> Self {
        let checker = OverlapChecker::new(policy, 0);
        Self {
            routes,
            policy,
            checker,
            candidates: 0,
            found: Vec::new(),
            inclusions: Vec::new(),
            unknown_overlaps: UnknownOverlaps::default(),
        }
    }

    /// Compares routes of equal rank, in the order of addition.
    pub(crate) fn compare<'s>(&mut self, group: impl Iterator<Item = RankedRoute<'s>>) {
        // Routes with different literal segments or hosts cannot overlap.
        let mut sorted: Vec<RankedRoute<'_>> = group.collect();
        sorted.sort_by_key(|route| route.literals);
        let buckets = sorted.chunk_by(|a, b| a.literals == b.literals);
        let mut buckets: Vec<&[RankedRoute<'_>]> = buckets.filter(|bucket| bucket.len() > 1).collect();
        // In the order of addition, independent of hashes.
        buckets.sort_by_key(|bucket| bucket.first().map(|route| route.index));
        for bucket in buckets {
            let path = |route: &RankedRoute<'_>| self.routes.get(route.index)?.path(self.policy.syntax);
            let paths: Vec<Option<Template>> = bucket.iter().map(path).collect();
            let members = bucket.iter().zip(&paths).map(|(route, path)| Member::new(*route, path.as_ref()));
            let members: Vec<Member<'_>> = members.collect();
            self.compare_by_value(members.iter().collect(), &mut Vec::new());
        }
    }

    /// Compares routes in groups of one value of a field: routes that require other values cannot overlap.
    fn compare_by_value(&mut self, members: Vec<&Member<'_>>, known: &mut Vec<Field>) {
        if members.len() < 2 {
            return;
        }
        let Some(field) = common_field(&members, known) else { return self.compare_all(members) };
        let mut groups: BTreeMap<String, Vec<&Member<'_>>> = BTreeMap::new();
        let mut rest = Vec::new();
        for &member in &members {
            match member.exact.iter().find(|((part, name), _)| *part == field.0 && *name == field.1) {
                Some((_, value)) => groups.entry((*value).to_owned()).or_default().push(member),
                None => rest.push(member),
            }
        }
        known.push(field);
        for &member in &rest {
            for &other in groups.values().flatten() {
                self.candidate(member, other);
            }
        }
        groups.into_values().for_each(|group| self.compare_by_value(group, known));
        self.compare_by_value(rest, known);
        known.pop();
    }

    fn compare_all(&mut self, mut members: Vec<&Member<'_>>) {
        // Routes overlap only if one literal start is a prefix of the other; such routes are adjacent.
        members.sort_by_key(|member| (member.prefix, member.index));
        for (i, own) in members.iter().enumerate() {
            let beside = members[i + 1..].iter().take_while(|other| other.prefix.starts_with(own.prefix));
            beside.for_each(|other| self.candidate(own, other));
        }
    }

    fn candidate(&mut self, a: &Member<'_>, b: &Member<'_>) {
        let (first, second) = if a.index < b.index { (a, b) } else { (b, a) };
        self.candidates += 1;
        if self.candidates > MAX_CANDIDATES {
            return self.skip(second.index);
        }
        // Alternatives of one route may overlap.
        let of = |member: &Member<'_>| self.routes.get(member.index).map(|route| route.of);
        if of(a) != of(b) && !a.excludes(b, &mut self.checker) {
            self.pair(first, second);
        }
    }

    fn pair(&mut self, first: &Member<'_>, second: &Member<'_>) {
        let routes = [first.route(), second.route()];
        let [one, other] = routes;
        let overlap = self.checker.check(&routes);
        let includes = overlap != Overlap::Never && self.checker.strictly_covers(other, one);
        let is_included = overlap != Overlap::Never && !includes && self.checker.strictly_covers(one, other);
        match overlap {
            // The budget may have been spent on half of the answer.
            _ if self.checker.budget.is_spent() => self.skip(second.index),
            _ if includes => self.inclusions.push((first.index, second.index)),
            _ if is_included => self.inclusions.push((second.index, first.index)),
            overlap => self.report(first.index, second.index, overlap),
        }
    }

    /// Counts a pair that is not compared.
    fn skip(&mut self, second: usize) {
        self.unknown_overlaps.further.get_or_insert((second, 0)).1 += 1;
    }

    fn report(&mut self, first: usize, second: usize, overlap: Overlap) {
        match overlap {
            Overlap::At(witness) => self.found.push((first, second, witness)),
            Overlap::Unknown if self.unknown_overlaps.pairs.len() < MAX_UNDECIDED => {
                self.unknown_overlaps.pairs.push((first, second));
            }
            Overlap::Unknown => self.skip(second),
            Overlap::Never => {}
        }
    }

    /// Returns the overlaps as errors of the routes that were added later.
    pub(crate) fn errors(&mut self) -> Vec<BuildError> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|(first, second, _)| (*second, *first));
        // One error per route is enough, also of its alternatives.
        let mut known = HashSet::new();
        found.retain(|(_, second, _)| known.insert(self.routes.at(*second).of));
        let errors = found.into_iter().map(|(first, second, witness)| {
            let (route, other) = (self.routes.at(second), self.routes.at(first));
            BuildError {
                kind: BuildErrorKind::Conflict {
                    with: other.label(),
                    other: other.location,
                    witness: Box::new(witness),
                },
                route: route.label(),
                location: route.location,
            }
        });
        errors.collect()
    }
}

/// Returns a hash of the literal segments of the path and labels of the hosts, which are equal for overlapping routes of
/// equal rank: their variables have the same positions. Routes with one hash are compared, whatever their text.
pub(crate) fn literal_hash(path: Option<&Template>, pattern: &Pattern) -> u64 {
    let mut parts = String::with_capacity(path.map_or(0, |path| path.text.len()));
    if let Some(path) = path {
        push_literals(path, '/', &mut parts);
        if pattern.path.end() != PathEnd::Exact {
            parts.truncate(parts.trim_end_matches('/').len());
        }
    }
    for host in pattern.hosts() {
        parts.push('\n');
        let start = parts.len();
        push_literals(&bare_host(host), '.', &mut parts);
        parts[start..].make_ascii_lowercase();
    }
    FxBuildHasher.hash_one(parts)
}

/// Appends the parts of a template, with a mark in place of those that have variables.
fn push_literals(template: &Template, separator: char, out: &mut String) {
    let (mut start, mut is_literal) = (out.len(), true);
    for node in &template.nodes {
        let Node::Text(text) = node else {
            out.truncate(start);
            out.push('{');
            is_literal = false;
            continue;
        };
        for (i, part) in text.split(separator).enumerate() {
            if i > 0 {
                out.push(separator);
                (start, is_literal) = (out.len(), true);
            }
            if is_literal {
                out.push_str(part);
            }
        }
    }
}

/// The headers, cookies and query keys with a required value, sorted.
type Exact<'s> = Vec<((Part, &'s str), &'s str)>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Header,
    Cookie,
    Query,
}

fn exact(pattern: &Pattern) -> Exact<'_> {
    let guards = pattern.guards.iter().filter_map(|guard| match guard {
        Guard::Header(name, HeaderMatch::Exact(value)) => Some(((Part::Header, name.as_str()), &**value)),
        Guard::Cookie(name, Some(value)) => Some(((Part::Cookie, &**name), &**value)),
        _ => None,
    });
    let queries = pattern
        .queries
        .iter()
        .filter_map(|(key, template)| Some(((Part::Query, &**key), template.as_ref()?.literal()?)));
    let mut exact: Exact<'_> = guards.chain(queries).collect();
    exact.sort_unstable();
    exact
}

/// A header, cookie or query key.
type Field = (Part, String);

/// Returns the field of which most routes require a value, if there are at least two; `known` ones aside.
fn common_field(members: &[&Member<'_>], known: &[Field]) -> Option<Field> {
    let mut counts: BTreeMap<(Part, &str), usize> = BTreeMap::new();
    for (field, _) in members.iter().flat_map(|member| &member.exact) {
        *counts.entry(*field).or_default() += 1;
    }
    counts.retain(|(part, name), _| !known.iter().any(|known| known.0 == *part && known.1 == *name));
    let (field, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (count > 1).then(|| (field.0, field.1.to_owned()))
}

/// Tests whether two routes require different values of one field; such routes are not analyzed further.
fn have_different_values(a: &Exact<'_>, b: &Exact<'_>) -> bool {
    a.iter().any(|(key, value)| b.iter().any(|(other, theirs)| key == other && value != theirs))
}

/// Returns the text before the first variable.
fn prefix(path: Option<&Template>, end: PathEnd) -> &str {
    let text = path.map_or("", first);
    if end == PathEnd::Segments { text.trim_end_matches('/') } else { text }
}

fn first(template: &Template) -> &str {
    match template.nodes.first() {
        Some(Node::Text(text)) => text,
        _ => "",
    }
}
