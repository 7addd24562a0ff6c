//! Lints.

use std::fmt;

use crate::compile::overlap::{Meeting, Meetings, Side};
use crate::compile::pattern::Pattern;
use crate::compile::rank::RankKey;
use crate::compile::witness::Witness;
use crate::request::policy::Precedence;
use crate::request::view::{Read, View};
use crate::route::conditions::Site;
use crate::rule::check::RuleLint;
use crate::table::catalog::Facts;
use crate::table::conflict::Conflicts;
use crate::table::lookup::Table;
use crate::table::visitors::Better;

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

/// Something odd about one route; the table works, but perhaps not as it was meant.
///
/// ```
/// use waylay_router::{LintKind, Route, Table};
/// let table = Table::builder()
///     .route(Route::prefix("/").priority(1).name("all").value(1))
///     .route(Route::get("/health").name("health").value(2))
///     .build()?;
/// let lints = table.lints();
/// assert!(matches!(&lints[0].kind, LintKind::Hidden { by, .. } if by == "all"));
/// assert!(lints[0].to_string().contains("route `health`"));
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lint {
    /// What is odd.
    pub kind: LintKind,
    /// The route's name, else its path.
    pub route: String,
    /// Where it was written.
    pub site: Site,
}

/// The kinds of oddities.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LintKind {
    /// No request meets all conditions of the route and its scopes.
    Impossible,
    /// Another route wins whatever request this one matches.
    Hidden {
        /// The other route's name, else its path.
        by: String,
        /// Where the other one was written.
        other: Site,
    },
    /// Another route is as specific, and the order of writing decides between them, as it was asked to
    /// ([`Precedence::Registration`](crate::Precedence::Registration)).
    Overlap {
        /// The other route's name, else its path.
        with: String,
        /// Where the other one was written.
        other: Site,
        /// A request that both match.
        witness: Box<Witness>,
    },
    /// Something in the route's rule.
    Rule(RuleLint),
    /// Another route is as specific, and whether one request matches both cannot be told, since there is
    /// a custom condition or a very large regex. The one written first would win; a priority decides.
    Undecided {
        /// The other route's name, else its path.
        with: String,
        /// Where the other one was written.
        other: Site,
    },
    /// Of this route and later ones, pairs that are as specific as each other were not compared: more than
    /// 4,096 pairs of the table needed a closer look at their conditions, or more than 256 could not be
    /// told. The route that was written first would win; a priority decides.
    Uncompared {
        /// How many pairs of routes.
        pairs: usize,
    },
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route `{}` ({}): {}", self.route, self.site, self.kind)
    }
}

impl fmt::Display for LintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible => f.write_str("no request meets all of its conditions"),
            Self::Hidden { by, other } => {
                write!(f, "is never reached, since route `{by}` ({other}) wins whatever it matches")
            }
            Self::Overlap { with, other, witness } => {
                write!(f, "`{witness}` matches route `{with}` ({other}) too, which is as specific")
            }
            Self::Rule(lint) => write!(f, "{lint}"),
            Self::Uncompared { pairs } => write!(
                f,
                "of this route and later ones, {pairs} pairs that are as specific as each other were not compared; give priorities"
            ),
            Self::Undecided { with, other } => write!(
                f,
                "whether route `{with}` ({other}) matches the same requests cannot be told; give one a priority"
            ),
        }
    }
}
