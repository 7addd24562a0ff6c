//! Order of routes of equal rank: by inclusion, then by their conditions.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::compile::error::BuildError;
use crate::matcher::guard::Guard;
use crate::request::policy::Policy;
use crate::table::assemble::Compiled;
use crate::table::catalog::UnknownOverlaps;
use crate::table::conflict::Conflicts;
use crate::table::routes::{Routes, StoredRoute};

/// Orders routes of one rank by their conditions: a request that gives a field two values, each of
/// which a route requires, gets the same response in every order of addition.
pub(crate) fn sort_equal_ranks(compiled: &mut [Compiled], routes: &Routes) {
    for group in compiled.chunk_by_mut(|a, b| a.key == b.key) {
        if group.len() > 1 && group.iter().any(|route| !route.pattern.guards.is_empty()) {
            group.sort_by_cached_key(|route| sort_key(routes.at(route.index)));
        }
    }
}

/// The conditions of a route, except the types it returns: between types of equal weight the order of addition
/// decides.
fn sort_key(route: StoredRoute<'_>) -> (&str, Vec<&str>) {
    let conditions = route.entry().extras().conditions.iter().filter(|condition| !condition.is_accept);
    (route.template(), conditions.map(|condition| condition.text.as_str()).collect())
}

/// For each rank, the ranks of the routes that differ by what they give only; none for all others.
pub(crate) fn accept_groups(compiled: &[Compiled], routes: &Routes) -> Vec<(u32, u32)> {
    let mut accept_groups = Vec::with_capacity(compiled.len());
    for group in compiled.chunk_by(|a, b| are_accept_siblings(a, b, routes)) {
        let start = accept_groups.len() as u32;
        let range = if group.len() > 1 { (start, start + group.len() as u32) } else { (0, 0) };
        accept_groups.extend(group.iter().map(|_| range));
    }
    accept_groups
}

/// Tests whether two routes differ in what they return only.
fn are_accept_siblings(a: &Compiled, b: &Compiled, routes: &Routes) -> bool {
    let accepts =
        |route: &Compiled| route.pattern.guards.iter().any(|guard| matches!(guard, Guard::Accept(_)));
    accepts(a) && accepts(b) && a.key == b.key && sort_key(routes.at(a.index)) == sort_key(routes.at(b.index))
}

/// Puts a route before the routes of its rank that match whatever it matches, and reports an overlap of
/// other pairs as an error. Returns the pairs whose overlap is unknown.
pub(crate) fn order_by_inclusion(
    compiled: &mut Vec<Compiled>,
    routes: &Routes,
    policy: &Policy,
    errors: &mut Vec<BuildError>,
) -> UnknownOverlaps {
    let mut conflicts = Conflicts::new(routes, policy);
    // Slash variants repeat what is said of their routes.
    let own: Vec<&Compiled> = compiled.iter().filter(|route| !route.slash_variant).collect();
    for group in own.chunk_by(|a, b| a.key == b.key).filter(|group| group.len() > 1) {
        conflicts.compare(group.iter().map(|route| route.ranked()));
    }
    errors.extend(conflicts.errors());
    let (unknown_overlaps, inclusions) = (conflicts.unknown_overlaps, conflicts.inclusions);
    if !inclusions.is_empty() {
        // By the inner route.
        let mut outer: HashMap<usize, Vec<usize>> = HashMap::new();
        inclusions.iter().for_each(|(inner, other)| outer.entry(*inner).or_default().push(*other));
        let mut sorted = Vec::with_capacity(compiled.len());
        let mut rest = std::mem::take(compiled).into_iter().peekable();
        while let Some(first) = rest.next() {
            let mut group = vec![first];
            while let Some(next) = rest.next_if(|next| next.key == group[0].key) {
                group.push(next);
            }
            sorted.extend(topological(group, routes, &outer));
        }
        *compiled = sorted;
    }
    unknown_overlaps
}

/// Sorts routes of one rank so that the inner route of each pair comes first; all else keeps its order.
fn topological(
    group: Vec<Compiled>,
    routes: &Routes,
    outer_of: &HashMap<usize, Vec<usize>>,
) -> Vec<Compiled> {
    // Routes between which the client's accepted types decide stay together.
    let mut units: Vec<Vec<Compiled>> = Vec::new();
    for route in group {
        match units.last_mut().filter(|unit| are_accept_siblings(&unit[0], &route, routes)) {
            Some(unit) => unit.push(route),
            None => units.push(vec![route]),
        }
    }
    let unit_of: HashMap<usize, usize> = units
        .iter()
        .enumerate()
        .flat_map(|(i, unit)| unit.iter().map(move |route| (route.index, i)))
        .collect();
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); units.len()];
    let mut before: Vec<usize> = vec![0; units.len()];
    for (inner, unit) in &unit_of {
        for outer in outer_of.get(inner).into_iter().flatten() {
            if let Some(&outer) = unit_of.get(outer).filter(|outer| *outer != unit) {
                after[*unit].push(outer);
                before[outer] += 1;
            }
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..units.len()).filter(|unit| before[*unit] == 0).map(Reverse).collect();
    let mut units: Vec<Option<Vec<Compiled>>> = units.into_iter().map(Some).collect();
    let mut sorted = Vec::new();
    while let Some(Reverse(unit)) = ready.pop() {
        sorted.extend(units[unit].take().into_iter().flatten());
        for &next in &after[unit] {
            before[next] -= 1;
            if before[next] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    // Inclusion has no circle; siblings that stay together may make one.
    sorted.extend(units.into_iter().flatten().flatten());
    sorted
}
