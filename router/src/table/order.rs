//! Compiled routes in rank order, and what holds between routes of one rank.

use std::collections::HashSet;

use super::conflict::Conflicts;
use crate::catalog::{Facts, Undecided};
use crate::error::BuildError;
use crate::matcher::guard::Guard;
use crate::pattern::Pattern;
use crate::policy::Policy;
use crate::rank::RankKey;

/// A route or scope with its rank.
pub(super) struct Compiled {
    /// Its place in the order of writing.
    pub(super) place: usize,
    pub(super) detour: bool,
    pub(super) pattern: Pattern,
    pub(super) key: RankKey,
}

/// Orders routes of one rank by what they ask for: a request that gives a field two values, each of
/// which a route asks for, is answered alike whatever the order of writing.
pub(super) fn settle(compiled: &mut [Compiled], facts: &[Facts]) {
    for group in compiled.chunk_by_mut(|a, b| a.key == b.key) {
        if group.len() > 1 && group.iter().any(|route| !route.pattern.guards.is_empty()) {
            group.sort_by_cached_key(|route| asked(&facts[route.place]));
        }
    }
}

/// What a route asks for, apart from what it gives: between types that a client wants alike, the order of
/// writing decides.
fn asked(facts: &Facts) -> (String, Vec<String>) {
    let conditions = facts.conditions.iter().filter(|words| !words.starts_with("accepts "));
    (facts.template.clone(), conditions.cloned().collect())
}

/// For each rank, the ranks of the routes that differ by what they give only; none for all others.
pub(super) fn rivals(compiled: &[Compiled], facts: &[Facts]) -> Vec<(u32, u32)> {
    let gives = |route: &Compiled| route.pattern.guards.iter().any(|guard| matches!(guard, Guard::Accept(_)));
    let beside = |a: &Compiled, b: &Compiled| {
        gives(a) && gives(b) && a.key == b.key && asked(&facts[a.place]) == asked(&facts[b.place])
    };
    let mut rivals = Vec::with_capacity(compiled.len());
    for group in compiled.chunk_by(beside) {
        let start = rivals.len() as u32;
        let range = if group.len() > 1 { (start, start + group.len() as u32) } else { (0, 0) };
        rivals.extend(group.iter().map(|_| range));
    }
    rivals
}

/// Refuses routes of one rank that meet, and gives back the pairs of which it is not known.
pub(super) fn conflicts(
    compiled: &[Compiled],
    facts: &[Facts],
    policy: &Policy,
    errors: &mut Vec<BuildError>,
) -> Undecided {
    let mut conflicts = Conflicts::new(facts, policy);
    // Detours repeat what is said of their routes.
    let own: Vec<&Compiled> = compiled.iter().filter(|route| !route.detour).collect();
    for group in own.chunk_by(|a, b| a.key == b.key).filter(|group| group.len() > 1) {
        let group: Vec<_> = group.iter().map(|route| (route.place, &route.pattern)).collect();
        conflicts.compare(&group);
    }
    errors.extend(conflicts.errors());
    conflicts.undecided
}

/// For each rank, where the seal of its route begins: behind all routes of the same host and path ranks.
pub(super) fn limits(compiled: &[Compiled], sealed: &HashSet<usize>) -> Vec<u32> {
    let mut limits = Vec::with_capacity(compiled.len());
    for group in compiled.chunk_by(|a, b| a.key.lies_with(&b.key)) {
        let end = u32::try_from(limits.len() + group.len()).unwrap_or(u32::MAX);
        let is_sealed = |route: &Compiled| sealed.contains(&route.place) && !route.detour;
        limits.extend(group.iter().map(|route| if is_sealed(route) { end } else { u32::MAX }));
    }
    limits
}
