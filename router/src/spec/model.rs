//! What stands in a table's file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::rule::dialect::Dialect;
use crate::site::Site;

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
    /// Facts for whoever reads them.
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
    pub(crate) fn site(&self) -> Site {
        self.line.map_or_else(Site::caller, Site::Line)
    }
}

impl ScopeSpec {
    #[track_caller]
    pub(crate) fn site(&self) -> Site {
        self.line.map_or_else(Site::caller, Site::Line)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
