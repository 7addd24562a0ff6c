//! Condition: the conditions of a route as written, and their setters.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use http::{Method, Version};
use waylay_template::OneLine;

use crate::matcher::formula::Formula;
use crate::matcher::guard::Custom;
use crate::request::media_type::Media;
use crate::request::method::MethodSet;
use crate::request::policy::TrailingSlash;
use crate::rule::ast::Expr;
use crate::rule::function::{Function, parse_version, version_name};
use crate::rule::text::RuleText;

/// The condition on a header.
#[derive(Debug, Clone)]
pub(crate) enum HeaderText {
    Present,
    Absent,
    Exact(String),
    /// A `Content-Type` without parameters, compared as a media type.
    Media(String),
    Regex(String),
    /// There is a value, and all values match.
    All(String),
}

impl HeaderText {
    /// Returns the native comparison of a header with a value: a media type has parameters and ignores case (RFC 9110
    /// §8.3.1), so a comparison of the text would miss `application/json; charset=utf-8`.
    pub(crate) fn value(name: &str, value: String) -> Self {
        let is_media = name.eq_ignore_ascii_case("content-type") && !value.contains(';');
        if is_media && value.parse::<Media>().is_ok() { Self::Media(value) } else { Self::Exact(value) }
    }
}

/// The condition on a query key.
#[derive(Debug, Clone)]
pub(crate) enum QueryText {
    Present,
    Absent,
    Template(String),
    Regex(String),
}

/// The condition on the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

/// The path template or the prefix.
#[derive(Debug, Clone)]
pub(crate) struct PathText {
    pub(crate) text: String,
    pub(crate) prefix: bool,
    /// Whether the prefix may end within a segment.
    pub(crate) raw: bool,
}

/// One condition other than host, method and path template, as written: it has not been checked.
///
/// Everything else about a kind is in a `match` over this enum or over `Guard`.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    /// A regex over the whole path; compared with the escaped path or with the readable one.
    PathRegex {
        regex: String,
        escaped: bool,
    },
    MethodRegex(String),
    Scheme(String),
    Version(Version),
    Header(String, HeaderText),
    Query(String, QueryText),
    Cookie(String, Option<String>),
    ContentType(String),
    Accept(String),
    Upgrade(String),
    ClientIp(String),
    Custom(Custom),
}

impl Condition {
    /// Returns the position of the kind in lists and rules, and whether conditions of it are alternatives.
    fn kind(&self) -> (u8, bool) {
        match self {
            Self::PathRegex { .. } => (0, false),
            Self::MethodRegex(_) => (1, false),
            Self::Scheme(_) => (2, true),
            Self::Version(_) => (3, true),
            Self::Header(..) => (4, false),
            Self::Query(..) => (5, false),
            Self::Cookie(..) => (6, false),
            Self::ContentType(_) => (7, true),
            Self::Accept(_) => (8, true),
            Self::Upgrade(_) => (9, true),
            Self::ClientIp(_) => (10, true),
            Self::Custom(_) => (11, false),
        }
    }

    /// Tests whether two conditions are alternatives of each other.
    fn is_alternative_of(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.kind().1
    }

    /// Returns the condition that a call of a rule function stands for, if it is a single one.
    pub(crate) fn from_call(function: Function, first: String, second: Option<String>) -> Option<Self> {
        Some(match function {
            Function::PathRegexp => Self::PathRegex { regex: first, escaped: false },
            Function::MethodRegexp => Self::MethodRegex(first),
            Function::Scheme => Self::Scheme(first),
            Function::Version => Self::Version(parse_version(&first)?),
            Function::Header => {
                let value = second.map_or(HeaderText::Present, |value| HeaderText::value(&first, value));
                Self::Header(first, value)
            }
            Function::HeaderRegexp => Self::Header(first, HeaderText::Regex(second?)),
            Function::HeaderAll => Self::Header(first, HeaderText::All(second?)),
            Function::Query => Self::Query(first, second.map_or(QueryText::Present, QueryText::Template)),
            Function::QueryRegexp => Self::Query(first, second.map_or(QueryText::Present, QueryText::Regex)),
            Function::Cookie => Self::Cookie(first, second),
            Function::ContentType => Self::ContentType(first),
            Function::Accept => Self::Accept(first),
            Function::Upgrade => Self::Upgrade(first),
            Function::ClientIp => Self::ClientIp(first),
            _ => return None,
        })
    }

    /// Returns the condition as a rule.
    pub(crate) fn to_expr(&self) -> Expr {
        match self {
            Self::PathRegex { regex, .. } => Function::PathRegexp.of([regex]),
            Self::MethodRegex(regex) => Function::MethodRegexp.of([regex]),
            Self::Scheme(scheme) => Function::Scheme.of([scheme]),
            Self::Version(version) => Function::Version.of([version_name(*version)]),
            Self::Header(name, HeaderText::Present) => Function::Header.of([name]),
            Self::Header(name, HeaderText::Absent) => !Function::Header.of([name]),
            // Natively the same text would be a media type.
            Self::Header(name, HeaderText::Exact(value))
                if matches!(HeaderText::value(name, value.clone()), HeaderText::Media(_)) =>
            {
                Function::HeaderRegexp.of([name, &regex::escape(value)])
            }
            Self::Header(name, HeaderText::Exact(value) | HeaderText::Media(value)) => {
                Function::Header.of([name, value])
            }
            Self::Header(name, HeaderText::Regex(regex)) => Function::HeaderRegexp.of([name, regex]),
            Self::Header(name, HeaderText::All(regex)) => Function::HeaderAll.of([name, regex]),
            Self::Query(key, QueryText::Present) => Function::Query.of([key]),
            Self::Query(key, QueryText::Absent) => !Function::Query.of([key]),
            Self::Query(key, QueryText::Template(text)) => Function::Query.of([key, text]),
            Self::Query(key, QueryText::Regex(regex)) => Function::QueryRegexp.of([key, regex]),
            Self::Cookie(name, None) => Function::Cookie.of([name]),
            Self::Cookie(name, Some(value)) => Function::Cookie.of([name, value]),
            Self::ContentType(media) => Function::ContentType.of([media]),
            Self::Accept(media) => Function::Accept.of([media]),
            Self::Upgrade(protocol) => Function::Upgrade.of([protocol]),
            Self::ClientIp(network) => Function::ClientIp.of([network]),
            Self::Custom(custom) => Function::Guard.of([&custom.name]),
        }
    }

    /// Returns the opposite, if it is a condition itself.
    pub(crate) fn negated(&self) -> Option<Self> {
        match self {
            Self::Header(name, HeaderText::Present) => Some(Self::Header(name.clone(), HeaderText::Absent)),
            Self::Query(key, QueryText::Present) => Some(Self::Query(key.clone(), QueryText::Absent)),
            _ => None,
        }
    }
}

/// The conditions of a route or scope as written: nothing has been checked.
#[derive(Debug, Clone)]
pub(crate) struct Conditions {
    pub(crate) location: SourceLocation,
    pub(crate) path: Option<PathText>,
    pub(crate) hosts: Vec<HostText>,
    pub(crate) methods: Option<MethodSet>,
    /// Further lists of methods, from rules; the method must be in each.
    pub(crate) further_methods: Vec<MethodSet>,
    /// Whether GET does not include HEAD.
    pub(crate) exact_methods: bool,
    /// All others, sorted by kind ([`add`](Self::add)).
    pub(crate) list: Vec<Condition>,
    /// Rules that have not been parsed.
    pub(crate) rules: Vec<RuleText>,
    /// Parts of rules that are not lists; each leaf has one condition.
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
            further_methods: Vec::new(),
            exact_methods: false,
            list: Vec::new(),
            rules: Vec::new(),
            formulas: Vec::new(),
            trailing_slash: None,
            sealed: false,
            supplies: Vec::new(),
        }
    }

    /// Returns the same location with no condition but the path.
    pub(crate) fn path_only(&self) -> Self {
        Self { location: self.location, path: self.path.clone(), ..Self::new() }
    }

    pub(crate) fn method(&mut self, method: Method) {
        self.methods.get_or_insert_default().insert(method);
    }

    pub(crate) fn path(&mut self, text: String, prefix: bool) {
        self.path = Some(PathText { text, prefix, raw: false });
    }

    /// Returns the lists of methods.
    pub(crate) fn method_sets(&self) -> impl Iterator<Item = &MethodSet> {
        self.methods.iter().chain(&self.further_methods)
    }

    /// Adds a condition after the others of its kind, so that the order of setters does not matter between
    /// kinds.
    pub(crate) fn add(&mut self, condition: Condition) {
        let at = self.list.partition_point(|other| other.kind() <= condition.kind());
        self.list.insert(at, condition);
    }

    /// Returns the list in groups: alternatives together, the others one by one.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &[Condition]> {
        self.list.chunk_by(Condition::is_alternative_of)
    }

    /// Tests whether both have alternatives of one kind.
    pub(crate) fn share_alternatives(&self, other: &Self) -> bool {
        self.list.iter().any(|own| other.list.iter().any(|other| own.is_alternative_of(other)))
    }

    /// Returns the opposite of a single condition, if it is a condition itself.
    pub(crate) fn negated(&self) -> Option<Self> {
        let list = self.list.iter().map(Condition::negated).collect::<Option<Vec<_>>>()?;
        (!list.is_empty()).then(|| Self { list, ..self.clone() })
    }
}

/// The setters of conditions, for routes and scopes.
macro_rules! condition_setters {
    ($($field:ident).+) => {
        /// Requires a method; several are alternatives.
        pub fn method(mut self, method: http::Method) -> Self {
            self.$($field).+.method(method);
            self
        }

        /// Requires a host: a name, or a template with variables (`{tenant}.example.com`) or a leading
        /// wildcard (`*.example.com` is one more label, `**.example.com` one or more).
        ///
        /// Case does not matter; the port matters only if the template has one. A variable is one label: `{host}`
        /// matches `localhost` and not `example.com`, and `{*host}` matches both.
        pub fn host(mut self, template: impl Into<String>) -> Self {
            self.$($field).+.hosts.push($crate::route::conditions::HostText::Template(template.into()));
            self
        }

        /// Requires a host that the regex matches as a whole, without case and port.
        pub fn host_regex(mut self, regex: impl Into<String>) -> Self {
            self.$($field).+.hosts.push($crate::route::conditions::HostText::Regex(regex.into()));
            self
        }

        /// Requires a scheme; several are alternatives. An unknown scheme matches none.
        pub fn scheme(mut self, scheme: impl Into<String>) -> Self {
            self.$($field).+.add($crate::route::conditions::Condition::Scheme(scheme.into()));
            self
        }

        /// Requires a protocol version; several are alternatives.
        ///
        /// ```
        /// use http::Version;
        /// use waylay_router::{Peer, Route, Table};
        /// let table = Table::builder()
        ///     .route(Route::get("/push").version(Version::HTTP_2).version(Version::HTTP_3).value("streams"))
        ///     .route(Route::get("/push").value("poll"))
        ///     .build()?;
        /// let request = http::Request::get("/push").version(Version::HTTP_2).body(())?;
        /// assert_eq!(*table.find(&request, &Peer::default()).unwrap().value(), "streams");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        pub fn version(mut self, version: http::Version) -> Self {
            self.$($field).+.add($crate::route::conditions::Condition::Version(version));
            self
        }

        /// Requires a header with exactly this value; any of several lines may have it. The whole text is compared:
        /// for a list such as `Accept` or `Cookie` there are conditions of their own. Only a `content-type` without
        /// parameters is the same as [`content_type`](Self::content_type).
        pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            let name = name.into();
            let value = $crate::route::conditions::HeaderText::value(&name, value.into());
            self.$($field).+.add($crate::route::conditions::Condition::Header(name, value));
            self
        }

        /// Requires a header with any value.
        pub fn header_present(mut self, name: impl Into<String>) -> Self {
            let value = $crate::route::conditions::HeaderText::Present;
            self.$($field).+.add($crate::route::conditions::Condition::Header(name.into(), value));
            self
        }

        /// Requires the absence of a header. A client can omit a header, so this protects nothing.
        pub fn header_absent(mut self, name: impl Into<String>) -> Self {
            let value = $crate::route::conditions::HeaderText::Absent;
            self.$($field).+.add($crate::route::conditions::Condition::Header(name.into(), value));
            self
        }

        /// Requires a cookie with exactly this value; any of several values may be it.
        pub fn cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.$($field).+.add($crate::route::conditions::Condition::Cookie(name.into(), Some(value.into())));
            self
        }

        /// Requires a cookie with any value.
        pub fn cookie_present(mut self, name: impl Into<String>) -> Self {
            self.$($field).+.add($crate::route::conditions::Condition::Cookie(name.into(), None));
            self
        }

        /// Requires a client address or a network (`10.0.0.0/8`); several are alternatives.
        ///
        /// The address is that of the peer ([`Peer`](crate::Peer)): behind a proxy it is the proxy's, unless
        /// the proxy is [trusted](crate::Builder::trusted_proxy). An unknown address matches none.
        pub fn client_ip(mut self, network: impl Into<String>) -> Self {
            self.$($field).+.add($crate::route::conditions::Condition::ClientIp(network.into()));
            self
        }

        /// Requires a body of this media type (`application/json`, `text/*`); several are alternatives.
        /// Parameters and case do not matter. The response to a request that fails only here is 415.
        pub fn content_type(mut self, media: impl Into<String>) -> Self {
            self.$($field).+.add($crate::route::conditions::Condition::ContentType(media.into()));
            self
        }

        /// Requires a client that accepts this media type; several are alternatives. Weights count (64 ranges
        /// are read), and a client without `Accept` accepts all. The response to a request that fails only
        /// here is 406.
        pub fn accept(mut self, media: impl Into<String>) -> Self {
            self.$($field).+.add($crate::route::conditions::Condition::Accept(media.into()));
            self
        }

        /// Requires a header with a value that the regex matches as a whole: `text/.*`, not `^text/`.
        pub fn header_regex(mut self, name: impl Into<String>, regex: impl Into<String>) -> Self {
            let value = $crate::route::conditions::HeaderText::Regex(regex.into());
            self.$($field).+.add($crate::route::conditions::Condition::Header(name.into(), value));
            self
        }

        /// Requires a header whose values the regex all matches as a whole; at least one value is required.
        pub fn header_all_values(mut self, name: impl Into<String>, regex: impl Into<String>) -> Self {
            let value = $crate::route::conditions::HeaderText::All(regex.into());
            self.$($field).+.add($crate::route::conditions::Condition::Header(name.into(), value));
            self
        }

        /// Requires a request for a protocol upgrade (`websocket`): a GET with `Upgrade` over HTTP/1.1 (RFC
        /// 9110 §7.8), or an extended CONNECT over HTTP/2 (RFC 8441), whose `:protocol` needs feature
        /// `http2`. Several are alternatives. GET routes then match CONNECT too.
        pub fn upgrade(mut self, protocol: impl Into<String>) -> Self {
            self.$($field).+.add($crate::route::conditions::Condition::Upgrade(protocol.into()));
            self
        }

        /// Requires a path that the regex matches as a whole. The regex is compared with the whole path,
        /// including the prefixes of scopes, decoded except for `%` and what cannot stand unescaped in a segment
        /// (`/`, `?`, `#`, `[`, `]`: `%2F` is not `/`).
        pub fn path_regex(mut self, regex: impl Into<String>) -> Self {
            let regex = regex.into();
            self.$($field).+.add($crate::route::conditions::Condition::PathRegex { regex, escaped: false });
            self
        }

        /// Requires a query key with a value that the template matches (`1`, `{page:[0-9]+}`); any of several
        /// values may match.
        pub fn query(mut self, key: impl Into<String>, template: impl Into<String>) -> Self {
            let value = $crate::route::conditions::QueryText::Template(template.into());
            self.$($field).+.add($crate::route::conditions::Condition::Query(key.into(), value));
            self
        }

        /// Requires a query key with a value that the regex matches as a whole; the value is not captured.
        pub fn query_regex(mut self, key: impl Into<String>, regex: impl Into<String>) -> Self {
            let value = $crate::route::conditions::QueryText::Regex(regex.into());
            self.$($field).+.add($crate::route::conditions::Condition::Query(key.into(), value));
            self
        }

        /// Requires a query key with any value.
        pub fn query_present(mut self, key: impl Into<String>) -> Self {
            let value = $crate::route::conditions::QueryText::Present;
            self.$($field).+.add($crate::route::conditions::Condition::Query(key.into(), value));
            self
        }

        /// Requires the absence of a query key.
        pub fn query_absent(mut self, key: impl Into<String>) -> Self {
            let value = $crate::route::conditions::QueryText::Absent;
            self.$($field).+.add($crate::route::conditions::Condition::Query(key.into(), value));
            self
        }

        /// Sets the treatment of a path that differs only by its final slash; inner routes and scopes inherit
        /// it.
        pub fn trailing_slash(mut self, rule: $crate::request::policy::TrailingSlash) -> Self {
            self.$($field).+.trailing_slash = Some(rule);
            self
        }

        /// Supplies variables when a URL is built: the function receives the variables that are set, and may
        /// add or change some. Outer scopes come first, as with gorilla/mux's `BuildVarsFunc`.
        pub fn url_variables(
            mut self,
            supply: impl Fn(&mut std::collections::BTreeMap<String, String>) + Send + Sync + 'static,
        ) -> Self {
            self.$($field).+.supplies.push($crate::route::conditions::Supply(std::sync::Arc::new(supply)));
            self
        }

        /// Requires that a function returns true; lists and errors show the name.
        pub fn guard(
            mut self,
            name: impl Into<String>,
            holds: impl Fn(&$crate::request::view::RequestHead<'_>) -> bool + Send + Sync + 'static,
        ) -> Self {
            let holds = std::sync::Arc::new(holds);
            let custom = $crate::matcher::guard::Custom { name: name.into(), holds };
            self.$($field).+.add($crate::route::conditions::Condition::Custom(custom));
            self
        }
    };
}

/// The place where a route or scope was added: in code, or in a table's file.
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
    /// A line of a table's text, counted from 1.
    Line(u32),
    /// A line of a table's file.
    File {
        /// The name of the file.
        file: &'static str,
        /// The line, counted from 1.
        line: u32,
    },
}

impl SourceLocation {
    /// Returns the location of the caller.
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
            Self::File { file, line } => write!(f, "{}:{line}", OneLine(file)),
        }
    }
}

pub(crate) use condition_setters;
