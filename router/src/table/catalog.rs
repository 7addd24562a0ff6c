//! RouteInfo, ScopeInfo.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

#[cfg(feature = "serde")]
use crate::compile::pattern::Variable;
use crate::compile::pattern::{Pattern, RouteTemplates};
use crate::request::method::MethodSet;
use crate::request::policy::Policy;
use crate::route::conditions::{SourceLocation, Supply};
use crate::rule::check::RuleLint;
use crate::template::path::PathEnd;

/// The index of a scope in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(pub(crate) u32);

impl ScopeId {
    /// Its number, in the order of opening.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The routes of a table in the order of writing.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) routes: Vec<RouteEntry>,
    /// How many routes there are; what stands behind them are further alternatives of theirs.
    pub(crate) listed: usize,
    /// In rank order; those of build-only routes come last.
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) names: HashMap<String, usize>,
    pub(crate) policy: Policy,
    pub(crate) unknown_overlaps: UnknownOverlaps,
    /// What is strange about the rules of routes.
    pub(crate) lints: Vec<(usize, RuleLint)>,
    /// In the order of opening.
    pub(crate) scopes: Vec<ScopeEntry>,
}

/// Routes of one rank of which it is not known whether they meet.
#[derive(Debug, Default)]
pub(crate) struct UnknownOverlaps {
    pub(crate) pairs: Vec<(usize, usize)>,
    /// The first route of which nothing more is told, and how many pairs that are.
    pub(crate) further: Option<(usize, usize)>,
}

/// One scope.
#[derive(Debug)]
pub(crate) struct ScopeEntry {
    pub(crate) parent: Option<ScopeId>,
    pub(crate) name: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) conditions: Vec<String>,
    pub(crate) sealed: bool,
    pub(crate) location: SourceLocation,
}

/// One route.
#[derive(Debug)]
pub(crate) struct RouteEntry {
    /// The index of the route that it is an alternative of: its own, if it is the first alternative.
    pub(crate) of: u32,
    pub(crate) name: Option<String>,
    /// Its index among the patterns.
    pub(crate) rank: usize,
    pub(crate) template: String,
    pub(crate) templates: RouteTemplates,
    pub(crate) methods: MethodSet,
    pub(crate) conditions: Vec<String>,
    pub(crate) scope: Option<ScopeId>,
    pub(crate) priority: i32,
    pub(crate) build_only: bool,
    pub(crate) sealed: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) supplies: Vec<Supply>,
    /// The whole route as a rule, if it was written as one.
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
    facts: &'t RouteEntry,
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
    facts: &'t ScopeEntry,
}

impl<'t> ScopeInfo<'t> {
    /// Its index in the table.
    pub fn id(&self) -> ScopeId {
        self.id
    }

    /// Its own name.
    pub fn name(&self) -> Option<&'t str> {
        self.facts.name.as_deref()
    }

    /// Its own prefix.
    pub fn prefix(&self) -> Option<&'t str> {
        self.facts.prefix.as_deref()
    }

    /// Its own host templates.
    pub fn hosts(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.facts.hosts.iter().map(String::as_str)
    }

    /// Its own further conditions in words.
    pub fn conditions(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.facts.conditions.iter().map(String::as_str)
    }

    /// Whether requests inside stay inside.
    pub fn is_sealed(&self) -> bool {
        self.facts.sealed
    }

    /// The line of code that wrote it.
    pub fn location(&self) -> SourceLocation {
        self.facts.location
    }
}

impl<'t> RouteInfo<'t> {
    /// The name, with the names of its scopes in front.
    pub fn name(&self) -> Option<&'t str> {
        self.facts.name.as_deref()
    }

    /// The path template, with the prefixes of its scopes; a prefix ends in `/…`.
    pub fn template(&self) -> &'t str {
        &self.facts.template
    }

    /// The host templates, outermost scope first.
    pub fn hosts(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.facts.templates.hosts.iter().map(|host| host.text.as_str())
    }

    /// The methods that it answers, HEAD for GET included.
    pub fn methods(&self) -> &'t MethodSet {
        &self.facts.methods
    }

    /// The further conditions in words.
    pub fn conditions(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.facts.conditions.iter().map(String::as_str)
    }

    /// What the route asks for as a [rule](crate::rule) of waylay's own language, if it was written as one:
    /// all of its alternatives, of which the other methods tell the first.
    pub fn rule(&self) -> Option<&'t str> {
        self.facts.rule.as_deref().map(String::as_str)
    }

    /// The names of the variables of path, host and query.
    pub fn variables(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.facts.templates.vars.iter().map(|var| var.name.as_str())
    }

    #[cfg(feature = "serde")]
    pub(crate) fn variable_entries(&self) -> &'t [Variable] {
        &self.facts.templates.vars
    }

    /// Whether requests for its host and path go to no less specific route.
    pub fn is_sealed(&self) -> bool {
        self.facts.sealed
    }

    /// The scope that it stands in.
    pub fn scope(&self) -> Option<ScopeId> {
        self.facts.scope
    }

    /// The scopes around it, outermost first.
    pub fn scopes(&self) -> Vec<ScopeInfo<'t>> {
        let mut path = Vec::new();
        let mut next = self.facts.scope;
        while let Some((id, facts)) = next.and_then(|id| Some((id, self.scopes.get(id.index())?))) {
            path.push(ScopeInfo { id, facts });
            next = facts.parent;
        }
        path.reverse();
        path
    }

    /// The priority.
    pub fn priority(&self) -> i32 {
        self.facts.priority
    }

    /// Whether it only builds URLs.
    pub fn is_build_only(&self) -> bool {
        self.facts.build_only
    }

    /// The facts that were added.
    pub fn metadata(&self) -> &'t BTreeMap<String, String> {
        &self.facts.metadata
    }

    /// The line of code that wrote it.
    pub fn location(&self) -> SourceLocation {
        self.facts.location
    }
}

impl RouteEntry {
    /// What the route is called in errors and lints.
    pub(crate) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.template.clone())
    }
}

impl Catalog {
    pub(crate) fn info(&self, route: usize) -> Option<RouteInfo<'_>> {
        self.routes.get(route).map(|facts| RouteInfo { facts, scopes: &self.scopes })
    }

    /// The index of the route that an index is an alternative of.
    pub(crate) fn listed(&self, index: usize) -> usize {
        if index < self.listed {
            index
        } else {
            self.routes.get(index).map_or(index, |facts| facts.of as usize)
        }
    }

    /// All alternatives of a route, the first one first.
    pub(crate) fn alternatives(&self, index: usize) -> impl Iterator<Item = RouteInfo<'_>> {
        let first = self.routes[..self.listed].get(index);
        let further = &self.routes[self.listed..];
        // They stand in the order of their routes.
        let further = &further[further.partition_point(|facts| (facts.of as usize) < index)..];
        let further = further.iter().take_while(move |facts| facts.of as usize == index);
        first.into_iter().chain(further).map(|facts| RouteInfo { facts, scopes: &self.scopes })
    }

    pub(crate) fn infos(&self) -> impl Iterator<Item = RouteInfo<'_>> {
        self.routes[..self.listed].iter().map(|facts| RouteInfo { facts, scopes: &self.scopes })
    }
}

/// The path template in full, as it is shown.
pub(crate) fn shown(templates: &RouteTemplates) -> String {
    let text = templates.path.as_ref().map_or("", |template| template.text.as_str());
    match templates.end {
        PathEnd::Exact => text.to_owned(),
        PathEnd::Segments => format!("{}/…", text.trim_end_matches('/')),
        PathEnd::Raw => format!("{text}…"),
    }
}

impl fmt::Display for Catalog {
    /// A table: methods, host, path, conditions, name.
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
                line.push_str(&format!("{cell:width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
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
}
