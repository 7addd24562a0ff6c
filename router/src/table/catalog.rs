//! Catalog: per-route metadata for listing, URLs and explanations.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use waylay_template::OneLine;

#[cfg(feature = "serde")]
use crate::compile::pattern::Variable;
use crate::compile::pattern::{Pattern, RouteTemplates};
use crate::request::method::MethodSet;
use crate::request::policy::Policy;
use crate::route::conditions::{SourceLocation, Supply};
use crate::route::to_rule::ConditionText;
use crate::rule::lint::RuleLint;
use crate::template::path::{PathEnd, PathPattern};

/// The index of a scope in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(pub(crate) u32);

impl ScopeId {
    /// Returns the index, in the order of addition.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The routes of a table in the order of addition.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) routes: Vec<RouteEntry>,
    /// The number of routes; their further alternatives follow them in `routes`.
    pub(crate) listed: usize,
    /// In rank order; those of build-only routes come last.
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) names: HashMap<String, usize>,
    pub(crate) policy: Policy,
    pub(crate) unknown_overlaps: UnknownOverlaps,
    /// The lints of the rules of routes.
    pub(crate) lints: Vec<(usize, RuleLint)>,
    /// In the order of addition.
    pub(crate) scopes: Vec<ScopeEntry>,
}

/// Pairs of routes of equal rank whose overlap is unknown.
#[derive(Debug, Default)]
pub(crate) struct UnknownOverlaps {
    pub(crate) pairs: Vec<(usize, usize)>,
    /// The first route whose further pairs are only counted, and their number.
    pub(crate) further: Option<(usize, usize)>,
}

/// The metadata of a scope.
#[derive(Debug)]
pub(crate) struct ScopeEntry {
    pub(crate) parent: Option<ScopeId>,
    pub(crate) name: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) conditions: Vec<ConditionText>,
    pub(crate) sealed: bool,
    pub(crate) location: SourceLocation,
}

/// The metadata of a route or of one of its alternatives.
#[derive(Debug)]
pub(crate) struct RouteEntry {
    /// The index of the route that it is an alternative of; its own index for the first alternative.
    pub(crate) of: u32,
    pub(crate) name: Option<String>,
    /// The index of its pattern.
    pub(crate) rank: usize,
    pub(crate) template: String,
    pub(crate) templates: RouteTemplates,
    /// The number of segments that a mounted service does not see.
    pub(crate) mount_segments: usize,
    /// The path of a prefix that may end within a segment, as a whole path.
    pub(crate) open_prefix: Option<Box<PathPattern>>,
    pub(crate) methods: MethodSet,
    pub(crate) conditions: Vec<ConditionText>,
    pub(crate) scope: Option<ScopeId>,
    pub(crate) priority: i32,
    pub(crate) build_only: bool,
    pub(crate) sealed: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) supplies: Vec<Supply>,
    /// The whole route as a rule, if it was created from one.
    pub(crate) rule: Option<Arc<String>>,
    pub(crate) location: SourceLocation,
}

/// One route of a table, as data; with feature `serde` it serializes as an object.
///
/// ```
/// use waylay_router::{Route, Table};
/// let table = Table::builder().route(Route::get("/a/{id}").name("a").value(())).build()?;
/// let route = table.routes().next().unwrap();
/// assert_eq!((route.name(), route.template(), route.variables().next()), (Some("a"), "/a/{id}", Some("id")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RouteInfo<'t> {
    entry: &'t RouteEntry,
    scopes: &'t [ScopeEntry],
}

/// One scope of a table, as data.
///
/// ```
/// use waylay_router::{ScopeConditions, Route, Table};
/// let mut builder = Table::builder();
/// let api = builder.scope(None, ScopeConditions::new().prefix("/api").name("api"));
/// let v1 = builder.scope(Some(api), ScopeConditions::new().prefix("/v1").sealed());
/// builder.add(Some(v1), Route::get("/x").value(()));
/// let table = builder.build()?;
/// let route = table.routes().next().unwrap();
/// let path: Vec<_> = route.scopes().iter().map(|scope| (scope.name(), scope.prefix())).collect();
/// assert_eq!(path, [(Some("api"), Some("/api")), (None, Some("/v1"))]);
/// assert!(route.scopes()[1].is_sealed());
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ScopeInfo<'t> {
    id: ScopeId,
    entry: &'t ScopeEntry,
}

impl<'t> ScopeInfo<'t> {
    /// Returns the index in the table.
    pub fn id(&self) -> ScopeId {
        self.id
    }

    /// Returns its own name.
    pub fn name(&self) -> Option<&'t str> {
        self.entry.name.as_deref()
    }

    /// Returns its own prefix.
    pub fn prefix(&self) -> Option<&'t str> {
        self.entry.prefix.as_deref()
    }

    /// Returns its own host templates.
    pub fn hosts(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.entry.hosts.iter().map(String::as_str)
    }

    /// Returns its own conditions other than host and prefix, each as a [rule](crate::rule).
    pub fn conditions(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.entry.conditions.iter().map(|condition| condition.text.as_str())
    }

    /// Tests whether requests that meet its conditions stay inside.
    pub fn is_sealed(&self) -> bool {
        self.entry.sealed
    }

    /// Returns the place where it was added.
    pub fn location(&self) -> SourceLocation {
        self.entry.location
    }
}

impl<'t> RouteInfo<'t> {
    /// Returns the name, preceded by the names of its scopes.
    pub fn name(&self) -> Option<&'t str> {
        self.entry.name.as_deref()
    }

    /// Returns the path template with the prefixes of its scopes; a prefix ends in `/…`.
    pub fn template(&self) -> &'t str {
        &self.entry.template
    }

    /// Returns the host templates, outermost scope first.
    pub fn hosts(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.entry.templates.hosts.iter().map(|host| host.text.as_str())
    }

    /// Returns the methods, HEAD for GET included.
    pub fn methods(&self) -> &'t MethodSet {
        &self.entry.methods
    }

    /// Returns the conditions other than host, method and path, each as a [rule](crate::rule).
    pub fn conditions(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.entry.conditions.iter().map(|condition| condition.text.as_str())
    }

    /// Returns the conditions as a [rule](crate::rule) of waylay's own language, if the route was created
    /// from one. The rule has all alternatives; the other methods of this type describe the first.
    pub fn rule(&self) -> Option<&'t str> {
        self.entry.rule.as_deref().map(String::as_str)
    }

    /// Returns the names of the variables of path, host and query.
    pub fn variables(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.entry.templates.vars.iter().map(|var| var.name.as_str())
    }

    #[cfg(feature = "serde")]
    pub(crate) fn variable_entries(&self) -> &'t [Variable] {
        &self.entry.templates.vars
    }

    /// Tests whether requests for its host and path never go to less specific routes.
    pub fn is_sealed(&self) -> bool {
        self.entry.sealed
    }

    /// Returns the scope of the route.
    pub fn scope(&self) -> Option<ScopeId> {
        self.entry.scope
    }

    /// Returns the scopes of the route, outermost first.
    pub fn scopes(&self) -> Vec<ScopeInfo<'t>> {
        let mut path = Vec::new();
        let mut next = self.entry.scope;
        while let Some((id, entry)) = next.and_then(|id| Some((id, self.scopes.get(id.index())?))) {
            path.push(ScopeInfo { id, entry });
            next = entry.parent;
        }
        path.reverse();
        path
    }

    /// Returns the priority.
    pub fn priority(&self) -> i32 {
        self.entry.priority
    }

    /// Tests whether the route is for building URLs only.
    pub fn is_build_only(&self) -> bool {
        self.entry.build_only
    }

    /// Returns the metadata that was added.
    pub fn metadata(&self) -> &'t BTreeMap<String, String> {
        &self.entry.metadata
    }

    /// Returns the place where it was added.
    pub fn location(&self) -> SourceLocation {
        self.entry.location
    }
}

impl RouteEntry {
    /// Returns the name for errors and lints.
    pub(crate) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.template.clone())
    }
}

impl Catalog {
    pub(crate) fn info(&self, route: usize) -> Option<RouteInfo<'_>> {
        self.routes.get(route).map(|entry| RouteInfo { entry, scopes: &self.scopes })
    }

    /// Returns the index of the route that an entry is an alternative of.
    pub(crate) fn listed(&self, index: usize) -> usize {
        if index < self.listed {
            index
        } else {
            self.routes.get(index).map_or(index, |entry| entry.of as usize)
        }
    }

    /// Returns all alternatives of a route, the first one first.
    pub(crate) fn alternatives(&self, index: usize) -> impl Iterator<Item = RouteInfo<'_>> {
        let first = self.routes[..self.listed].get(index);
        let further = &self.routes[self.listed..];
        // They are in the order of their routes.
        let further = &further[further.partition_point(|entry| (entry.of as usize) < index)..];
        let further = further.iter().take_while(move |entry| entry.of as usize == index);
        first.into_iter().chain(further).map(|entry| RouteInfo { entry, scopes: &self.scopes })
    }

    pub(crate) fn infos(&self) -> impl Iterator<Item = RouteInfo<'_>> {
        self.routes[..self.listed].iter().map(|entry| RouteInfo { entry, scopes: &self.scopes })
    }
}

/// Returns the whole path template for listings.
pub(crate) fn full_template(templates: &RouteTemplates) -> String {
    let text = templates.path.as_ref().map_or("", |template| template.text.as_str());
    match templates.end {
        PathEnd::Exact => text.to_owned(),
        PathEnd::Segments => format!("{}/…", text.trim_end_matches('/')),
        PathEnd::Raw => format!("{text}…"),
    }
}

impl fmt::Display for Catalog {
    /// Prints a table: methods, host, path, conditions, name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["METHOD", "HOST", "PATH", "CONDITIONS", "NAME"].map(str::to_owned);
        let rows: Vec<[String; 5]> = std::iter::once(head)
            .chain((0..self.listed).flat_map(|index| self.alternatives(index)).map(row))
            .collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                push_cell(&mut line, cell, width);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A longer cell does not widen its column: each row would have its length.
const MAX_COLUMN: usize = 120;

/// Appends a cell and two spaces, filled to the width of its column. A width of a format panics above 65,535.
pub(crate) fn push_cell(line: &mut String, cell: &str, width: usize) {
    line.push_str(cell);
    let missing = width.min(MAX_COLUMN).saturating_sub(cell.chars().count());
    line.extend(std::iter::repeat_n(' ', missing + 2));
}

/// Returns what a listing has of a route, without its name.
pub(crate) fn one_line(route: RouteInfo<'_>) -> String {
    let [methods, host, path, conditions, _] = row(route);
    let cells =
        [methods, host, path, conditions].into_iter().filter(|cell| !matches!(cell.as_str(), "" | "*"));
    cells.collect::<Vec<_>>().join(" ")
}

fn row(route: RouteInfo<'_>) -> [String; 5] {
    let or_any = |text: String| {
        if text.is_empty() { "*".to_owned() } else { text }
    };
    let methods = if route.methods().is_all() { String::new() } else { route.methods().to_string() };
    let build_only = route.is_build_only().then_some("build only");
    [
        or_any(methods),
        or_any(route.hosts().collect::<Vec<_>>().join(" & ")),
        route.template().to_owned(),
        route.conditions().chain(build_only).collect::<Vec<_>>().join(", "),
        route.name().unwrap_or("").to_owned(),
    ]
    .map(|cell| OneLine(&cell).to_string())
}
