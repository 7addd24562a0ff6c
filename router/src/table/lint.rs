//! Lint: routes that are probably wrong.

use std::collections::{HashMap, HashSet};
use std::fmt;

use waylay_template::{OneLine, OneLineWriter};

use crate::compile::automaton::Budget;
use crate::compile::overlap::{Overlap, OverlapChecker, RouteRef};
use crate::compile::pattern::Pattern;
use crate::compile::rank::RankKey;
use crate::compile::witness::Witness;
use crate::request::peer::TrustedProxies;
use crate::request::policy::Precedence;
use crate::request::view::{NormalizedRequest, RequestView};
use crate::route::conditions::SourceLocation;
use crate::rule::lint::RuleLint;
use crate::table::catalog::{RouteEntry, one_line};
use crate::table::condition_lint::{ConditionLint, condition_lints, exclusive_methods, exclusive_paths};
use crate::table::conflict::Conflicts;
use crate::table::lookup::Table;
use crate::table::visitors::BetterRoutes;

/// The routes that are tested on a request in the time of one state.
const TESTS_PER_STATE: usize = 5;

/// The most alternatives that a lint lists.
const MAX_SHOWN: usize = 8;

impl<T> Table<T> {
    /// Returns the lints of the table, in the order of the routes. They are computed by this call, with
    /// automata of the regexes of all routes: call it at start-up or in a tool, not for a request.
    pub fn lints(&self) -> Vec<Lint> {
        let entries = &self.catalog.routes;
        let mut lints: Vec<(usize, LintKind)> = Vec::new();
        let mut unknown: HashSet<(u32, u32)> = HashSet::new();
        for &(first, second) in &self.catalog.unknown_overlaps.pairs {
            let other = &entries[first];
            // Of alternatives of the same two routes, one pair is enough.
            if unknown.insert((other.of, entries[second].of)) {
                lints.push((second, LintKind::OverlapUnknown { with: other.label(), other: other.location }));
            }
        }
        if let Some((index, pairs)) = self.catalog.unknown_overlaps.further {
            lints.push((index, LintKind::NotCompared { pairs }));
        }
        let conditions = condition_lints(&self.catalog).into_iter();
        lints.extend(conditions.map(|(index, lint)| (index, LintKind::Condition(lint))));
        let mut checker = OverlapChecker::new(&self.catalog.policy, entries.len());
        let mut shadowed: Vec<(usize, usize)> = Vec::new();
        for (index, route) in entries.iter().enumerate().filter(|(_, route)| !route.build_only) {
            let found = self.unreachable(route, &mut checker);
            if checker.budget.is_spent() {
                lints.push((index, LintKind::NotChecked { routes: entries.len() - index }));
                break;
            }
            match found {
                Some(Unreachable::Alone(kind)) => lints.push((index, kind)),
                Some(Unreachable::Shadowed { by }) => shadowed.push((index, by)),
                None => {}
            }
        }
        // A route that is never reached needs no example of an overlap.
        let known: HashSet<usize> =
            lints.iter().map(|(index, _)| *index).chain(shadowed.iter().map(|(index, _)| *index)).collect();
        self.join_unsatisfiable(&mut lints);
        lints.extend(self.join_shadowed(&shadowed));
        lints.extend(self.overlaps(&known));
        lints.extend(self.catalog.lints.iter().map(|(index, lint)| (*index, LintKind::Rule(lint.clone()))));
        lints.sort_by_key(|(index, _)| (self.catalog.listed(*index), *index));
        let lint = |(index, kind): (usize, LintKind)| {
            let route = &entries[index];
            Lint { kind, route: route.label(), location: route.location }
        };
        lints.into_iter().map(lint).collect()
    }

    /// Joins the lints of alternatives that match nothing into one of their route.
    fn join_unsatisfiable(&self, lints: &mut Vec<(usize, LintKind)>) {
        let entries = &self.catalog.routes;
        let mut unmet: HashMap<u32, usize> = HashMap::new();
        lints.retain(|(index, kind)| {
            let is_unmet = *kind == LintKind::Unsatisfiable;
            let count = is_unmet.then(|| unmet.entry(entries[*index].of).or_default());
            count.is_none_or(|count| {
                *count += 1;
                *count == 1
            })
        });
        let mut alternatives: HashMap<u32, usize> = HashMap::new();
        entries.iter().for_each(|route| *alternatives.entry(route.of).or_default() += 1);
        for (index, kind) in lints.iter_mut().filter(|(_, kind)| *kind == LintKind::Unsatisfiable) {
            let of = entries[*index].of;
            let (unmet, all) = (unmet.get(&of).copied(), alternatives.get(&of).copied());
            if let (Some(unmet), Some(all)) = (unmet, all)
                && unmet < all
            {
                *kind = LintKind::UnsatisfiableAlternatives { unmet, all };
            }
        }
    }

    /// Returns one lint for each pair of routes, the first of which shadows alternatives of the second, both
    /// given as indices in `pairs`: alternative, the one before it.
    fn join_shadowed(&self, pairs: &[(usize, usize)]) -> Vec<(usize, LintKind)> {
        let entries = &self.catalog.routes;
        let mut joined: Vec<(usize, usize, Vec<usize>)> = Vec::new();
        let mut places: HashMap<(u32, u32), usize> = HashMap::new();
        for &(index, by) in pairs {
            let place = *places.entry((entries[index].of, entries[by].of)).or_insert_with(|| {
                joined.push((index, by, Vec::new()));
                joined.len() - 1
            });
            joined[place].2.push(index);
        }
        let lint = |(index, by, alternatives): (usize, usize, Vec<usize>)| {
            let by = &entries[self.catalog.listed(by)];
            let (by, other) = (by.label(), by.location);
            let all = self.catalog.alternatives(self.catalog.listed(index)).count();
            if alternatives.len() == all {
                return (index, LintKind::Shadowed { by, other });
            }
            let infos = alternatives.iter().filter_map(|index| self.catalog.info(*index));
            let alternatives = infos.map(one_line).collect();
            (index, LintKind::ShadowedAlternatives { by, other, alternatives, all })
        };
        joined.into_iter().map(lint).collect()
    }

    fn route_ref<'s>(&'s self, route: &'s RouteEntry) -> RouteRef<'s> {
        RouteRef { pattern: &self.catalog.patterns[route.rank], templates: &route.templates }
    }

    /// Returns a lint for a route that matches nothing, or nothing that another route does not match first.
    fn unreachable(&self, route: &RouteEntry, checker: &mut OverlapChecker<'_>) -> Option<Unreachable> {
        let own = self.route_ref(route);
        if let Some(lint) = exclusive_methods(own.pattern) {
            return Some(Unreachable::Alone(LintKind::Condition(lint)));
        }
        let better: Vec<usize> = match checker.check(&[own]) {
            // What shadows the route matches this request of its.
            Overlap::At(witness) => self.better(&witness, route.rank, &mut checker.budget),
            Overlap::Never => {
                let paths = exclusive_paths(route, own.pattern);
                return Some(Unreachable::Alone(paths.map_or(LintKind::Unsatisfiable, LintKind::Condition)));
            }
            // Without a request to ask for, each route before this one is compared.
            Overlap::Unknown => (0..route.rank).filter(|&rank| !self.ranks[rank].slash_variant).collect(),
        };
        let by = better.into_iter().map(|rank| self.ranks[rank].route as usize).find(|&other| {
            let other = &self.catalog.routes[other];
            other.of != route.of && checker.covers(self.route_ref(other), own)
        })?;
        Some(Unreachable::Shadowed { by })
    }

    /// Returns the ranks of the routes that match a request and rank before another one.
    fn better(&self, witness: &Witness, rank: usize, budget: &mut Budget) -> Vec<usize> {
        let request = witness.request();
        let policy = &self.catalog.policy;
        let Ok(read) =
            NormalizedRequest::new(&request, witness.peer(), policy, &TrustedProxies::default(), true)
        else {
            return Vec::new();
        };
        let view = RequestView::new(&request, &read, witness.peer(), policy);
        let limit = u32::try_from(rank).unwrap_or(u32::MAX);
        let patterns = &self.catalog.patterns;
        let mut better = BetterRoutes { patterns, view: &view, limit, found: Vec::new(), tested: 0 };
        self.search_sealed(self.seal(&view), &view, &mut better);
        budget.spend(better.tested / TESTS_PER_STATE);
        let mut found = better.found;
        found.retain(|&rank| !self.ranks[rank].slash_variant);
        found.sort_unstable();
        found
    }

    /// Returns the overlaps that would be conflicts under [`Precedence::Specificity`].
    fn overlaps(&self, known: &HashSet<usize>) -> Vec<(usize, LintKind)> {
        let entries = &self.catalog.routes;
        if self.catalog.policy.precedence == Precedence::Specificity {
            return Vec::new();
        }
        let keyed = |(index, route): (usize, &RouteEntry)| {
            let pattern = &self.catalog.patterns[route.rank];
            (RankKey::specific(route.priority, &route.templates, pattern), index)
        };
        let active = entries.iter().enumerate().filter(|(_, route)| !route.build_only);
        let mut keyed: Vec<(RankKey, usize)> = active.map(keyed).collect();
        keyed.sort();
        let mut conflicts = Conflicts::new(entries, &self.catalog.policy);
        for group in keyed.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
            let group: Vec<(usize, &Pattern)> = group
                .iter()
                .map(|(_, index)| (*index, &self.catalog.patterns[entries[*index].rank]))
                .collect();
            conflicts.compare(&group);
        }
        let further = conflicts.unknown_overlaps.further;
        let left_out = further.map(|(index, pairs)| (index, LintKind::NotCompared { pairs }));
        let mut pairs: HashSet<(u32, u32)> = HashSet::new();
        let found = conflicts.found.into_iter().filter(|(first, second, _)| {
            !known.contains(second) && pairs.insert((entries[*first].of, entries[*second].of))
        });
        let lint = |(first, second, witness): (usize, usize, Witness)| {
            let other = &entries[first];
            let witness = Box::new(witness);
            (second, LintKind::Overlap { with: other.label(), other: other.location, witness })
        };
        found.map(lint).chain(left_out).collect()
    }
}

/// Why a route or an alternative is never selected.
enum Unreachable {
    /// By its own conditions.
    Alone(LintKind),
    /// By another route, given as its index.
    Shadowed { by: usize },
}

/// A probable mistake in one route; the table works, but possibly not as intended.
///
/// ```
/// use waylay_router::{LintKind, Route, Table};
/// let table = Table::builder()
///     .route(Route::prefix("/").priority(1).name("all").value(1))
///     .route(Route::get("/health").name("health").value(2))
///     .build()?;
/// let lints = table.lints();
/// assert!(matches!(&lints[0].kind, LintKind::Shadowed { by, .. } if by == "all"));
/// assert!(lints[0].to_string().contains("route `health`"));
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lint {
    /// The kind.
    pub kind: LintKind,
    /// The name of the route, else its path.
    pub route: String,
    /// The place where it was added.
    pub location: SourceLocation,
}

/// The kinds of lints.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LintKind {
    /// No request meets all conditions of the route and its scopes.
    Unsatisfiable,
    /// No request meets some alternatives of the route's [rule](crate::rule).
    UnsatisfiableAlternatives {
        /// The number of these alternatives.
        unmet: usize,
        /// The number of all alternatives.
        all: usize,
    },
    /// A condition of the route is valid and probably means something else.
    Condition(ConditionLint),
    /// Another route is selected for every request that this one matches.
    Shadowed {
        /// The name of the other route, else its path.
        by: String,
        /// The place where the other route was added.
        other: SourceLocation,
    },
    /// Another route is selected for every request that some alternatives of the route's [rule](crate::rule)
    /// match.
    ShadowedAlternatives {
        /// The name of the other route, else its path.
        by: String,
        /// The place where the other route was added.
        other: SourceLocation,
        /// These alternatives, as [`Table`] prints them: methods, host, path, conditions.
        alternatives: Vec<String>,
        /// The number of all alternatives.
        all: usize,
    },
    /// Another route is as specific, and the order of addition decides between them, as the policy says
    /// ([`Precedence::RegistrationOrder`](crate::Precedence::RegistrationOrder)).
    Overlap {
        /// The name of the other route, else its path.
        with: String,
        /// The place where the other route was added.
        other: SourceLocation,
        /// A request that both routes match.
        witness: Box<Witness>,
    },
    /// A lint of the route's rule.
    Rule(RuleLint),
    /// Another route is as specific, and their overlap is unknown because of a custom condition or a very
    /// large regex. The route that was added first would be selected; a priority decides.
    OverlapUnknown {
        /// The name of the other route, else its path.
        with: String,
        /// The place where the other route was added.
        other: SourceLocation,
    },
    /// Pairs of this route and later ones that are equally specific were not compared: the regexes of the
    /// table cost more states of automata than a build may take, or the overlap of more than 256 pairs is
    /// unknown. The route that was added first would be selected; a priority decides.
    NotCompared {
        /// The number of pairs.
        pairs: usize,
    },
    /// This route and later ones were not searched for lints: the regexes of the table cost more states of
    /// automata than [`Table::lints`] may take.
    NotChecked {
        /// The number of routes.
        routes: usize,
    },
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route `{}` ({}): {}", OneLine(&self.route), self.location, self.kind)
    }
}

impl fmt::Display for LintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // This one has several lines; all others have one.
        if let Self::Rule(lint) = self {
            return lint.fmt(f);
        }
        let f = &mut OneLineWriter(f);
        match self {
            Self::Condition(lint) => write!(f, "{lint}"),
            Self::Unsatisfiable => f.write_str("no request meets all of its conditions"),
            Self::UnsatisfiableAlternatives { unmet, all } => {
                write!(f, "no request meets {unmet} of the {all} alternatives of its rule")
            }
            Self::Shadowed { by, other } => {
                write!(
                    f,
                    "is never reached: route `{by}` ({other}) is selected for every request that it matches"
                )
            }
            Self::ShadowedAlternatives { by, other, alternatives, all } => {
                write!(
                    f,
                    "{} of the {all} alternatives of its rule are never reached: route `{by}` ({other}) is selected for every request that they match: ",
                    alternatives.len()
                )?;
                for (i, alternative) in alternatives.iter().take(MAX_SHOWN).enumerate() {
                    write!(f, "{}`{alternative}`", if i == 0 { "" } else { ", " })?;
                }
                match alternatives.len().saturating_sub(MAX_SHOWN) {
                    0 => Ok(()),
                    more => write!(f, ", and {more} more"),
                }
            }
            Self::Overlap { with, other, witness } => {
                write!(f, "`{witness}` matches route `{with}` ({other}) too, which is as specific")
            }
            Self::Rule(_) => Ok(()),
            Self::NotCompared { pairs } => write!(
                f,
                "of this route and later ones, {pairs} pairs that are as specific as each other were not compared; set priorities"
            ),
            Self::NotChecked { routes } => write!(
                f,
                "this route and later ones, {routes} together, were not searched for lints: the regexes before them are too large"
            ),
            Self::OverlapUnknown { with, other } => write!(
                f,
                "whether route `{with}` ({other}) matches the same requests is unknown; set a priority"
            ),
        }
    }
}
