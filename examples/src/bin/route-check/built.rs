//! A plan built into a table; faulty routes are found and, in gorilla's dialect, left out.

use std::collections::{BTreeMap, BTreeSet};

use waylay_router::{BuildError, BuildErrorKind, BuildErrors, LintKind, ScopeId, Table};

use crate::case::Dialect;
use crate::plan::Plan;

/// A route that does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The route's name, or its place among the routes.
    pub(crate) route: String,
    /// What is wrong with it.
    pub(crate) text: String,
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
    /// The item of each scope of the table.
    pub(crate) scopes: Vec<usize>,
    /// The routers that stand behind items.
    pub(crate) mounts: BTreeMap<usize, Self>,
}

impl Plan<'_> {
    /// Builds the table. A fault refuses it, but in gorilla's dialect it only kills its route.
    pub(crate) fn build(&self) -> Result<Built, String> {
        let mut faults = self.own_faults();
        let mut dead = BTreeSet::new();
        if self.dialect == Dialect::Gorilla {
            dead.extend(faults.keys());
        }
        loop {
            match self.table(|item| !dead.contains(&item), None) {
                Ok((table, scopes)) => {
                    let whole = faults.is_empty() || self.dialect == Dialect::Gorilla;
                    let mounts = self.items.iter().enumerate();
                    let mounts = mounts.filter_map(|(number, item)| Some((number, item.mount.as_ref()?)));
                    let mounts = mounts.map(|(number, plan)| plan.build().map(|built| (number, built)));
                    let mounts = mounts.collect::<Result<BTreeMap<_, _>, _>>()?;
                    faults.extend(mounts.iter().filter_map(|(number, built)| {
                        built.faults.values().next().map(|fault| (*number, fault.clone()))
                    }));
                    let table = Some(table).filter(|_| whole);
                    return Ok(Built { table, faults, dead, scopes, mounts });
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
                        let (scopes, mounts) = (Vec::new(), BTreeMap::new());
                        return Ok(Built { table: None, faults, dead, scopes, mounts });
                    }
                }
            }
        }
    }

    /// The table of one route or scope alone, with the scopes around it; it answers whatever it would
    /// match, also if it only builds URLs.
    pub(crate) fn alone(&self, only: usize) -> Option<Table<usize>> {
        let line: BTreeSet<usize> = self.line(only).collect();
        self.table(|item| line.contains(&item), Some(only)).ok().map(|(table, _)| table)
    }

    /// The table without some items.
    pub(crate) fn without(&self, dead: &BTreeSet<usize>) -> Option<Table<usize>> {
        self.table(|item| !dead.contains(&item), None).ok().map(|(table, _)| table)
    }

    /// The table of all that stands before the end of a scope.
    pub(crate) fn up_to(&self, scope: usize, dead: &BTreeSet<usize>) -> Option<Table<usize>> {
        let end = self.items[scope].last;
        self.table(|item| item <= end && !dead.contains(&item), None).ok().map(|(table, _)| table)
    }

    fn table(
        &self,
        keep: impl Fn(usize) -> bool,
        awake: Option<usize>,
    ) -> Result<(Table<usize>, Vec<usize>), BuildErrors> {
        let mut builder = Table::builder().policy(self.policy);
        let mut scopes: Vec<Option<ScopeId>> = vec![None; self.items.len()];
        let mut opened = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            let alive = self.line(number).all(&keep);
            let Some((inner, outer)) = item.levels.split_last().filter(|_| alive) else { continue };
            let mut scope = item.parent.and_then(|parent| scopes[parent]);
            for level in outer {
                scope = Some(builder.open(scope, level.bounds()));
                opened.push(number);
            }
            let route = inner.route().priority(item.entry.priority).name(number.to_string()).value(number);
            let route = route.trailing_slash(item.slash());
            let idle = (item.build_only || item.entry.is_scope()) && awake != Some(number);
            builder.add(scope, if idle { route.build_only() } else { route });
            if item.entry.is_scope() {
                scopes[number] = Some(builder.open(scope, inner.bounds().name(number.to_string())));
                opened.push(number);
            }
        }
        builder.build().map(|table| (table, opened))
    }

    /// The items that errors speak of.
    fn faulty<'e>(&self, errors: &'e BuildErrors) -> Result<Vec<(usize, &'e BuildError)>, String> {
        let item = |error: &'e BuildError| match self.item(&error.route) {
            Some(item) => Ok((item, error)),
            None => Err(format!("a fault of no known route: {error}")),
        };
        errors.iter().map(item).collect()
    }

    fn title<'t>(&'t self, label: &'t str) -> &'t str {
        self.item(label).map_or(label, |item| self.items[item].title.as_str())
    }

    fn text(&self, error: &BuildError) -> String {
        match &error.kind {
            BuildErrorKind::Conflict { with, witness, .. } => {
                format!(
                    "matches the same requests as route `{}`, such as `{witness}`; \
                     give one of them a condition or a priority",
                    self.title(with)
                )
            }
            kind => kind.to_string(),
        }
    }

    /// What is odd about a table, in a line each.
    pub(crate) fn lints(&self, table: &Table<usize>) -> Vec<String> {
        let text = |kind: &LintKind| match kind {
            LintKind::Hidden { by, .. } => {
                format!("is never reached, since route `{}` wins whatever it matches", self.title(by))
            }
            LintKind::Overlap { with, witness, .. } => {
                format!("`{witness}` matches route `{}` too, which is as specific", self.title(with))
            }
            LintKind::Undecided { with, .. } => {
                let with = self.title(with);
                format!("whether route `{with}` matches the same requests cannot be told")
            }
            kind => kind.to_string(),
        };
        let lints = table.lints();
        lints
            .iter()
            .map(|lint| format!("route `{}`: {}", self.title(&lint.route), text(&lint.kind)))
            .collect()
    }

    /// The faults that the router does not see. Labels are unique, so that two routes of one name are not
    /// told; gorilla/mux allows them, but not two names of one route.
    fn own_faults(&self) -> BTreeMap<usize, Fault> {
        let mut faults = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (number, item) in self.items.iter().enumerate() {
            let taken = item.named && !seen.insert(&item.title) && self.dialect != Dialect::Gorilla;
            let fault = item.levels.iter().find_map(|level| level.fault.clone());
            let text = match &item.entry.name2 {
                Some(name) => format!("is to be named `{name}` too"),
                None if fault.is_some() => fault.unwrap_or_default(),
                None if taken => "another route has this name".to_owned(),
                None => continue,
            };
            faults.insert(number, Fault { route: item.title.clone(), text });
        }
        faults
    }
}
