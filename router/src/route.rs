//! One route: conditions, a name, a priority, and the value that a match gives.

use std::collections::BTreeMap;

use http::Method;

use crate::conditions::{Conditions, condition_setters};

/// A route: conditions that must all hold, and a value.
///
/// No constructor fails: a bad template is kept and reported when the table is built,
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
#[must_use = "a route does nothing until a builder takes it"]
pub struct Route<T = ()> {
    pub(crate) conditions: Conditions,
    pub(crate) name: Option<String>,
    pub(crate) priority: i32,
    pub(crate) build_only: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) value: T,
}

/// A constructor for each method that has one in HTTP.
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
    /// A route for every request; conditions narrow it.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "a default would have no call site to report")]
    pub fn new() -> Self {
        Self {
            conditions: Conditions::new(),
            name: None,
            priority: 0,
            build_only: false,
            metadata: BTreeMap::new(),
            value: (),
        }
    }

    /// A route for every method of a path.
    #[track_caller]
    pub fn any(path: impl Into<String>) -> Self {
        Self::new().path(path)
    }

    /// A route for every path below a prefix, and for the prefix itself.
    #[track_caller]
    pub fn prefix(prefix: impl Into<String>) -> Self {
        let mut route = Self::new();
        route.conditions.path(prefix.into(), true);
        route
    }

    verbs!(get GET, post POST, put PUT, delete DELETE, patch PATCH, head HEAD, options OPTIONS);

    /// Gives the value that a match yields.
    pub fn value<T>(self, value: T) -> Route<T> {
        self.map(|()| value)
    }
}

impl<T> Route<T> {
    /// Makes another value of the route's.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Route<U> {
        Route {
            conditions: self.conditions,
            name: self.name,
            priority: self.priority,
            build_only: self.build_only,
            metadata: self.metadata,
            value: make(self.value),
        }
    }

    condition_setters!(conditions);

    /// Sets the path template.
    pub fn path(mut self, template: impl Into<String>) -> Self {
        self.conditions.path(template.into(), false);
        self
    }

    /// Names the route, for reverse URLs and for matches; scopes put theirs in front (`api.article`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the priority, 0 by default: the higher one wins before anything else is compared.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Keeps requests for the route's host and path from routes that are less specific in host or
    /// path, also if another condition or the method fails: `PUT /users/me` then never reaches
    /// `/users/{id}`.
    pub fn sealed(mut self) -> Self {
        self.conditions.sealed = true;
        self
    }

    /// Makes the route one that only URLs are built from: it matches no request.
    pub fn build_only(mut self) -> Self {
        self.build_only = true;
        self
    }

    /// Adds a fact for those who walk the table or see a match.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}
