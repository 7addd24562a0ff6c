//! TableSpec, RouteSpec, ScopeSpec: a table as data, and its routes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

#[cfg(any(feature = "json", feature = "toml"))]
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::compile::error::{BuildError, BuildErrorKind};
#[cfg(any(feature = "json", feature = "toml"))]
use crate::config::lines::Place;
use crate::route::conditions::SourceLocation;
use crate::route::route::Route;
#[cfg(any(feature = "json", feature = "toml"))]
use crate::route::scope_conditions::MAX_SCOPE_DEPTH;
use crate::route::scope_conditions::ScopeConditions;
use crate::rule::dialect::Dialect;

impl TableSpec {
    /// Returns the errors of the file.
    #[track_caller]
    pub(crate) fn build_errors(&self) -> Vec<BuildError> {
        let here = SourceLocation::caller();
        let errors = self.errors.iter().map(|(kind, line)| BuildError {
            kind: kind.clone(),
            route: "*".to_owned(),
            location: match (self.file, line) {
                (Some(file), line) => SourceLocation::File { file, line: line.unwrap_or(1) },
                (None, Some(line)) => SourceLocation::Line(*line),
                (None, None) => here,
            },
        });
        errors.collect()
    }
}

impl ScopeSpec {
    pub(crate) fn scope_conditions(&self, dialect: Dialect) -> ScopeConditions {
        let mut scope = ScopeConditions::new();
        scope.conditions.location = self.location();
        scope.conditions.sealed = self.sealed;
        scope.name.clone_from(&self.name);
        if let Some(prefix) = &self.prefix {
            scope = scope.prefix(prefix);
        }
        match &self.rule {
            Some(rule) => scope.when(dialect.text(rule)),
            None => scope,
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

/// A whole table as data: its routes as [rules](crate::rule), its scopes, and the names of its handlers.
///
/// It is read from TOML or JSON, or built as a struct. Reading never fails: all errors of a file are kept,
/// and `build` reports them with their lines, together with all other errors.
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
/// let invalid = TableSpec::toml("\n[[routes]]\nrule = 'Hots(`a`)'\n\n[[routes]]\nrul = 1\n");
/// let errors = Table::builder().spec(&invalid, |_| Ok(())).build().unwrap_err().to_string();
/// assert!(errors.contains("line 2") && errors.contains("`Host`"), "{errors}");
/// assert!(errors.contains("line 6") && errors.contains("unknown field `rul`"), "{errors}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TableSpec {
    /// The dialect of the rules.
    #[serde(skip_serializing_if = "is_default")]
    pub dialect: Dialect,
    /// The addresses and networks of trusted proxies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<String>,
    /// Whether `X-Forwarded-Host` of trusted proxies sets the host.
    #[serde(skip_serializing_if = "is_default")]
    pub trusted_forwarded_host: bool,
    /// The routes outside all scopes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteSpec>,
    /// The scopes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeSpec>,
    /// The errors of the file with their lines.
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) errors: Vec<(BuildErrorKind, Option<u32>)>,
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) file: Option<&'static str>,
}

impl TableSpec {
    /// Names the file of the table, for the source locations in errors and lists: `gateway.toml:7`.
    ///
    /// Names are kept until the program ends, each one once.
    ///
    /// ```
    /// use waylay_router::{Table, TableSpec};
    /// let spec = TableSpec::toml("\n[[routes]]\nrule = 'Path(`x`)'\n").named("gateway.toml");
    /// let errors = Table::builder().spec(&spec, |_| Ok(())).build().unwrap_err();
    /// assert!(errors.to_string().contains("(gateway.toml:2)"), "{errors}");
    /// ```
    #[must_use]
    pub fn named(mut self, file: impl AsRef<std::path::Path>) -> Self {
        let file = interned(&file.as_ref().to_string_lossy());
        self.file = Some(file);
        self.routes.iter_mut().for_each(|route| route.file = Some(file));
        let mut open: Vec<&mut ScopeSpec> = self.scopes.iter_mut().collect();
        while let Some(scope) = open.pop() {
            scope.file = Some(file);
            scope.routes.iter_mut().for_each(|route| route.file = Some(file));
            open.extend(&mut scope.scopes);
        }
        self
    }

    /// Reads a table from a file, TOML or JSON by its extension. Errors are kept with the name of the file, and reported
    /// when the table is built.
    #[cfg(any(feature = "json", feature = "toml"))]
    pub fn open(path: impl AsRef<std::path::Path>) -> Self {
        let path = path.as_ref();
        let failed =
            |error: String| Self { errors: vec![(BuildErrorKind::Spec(error), None)], ..Self::default() };
        let spec = match (
            std::fs::read_to_string(path),
            path.extension().and_then(|extension| extension.to_str()),
        ) {
            (Err(error), _) => failed(format!("the file is not readable: {error}")),
            #[cfg(feature = "toml")]
            (Ok(text), Some("toml")) => Self::toml(&text),
            #[cfg(feature = "json")]
            (Ok(text), Some("json")) => Self::json(&text),
            (Ok(_), _) => failed("the file is none that this program reads (`.toml`, `.json`)".to_owned()),
        };
        spec.named(path)
    }
}

/// Returns a text that lives as long as the program; a source location is copied freely.
fn interned(text: &str) -> &'static str {
    static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let kept: &'static str = String::leak(text.to_owned());
    texts.insert(kept);
    kept
}

/// Returns the source location of an item of a file.
#[track_caller]
fn location(file: Option<&'static str>, line: Option<u32>) -> SourceLocation {
    match (file, line) {
        (Some(file), Some(line)) => SourceLocation::File { file, line },
        (None, Some(line)) => SourceLocation::Line(line),
        (Some(file), None) => SourceLocation::File { file, line: 1 },
        (None, None) => SourceLocation::caller(),
    }
}

/// A route as data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RouteSpec {
    /// The conditions of the route, as a rule.
    pub rule: String,
    /// The name of its handler; the program assigns the handler to the name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub handler: String,
    /// The name, for URLs and lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The priority.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i32,
    /// Whether requests for its host and path never go to less specific routes.
    #[serde(skip_serializing_if = "is_default")]
    pub sealed: bool,
    /// Whether the route is for building URLs only.
    #[serde(skip_serializing_if = "is_default")]
    pub build_only: bool,
    /// User-defined metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) line: Option<u32>,
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) file: Option<&'static str>,
}

/// A scope as data.
///
/// A program can nest scopes to any depth: more than [`MAX_SCOPE_DEPTH`](crate::MAX_SCOPE_DEPTH) of them within each other
/// are an error of the build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
// No default of the whole: its fields could not be moved out of a type with `Drop`.
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ScopeSpec {
    /// The prefix of the inner paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The other conditions of the scope, as a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The prefix of the inner names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether requests that meet the scope's conditions never go to routes outside.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sealed: bool,
    /// The routes inside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteSpec>,
    /// The scopes inside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeSpec>,
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) line: Option<u32>,
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub(crate) file: Option<&'static str>,
}

/// Drops inner scopes one by one: a program may have nested them deeper than the stack allows.
impl Drop for ScopeSpec {
    fn drop(&mut self) {
        let mut open = std::mem::take(&mut self.scopes);
        while let Some(mut scope) = open.pop() {
            open.append(&mut scope.scopes);
        }
    }
}

impl RouteSpec {
    /// Creates a route from a rule and the name of its handler.
    pub fn new(rule: impl Into<String>, handler: impl Into<String>) -> Self {
        Self { rule: rule.into(), handler: handler.into(), ..Self::default() }
    }

    /// Returns the line in the file, or else the caller's source location.
    #[track_caller]
    pub(crate) fn location(&self) -> SourceLocation {
        location(self.file, self.line)
    }
}

impl ScopeSpec {
    #[track_caller]
    pub(crate) fn location(&self) -> SourceLocation {
        location(self.file, self.line)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An error and its line.
#[cfg(any(feature = "json", feature = "toml"))]
pub(crate) type SpecError = (BuildErrorKind, Option<u32>);

#[cfg(any(feature = "json", feature = "toml"))]
pub(crate) fn spec_error(message: impl Into<String>, place: Place) -> SpecError {
    let mut message = message.into();
    let field = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    if field.is_some_and(is_condition) {
        message
            .push_str("; a condition is a function of the rule, as in \"Path(`/a/{id}`) && Method(`GET`)\"");
    }
    (BuildErrorKind::Spec(message), Some(place.line))
}

/// Tests for the name of a condition, which other files of routes have as a field.
#[cfg(any(feature = "json", feature = "toml"))]
fn is_condition(field: &str) -> bool {
    let field = field.to_ascii_lowercase();
    let one = field.strip_suffix('s').unwrap_or(&field);
    [
        "path",
        "prefix",
        "path_prefix",
        "pathprefix",
        "host",
        "method",
        "scheme",
        "header",
        "query",
        "querie",
        "cookie",
        "match",
    ]
    .contains(&one)
}

/// Returns the error of a value that is nested too deep.
#[cfg(any(feature = "json", feature = "toml"))]
pub(crate) fn too_deep(place: Place) -> SpecError {
    (BuildErrorKind::FileTooDeep { column: place.column }, Some(place.line))
}

/// An object of a file.
#[cfg(any(feature = "json", feature = "toml"))]
pub(crate) trait Node: Sized {
    /// Removes a list of objects; returns an empty list if the key is missing.
    fn take(&mut self, key: &str) -> Result<Vec<Self>, SpecError>;

    /// Returns the place of its start.
    fn place(&self) -> Place;

    /// Deserializes the remaining fields.
    fn read<T: DeserializeOwned>(self) -> Result<T, SpecError>;
}

/// Reads a table with all errors of its parts.
#[cfg(any(feature = "json", feature = "toml"))]
pub(crate) fn table(mut root: impl Node, mut errors: Vec<SpecError>) -> TableSpec {
    let (routes, scopes) = parts(&mut root, 0, &mut errors);
    let own: Option<TableSpec> = root.read().map_err(|error| errors.push(error)).ok();
    TableSpec { routes, scopes, errors, ..own.unwrap_or_default() }
}

#[cfg(any(feature = "json", feature = "toml"))]
fn parts(
    node: &mut impl Node,
    depth: usize,
    errors: &mut Vec<SpecError>,
) -> (Vec<RouteSpec>, Vec<ScopeSpec>) {
    let mut take = |key: &str| node.take(key).map_err(|error| errors.push(error)).unwrap_or_default();
    let (routes, scopes) = (take("routes"), take("scopes"));
    let mut kept = Vec::with_capacity(routes.len());
    for node in routes {
        let line = Some(node.place().line);
        match node.read::<RouteSpec>() {
            Ok(route) => kept.push(RouteSpec { line, ..route }),
            Err(error) => errors.push(error),
        }
    }
    if let Some(first) = scopes.first().filter(|_| depth == MAX_SCOPE_DEPTH) {
        errors.push(too_deep(first.place()));
        return (kept, Vec::new());
    }
    let scopes = scopes.into_iter().map(|node| scope(node, depth + 1, errors)).collect();
    (kept, scopes)
}

/// The parts of an invalid scope are read as well, so that their errors are reported too.
#[cfg(any(feature = "json", feature = "toml"))]
fn scope(mut node: impl Node, depth: usize, errors: &mut Vec<SpecError>) -> ScopeSpec {
    let line = Some(node.place().line);
    let (routes, scopes) = parts(&mut node, depth, errors);
    let own: Option<ScopeSpec> = node.read().map_err(|error| errors.push(error)).ok();
    let mut scope = own.unwrap_or_default();
    (scope.routes, scope.scopes, scope.line) = (routes, scopes, line);
    scope
}

#[cfg(feature = "schema")]
impl TableSpec {
    /// Returns the JSON schema (draft 2020-12) of a table's file, for editors and for checks before
    /// deployment.
    ///
    /// ```
    /// let schema = waylay_router::TableSpec::json_schema();
    /// assert_eq!(schema["properties"]["routes"]["type"], "array");
    /// ```
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).into()
    }
}
