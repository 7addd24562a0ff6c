//! Conflicts: overlaps of routes of equal rank.

use std::collections::HashMap;

use waylay_template::{Node, Template};

use crate::compile::automaton::bare_host;
use crate::compile::error::{BuildError, BuildErrorKind};
use crate::compile::overlap::{Overlap, OverlapChecker, RouteRef};
use crate::compile::pattern::{Pattern, RouteTemplates};
use crate::compile::witness::Witness;
use crate::matcher::guard::{Guard, HeaderMatch};
use crate::request::policy::Policy;
use crate::table::catalog::{RouteEntry, UnknownOverlaps};
use crate::template::path::PathEnd;

/// The most pairs that are analyzed; further ones are not compared.
const MAX_PAIRS: usize = 4096;

/// The most pairs of unknown overlap that are listed.
const MAX_UNDECIDED: usize = 256;

/// Finds overlaps of routes of equal rank.
pub(crate) struct Conflicts<'f> {
    entries: &'f [RouteEntry],
    checker: OverlapChecker<'f>,
    pairs: usize,
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
}

impl<'f> Conflicts<'f> {
    pub(crate) fn new(entries: &'f [RouteEntry], policy: &'f Policy) -> Self {
        let checker = OverlapChecker::new(policy);
        Self {
            entries,
            checker,
            pairs: 0,
            found: Vec::new(),
            inclusions: Vec::new(),
            unknown_overlaps: UnknownOverlaps::default(),
        }
    }

    /// Compares routes of equal rank, given with their catalog indices.
    pub(crate) fn compare(&mut self, group: &[(usize, &Pattern)]) {
        // Routes with different literal segments or hosts cannot overlap.
        let mut buckets: HashMap<Vec<String>, Vec<Member<'_>>> = HashMap::new();
        for &(index, pattern) in group {
            let Some(templates) = self.entries.get(index).map(|entry| &entry.templates) else { continue };
            let member =
                Member { prefix: prefix(templates), index, pattern, exact: exact(templates, pattern) };
            buckets.entry(literal_parts(templates)).or_default().push(member);
        }
        let mut buckets: Vec<_> = buckets.into_values().filter(|bucket| bucket.len() > 1).collect();
        // In the order of addition, independent of hashes.
        buckets.sort_by_key(|bucket| bucket.first().map(|member| member.index));
        for mut bucket in buckets {
            // Routes overlap only if one literal start is a prefix of the other; such routes are adjacent.
            bucket.sort_by_key(|member| (member.prefix, member.index));
            for (i, own) in bucket.iter().enumerate() {
                let beside = bucket[i + 1..].iter().take_while(|other| other.prefix.starts_with(own.prefix));
                for other in beside {
                    if !have_different_values(&own.exact, &other.exact)
                        && !own.pattern.methods.and(&other.pattern.methods).is_empty()
                    {
                        self.pair((own.index, own.pattern), (other.index, other.pattern));
                    }
                }
            }
        }
    }

    fn pair(&mut self, a: (usize, &Pattern), b: (usize, &Pattern)) {
        // Alternatives of one route may overlap.
        if self.entries[a.0].of == self.entries[b.0].of {
            return;
        }
        let (first, second) = if a.0 < b.0 { (a, b) } else { (b, a) };
        if are_disjoint(&self.entries[first.0].templates, &self.entries[second.0].templates) {
            return;
        }
        self.pairs += 1;
        let routes = [first, second]
            .map(|(index, pattern)| RouteRef { pattern, templates: &self.entries[index].templates });
        if self.pairs <= MAX_PAIRS {
            let overlap = self.checker.check(&routes);
            if overlap != Overlap::Never {
                let [one, other] = routes;
                if self.checker.strictly_covers(other, one) {
                    return self.inclusions.push((first.0, second.0));
                }
                if self.checker.strictly_covers(one, other) {
                    return self.inclusions.push((second.0, first.0));
                }
            }
            return self.report(first.0, second.0, overlap);
        }
        self.report(first.0, second.0, Overlap::Unknown);
    }

    fn report(&mut self, first: usize, second: usize, overlap: Overlap) {
        match overlap {
            Overlap::At(witness) => self.found.push((first, second, witness)),
            Overlap::Unknown
                if self.unknown_overlaps.pairs.len() < MAX_UNDECIDED && self.pairs <= MAX_PAIRS =>
            {
                self.unknown_overlaps.pairs.push((first, second));
            }
            Overlap::Unknown => self.unknown_overlaps.further.get_or_insert((second, 0)).1 += 1,
            Overlap::Never => {}
        }
    }

    /// Returns the overlaps as errors of the routes that were added later.
    pub(crate) fn errors(&mut self) -> Vec<BuildError> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|(first, second, _)| (*second, *first));
        // One error per route is enough.
        found.dedup_by_key(|(_, second, _)| *second);
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

fn last(template: &Template) -> &str {
    match template.nodes.last() {
        Some(Node::Text(text)) if template.nodes.len() > 1 => text,
        _ => "",
    }
}

/// Tests whether the literal text around the variables of paths or hosts separates two routes.
fn are_disjoint(a: &RouteTemplates, b: &RouteTemplates) -> bool {
    let ends = |a: &Template, b: &Template| {
        let (a, b) = (last(a).to_ascii_lowercase(), last(b).to_ascii_lowercase());
        !a.ends_with(&b) && !b.ends_with(&a)
    };
    let paths = match (&a.path, &b.path) {
        (Some(a_path), Some(b_path)) => {
            (a.end, b.end) == (PathEnd::Exact, PathEnd::Exact) && ends(a_path, b_path)
        }
        _ => false,
    };
    let hosts = match (a.hosts.as_slice(), b.hosts.as_slice()) {
        ([a], [b]) => {
            let (a, b) = (bare_host(a), bare_host(b));
            let (before_a, before_b) = (first(&a).to_ascii_lowercase(), first(&b).to_ascii_lowercase());
            ends(&a, &b) || (!before_a.starts_with(&before_b) && !before_b.starts_with(&before_a))
        }
        _ => false,
    };
    paths || hosts
}
