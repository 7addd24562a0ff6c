//! Custom: a deed of the user's own.

use std::fmt;
use std::sync::Arc;

use super::call::Inject;
use super::node::{Act, Draft, Injector, below};
use super::plan::{Plan, Step};
use crate::chance::Draws;
use crate::error::{Findings, Problem};
use crate::key::Asker;
use crate::report::Deed;

/// Hands the request to a function of yours, under a name for reports.
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use waylay_fault::{Call, Fault, Verdict, custom};
///
/// let teapot = custom("teapot", |mut call: Call| async move {
///     if call.request().uri().path().starts_with("/brew") && call.draws().share() < 0.5 {
///         let mut response = Response::new(Bytes::from("short and stout"));
///         *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
///         return Verdict::Respond(response);
///     }
///     Verdict::Continue
/// });
/// Fault::new("tea-time", teapot).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn custom(name: impl Into<String>, inject: impl Inject) -> Injector {
    Injector::draft(Custom { name: name.into().into(), inject: Arc::new(inject) })
}

struct Custom {
    name: Arc<str>,
    inject: Arc<dyn Inject>,
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Draft for Custom {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        if self.name.is_empty() {
            findings.add(below(at, "custom.name"), &self.name, Problem::Name);
            return None;
        }
        Some(self)
    }
}

impl Act for Custom {
    fn plan(&self, draws: Draws, _: Asker<'_>, plan: &mut Plan) {
        plan.then(Step::Ask(self.inject.clone(), draws), Deed::Custom(self.name.clone()));
    }
}
