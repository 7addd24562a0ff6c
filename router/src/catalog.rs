//! What is known of every route of a table, apart from the look-up.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::Location;

use crate::conditions::Supply;
use crate::matcher::method::MethodSet;
use crate::pattern::{Pattern, Texts};
use crate::policy::Policy;
use crate::template::path::Ending;

/// The place of a scope in its table.
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
    pub(crate) routes: Vec<Facts>,
    /// In rank order; those of build-only routes come last.
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) names: HashMap<String, usize>,
    pub(crate) policy: Policy,
    /// Pairs of one rank whose overlap could not be decided.
    pub(crate) undecided: Vec<(usize, usize)>,
}

/// One route.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) name: Option<String>,
    /// Its place among the patterns.
    pub(crate) rank: usize,
    pub(crate) template: String,
    pub(crate) texts: Texts,
    pub(crate) methods: MethodSet,
    pub(crate) conditions: Vec<String>,
    pub(crate) scope: Option<ScopeId>,
    pub(crate) priority: i32,
    pub(crate) build_only: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) supplies: Vec<Supply>,
    pub(crate) site: &'static Location<'static>,
}

/// One route of a table, as data.
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
    pub(crate) facts: &'t Facts,
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
        self.facts.texts.hosts.iter().map(|host| host.text.as_str())
    }

    /// The methods that it answers, HEAD for GET included.
    pub fn methods(&self) -> &'t MethodSet {
        &self.facts.methods
    }

    /// The further conditions in words.
    pub fn conditions(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.facts.conditions.iter().map(String::as_str)
    }

    /// The names of the variables of path, host and query.
    pub fn variables(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.facts.texts.vars.iter().map(|var| var.name.as_str())
    }

    /// The scope that it stands in.
    pub fn scope(&self) -> Option<ScopeId> {
        self.facts.scope
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
    pub fn site(&self) -> &'static Location<'static> {
        self.facts.site
    }
}

impl Facts {
    /// What the route is called in errors and lints.
    pub(crate) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.template.clone())
    }
}

impl Catalog {
    pub(crate) fn info(&self, route: usize) -> Option<RouteInfo<'_>> {
        self.routes.get(route).map(|facts| RouteInfo { facts })
    }

    pub(crate) fn infos(&self) -> impl Iterator<Item = RouteInfo<'_>> {
        self.routes.iter().map(|facts| RouteInfo { facts })
    }
}

/// The path template in full, as it is shown.
pub(crate) fn shown(texts: &Texts) -> String {
    let text = texts.path.as_ref().map_or("", |template| template.text.as_str());
    match texts.ending {
        Ending::Exact => text.to_owned(),
        Ending::Segments => format!("{}/…", text.trim_end_matches('/')),
        Ending::Raw => format!("{text}…"),
    }
}

impl fmt::Display for Catalog {
    /// A table: methods, host, path, conditions, name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["METHOD", "HOST", "PATH", "CONDITIONS", "NAME"].map(str::to_owned);
        let rows: Vec<[String; 5]> = std::iter::once(head).chain(self.infos().map(row)).collect();
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
