//! The routes of a line, built into a table; faulty routes are found and, in gorilla's dialect, left out.

use std::collections::{BTreeMap, BTreeSet};

use waylay_router::{BuildError, BuildErrorKind, BuildErrors, Cleaning, PathForm, Policy, Precedence};
use waylay_router::{ScopeId, Table, TrailingSlash};

use crate::case::{Case, Dialect, Entry, Order, Settings};
use crate::level::Level;

/// A route that does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The route's name, or its place among the routes.
    pub(crate) route: String,
    /// What is wrong with it.
    pub(crate) text: String,
}

/// A route or scope of the line.
#[derive(Debug)]
pub(crate) struct Item<'c> {
    /// Its name, or its place (`routes[0].children[2]`).
    pub(crate) title: String,
    pub(crate) named: bool,
    /// Its unique name in the table: the numbers of its scopes and its own.
    pub(crate) label: String,
    entry: &'c Entry,
    parent: Option<usize>,
    levels: Vec<Level>,
    build_only: bool,
    /// Whether a path that differs by its final slash is redirected.
    strict_slash: bool,
}

impl Item<'_> {
    fn is_scope(&self) -> bool {
        self.entry.children.is_some() || self.entry.subrouter
    }
}

/// The routes of a line in the order of writing, scopes before what is inside.
#[derive(Debug)]
pub(crate) struct Plan<'c> {
    pub(crate) items: Vec<Item<'c>>,
    policy: Policy,
    pub(crate) dialect: Dialect,
}

/// A plan put to work.
#[derive(Debug)]
pub(crate) struct Built {
    /// The table; nothing if the dialect refuses it as a whole.
    pub(crate) table: Option<Table<usize>>,
    /// The first fault of each item that has one.
    pub(crate) faults: BTreeMap<usize, Fault>,
    /// The items that are left out.
    pub(crate) dead: BTreeSet<usize>,
}

impl<'c> Plan<'c> {
    /// Reads the routes of a line.
    pub(crate) fn new(case: &'c Case, dialect: Dialect) -> Result<Self, String> {
        let mut plan = Self { items: Vec::new(), policy: policy(&case.router, dialect), dialect };
        plan.add("routes", &case.routes, None, case.router.strict_slash == Some(true))?;
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
            self.items.push(Item {
                title: entry.name.clone().unwrap_or_else(|| place.clone()),
                named: entry.name.is_some(),
                label,
                entry,
                parent,
                levels: Level::all(entry, self.dialect).map_err(|text| format!("{place}: {text}"))?,
                // In gorilla/mux a build-only subrouter matches nothing, and so does what is in it.
                build_only: entry.build_only || outer.is_some_and(|outer| outer.build_only),
                strict_slash,
            });
            let inside = entry.sub.as_ref().and_then(|sub| sub.strict_slash).unwrap_or(strict_slash);
            self.add(
                &format!("{place}.children"),
                entry.children.as_deref().unwrap_or_default(),
                Some(number),
                inside,
            )?;
        }
        Ok(())
    }

    /// Builds the table. A fault refuses it, but in gorilla's dialect it only kills its route.
    pub(crate) fn build(&self) -> Result<Built, String> {
        let mut faults = self.twice_named();
        let mut dead = BTreeSet::new();
        loop {
            match self.table(|item| !dead.contains(&item)) {
                Ok(table) => {
                    let whole = faults.is_empty() || self.dialect == Dialect::Gorilla;
                    return Ok(Built { table: Some(table).filter(|_| whole), faults, dead });
                }
                Err(errors) => {
                    let faulty = self.faulty(&errors)?;
                    let items: BTreeSet<usize> = faulty.iter().map(|(item, _)| *item).collect();
                    for (item, error) in &faulty {
                        // What is in a faulty scope inherits the fault, and is not told again.
                        if !self.line(*item).skip(1).any(|scope| items.contains(&scope)) {
                            let route = self.items[*item].title.clone();
                            faults.entry(*item).or_insert_with(|| Fault { route, text: self.text(error) });
                        }
                    }
                    let before = dead.len();
                    dead.extend(items);
                    if self.dialect != Dialect::Gorilla || dead.len() == before {
                        return Ok(Built { table: None, faults, dead });
                    }
                }
            }
        }
    }

    /// The table of one route alone, with the scopes around it.
    pub(crate) fn alone(&self, only: usize) -> Option<Table<usize>> {
        let line: BTreeSet<usize> = self.line(only).collect();
        self.table(|item| line.contains(&item)).ok()
    }

    /// An item and the scopes around it, innermost first.
    fn line(&self, item: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(item), |item| self.items[*item].parent)
    }

    fn table(&self, keep: impl Fn(usize) -> bool) -> Result<Table<usize>, BuildErrors> {
        let mut builder = Table::builder().policy(self.policy);
        let mut scopes: Vec<Option<ScopeId>> = vec![None; self.items.len()];
        for (number, item) in self.items.iter().enumerate() {
            let alive = self.line(number).all(&keep);
            let Some((inner, outer)) = item.levels.split_last().filter(|_| alive) else { continue };
            let around = item.parent.and_then(|parent| scopes[parent]);
            let mut scope = around;
            for level in outer {
                scope = Some(builder.open(scope, level.bounds()));
            }
            let route = inner.route().priority(item.entry.priority).name(number.to_string()).value(number);
            let slash = if item.strict_slash { TrailingSlash::Redirect } else { TrailingSlash::Strict };
            let route = route.trailing_slash(slash);
            let idle = item.build_only || item.is_scope();
            builder.add(scope, if idle { route.build_only() } else { route });
            if item.is_scope() {
                scopes[number] = Some(builder.open(scope, inner.bounds().name(number.to_string())));
            }
        }
        builder.build()
    }

    /// The items that errors speak of.
    fn faulty<'e>(&self, errors: &'e BuildErrors) -> Result<Vec<(usize, &'e BuildError)>, String> {
        let item = |error: &'e BuildError| match self.item(&error.route) {
            Some(item) => Ok((item, error)),
            None => Err(format!("a fault of no known route: {error}")),
        };
        errors.iter().map(item).collect()
    }

    /// The item of a label.
    fn item(&self, label: &str) -> Option<usize> {
        let number: usize = label.rsplit('.').next()?.parse().ok()?;
        (number < self.items.len()).then_some(number)
    }

    fn text(&self, error: &BuildError) -> String {
        match &error.kind {
            BuildErrorKind::Conflict { with, .. } => {
                let with = self.item(with).map_or(with.as_str(), |item| self.items[item].title.as_str());
                format!(
                    "matches the same requests as route `{with}`; give one of them a condition or a priority"
                )
            }
            kind => kind.to_string(),
        }
    }

    /// Labels are unique, so the router cannot see two routes of one name; gorilla/mux allows them.
    fn twice_named(&self) -> BTreeMap<usize, Fault> {
        let mut faults = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let named = self.items.iter().enumerate().filter(|(_, item)| item.named);
        for (number, item) in named.filter(|_| self.dialect == Dialect::Native) {
            if !seen.insert(&item.title) {
                let text = "another route has this name".to_owned();
                faults.insert(number, Fault { route: item.title.clone(), text });
            }
        }
        faults
    }
}

fn policy(settings: &Settings, dialect: Dialect) -> Policy {
    let mut policy = if dialect == Dialect::Gorilla { Policy::gorilla() } else { Policy::default() };
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
