//! Case: one line of input, as the format describes it.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use clap::ValueEnum;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The program whose reading of routes and requests is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Dialect {
    Native,
    Gorilla,
    TraefikV3,
    Vulcand,
}

impl Dialect {
    /// Returns the language of its rules.
    pub(crate) fn rules(self) -> waylay_router::rule::Dialect {
        match self {
            Self::Native | Self::Gorilla => waylay_router::rule::Dialect::Native,
            Self::TraefikV3 => waylay_router::rule::Dialect::TraefikV3,
            Self::Vulcand => waylay_router::rule::Dialect::Vulcand,
        }
    }
}

/// Order in which several matching routes are preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RouteOrder {
    Specific,
    Registration,
}

/// One line: a table, its requests, its URLs to build, and the expected results.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: Option<Value>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) router: RouterSettings,
    #[serde(default, deserialize_with = "object_list")]
    pub(crate) routes: Vec<RouteSpec>,
    #[serde(default, deserialize_with = "object_list")]
    pub(crate) requests: Vec<RequestSpec>,
    #[serde(default, deserialize_with = "object_list")]
    pub(crate) builds: Vec<UrlSpec>,
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
    /// Whether to describe each named route.
    #[serde(default)]
    pub(crate) introspect: bool,
    /// Whether to list the routes in order, and the template to skip.
    #[serde(default)]
    pub(crate) walk: bool,
    pub(crate) walk_skip: Option<String>,
    pub(crate) walk_result: Option<Vec<Value>>,
}

/// Options of a router, or of a subrouter.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RouterSettings {
    pub(crate) dialect: Option<Dialect>,
    pub(crate) precedence: Option<RouteOrder>,
    pub(crate) skip_clean: bool,
    pub(crate) use_encoded_path: bool,
    pub(crate) strict_slash: Option<bool>,
    /// Hides the route from its handler: the result has no template.
    pub(crate) omit_route: bool,
    /// Whether misses have a handler.
    pub(crate) not_found: bool,
    pub(crate) method_not_allowed: bool,
    pub(crate) middlewares: Vec<String>,
    /// Whether responses list the methods of their path.
    pub(crate) cors: bool,
}

/// A route, or a scope if it has `children`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RouteSpec {
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
    /// Further conditions, each a keyword and its arguments.
    pub(crate) extra: Vec<Vec<String>>,
    /// Order of the conditions in gorilla/mux; ours is a conjunction without an order.
    pub(crate) order: Vec<String>,
    #[serde(deserialize_with = "optional_object_list")]
    pub(crate) children: Option<Vec<RouteSpec>>,
    pub(crate) subrouter: bool,
    #[serde(deserialize_with = "optional_object")]
    pub(crate) sub: Option<RouterSettings>,
    pub(crate) rule: Option<String>,
    pub(crate) sealed: bool,
    /// Overrides the option of the enclosing router, also for all later routes.
    pub(crate) strict_slash: Option<bool>,
    pub(crate) middlewares: Vec<String>,
    /// A scope handles the requests of its children without a handler.
    pub(crate) handler: bool,
    pub(crate) no_handler: bool,
    /// A mounted router that handles the requests of the route.
    #[serde(deserialize_with = "optional_object_list")]
    pub(crate) mount: Option<Vec<RouteSpec>>,
    /// Conditions added after the subrouter was created, which does not inherit them.
    pub(crate) after: Vec<Vec<String>>,
    /// URL variables that the route sets.
    pub(crate) build_vars: BTreeMap<String, String>,
    /// A second name, which is an error.
    pub(crate) name2: Option<String>,
}

impl RouteSpec {
    pub(crate) fn is_scope(&self) -> bool {
        self.children.is_some() || self.subrouter || self.sub.is_some()
    }
}

/// The values of one header.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
pub(crate) enum HeaderValues {
    One(String),
    Several(Vec<String>),
}

impl HeaderValues {
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
pub(crate) struct RequestSpec {
    #[serde(default = "get")]
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) host: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, HeaderValues>,
    #[serde(default)]
    pub(crate) tls: bool,
    pub(crate) remote: Option<String>,
    /// A query with bytes that a request target must not contain.
    pub(crate) raw_query: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

/// A URL to build.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UrlSpec {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) vars: BTreeMap<String, String>,
}

/// A known key that is not supported, and its place (`routes[2].children[0].mount`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnsupportedKey {
    pub(crate) name: String,
    pub(crate) place: String,
}

/// Returns the keys of a line that the router does not support in its dialect; they are never ignored.
pub(crate) fn unsupported_keys(case: &Case, dialect: Dialect) -> Vec<UnsupportedKey> {
    let mut search = KeySearch { gorilla: dialect == Dialect::Gorilla, found: Vec::new() };
    search.routes("routes", &case.routes);
    search.found
}

struct KeySearch {
    gorilla: bool,
    found: Vec<UnsupportedKey>,
}

impl KeySearch {
    fn keys<const N: usize>(&mut self, place: &str, keys: [(&str, bool); N]) {
        for (key, _) in keys.into_iter().filter(|(_, is_used)| *is_used) {
            self.found.push(UnsupportedKey { name: key.to_owned(), place: format!("{place}.{key}") });
        }
    }

    /// Adds the options that a router has, but no scope inside it.
    fn sub(&mut self, place: &str, settings: &RouterSettings) {
        self.keys(
            place,
            [
                ("dialect", settings.dialect.is_some()),
                ("precedence", settings.precedence.is_some()),
                ("use_encoded_path", settings.use_encoded_path),
                ("omit_route", settings.omit_route),
                ("cors", settings.cors),
                // gorilla/mux cleans paths before it tries any subrouter: there the option has no effect.
                ("skip_clean", settings.skip_clean && !self.gorilla),
            ],
        );
    }

    fn routes(&mut self, place: &str, routes: &[RouteSpec]) {
        for (i, route) in routes.iter().enumerate() {
            self.route(&format!("{place}[{i}]"), route);
        }
    }

    fn route(&mut self, place: &str, route: &RouteSpec) {
        if !self.gorilla {
            self.keys(
                place,
                [
                    ("handler", route.handler),
                    ("no_handler", route.no_handler),
                    ("mount", route.mount.is_some()),
                ],
            );
        }
        let is_path =
            |words: &&Vec<String>| words.first().is_some_and(|word| word == "path" || word == "prefix");
        let paths = usize::from(route.path.is_some())
            + usize::from(route.prefix.is_some())
            + route.extra.iter().filter(is_path).count();
        let flags = [
            ("path with another path", paths > 1 && !self.gorilla),
            ("path with children", route.is_scope() && route.path.is_some() && !self.gorilla),
            ("path after the scope", route.after.iter().any(|words| is_path(&words))),
        ];
        for (key, _) in flags.into_iter().filter(|(_, is_used)| *is_used) {
            self.found.push(UnsupportedKey { name: key.to_owned(), place: format!("{place}: {key}") });
        }
        if let Some(sub) = &route.sub {
            self.sub(&format!("{place}.sub"), sub);
        }
        self.routes(&format!("{place}.children"), route.children.as_deref().unwrap_or_default());
        self.routes(&format!("{place}.mount"), route.mount.as_deref().unwrap_or_default());
    }
}

/// A value that is read from a JSON object only; serde also reads structs from lists.
#[derive(Debug, Default)]
pub(crate) struct Object<T>(pub(crate) T);

struct OnlyMap<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMap<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OnlyMap(PhantomData))
    }
}

/// Reads a list of objects.
fn object_list<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|object| object.0).collect())
}

/// Reads a list of objects, or null.
fn optional_object_list<'de, T, D>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let objects = Option::<Vec<Object<T>>>::deserialize(deserializer)?;
    Ok(objects.map(|objects| objects.into_iter().map(|object| object.0).collect()))
}

/// Reads an object.
fn object<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Object::deserialize(deserializer).map(|object| object.0)
}

/// Reads an object, or null.
fn optional_object<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<Object<T>>::deserialize(deserializer).map(|object| object.map(|object| object.0))
}
