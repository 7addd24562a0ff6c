//! Chain: one deed after the other.

use super::node::{Act, Draft, Injector, below};
use super::plan::Plan;
use crate::chance::Draws;
use crate::error::Findings;
use crate::key::Asker;

/// Does one thing after the other, all decided by one draw. The first link that answers by itself
/// ends it; delays add up. An empty chain does nothing.
///
/// ```
/// use waylay_fault::{Delay, Fault, Reject, chain, reject, slow};
///
/// // What go-fault's guide calls a drop: a long wait, then no answer.
/// let drop = chain([slow(Delay::fixed("2s")), reject(Reject::EmptyReply)]);
/// Fault::new("dropped-orders", drop).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn chain<I: Into<Injector>>(links: impl IntoIterator<Item = I>) -> Injector {
    Injector::draft(ChainDraft(links.into_iter().map(Into::into).collect()))
}

#[derive(Debug)]
struct ChainDraft(Vec<Injector>);

impl Draft for ChainDraft {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        let links: Vec<_> = (self.0.into_iter().enumerate())
            .map(|(index, link)| link.check(&below(at, &format!("chain[{index}]")), findings))
            .collect();
        // Gathered before it is judged, so that every link's faults are found.
        Some(Box::new(Chain(links.into_iter().collect::<Option<_>>()?)))
    }
}

#[derive(Debug)]
struct Chain(Vec<Box<dyn Act>>);

impl Act for Chain {
    fn plan(&self, draws: Draws, asker: Asker<'_>, plan: &mut Plan) {
        for (index, link) in (0..).zip(&self.0) {
            link.plan(draws.child(index), asker, plan);
            if plan.is_final() {
                break;
            }
        }
    }
}
