//! The conditions of a route or scope as they were written, before any is compiled.

use std::panic::Location;

use http::Method;

use crate::matcher::guard::Custom;
use crate::matcher::method::MethodSet;
use crate::policy::TrailingSlash;

/// What was written of one header.
#[derive(Debug, Clone)]
pub(crate) enum HeaderText {
    Present,
    Absent,
    Exact(String),
    Regex(String),
}

/// What was written of one query key.
#[derive(Debug, Clone)]
pub(crate) enum QueryText {
    Present,
    Absent,
    Template(String),
}

/// A path or a prefix template.
#[derive(Debug, Clone)]
pub(crate) struct PathText {
    pub(crate) text: String,
    pub(crate) prefix: bool,
}

/// Conditions in the user's words; nothing here has been checked.
#[derive(Debug, Clone)]
pub(crate) struct Conditions {
    pub(crate) site: &'static Location<'static>,
    pub(crate) path: Option<PathText>,
    pub(crate) hosts: Vec<String>,
    pub(crate) methods: Option<MethodSet>,
    pub(crate) schemes: Vec<String>,
    pub(crate) headers: Vec<(String, HeaderText)>,
    pub(crate) queries: Vec<(String, QueryText)>,
    pub(crate) cookies: Vec<(String, Option<String>)>,
    pub(crate) clients: Vec<String>,
    pub(crate) content_types: Vec<String>,
    pub(crate) accepts: Vec<String>,
    pub(crate) custom: Vec<Custom>,
    pub(crate) trailing_slash: Option<TrailingSlash>,
}

impl Conditions {
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self {
            site: Location::caller(),
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
            custom: Vec::new(),
            trailing_slash: None,
        }
    }

    pub(crate) fn method(&mut self, method: Method) {
        self.methods.get_or_insert_default().insert(method);
    }

    pub(crate) fn path(&mut self, text: String, prefix: bool) {
        self.path = Some(PathText { text, prefix });
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

        /// Asks for a host: a name, or a template with variables (`{tenant}.example.com`).
        ///
        /// Compared without case; the port only counts if the template names one.
        pub fn host(mut self, template: impl Into<String>) -> Self {
            self.$($field).+.hosts.push(template.into());
            self
        }

        /// Asks for a scheme; several are alternatives. An unknown scheme matches none.
        pub fn scheme(mut self, scheme: impl Into<String>) -> Self {
            self.$($field).+.schemes.push(scheme.into());
            self
        }

        /// Asks for a header with exactly this value; any of several values may be it.
        pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            let want = $crate::conditions::HeaderText::Exact(value.into());
            self.$($field).+.headers.push((name.into(), want));
            self
        }

        /// Asks for a header, whatever its value.
        pub fn header_present(mut self, name: impl Into<String>) -> Self {
            let want = $crate::conditions::HeaderText::Present;
            self.$($field).+.headers.push((name.into(), want));
            self
        }

        /// Asks for the absence of a header. What a client may leave out proves nothing about it.
        pub fn header_absent(mut self, name: impl Into<String>) -> Self {
            let want = $crate::conditions::HeaderText::Absent;
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
        /// proxy's. An unknown address matches none.
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
        /// count, and a client that says nothing accepts all. A request that only fails here is
        /// answered with 406.
        pub fn accept(mut self, media: impl Into<String>) -> Self {
            self.$($field).+.accepts.push(media.into());
            self
        }

        /// Asks for a header with a value that the regex matches as a whole.
        pub fn header_regex(mut self, name: impl Into<String>, regex: impl Into<String>) -> Self {
            let want = $crate::conditions::HeaderText::Regex(regex.into());
            self.$($field).+.headers.push((name.into(), want));
            self
        }

        /// Asks for a query key with a value that the template matches (`1`, `{page:[0-9]+}`);
        /// any of several values may match.
        pub fn query(mut self, key: impl Into<String>, template: impl Into<String>) -> Self {
            let want = $crate::conditions::QueryText::Template(template.into());
            self.$($field).+.queries.push((key.into(), want));
            self
        }

        /// Asks for a query key, whatever its value.
        pub fn query_present(mut self, key: impl Into<String>) -> Self {
            self.$($field).+.queries.push((key.into(), $crate::conditions::QueryText::Present));
            self
        }

        /// Asks for the absence of a query key.
        pub fn query_absent(mut self, key: impl Into<String>) -> Self {
            self.$($field).+.queries.push((key.into(), $crate::conditions::QueryText::Absent));
            self
        }

        /// Says what a path gets that differs only by its final slash; what is inside inherits it.
        pub fn trailing_slash(mut self, rule: $crate::policy::TrailingSlash) -> Self {
            self.$($field).+.trailing_slash = Some(rule);
            self
        }

        /// Asks for what a function says; the name stands for it in lists and errors.
        pub fn guard(
            mut self,
            name: impl Into<String>,
            holds: impl Fn(&$crate::view::Head<'_>) -> bool + Send + Sync + 'static,
        ) -> Self {
            self.$($field).+.custom.push($crate::matcher::guard::Custom {
                name: name.into(),
                holds: std::sync::Arc::new(holds),
            });
            self
        }
    };
}
pub(crate) use condition_setters;

/// The conditions of a scope, and the name that it puts in front of its routes' names.
///
/// ```
/// use waylay_router::{Bounds, Route, Table};
/// let mut builder = Table::builder();
/// let api = builder.open(None, Bounds::new().prefix("/api").name("api"));
/// builder.add(Some(api), Route::get("/stats").name("stats").value(1));
/// let table = builder.build()?;
/// assert_eq!(table.urls().get("api.stats")?.build()?, "/api/stats");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "bounds do nothing until a builder takes them"]
pub struct Bounds {
    pub(crate) conditions: Conditions,
    pub(crate) name: Option<String>,
}

impl Bounds {
    /// No condition: every request is inside.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "a default would have no call site to report")]
    pub fn new() -> Self {
        Self { conditions: Conditions::new(), name: None }
    }

    condition_setters!(conditions);

    /// Puts a prefix in front of the paths inside.
    pub fn prefix(mut self, template: impl Into<String>) -> Self {
        self.conditions.path(template.into(), true);
        self
    }

    /// Puts a name and a dot in front of the names inside.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}
