//! The lints of a table: routes that cannot be reached, and overlaps that the order of writing decides.

use super::conflict::Conflicts;
use super::lookup::Table;
use super::trie::{Entry, Visit};
use crate::captures::Captures;
use crate::catalog::Facts;
use crate::lint::{Lint, LintKind};
use crate::meet::{Meeting, Meetings, Side};
use crate::pattern::Pattern;
use crate::policy::Precedence;
use crate::rank::RankKey;
use crate::view::{Read, View};
use crate::witness::Witness;

impl<T> Table<T> {
    /// What is odd about the table, in the order of writing. Nothing is computed before it is asked for;
    /// then automata are built of the regexes of all routes, which is work for a start or a tool, not for a
    /// request.
    pub fn lints(&self) -> Vec<Lint> {
        let facts = &self.catalog.routes;
        let mut lints: Vec<(usize, LintKind)> = Vec::new();
        for &(first, second) in &self.catalog.undecided.pairs {
            let other = &facts[first];
            lints.push((second, LintKind::Undecided { with: other.label(), other: other.site }));
        }
        if let Some((place, pairs)) = self.catalog.undecided.further {
            lints.push((place, LintKind::Uncompared { pairs }));
        }
        let mut meetings = Meetings::new(&self.catalog.policy);
        for (place, route) in facts.iter().enumerate().filter(|(_, route)| !route.build_only) {
            lints.extend(self.unreachable(route, &mut meetings).map(|kind| (place, kind)));
        }
        lints.extend(self.overlaps(&lints));
        lints.extend(self.catalog.lints.iter().map(|(place, lint)| (*place, LintKind::Rule(lint.clone()))));
        lints.sort_by_key(|(place, _)| *place);
        let lint = |(place, kind): (usize, LintKind)| {
            let route = &facts[place];
            Lint { kind, route: route.label(), site: route.site }
        };
        lints.into_iter().map(lint).collect()
    }

    fn side<'s>(&'s self, route: &'s Facts) -> Side<'s> {
        Side { pattern: &self.catalog.patterns[route.rank], texts: &route.texts }
    }

    /// A route that matches nothing, or nothing that another one does not take.
    fn unreachable(&self, route: &Facts, meetings: &mut Meetings<'_>) -> Option<LintKind> {
        let own = self.side(route);
        let witness = match meetings.meet(&[own]) {
            Meeting::At(witness) => witness,
            Meeting::Never => return Some(LintKind::Impossible),
            Meeting::Unknown => return None,
        };
        // What hides the route hides this request of its.
        let better = self.better(&witness, route.rank);
        let hiding = better.into_iter().map(|rank| &self.catalog.routes[self.places[rank].route as usize]);
        let other = hiding
            .into_iter()
            .find(|other| other.of != route.of && meetings.covers(self.side(other), own))?;
        Some(LintKind::Hidden { by: other.label(), other: other.site })
    }

    /// The ranks of the routes that match a request and go before another one.
    fn better(&self, witness: &Witness, rank: usize) -> Vec<usize> {
        let request = witness.request();
        let policy = &self.catalog.policy;
        let Ok(read) = Read::new(&request, witness.peer(), policy, &[], true) else {
            return Vec::new();
        };
        let view = View::new(&request, &read, witness.peer(), policy);
        let limit = u32::try_from(rank).unwrap_or(u32::MAX);
        let mut better = Better { patterns: &self.catalog.patterns, view: &view, limit, found: Vec::new() };
        self.search_sealed(self.seal(&view), &view, &mut better);
        let mut found = better.found;
        found.retain(|&rank| !self.places[rank].detour);
        found.sort_unstable();
        found
    }

    /// Under registration order, what would be a conflict otherwise.
    fn overlaps(&self, known: &[(usize, LintKind)]) -> Vec<(usize, LintKind)> {
        let facts = &self.catalog.routes;
        if self.catalog.policy.precedence == Precedence::Specific {
            return Vec::new();
        }
        let keyed = |(place, route): (usize, &Facts)| {
            let pattern = &self.catalog.patterns[route.rank];
            (RankKey::specific(route.priority, &route.texts, pattern), place)
        };
        let active = facts.iter().enumerate().filter(|(_, route)| !route.build_only);
        let mut keyed: Vec<(RankKey, usize)> = active.map(keyed).collect();
        keyed.sort();
        let mut conflicts = Conflicts::new(facts, &self.catalog.policy);
        for group in keyed.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
            let group: Vec<(usize, &Pattern)> =
                group.iter().map(|(_, place)| (*place, &self.catalog.patterns[facts[*place].rank])).collect();
            conflicts.compare(&group);
        }
        // A route that is hidden altogether needs no example of it.
        let found =
            conflicts.found.into_iter().filter(|(_, second, _)| !known.iter().any(|(p, _)| p == second));
        let lint = |(first, second, witness): (usize, usize, Witness)| {
            let other = &facts[first];
            let witness = Box::new(witness);
            (second, LintKind::Overlap { with: other.label(), other: other.site, witness })
        };
        found.map(lint).collect()
    }
}

/// Collects the routes that match and are better than a limit.
struct Better<'s> {
    patterns: &'s [Pattern],
    view: &'s View<'s>,
    limit: u32,
    found: Vec<usize>,
}

impl Visit for Better<'_> {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn leaf(&mut self, entries: &[Entry], holes: &Captures) {
        for entry in entries.iter().filter(|entry| entry.rank < self.limit) {
            let pattern = &self.patterns[entry.rank as usize];
            if pattern.methods.contains(self.view.head.method)
                && pattern.admits(self.view, holes.as_slice(), &mut Captures::new())
            {
                self.found.push(entry.rank as usize);
            }
        }
    }
}
