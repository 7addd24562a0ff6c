//! The tree of injectors: drafts as the user wrote them, acts as they run.

use std::fmt;

use super::plan::Plan;
use crate::chance::Draws;
use crate::error::Findings;
use crate::key::Asker;

/// What a fault does to the requests it strikes: one deed, or a tree of them.
///
/// Made by [`reject`](crate::reject), [`error`](crate::error()), [`slow`](crate::slow),
/// [`random`](crate::random), [`chain`](crate::chain) and [`custom`](crate::custom); what is wrong
/// with one is reported by [`FaultBuilder::build`](crate::FaultBuilder::build).
///
/// ```
/// use waylay_fault::{Delay, Fault, Injector, Reject, chain, error, random, reject, slow};
///
/// let mostly_slow: Injector = random([
///     (8.0, slow(Delay::uniform("50ms", "2s"))),
///     (1.0, chain([slow(Delay::fixed("1s")), reject(Reject::EmptyReply)])),
///     (1.0, error(503).text("try later").header("retry-after", "2").into()),
/// ]);
/// Fault::new("bad-day", mostly_slow).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug)]
pub struct Injector(Box<dyn Draft>);

impl Injector {
    pub(crate) fn draft(draft: impl Draft + 'static) -> Self {
        Self(Box::new(draft))
    }

    pub(crate) fn check(self, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        self.0.check(at, findings)
    }
}

/// An injector as written, good or not.
pub(crate) trait Draft: fmt::Debug + Send + Sync {
    /// Adds every fault of this branch to the findings; `at` is the place of its parent.
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>>;
}

/// An injector found good.
pub(crate) trait Act: fmt::Debug + Send + Sync {
    /// Draws what it does to the request of this asker.
    fn plan(&self, draws: Draws, asker: Asker<'_>, plan: &mut Plan);
}

/// The place of a setting below another; the root of the tree has no name.
pub(crate) fn below(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}
