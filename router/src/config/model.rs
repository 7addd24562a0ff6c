//! TableSpec, RouteSpec, ScopeSpec to routes.

use std::collections::BTreeMap;

#[cfg(any(feature = "json", feature = "toml"))]
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::compile::error::{BuildError, BuildErrorKind};
use crate::route::conditions::{ScopeConditions, SourceLocation};
use crate::route::route::Route;
use crate::rule::dialect::Dialect;

impl TableSpec {
    /// What could not be read.
    #[track_caller]
    pub(crate) fn build_errors(&self) -> Vec<BuildError> {
        let here = SourceLocation::caller();
        let errors = self.faults.iter().map(|(fault, line)| BuildError {
            kind: BuildErrorKind::Spec(fault.clone()),
            route: "*".to_owned(),
            location: line.map_or(here, SourceLocation::Line),
        });
        errors.collect()
    }
}

impl ScopeSpec {
    pub(crate) fn bounds(&self, dialect: Dialect) -> ScopeConditions {
        let mut bounds = ScopeConditions::new();
        bounds.conditions.location = self.location();
        bounds.conditions.sealed = self.sealed;
        bounds.name.clone_from(&self.name);
        if let Some(prefix) = &self.prefix {
            bounds = bounds.prefix(prefix);
        }
        match &self.rule {
            Some(rule) => bounds.when(dialect.text(rule)),
            None => bounds,
        }
    }
}

impl RouteSpec {
    pub(crate) fn route(&self, dialect: Dialect) -> Route {
        let mut route = Route::rule(dialect.text(&self.rule)).priority(self.priority);
        route.conditions.location = self.location();
        route.conditions.sealed = self.sealed;
        route.name.clone_from(&self.name);
        route.build_only = self.build_only;
        route.metadata.clone_from(&self.metadata);
        route
    }

    #[track_caller]
    pub(crate) fn error(&self, message: String) -> BuildError {
        let route = self.name.clone().unwrap_or_else(|| self.rule.clone());
        BuildError { kind: BuildErrorKind::Spec(message), route, location: self.location() }
    }
}

/// A whole table as data: its routes as [rules](crate::rule), its scopes, and the names of what answers.
///
/// It is read from TOML or JSON, or built as the struct that it is. Reading never fails: every fault of a
/// file is kept, and reported by `build` with its line, together with all others.
///
/// ```
/// use waylay_router::{Peer, Table, TableSpec};
/// let spec = TableSpec::toml(r#"
/// [[routes]]
/// name = "article"
/// rule = "Host(`example.com`) && Path(`/articles/{id:[0-9]+}`)"
/// handler = "show"
///
/// [[scopes]]
/// prefix = "/api"
/// sealed = true
///
/// [[scopes.routes]]
/// rule = "Path(`/stats`) && Method(`GET`)"
/// handler = "stats"
/// metadata = { owner = "me" }
/// "#);
/// let table = Table::builder().spec(&spec, |route| match route.handler.as_str() {
///     "show" => Ok(1),
///     "stats" => Ok(2),
///     other => Err(format!("there is no handler `{other}`")),
/// }).build()?;
/// let request = http::Request::get("/api/stats").body(())?;
/// assert_eq!(*table.find(&request, &Peer::default()).unwrap().value(), 2);
///
/// let faulty = TableSpec::toml("\n[[routes]]\nrule = 'Hots(`a`)'\n\n[[routes]]\nrul = 1\n");
/// let errors = Table::builder().spec(&faulty, |_| Ok(())).build().unwrap_err().to_string();
/// assert!(errors.contains("line 2") && errors.contains("`Host`"), "{errors}");
/// assert!(errors.contains("line 6") && errors.contains("unknown field `rul`"), "{errors}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TableSpec {
    /// Whose language the rules are written in.
    #[serde(skip_serializing_if = "is_default")]
    pub dialect: Dialect,
    /// Addresses and blocks of trusted proxies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<String>,
    /// Routes outside all scopes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteSpec>,
    /// Scopes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeSpec>,
    /// What could not be read, and where.
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) faults: Vec<(String, Option<u32>)>,
}

/// A route as data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RouteSpec {
    /// What the route asks for, as a rule.
    pub rule: String,
    /// What answers it: a name that the program gives a value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub handler: String,
    /// The name, for URLs and lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The priority.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i32,
    /// Whether less specific routes never get what this one does not answer.
    #[serde(skip_serializing_if = "is_default")]
    pub sealed: bool,
    /// Whether only URLs are built from it.
    #[serde(skip_serializing_if = "is_default")]
    pub build_only: bool,
    /// Metadata for any reader reads them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) line: Option<u32>,
}

/// A scope as data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ScopeSpec {
    /// What is put in front of the paths inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// What else the scope asks for, as a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The name in front of the names inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether requests inside stay inside.
    #[serde(skip_serializing_if = "is_default")]
    pub sealed: bool,
    /// Routes inside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteSpec>,
    /// Scopes inside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeSpec>,
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) line: Option<u32>,
}

impl RouteSpec {
    /// A route for a rule, which a handler answers.
    pub fn new(rule: impl Into<String>, handler: impl Into<String>) -> Self {
        Self { rule: rule.into(), handler: handler.into(), ..Self::default() }
    }

    /// Where it stands in its file, or where the program asks for it.
    #[track_caller]
    pub(crate) fn location(&self) -> SourceLocation {
        self.line.map_or_else(SourceLocation::caller, SourceLocation::Line)
    }
}

impl ScopeSpec {
    #[track_caller]
    pub(crate) fn location(&self) -> SourceLocation {
        self.line.map_or_else(SourceLocation::caller, SourceLocation::Line)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A fault and its line.
#[cfg(any(feature = "json", feature = "toml"))]
pub(crate) type Fault = (String, Option<u32>);

/// An object of a file.
#[cfg(any(feature = "json", feature = "toml"))]
pub(crate) trait Node: Sized {
    /// Takes a list of objects out; nothing, if the key is not there.
    fn take(&mut self, key: &str) -> Result<Vec<Self>, Fault>;

    /// The line that it begins in.
    fn line(&self) -> u32;

    /// What is left of it.
    fn read<T: DeserializeOwned>(self) -> Result<T, Fault>;
}

/// A table with all faults of its parts.
#[cfg(any(feature = "json", feature = "toml"))]
pub(crate) fn table(mut root: impl Node, mut faults: Vec<Fault>) -> TableSpec {
    let (routes, scopes) = parts(&mut root, &mut faults);
    let own: Option<TableSpec> = root.read().map_err(|fault| faults.push(fault)).ok();
    TableSpec { routes, scopes, faults, ..own.unwrap_or_default() }
}

#[cfg(any(feature = "json", feature = "toml"))]
fn parts(node: &mut impl Node, faults: &mut Vec<Fault>) -> (Vec<RouteSpec>, Vec<ScopeSpec>) {
    let mut take = |key: &str| node.take(key).map_err(|fault| faults.push(fault)).unwrap_or_default();
    let (routes, scopes) = (take("routes"), take("scopes"));
    let mut kept = Vec::new();
    for node in routes {
        let line = Some(node.line());
        match node.read::<RouteSpec>() {
            Ok(route) => kept.push(RouteSpec { line, ..route }),
            Err(fault) => faults.push(fault),
        }
    }
    let scopes = scopes.into_iter().map(|node| scope(node, faults)).collect();
    (kept, scopes)
}

/// What is inside a faulty scope is looked at all the same.
#[cfg(any(feature = "json", feature = "toml"))]
fn scope(mut node: impl Node, faults: &mut Vec<Fault>) -> ScopeSpec {
    let line = Some(node.line());
    let (routes, scopes) = parts(&mut node, faults);
    let own: Option<ScopeSpec> = node.read().map_err(|fault| faults.push(fault)).ok();
    ScopeSpec { routes, scopes, line, ..own.unwrap_or_default() }
}

/// The line of a place in a text, from 1 on.
#[cfg(any(feature = "json", feature = "toml"))]
pub(crate) fn line(text: &str, at: usize) -> u32 {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    u32::try_from(before.iter().filter(|&&byte| byte == b'\n').count() + 1).unwrap_or(u32::MAX)
}

#[cfg(feature = "schema")]
impl TableSpec {
    /// The JSON schema (draft 2020-12) of a table's file, for editors and for checks before a table ships.
    ///
    /// ```
    /// let schema = waylay_router::TableSpec::json_schema();
    /// assert_eq!(schema["properties"]["routes"]["type"], "array");
    /// ```
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).into()
    }
}
