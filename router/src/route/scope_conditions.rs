//! ScopeConditions: the conditions and settings of a scope.

use crate::request::policy::{MethodMiss, OptionsAnswer};
use crate::route::conditions::{Conditions, condition_setters};

/// The most scopes that may be within each other.
pub const MAX_SCOPE_DEPTH: usize = 64;

/// The conditions of a scope, and the prefix of its routes' names.
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
#[must_use = "conditions do nothing until they are added to a builder"]
pub struct ScopeConditions {
    pub(crate) conditions: Conditions,
    pub(crate) name: Option<String>,
    pub(crate) method_miss: Option<MethodMiss>,
    pub(crate) options: Option<OptionsAnswer>,
    /// Whether more than [`MAX_SCOPE_DEPTH`] scopes were put into each other here.
    pub(crate) is_too_deep: bool,
}

/// The setters that a scope has in addition to those of a route.
macro_rules! scope_setters {
    ($($scope:ident .)*) => {
        /// Sets the prefix of the inner paths; it matches whole segments.
        pub fn prefix(mut self, template: impl Into<String>) -> Self {
            self.$($scope.)*conditions.path(template.into(), true);
            self
        }

        /// Requires a [rule](crate::rule). Its `PathPrefix` becomes part of the prefix if it is combined with
        /// `&&`; within `||`, under `!`, and as `Path`, it is compared with the whole path after the outer
        /// prefixes.
        pub fn when(mut self, rule: impl Into<$crate::rule::text::RuleText>) -> Self {
            self.$($scope.)*conditions.rules.push(rule.into());
            self
        }

        /// Sets the prefix of the inner names, followed by a dot.
        pub fn name(mut self, name: impl Into<String>) -> Self {
            self.$($scope.)*name = Some(name.into());
            self
        }

        /// Keeps requests that meet the scope's conditions inside: if no route of the scope matches, the
        /// result is a miss, even if a route outside would match.
        pub fn sealed(mut self) -> Self {
            self.$($scope.)*conditions.sealed = true;
            self
        }

        /// Sets the response to a request with a wrong method; overrides the policy.
        pub fn method_miss(mut self, method_miss: $crate::request::policy::MethodMiss) -> Self {
            self.$($scope.)*method_miss = Some(method_miss);
            self
        }

        /// Sets the response to an OPTIONS request that no route matches; overrides the policy.
        pub fn options(mut self, options: $crate::request::policy::OptionsAnswer) -> Self {
            self.$($scope.)*options = Some(options);
            self
        }
    };
}

impl ScopeConditions {
    /// Creates conditions that every request meets.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "a default would have no call site to report")]
    pub fn new() -> Self {
        let conditions = Conditions::new();
        Self { conditions, name: None, method_miss: None, options: None, is_too_deep: false }
    }

    condition_setters!(conditions);
    scope_setters!();
}

pub(crate) use scope_setters;
