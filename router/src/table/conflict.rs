//! Conflicts: overlaps of routes of equal rank.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use waylay_template::{Node, Template};

use crate::compile::automaton::{bare_host, host_regex, path_regex};
use crate::compile::error::{BuildError, BuildErrorKind};
use crate::compile::overlap::{Overlap, OverlapChecker, RouteRef};
use crate::compile::pattern::{Pattern, RouteTemplates};
use crate::compile::shape::Shape;
use crate::compile::witness::Witness;
use crate::matcher::guard::Guard;
use crate::matcher::header::HeaderMatch;
use crate::request::policy::Policy;
use crate::table::catalog::{RouteEntry, UnknownOverlaps};
use crate::template::path::PathEnd;

/// The most pairs whose literal text is compared; further ones are not compared at all.
const MAX_CANDIDATES: usize = 4_000_000;

/// The most pairs of unknown overlap that are listed.
const MAX_UNDECIDED: usize = 256;

/// Finds overlaps of routes of equal rank.
pub(crate) struct Conflicts<'f> {
    entries: &'f [RouteEntry],
    policy: &'f Policy,
    checker: OverlapChecker<'f>,
    candidates: usize,
    /// Pairs of catalog indices, with a request that both match.
    pub(crate) found: Vec<(usize, usize, Witness)>,
    /// Pairs of places: the second route matches whatever the first one matches, and more.
    pub(crate) inclusions: Vec<(usize, usize)>,
    pub(crate) unknown_overlaps: UnknownOverlaps,
}

/// A route in a comparison.
struct Member<'s> {
    prefix: &'s str,
    index: usize,
    pattern: &'s Pattern,
    exact: Exact<'s>,
    /// The shapes of what the path must match.
    paths: Vec<Rc<Shape>>,
    hosts: Vec<Rc<Shape>>,
}

impl Member<'_> {
    /// Tests whether literal text separates two routes.
    fn excludes(&self, other: &Self) -> bool {
        let exclude = |own: &[Rc<Shape>], others: &[Rc<Shape>]| {
            own.iter().any(|own| others.iter().any(|other| own.excludes(other)))
        };
        have_different_values(&self.exact, &other.exact)
            || self.pattern.methods.and(&other.pattern.methods).is_empty()
            || exclude(&self.paths, &other.paths)
            || exclude(&self.hosts, &other.hosts)
    }
}

impl<'f> Conflicts<'f> {
    pub(crate) fn new(entries: &'f [RouteEntry], policy: &'f Policy) -> Self {
        let checker = OverlapChecker::new(policy, 0);
        Self {
            entries,
            policy,
            checker,
            candidates: 0,
            found: Vec::new(),
            inclusions: Vec::new(),
            unknown_overlaps: UnknownOverlaps::default(),
        }
    }

    /// Compares routes of equal rank, given with their catalog indices.
    pub(crate) fn compare(&mut self, group: &[(usize, &Pattern)]) {
        // Routes with different literal segments or hosts cannot overlap.
        let mut buckets: HashMap<Vec<String>, Vec<(usize, &Pattern)>> = HashMap::new();
        for &(index, pattern) in group {
            let Some(entry) = self.entries.get(index) else { continue };
            buckets.entry(literal_parts(&entry.templates)).or_default().push((index, pattern));
        }
        let mut buckets: Vec<_> = buckets.into_values().filter(|bucket| bucket.len() > 1).collect();
        // In the order of addition, independent of hashes.
        buckets.sort_by_key(|bucket| bucket.first().map(|(index, _)| *index));
        for bucket in buckets {
            let members: Vec<Member<'_>> =
                bucket.into_iter().map(|(index, pattern)| self.member(index, pattern)).collect();
            self.compare_by_value(members.iter().collect(), &mut Vec::new());
        }
    }

    fn member<'s>(&mut self, index: usize, pattern: &'s Pattern) -> Member<'s>
    where
        'f: 's,
    {
        let templates = &self.entries[index].templates;
        let syntax = self.policy.syntax;
        let mut paths = vec![self.checker.shape(&path_regex(templates, syntax))];
        paths.extend(pattern.guards.iter().filter_map(|guard| match guard {
            Guard::PathRegex(path) => Some(self.checker.shape(path.regex.as_str())),
            Guard::Path(path) => Some(self.checker.shape(&path.regex)),
            _ => None,
        }));
        let hosts = templates.hosts.iter().map(|host| self.checker.shape(&host_regex(host, syntax)));
        let hosts = hosts.collect();
        Member { prefix: prefix(templates), index, pattern, exact: exact(templates, pattern), paths, hosts }
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
        if self.entries[a.index].of != self.entries[b.index].of && !a.excludes(b) {
            self.pair((first.index, first.pattern), (second.index, second.pattern));
        }
    }

    fn pair(&mut self, first: (usize, &Pattern), second: (usize, &Pattern)) {
        let routes = [first, second]
            .map(|(index, pattern)| RouteRef { pattern, templates: &self.entries[index].templates });
        let [one, other] = routes;
        let overlap = self.checker.check(&routes);
        let includes = overlap != Overlap::Never && self.checker.strictly_covers(other, one);
        let is_included = overlap != Overlap::Never && !includes && self.checker.strictly_covers(one, other);
        match overlap {
            // The budget may have been spent on half of the answer.
            _ if self.checker.budget.is_spent() => self.skip(second.0),
            _ if includes => self.inclusions.push((first.0, second.0)),
            _ if is_included => self.inclusions.push((second.0, first.0)),
            overlap => self.report(first.0, second.0, overlap),
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
        found.retain(|(_, second, _)| known.insert(self.entries[*second].of));
        let errors = found.into_iter().map(|(first, second, witness)| {
            let (route, other) = (&self.entries[second], &self.entries[first]);
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

/// Returns the literal segments of the path and labels of the hosts, which are equal for overlapping routes
/// of equal rank: their variables have the same positions.
fn literal_parts(templates: &RouteTemplates) -> Vec<String> {
    let mut parts: Vec<String> = templates.path.iter().flat_map(|path| literals(path, '/')).collect();
    if templates.end != PathEnd::Exact {
        let len = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        parts.truncate(len);
    }
    for host in &templates.hosts {
        parts.extend(literals(&bare_host(host), '.').into_iter().map(|label| label.to_ascii_lowercase()));
    }
    parts
}

fn literals(template: &Template, separator: char) -> Vec<String> {
    let mut parts = vec![Some(String::new())];
    for node in &template.nodes {
        match node {
            Node::Text(text) => {
                for (i, part) in text.split(separator).enumerate() {
                    if i > 0 {
                        parts.push(Some(String::new()));
                    }
                    if let Some(Some(literal)) = parts.last_mut() {
                        literal.push_str(part);
                    }
                }
            }
            Node::Variable(_) | Node::Wildcard(_) => {
                if let Some(part) = parts.last_mut() {
                    *part = None;
                }
            }
        }
    }
    parts.into_iter().map(|part| part.unwrap_or_else(|| "{".to_owned())).collect()
}

/// The headers, cookies and query keys with a required value, sorted.
type Exact<'s> = Vec<((Part, &'s str), &'s str)>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Header,
    Cookie,
    Query,
}

fn exact<'s>(templates: &'s RouteTemplates, pattern: &'s Pattern) -> Exact<'s> {
    let guards = pattern.guards.iter().filter_map(|guard| match guard {
        Guard::Header(name, HeaderMatch::Exact(value)) => Some(((Part::Header, name.as_str()), &**value)),
        Guard::Cookie(name, Some(value)) => Some(((Part::Cookie, &**name), &**value)),
        _ => None,
    });
    let queries = templates
        .queries
        .iter()
        .filter_map(|(key, template)| Some(((Part::Query, &**key), template.as_ref()?.literal()?)));
    let mut exact: Exact<'s> = guards.chain(queries).collect();
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
fn prefix(templates: &RouteTemplates) -> &str {
    let text = templates.path.as_ref().map_or("", |path| first(path));
    if templates.end == PathEnd::Segments { text.trim_end_matches('/') } else { text }
}

fn first(template: &Template) -> &str {
    match template.nodes.first() {
        Some(Node::Text(text)) => text,
        _ => "",
    }
}
