//! Method and path of a struct.

#[cfg(feature = "router")]
use std::sync::OnceLock;

use http::Method;
#[cfg(feature = "router")]
use waylay_router::Table;

/// A table of one route, built when it is first asked.
#[derive(Debug)]
pub struct OwnRoute {
    #[cfg_attr(not(feature = "router"), expect(dead_code, reason = "only our router knows its templates"))]
    target: RouteTarget,
    #[cfg(feature = "router")]
    table: OnceLock<Option<Table<()>>>,
}

impl OwnRoute {
    /// What generated code says of a struct.
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
    /// The method and the template.
    pub(crate) fn target(&self) -> &RouteTarget {
        &self.target
    }

    /// The table; `None` in it: the template does not compile.
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
    /// What generated code says of a struct.
    #[doc(hidden)]
    pub const fn new(method: Method, template: &'static str) -> Self {
        Self { method, template }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The template of the path.
    pub fn template(&self) -> &'static str {
        self.template
    }

    /// Method and template, which is what a route made of the struct is called.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}
