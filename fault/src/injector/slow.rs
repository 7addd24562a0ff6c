//! Slow: holds the request back before it reaches the service.

use super::node::{Act, Draft, Injector, below};
use super::plan::{Plan, Step};
use crate::chance::Draws;
use crate::delay::{Delay, Pace};
use crate::error::Findings;
use crate::report::Deed;

/// Holds the request back, then goes on: with the next link of a chain, in the end with the
/// service. Delays of one chain add up.
///
/// A delay ends at once when the client leaves, and is called off (the request goes on unharmed)
/// when the fault is switched off or halted. Nothing blocks a thread. On HTTP/1 the server
/// notices that a client left only while it still reads: with an upload larger than hyper's
/// buffer the delay runs to its end.
///
/// ```
/// use waylay_fault::{Delay, Fault, slow};
///
/// Fault::new("slow-search", slow(Delay::uniform("80ms", "400ms"))).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn slow(delay: Delay) -> Injector {
    Injector::draft(Slow(delay))
}

#[derive(Debug)]
struct Slow(Delay);

impl Draft for Slow {
    fn check(self: Box<Self>, at: &str, findings: &mut Findings) -> Option<Box<dyn Act>> {
        Some(Box::new(self.0.check(&below(at, "slow"), findings)?))
    }
}

impl Act for Pace {
    fn plan(&self, mut draws: Draws, plan: &mut Plan) {
        let delay = self.draw(&mut draws);
        plan.then(Step::Wait(delay), Deed::Slow(delay));
    }
}
