//! Route: the builder of a route.

use std::collections::BTreeMap;
use std::fmt;

use http::Method;
use waylay_template::OneLine;

use crate::route::conditions::{Conditions, condition_setters};
use crate::route::to_rule::expr;
use crate::rule::text::RuleText;

/// A route: conditions that must all hold, and a value.
///
/// No constructor fails: an invalid template is kept, and its error is reported when the table is built,
/// together with all others.
///
/// ```
/// use waylay_router::{Peer, Route, Table};
/// let table = Table::builder()
///     .route(Route::get("/articles/{id:[0-9]+}").name("article").value("one"))
///     .route(Route::get("/articles/new").value("form"))
///     .build()?;
/// let request = http::Request::get("/articles/7").body(())?;
/// let found = table.find(&request, &Peer::default()).unwrap();
/// assert_eq!((*found.value(), found.get("id").as_deref()), ("one", Some("7")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a route does nothing until it is added to a builder"]
pub struct Route<T = ()> {
    pub(crate) conditions: Conditions,
    pub(crate) name: Option<String>,
    pub(crate) priority: i32,
    pub(crate) build_only: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    /// The variables that the value reads.
    pub(crate) reads: Vec<VariableRead>,
    pub(crate) value: T,
}

/// A variable that the value of a route reads.
#[derive(Debug, Clone)]
pub(crate) struct VariableRead {
    pub(crate) name: String,
    /// The field of a struct that reads it, if it is known.
    pub(crate) reader: Option<String>,
}

/// One constructor for each common method.
macro_rules! verbs {
    ($($verb:ident $method:ident),*) => {$(
        #[doc = concat!("A route for `", stringify!($method), "` requests to a path.")]
        #[track_caller]
        pub fn $verb(path: impl Into<String>) -> Self {
            Self::any(path).method(Method::$method)
        }
    )*};
}

impl Route {
    /// Creates a route for every request; conditions narrow it.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "a default would have no call site to report")]
    pub fn new() -> Self {
        Self {
            conditions: Conditions::new(),
            name: None,
            priority: 0,
            build_only: false,
            metadata: BTreeMap::new(),
            reads: Vec::new(),
            value: (),
        }
    }

    /// Creates a route for every method of a path.
    #[track_caller]
    pub fn any(path: impl Into<String>) -> Self {
        Self::new().path(path)
    }

    /// Creates a route for a prefix and every path below it.
    #[track_caller]
    pub fn prefix(prefix: impl Into<String>) -> Self {
        let mut route = Self::new();
        route.conditions.path(prefix.into(), true);
        route
    }

    /// Creates a route from a [rule](crate::rule).
    #[track_caller]
    pub fn rule(rule: impl Into<RuleText>) -> Self {
        Self::new().when(rule)
    }

    verbs!(get GET, post POST, put PUT, delete DELETE, patch PATCH, head HEAD, options OPTIONS);

    /// Sets the value of the route.
    pub fn value<T>(self, value: T) -> Route<T> {
        self.map(|()| value)
    }
}

impl<T> fmt::Display for Route<T> {
    /// Returns the conditions as a [rule](crate::rule) in waylay's own language, from which [`Route::rule`]
    /// creates the same route.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match expr(&self.conditions) {
            Ok(expr) => write!(f, "{expr}"),
            Err(text) => OneLine(text).fmt(f),
        }
    }
}

impl<T> Route<T> {
    /// Replaces the value.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Route<U> {
        Route {
            conditions: self.conditions,
            name: self.name,
            priority: self.priority,
            build_only: self.build_only,
            metadata: self.metadata,
            reads: self.reads,
            value: make(self.value),
        }
    }

    condition_setters!(conditions);

    /// Requires a [rule](crate::rule) in addition to the other conditions. The variables of its conditions
    /// are captured, except for those under `!`.
    ///
    /// ```
    /// use waylay_router::{Peer, Route, Table};
    /// let rule = "PathPrefix(`/{tenant}`) && (Header(`x-beta`) || Host(`beta.example.com`))";
    /// let table = Table::builder().route(Route::rule(rule).value("beta")).build()?;
    /// let request = http::Request::get("http://beta.example.com/acme/stats").body(())?;
    /// let found = table.find(&request, &Peer::default()).unwrap();
    /// assert_eq!((*found.value(), found.get("tenant").as_deref()), ("beta", Some("acme")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn when(mut self, rule: impl Into<RuleText>) -> Self {
        self.conditions.rules.push(rule.into());
        self
    }

    /// Sets the path template.
    pub fn path(mut self, template: impl Into<String>) -> Self {
        self.conditions.path(template.into(), false);
        self
    }

    /// Names the route, for reverse URLs and for matches; the names of scopes precede it (`api.article`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the priority, 0 by default: a higher one wins before anything else is compared.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Keeps requests for the route's host and path from routes with a less specific host or path, even if
    /// another condition or the method fails: `PUT /users/me` then never reaches `/users/{id}`.
    pub fn sealed(mut self) -> Self {
        self.conditions.sealed = true;
        self
    }

    /// States variables that the handler of the route reads: if the route, with its scopes, lacks one of them, the
    /// table does not build.
    ///
    /// ```
    /// use waylay_router::{Route, Router};
    /// let route = Route::get("/users").reads_variables(["id"]).to(async || "a user");
    /// let errors = Router::builder().route(route).build().unwrap_err().to_string();
    /// assert!(errors.contains("reads the variable `id`, which the route does not have"), "{errors}");
    /// ```
    pub fn reads_variables<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.reads.extend(names.into_iter().map(|name| VariableRead { name: name.into(), reader: None }));
        self
    }

    /// As [`reads_variables`](Self::reads_variables) for one variable; the error names its reader, such as the field of a
    /// struct.
    ///
    /// ```
    /// use waylay_router::{Route, Router};
    /// let route = Route::get("/users").reads_variable("id", "Show::id").to(async || "a user");
    /// let errors = Router::builder().route(route).build().unwrap_err().to_string();
    /// assert!(errors.contains("`Show::id` reads the variable `id`"), "{errors}");
    /// ```
    pub fn reads_variable(mut self, name: impl Into<String>, reader: impl Into<String>) -> Self {
        self.reads.push(VariableRead { name: name.into(), reader: Some(reader.into()) });
        self
    }

    /// Makes the route available for building URLs only: it matches no request.
    pub fn build_only(mut self) -> Self {
        self.build_only = true;
        self
    }

    /// Adds metadata, for listings and for matches.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}
