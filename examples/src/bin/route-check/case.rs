//! One line of input as data: a table, its requests, its builds, and what is expected of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::object;

/// Whose reading of routes and requests a line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dialect {
    Native,
    Gorilla,
    TraefikV3,
    Vulcand,
}

impl Dialect {
    /// The dialect of a name, if there is one.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Native, Self::Gorilla, Self::TraefikV3, Self::Vulcand].into_iter().find(|d| d.name() == name)
    }

    /// The language that its rules are written in.
    pub(crate) fn rules(self) -> waylay_router::rule::Dialect {
        match self {
            Self::Native | Self::Gorilla => waylay_router::rule::Dialect::Native,
            Self::TraefikV3 => waylay_router::rule::Dialect::TraefikV3,
            Self::Vulcand => waylay_router::rule::Dialect::Vulcand,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Gorilla => "gorilla",
            Self::TraefikV3 => "traefik_v3",
            Self::Vulcand => "vulcand",
        }
    }
}

/// Which of several matching routes wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    Specific,
    Registration,
}

/// One line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: Option<Value>,
    #[serde(default, deserialize_with = "object::one")]
    pub(crate) router: Settings,
    #[serde(default, deserialize_with = "object::list")]
    pub(crate) routes: Vec<Entry>,
    #[serde(default, deserialize_with = "object::list")]
    pub(crate) requests: Vec<Asked>,
    #[serde(default, deserialize_with = "object::list")]
    pub(crate) builds: Vec<Build>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) results: Option<Vec<Option<Map<String, Value>>>>,
    pub(crate) build_results: Option<Vec<Option<Map<String, Value>>>>,
    #[serde(default)]
    pub(crate) route_errors: Vec<String>,
    pub(crate) setup_panic: Option<Value>,
    #[serde(rename = "src")]
    _src: Option<Value>,
    #[serde(rename = "asserted")]
    _asserted: Option<Value>,
    pub(crate) info: Option<Map<String, Value>>,
    /// Whether to tell what each named route tells of itself.
    #[serde(default)]
    pub(crate) introspect: bool,
    /// Whether to walk over the routes, and which template to leave out.
    #[serde(default)]
    pub(crate) walk: bool,
    pub(crate) walk_skip: Option<String>,
    pub(crate) walk_result: Option<Vec<Value>>,
}

/// The switches of a router, or of a subrouter.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) dialect: Option<Dialect>,
    pub(crate) precedence: Option<Order>,
    pub(crate) skip_clean: bool,
    pub(crate) use_encoded_path: bool,
    pub(crate) strict_slash: Option<bool>,
    /// Keeps the route from its handler: the answer tells no template.
    pub(crate) omit_route: bool,
    /// Whether misses have a handler of their own.
    pub(crate) not_found: bool,
    pub(crate) method_not_allowed: bool,
    pub(crate) middlewares: Vec<String>,
    /// Whether answers tell the methods of their path.
    pub(crate) cors: bool,
}

/// A route, or with `children` a scope.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Entry {
    pub(crate) name: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) methods: Option<Vec<String>>,
    pub(crate) schemes: Vec<String>,
    pub(crate) queries: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) headers_regexp: Vec<(String, String)>,
    pub(crate) priority: i32,
    pub(crate) build_only: bool,
    /// More conditions, each a word and its arguments.
    pub(crate) extra: Vec<Vec<String>>,
    /// In which order gorilla/mux is given the conditions; a conjunction has none.
    pub(crate) order: Vec<String>,
    #[serde(deserialize_with = "object::optional_list")]
    pub(crate) children: Option<Vec<Entry>>,
    pub(crate) subrouter: bool,
    #[serde(deserialize_with = "object::optional")]
    pub(crate) sub: Option<Settings>,
    pub(crate) rule: Option<String>,
    pub(crate) sealed: bool,
    /// Flips the switch of the router around it, from here on.
    pub(crate) strict_slash: Option<bool>,
    pub(crate) middlewares: Vec<String>,
    /// A scope answers itself what comes to a child that has no handler.
    pub(crate) handler: bool,
    pub(crate) no_handler: bool,
    /// A router of its own that answers what the route matches.
    #[serde(deserialize_with = "object::optional_list")]
    pub(crate) mount: Option<Vec<Entry>>,
    /// Conditions that come after the scope was made: it does not inherit them.
    pub(crate) after: Vec<Vec<String>>,
    /// Variables of URLs that the route sets itself.
    pub(crate) build_vars: BTreeMap<String, String>,
    /// A second name, which is a fault.
    pub(crate) name2: Option<String>,
}

impl Entry {
    pub(crate) fn is_scope(&self) -> bool {
        self.children.is_some() || self.subrouter || self.sub.is_some()
    }
}

/// The values of one header.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
pub(crate) enum Lines {
    One(String),
    Several(Vec<String>),
}

impl Lines {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let lines = match self {
            Self::One(line) => std::slice::from_ref(line),
            Self::Several(lines) => lines,
        };
        lines.iter().map(String::as_str)
    }
}

/// A request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default = "get")]
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) host: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Lines>,
    #[serde(default)]
    pub(crate) tls: bool,
    pub(crate) remote: Option<String>,
    /// A query that is no legal part of a URL.
    pub(crate) raw_query: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

/// A URL to build.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) vars: BTreeMap<String, String>,
}
