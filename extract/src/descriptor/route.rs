//! RouteTarget, OwnRoute: method and path template of a struct.

#[cfg(feature = "router")]
use std::sync::OnceLock;

use http::Method;
#[cfg(feature = "router")]
use waylay_router::Table;

/// The struct's route as a table, built on first use.
#[derive(Debug)]
pub struct OwnRoute {
    #[cfg_attr(not(feature = "router"), expect(dead_code, reason = "used with the feature `router`"))]
    target: RouteTarget,
    #[cfg(feature = "router")]
    table: OnceLock<Option<Table<()>>>,
}

impl OwnRoute {
    /// Returns the route of generated code.
    pub const fn new(method: Method, template: &'static str) -> Self {
        Self {
            target: RouteTarget::new(method, template),
            #[cfg(feature = "router")]
            table: OnceLock::new(),
        }
    }
}

#[cfg(feature = "router")]
impl OwnRoute {
    /// Returns the method and the template.
    pub(crate) fn target(&self) -> &RouteTarget {
        &self.target
    }

    /// Returns the table; `None` if the template does not compile.
    pub(crate) fn table(&self) -> &OnceLock<Option<Table<()>>> {
        &self.table
    }
}

/// The `#[route(METHOD "/template")]` of a struct.
///
/// ```
/// use waylay_extract::{IntoRequest, RouteTarget};
///
/// #[derive(IntoRequest)]
/// #[route(GET "/users/{id}")]
/// struct Show {
///     #[param]
///     id: u64,
/// }
///
/// let target: &RouteTarget = Show::TARGET.unwrap();
/// assert_eq!((target.method().as_str(), target.template()), ("GET", "/users/{id}"));
/// assert_eq!(target.name(), "GET /users/{id}");
/// # let _ = Show { id: 1 }.id;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTarget {
    method: Method,
    template: &'static str,
}

impl RouteTarget {
    /// Returns the route of generated code.
    #[doc(hidden)]
    pub const fn new(method: Method, template: &'static str) -> Self {
        Self { method, template }
    }

    /// Returns the method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the path template.
    pub fn template(&self) -> &'static str {
        self.template
    }

    /// Returns method and template, the default name of the route.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}
