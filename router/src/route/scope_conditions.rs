//! ScopeConditions: the conditions of a scope, and its other settings.

use crate::request::policy::{MethodMiss, OptionsAnswer};
use crate::route::conditions::{Conditions, condition_setters};

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

pub(crate) use scope_setters;
