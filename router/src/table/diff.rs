//! Diff: the difference of two tables.

use std::collections::BTreeMap;
use std::fmt;

use waylay_template::OneLine;

use crate::table::catalog::RouteInfo;
use crate::table::lookup::Table;

/// The routes that were added, removed or changed from one table to the next.
///
/// Routes are identified by name, or else by methods, host and path.
///
/// ```
/// use waylay_router::{Diff, Route, Table};
/// let old = Table::builder()
///     .route(Route::get("/a").name("a").value(1))
///     .route(Route::get("/b").value(2))
///     .build()?;
/// let new = Table::builder()
///     .route(Route::get("/a").name("a").priority(1).value(1))
///     .route(Route::get("/c").value(3))
///     .build()?;
/// assert_eq!(old.diff(&new).to_string(), "\
/// + GET, HEAD /c
/// - GET, HEAD /b
/// ~ a: priority 0 is now 1
/// ");
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Diff {
    /// Routes of the new table only.
    pub added: Vec<String>,
    /// Routes of the old table only.
    pub removed: Vec<String>,
    /// Changes of routes of both tables.
    pub changed: Vec<Change>,
}

/// A changed property of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Change {
    /// The route.
    pub route: String,
    /// The property: `template`, `hosts`, `methods`, `conditions`, `priority`, …
    pub what: String,
    /// The old value.
    pub old: String,
    /// The new value.
    pub new: String,
}

impl Diff {
    /// Tests whether nothing was added, removed or changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl<T> Table<T> {
    /// Returns the difference to another table; the values are not compared.
    pub fn diff<U>(&self, new: &Table<U>) -> Diff {
        let (old, new) = (keyed(self.routes()), keyed(new.routes()));
        let missing = |from: &BTreeMap<String, RouteInfo<'_>>, of: &BTreeMap<String, RouteInfo<'_>>| {
            of.keys().filter(|key| !from.contains_key(*key)).cloned().collect()
        };
        let both = old.iter().filter_map(|(key, old)| Some((key, old, new.get(key)?)));
        Diff {
            added: missing(&old, &new),
            removed: missing(&new, &old),
            changed: both.flat_map(|(key, old, new)| changes(key, *old, *new)).collect(),
        }
    }
}

/// Indexes routes by name, or by methods, host and path; duplicates are numbered.
fn keyed<'t>(routes: impl Iterator<Item = RouteInfo<'t>>) -> BTreeMap<String, RouteInfo<'t>> {
    let mut keyed = BTreeMap::new();
    for route in routes {
        let parts = [methods(route), hosts(route), route.template().to_owned()];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let label = route.name().map_or_else(|| parts.join(" "), str::to_owned);
        let mut key = label.clone();
        for number in 2.. {
            if !keyed.contains_key(&key) {
                break;
            }
            key = format!("{label} ({number})");
        }
        keyed.insert(key, route);
    }
    keyed
}

fn methods(route: RouteInfo<'_>) -> String {
    if route.methods().is_all() { String::new() } else { route.methods().to_string() }
}

fn hosts(route: RouteInfo<'_>) -> String {
    route.hosts().collect::<Vec<_>>().join(" & ")
}

fn changes(key: &str, old: RouteInfo<'_>, new: RouteInfo<'_>) -> Vec<Change> {
    let properties = |route: RouteInfo<'_>| {
        let metadata: Vec<String> =
            route.metadata().iter().map(|(key, value)| format!("{key}={value}")).collect();
        [
            ("template", route.template().to_owned()),
            ("hosts", hosts(route)),
            ("methods", methods(route)),
            ("conditions", route.conditions().collect::<Vec<_>>().join(", ")),
            ("rule", route.rule().unwrap_or_default().to_owned()),
            ("priority", route.priority().to_string()),
            ("sealed", route.is_sealed().to_string()),
            ("build only", route.is_build_only().to_string()),
            ("metadata", metadata.join(", ")),
        ]
    };
    let both = properties(old).into_iter().zip(properties(new));
    let other = both.filter(|((_, old), (_, new))| old != new);
    let change = |((what, old), (_, new)): ((&str, String), (&str, String))| Change {
        route: key.to_owned(),
        what: what.to_owned(),
        old,
        new,
    };
    other.map(change).collect()
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.added.iter().try_for_each(|route| writeln!(f, "+ {}", OneLine(route)))?;
        self.removed.iter().try_for_each(|route| writeln!(f, "- {}", OneLine(route)))?;
        let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        self.changed.iter().try_for_each(|Change { route, what, old, new }| {
            let line = format!("~ {route}: {what} {} is now {}", or_none(old), or_none(new));
            writeln!(f, "{}", OneLine(&line))
        })
    }
}
