//! Where a struct's requests go: the method and the template written on it.

use http::Method;

/// The `#[route(METHOD "/template")]` of a struct.
///
/// ```
/// use waylay_extract::{IntoRequest, Target};
///
/// #[derive(IntoRequest)]
/// #[route(GET "/users/{id}")]
/// struct Show {
///     #[param]
///     id: u64,
/// }
///
/// let target: &Target = Show::TARGET.unwrap();
/// assert_eq!((target.method().as_str(), target.template()), ("GET", "/users/{id}"));
/// assert_eq!(target.name(), "GET /users/{id}");
/// # let _ = Show { id: 1 }.id;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    method: Method,
    template: &'static str,
}

impl Target {
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
