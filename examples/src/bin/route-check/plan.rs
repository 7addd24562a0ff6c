//! The routes of a line as items: names, conditions, and what they inherit from the scopes around them.

use std::sync::Arc;

use waylay_router::{Cleaning, PathForm, Policy, Precedence, Route, Table, TrailingSlash};

use crate::case::{Case, Dialect, Entry, Order, Settings};
use crate::level::{Level, Spot};

/// A route or scope of the line.
#[derive(Debug)]
pub(crate) struct Item<'c> {
    /// Its name, or its place (`routes[0].children[2]`).
    pub(crate) title: String,
    pub(crate) named: bool,
    /// Its unique name in the table: the numbers of its scopes and its own.
    pub(crate) label: String,
    pub(crate) entry: &'c Entry,
    pub(crate) parent: Option<usize>,
    pub(crate) levels: Vec<Level>,
    pub(crate) build_only: bool,
    /// Whether a path that differs by its final slash is redirected.
    pub(crate) strict_slash: bool,
    /// The number of the last item inside, or its own.
    pub(crate) last: usize,
    /// The router that answers in its place.
    pub(crate) mount: Option<Box<Plan<'c>>>,
    /// The path templates of its scopes and its own, one behind the other.
    pub(crate) path: String,
}

impl Item<'_> {
    pub(crate) fn slash(&self) -> TrailingSlash {
        slash(self.strict_slash)
    }
}

fn slash(strict_slash: bool) -> TrailingSlash {
    if strict_slash { TrailingSlash::Redirect } else { TrailingSlash::Strict }
}

/// The routes of a line in the order of writing, scopes before what is inside.
#[derive(Debug)]
pub(crate) struct Plan<'c> {
    pub(crate) items: Vec<Item<'c>>,
    pub(crate) policy: Policy,
    pub(crate) dialect: Dialect,
    pub(crate) omit_route: bool,
    /// Whether the router has a handler for each of the two misses.
    pub(crate) not_found: bool,
    pub(crate) method_not_allowed: bool,
}

impl<'c> Plan<'c> {
    /// Reads the routes of a line.
    pub(crate) fn new(case: &'c Case, dialect: Dialect) -> Result<Self, String> {
        Self::of("routes", &case.routes, &case.router, dialect)
    }

    fn of(place: &str, routes: &'c [Entry], router: &Settings, dialect: Dialect) -> Result<Self, String> {
        let mut plan = Self {
            items: Vec::new(),
            policy: policy(router, dialect),
            dialect,
            omit_route: router.omit_route,
            not_found: router.not_found,
            method_not_allowed: router.method_not_allowed,
        };
        plan.add(place, routes, None, router.strict_slash == Some(true))?;
        Ok(plan)
    }

    fn add(
        &mut self,
        place: &str,
        entries: &'c [Entry],
        parent: Option<usize>,
        mut strict_slash: bool,
    ) -> Result<(), String> {
        for (i, entry) in entries.iter().enumerate() {
            let place = format!("{place}[{i}]");
            strict_slash = entry.strict_slash.unwrap_or(strict_slash);
            let number = self.items.len();
            let outer = parent.map(|parent| &self.items[parent]);
            let label = outer.map_or_else(|| number.to_string(), |outer| format!("{}.{number}", outer.label));
            let mut levels = Level::all(entry, self.dialect).map_err(|text| format!("{place}: {text}"))?;
            let mut path = outer.map(|outer| outer.path.clone()).unwrap_or_default();
            let count = levels.len();
            for (level, i) in levels.iter_mut().zip(1..) {
                let Some(spot) = &level.spot else { continue };
                path = format!("{}{}", path.trim_end_matches('/'), spot.text());
                if matches!(spot, Spot::Whole(_)) && (entry.is_scope() || i < count) {
                    level.whole = whole(&path, self.policy, strict_slash);
                }
            }
            let mounted = |routes| {
                let place = format!("{place}.mount");
                Self::of(&place, routes, &Settings::default(), self.dialect).map(Box::new)
            };
            self.items.push(Item {
                title: entry.name.clone().unwrap_or_else(|| place.clone()),
                named: entry.name.is_some(),
                label,
                entry,
                parent,
                levels,
                // In gorilla/mux a build-only subrouter matches nothing, and so does what is in it.
                build_only: entry.build_only || outer.is_some_and(|outer| outer.build_only),
                strict_slash,
                last: number,
                mount: entry.mount.as_deref().map(mounted).transpose()?,
                path,
            });
            let inside = entry.sub.as_ref().and_then(|sub| sub.strict_slash).unwrap_or(strict_slash);
            self.add(
                &format!("{place}.children"),
                entry.children.as_deref().unwrap_or_default(),
                Some(number),
                inside,
            )?;
            self.items[number].last = self.items.len() - 1;
        }
        Ok(())
    }

    /// An item and the scopes around it, innermost first.
    pub(crate) fn line(&self, item: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(item), |item| self.items[*item].parent)
    }

    /// The item whose handler answers what an item matches: a scope may answer for its children.
    pub(crate) fn answers(&self, item: usize) -> Option<usize> {
        let own = |at: usize| {
            let entry = self.items[at].entry;
            if entry.is_scope() { entry.handler } else { !entry.no_handler }
        };
        self.line(item).find(|at| own(*at))
    }

    /// The item of a label.
    pub(crate) fn item(&self, label: &str) -> Option<usize> {
        let number: usize = label.rsplit('.').next()?.parse().ok()?;
        (number < self.items.len()).then_some(number)
    }
}

/// What a path matches that a scope has in whole; a faulty one is told where its scope is built.
fn whole(path: &str, policy: Policy, strict_slash: bool) -> Option<Arc<Table<()>>> {
    let route = Route::any(path).trailing_slash(slash(strict_slash)).value(());
    Table::builder().policy(policy).route(route).build().ok().map(Arc::new)
}

fn policy(settings: &Settings, dialect: Dialect) -> Policy {
    let mut policy = match dialect {
        Dialect::Gorilla => Policy::gorilla(),
        // Routers may have one rule there; behind the priorities their order is not told.
        Dialect::TraefikV3 => Policy::default().precedence(Precedence::Registration),
        Dialect::Native | Dialect::Vulcand => Policy::default(),
    };
    if let Some(order) = settings.precedence {
        policy = policy.precedence(match order {
            Order::Specific => Precedence::Specific,
            Order::Registration => Precedence::Registration,
        });
    }
    if settings.skip_clean {
        policy = policy.cleaning(Cleaning::Keep);
    }
    if settings.use_encoded_path {
        policy = policy.path(PathForm::Raw);
    }
    policy
}
