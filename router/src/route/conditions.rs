//! Conditions as written; setters; Location.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use http::Method;

use crate::matcher::formula::Formula;
use crate::matcher::guard::Custom;
use crate::request::method::MethodSet;
use crate::request::policy::{MethodMiss, OptionsAnswer, TrailingSlash};
use crate::rule::text::RuleText;

/// What was written of one header.
#[derive(Debug, Clone)]
pub(crate) enum HeaderText {
    Present,
    Absent,
    Exact(String),
    Regex(String),
    /// Each of the values, and there is one.
    All(String),
}

/// What was written of one query key.
#[derive(Debug, Clone)]
pub(crate) enum QueryText {
    Present,
    Absent,
    Template(String),
    Regex(String),
}

/// What was written of the host.
#[derive(Debug, Clone)]
pub(crate) enum HostText {
    Template(String),
    Regex(String),
}

type Supplier = dyn Fn(&mut BTreeMap<String, String>) + Send + Sync;

/// A function that supplies variables when a URL is built.
#[derive(Clone)]
pub(crate) struct Supply(pub(crate) Arc<Supplier>);

impl fmt::Debug for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Supply").finish_non_exhaustive()
    }
}

/// A path or a prefix template.
#[derive(Debug, Clone)]
pub(crate) struct PathText {
    pub(crate) text: String,
    pub(crate) prefix: bool,
    /// A prefix that may end within a segment.
    pub(crate) raw: bool,
}

/// A regex over the whole path.
#[derive(Debug, Clone)]
pub(crate) struct PathRegexText {
    pub(crate) regex: String,
    /// Whether it is held against the canonical path, escapes and all.
    pub(crate) escaped: bool,
}

/// Conditions in the user's words; nothing here has been checked.
#[derive(Debug, Clone)]
pub(crate) struct Conditions {
    pub(crate) location: SourceLocation,
    pub(crate) path: Option<PathText>,
    pub(crate) hosts: Vec<HostText>,
    pub(crate) methods: Option<MethodSet>,
    pub(crate) schemes: Vec<String>,
    pub(crate) headers: Vec<(String, HeaderText)>,
    pub(crate) queries: Vec<(String, QueryText)>,
    pub(crate) cookies: Vec<(String, Option<String>)>,
    pub(crate) clients: Vec<String>,
    pub(crate) content_types: Vec<String>,
    pub(crate) accepts: Vec<String>,
    pub(crate) upgrades: Vec<String>,
    pub(crate) custom: Vec<Custom>,
    pub(crate) path_regexes: Vec<PathRegexText>,
    pub(crate) method_regexes: Vec<String>,
    /// Whether HEAD is not meant by GET.
    pub(crate) exact_methods: bool,
    /// Rules that have not been read.
    pub(crate) rules: Vec<RuleText>,
    /// What of rules is no list of conditions; each leaf holds one condition.
    pub(crate) formulas: Vec<Formula<Conditions>>,
    pub(crate) trailing_slash: Option<TrailingSlash>,
    pub(crate) sealed: bool,
    pub(crate) supplies: Vec<Supply>,
}

impl Conditions {
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self {
            location: SourceLocation::caller(),
            path: None,
            hosts: Vec::new(),
            methods: None,
            schemes: Vec::new(),
            headers: Vec::new(),
            queries: Vec::new(),
            cookies: Vec::new(),
            clients: Vec::new(),
            content_types: Vec::new(),
            accepts: Vec::new(),
            upgrades: Vec::new(),
            custom: Vec::new(),
            path_regexes: Vec::new(),
            method_regexes: Vec::new(),
            exact_methods: false,
            rules: Vec::new(),
            formulas: Vec::new(),
            trailing_slash: None,
            sealed: false,
            supplies: Vec::new(),
        }
    }

    /// The same place with no condition but the path.
    pub(crate) fn path_only(&self) -> Self {
        Self { location: self.location, path: self.path.clone(), ..Self::new() }
    }

    pub(crate) fn method(&mut self, method: Method) {
        self.methods.get_or_insert_default().insert(method);
    }

    pub(crate) fn path(&mut self, text: String, prefix: bool) {
        self.path = Some(PathText { text, prefix, raw: false });
    }
}

/// The setters that routes and scopes share: one text for both, so that they cannot drift.
macro_rules! condition_setters {
    ($($field:ident).+) => {
        /// Adds a method; several are alternatives.
        pub fn method(mut self, method: http::Method) -> Self {
            self.$($field).+.method(method);
            self
        }

        /// Asks for a host: a name, or a template with variables (`{tenant}.example.com`) or a
        /// wildcard in front (`*.example.com` is one label more, `**.example.com` one or more).
        ///
        /// Compared without case; the port only counts if the template names one.
        pub fn host(mut self, template: impl Into<String>) -> Self {
            self.$($field).+.hosts.push($crate::route::conditions::HostText::Template(template.into()));
            self
        }

        /// Asks for a host that the regex matches as a whole, without case and port.
        pub fn host_regex(mut self, regex: impl Into<String>) -> Self {
            self.$($field).+.hosts.push($crate::route::conditions::HostText::Regex(regex.into()));
            self
        }

        /// Asks for a scheme; several are alternatives. An unknown scheme matches none.
        pub fn scheme(mut self, scheme: impl Into<String>) -> Self {
            self.$($field).+.schemes.push(scheme.into());
            self
        }

        /// Asks for a header with exactly this value; any of several values may be it.
        pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            let want = $crate::route::conditions::HeaderText::Exact(value.into());
            self.$($field).+.headers.push((name.into(), want));
            self
        }

        /// Asks for a header, whatever its value.
        pub fn header_present(mut self, name: impl Into<String>) -> Self {
            let want = $crate::route::conditions::HeaderText::Present;
            self.$($field).+.headers.push((name.into(), want));
            self
        }

        /// Asks for the absence of a header. What a client may leave out proves nothing about it.
        pub fn header_absent(mut self, name: impl Into<String>) -> Self {
            let want = $crate::route::conditions::HeaderText::Absent;
            self.$($field).+.headers.push((name.into(), want));
            self
        }

        /// Asks for a cookie with exactly this value; any of several values may be it.
        pub fn cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.$($field).+.cookies.push((name.into(), Some(value.into())));
            self
        }

        /// Asks for a cookie, whatever its value.
        pub fn cookie_present(mut self, name: impl Into<String>) -> Self {
            self.$($field).+.cookies.push((name.into(), None));
            self
        }

        /// Asks for a client address, or a block of them (`10.0.0.0/8`); several are alternatives.
        ///
        /// It is the address of the other end ([`Peer`](crate::Peer)): behind a proxy that is the
        /// proxy's, unless [trusted](crate::Builder::trusted_proxy). An unknown address matches none.
        pub fn client_ip(mut self, network: impl Into<String>) -> Self {
            self.$($field).+.clients.push(network.into());
            self
        }

        /// Asks for a body of this media type (`application/json`, `text/*`); several are
        /// alternatives. Parameters and case do not count. A request that only fails here is
        /// answered with 415.
        pub fn content_type(mut self, media: impl Into<String>) -> Self {
            self.$($field).+.content_types.push(media.into());
            self
        }

        /// Asks for a client that accepts this media type; several are alternatives. Weights
        /// count (64 ranges are read), and a client that says nothing accepts all. A request that
        /// only fails here is answered with 406.
        pub fn accept(mut self, media: impl Into<String>) -> Self {
            self.$($field).+.accepts.push(media.into());
            self
        }

        /// Asks for a header with a value that the regex matches as a whole.
        pub fn header_regex(mut self, name: impl Into<String>, regex: impl Into<String>) -> Self {
            let want = $crate::route::conditions::HeaderText::Regex(regex.into());
            self.$($field).+.headers.push((name.into(), want));
            self
        }

        /// Asks for a header all of whose values the regex matches as a whole, and for one at least.
        pub fn header_all_values(mut self, name: impl Into<String>, regex: impl Into<String>) -> Self {
            let want = $crate::route::conditions::HeaderText::All(regex.into());
            self.$($field).+.headers.push((name.into(), want));
            self
        }

        /// Asks for a request to change protocols (`websocket`): a GET with `Upgrade` over HTTP/1.1
        /// (RFC 9110 §7.8), or an extended CONNECT over HTTP/2 (RFC 8441), whose `:protocol` is known
        /// with feature `http2`. Several are alternatives. GET routes answer CONNECT too, then.
        pub fn upgrade(mut self, protocol: impl Into<String>) -> Self {
            self.$($field).+.upgrades.push(protocol.into());
            self
        }

        /// Asks for a path that the regex matches as a whole. It is held against the decoded path, in which
        /// only `%` and the reserved characters of RFC 3986 §2.2 stay as they came (`%2F` is no `/`), and
        /// against the whole of it, scopes or not.
        pub fn path_regex(mut self, regex: impl Into<String>) -> Self {
            let text = $crate::route::conditions::PathRegexText { regex: regex.into(), escaped: false };
            self.$($field).+.path_regexes.push(text);
            self
        }

        /// Asks for a query key with a value that the template matches (`1`, `{page:[0-9]+}`);
        /// any of several values may match.
        pub fn query(mut self, key: impl Into<String>, template: impl Into<String>) -> Self {
            let want = $crate::route::conditions::QueryText::Template(template.into());
            self.$($field).+.queries.push((key.into(), want));
            self
        }

        /// Asks for a query key with a value that the regex matches as a whole and that is not kept.
        pub fn query_regex(mut self, key: impl Into<String>, regex: impl Into<String>) -> Self {
            self.$($field).+.queries.push((key.into(), $crate::route::conditions::QueryText::Regex(regex.into())));
            self
        }

        /// Asks for a query key, whatever its value.
        pub fn query_present(mut self, key: impl Into<String>) -> Self {
            self.$($field).+.queries.push((key.into(), $crate::route::conditions::QueryText::Present));
            self
        }

        /// Asks for the absence of a query key.
        pub fn query_absent(mut self, key: impl Into<String>) -> Self {
            self.$($field).+.queries.push((key.into(), $crate::route::conditions::QueryText::Absent));
            self
        }

        /// Says what a path gets that differs only by its final slash; what is inside inherits it.
        pub fn trailing_slash(mut self, rule: $crate::request::policy::TrailingSlash) -> Self {
            self.$($field).+.trailing_slash = Some(rule);
            self
        }

        /// Supplies variables when a URL is built: the function is given those that were set, and may
        /// add to them or change them. Outer scopes go first, as gorilla/mux's `BuildVarsFunc`s do.
        pub fn url_variables(
            mut self,
            supply: impl Fn(&mut std::collections::BTreeMap<String, String>) + Send + Sync + 'static,
        ) -> Self {
            self.$($field).+.supplies.push($crate::route::conditions::Supply(std::sync::Arc::new(supply)));
            self
        }

        /// Asks for what a function says; the name stands for it in lists and errors.
        pub fn guard(
            mut self,
            name: impl Into<String>,
            holds: impl Fn(&$crate::request::view::RequestHead<'_>) -> bool + Send + Sync + 'static,
        ) -> Self {
            self.$($field).+.custom.push($crate::matcher::guard::Custom {
                name: name.into(),
                holds: std::sync::Arc::new(holds),
            });
            self
        }
    };
}

/// The conditions of a scope, and the name that it puts in front of its routes' names.
///
/// ```
/// use waylay_router::{ScopeConditions, Route, Table};
/// let mut builder = Table::builder();
/// let api = builder.scope(None, ScopeConditions::new().prefix("/api").name("api"));
/// builder.add(Some(api), Route::get("/stats").name("stats").value(1));
/// let table = builder.build()?;
/// assert_eq!(table.urls().builder("api.stats")?.build()?, "/api/stats");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "bounds do nothing until a builder takes them"]
pub struct ScopeConditions {
    pub(crate) conditions: Conditions,
    pub(crate) name: Option<String>,
    pub(crate) method_miss: Option<MethodMiss>,
    pub(crate) options: Option<OptionsAnswer>,
}

/// The setters that a scope has beyond those of a route.
macro_rules! scope_setters {
    ($($bounds:ident .)*) => {
        /// Puts a prefix in front of the paths inside; it matches whole segments.
        pub fn prefix(mut self, template: impl Into<String>) -> Self {
            self.$($bounds.)*conditions.path(template.into(), true);
            self
        }

        /// Asks for what a [rule](crate::rule) says. Its `PathPrefix` is put in front of the paths inside,
        /// where it stands beside other conditions; within `||` or under `!`, and as `Path`, it looks at the
        /// whole path behind the scopes around.
        pub fn when(mut self, rule: impl Into<$crate::rule::text::RuleText>) -> Self {
            self.$($bounds.)*conditions.rules.push(rule.into());
            self
        }

        /// Puts a name and a dot in front of the names inside.
        pub fn name(mut self, name: impl Into<String>) -> Self {
            self.$($bounds.)*name = Some(name.into());
            self
        }

        /// Keeps requests that meet the scope's conditions inside: what no route of the scope
        /// answers is a miss, whatever routes there are outside.
        pub fn sealed(mut self) -> Self {
            self.$($bounds.)*conditions.sealed = true;
            self
        }

        /// Says what a request inside gets whose method alone is wrong; the policy says it otherwise.
        pub fn method_miss(mut self, method_miss: $crate::request::policy::MethodMiss) -> Self {
            self.$($bounds.)*method_miss = Some(method_miss);
            self
        }

        /// Says what an OPTIONS request inside gets that no route answers; the policy says it otherwise.
        pub fn options(mut self, options: $crate::request::policy::OptionsAnswer) -> Self {
            self.$($bounds.)*options = Some(options);
            self
        }
    };
}

impl ScopeConditions {
    /// No condition: every request is inside.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "a default would have no call site to report")]
    pub fn new() -> Self {
        Self { conditions: Conditions::new(), name: None, method_miss: None, options: None }
    }

    condition_setters!(conditions);
    scope_setters!();
}

/// Where a route or scope was written: in code, or in a table's file.
///
/// ```
/// use waylay_router::{Route, SourceLocation, Table};
/// let table = Table::builder().route(Route::get("/").value(())).build()?;
/// let SourceLocation::Code(location) = table.routes().next().unwrap().location() else { unreachable!() };
/// assert!(location.line() > 0);
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceLocation {
    /// A line of code.
    Code(&'static Location<'static>),
    /// A line of a table's file, from 1 on.
    Line(u32),
}

impl SourceLocation {
    /// The caller of the function that asks.
    #[track_caller]
    pub(crate) fn caller() -> Self {
        Self::Code(Location::caller())
    }
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(location) => location.fmt(f),
            Self::Line(line) => write!(f, "line {line}"),
        }
    }
}

pub(crate) use {condition_setters, scope_setters};
