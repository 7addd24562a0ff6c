//! Reported: a part of the tree with a reporter of its own.

use std::fmt;
use std::sync::Arc;

use super::node::{Act, Draft, Injector};
use super::plan::{Ear, Plan};
use crate::chance::Draws;
use crate::error::Findings;
use crate::key::Asker;
use crate::report::Reporter;

impl Injector {
    /// Lets a reporter hear of this part of the tree alone: the same phases as the fault's own
    /// [`reporter`](crate::FaultBuilder::reporter), with the deeds of this part, and nothing of
    /// requests in which it takes no part.
    ///
    /// ```
    /// use waylay_fault::{Delay, Event, Fault, Injector, chain, error, slow};
    ///
    /// let errors = Injector::from(error(503)).reporter(|event: &Event<'_>| println!("{event}"));
    /// Fault::new("bad-day", chain([slow(Delay::fixed("1s")), errors])).build()?;
    /// # Ok::<(), waylay_fault::FaultErrors>(())
    /// ```
    #[must_use]
    pub fn reporter(self, reporter: impl Reporter) -> Self {
        Self::draft(Reported { injector: self, reporter: Arc::new(reporter) })
    }
}

struct Reported<I> {
    injector: I,
    reporter: Arc<dyn Reporter>,
}

impl Draft for Reported<Injector> {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let injector = self.injector.check(at, findings)?;
        Some(Box::new(Reported { injector, reporter: self.reporter }))
    }
}

impl Act for Reported<Box<dyn Act>> {
    fn plan(&self, draws: Draws, asker: Asker<'_>, plan: &mut Plan) {
        let from = plan.deeds.len();
        self.injector.plan(draws, asker, plan);
        let to = plan.deeds.len();
        if from < to {
            plan.ears.push(Ear { reporter: self.reporter.clone(), from, to });
        }
    }
}

impl<I: fmt::Debug> fmt::Debug for Reported<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.injector.fmt(f)
    }
}
