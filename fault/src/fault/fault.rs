//! Fault: decides about one request.

use std::fmt;
use std::sync::Arc;

use http::header::UPGRADE;
use http::{Method, Request, Version};

use crate::connection::command::Ending;
use crate::fault::capability::{By, Reach, Side};
use crate::fault::execution::Strike;
use crate::fault::selection::Verdicts;
use crate::fault::state::Setup;
use crate::fault::switch::halted;
use crate::injector::key::Asker;
use crate::injector::plan::Plan;
use crate::random::draws::{Dice, digest};
use crate::report::event::{Phase, Skip};

/// A fault that lies in wait: an [`Injector`](crate::Injector), and whom it strikes.
///
/// Cheap to clone; clones, layers and [`Control`](crate::Control)s of one fault share its switch,
/// its counts and its dice. See the [crate](crate) for the whole picture.
///
/// ```
/// use waylay_fault::{Delay, Fault, Reject, chain, reject, slow};
///
/// let flaky = Fault::new("flaky-orders", chain([
///         slow(Delay::lognormal("90ms", 0.4).max("2s")),
///         reject(Reject::EmptyReply),
///     ]))
///     .participation(0.01)
///     .block_paths(["/orders/{id}/pay"])
///     .allow_headers([("x-chaos", "1")])
///     .seed(7)
///     .build()?;
///
/// assert!(!flaky.control().enabled(), "a fault is off until it is switched on");
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Clone)]
pub struct Fault {
    pub(crate) setup: Arc<Setup>,
}

impl Fault {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.setup.name
    }

    /// Its dice, whose seed replays a run.
    pub fn dice(&self) -> &Dice {
        &self.setup.dice
    }

    /// Whether it has nothing to do with any request, not even to count it.
    #[inline]
    pub(crate) fn idle(&self) -> bool {
        self.setup.switch.idle()
    }

    /// What to do to this request; nothing, for most. `ported`: whether its body can be exchanged.
    pub(crate) fn decide<B>(
        &self,
        side: Side,
        request: &mut Request<B>,
        ported: impl FnOnce() -> bool,
    ) -> Option<Box<Strike>> {
        if self.idle() {
            return None;
        }
        self.setup.tally.see();
        match self.draw(side, request, ported) {
            Ok((plan, reach)) => Some(Box::new(Strike::begin(self.setup.clone(), plan, reach, request))),
            Err(skip) => {
                self.setup.tally.skip(skip);
                self.setup.report(Phase::Skipped(skip), &[], request);
                None
            }
        }
    }

    /// The gates in their order: a request that one of them turns away never moves the counter
    /// that the draw may hang on.
    fn draw<B>(
        &self,
        side: Side,
        request: &mut Request<B>,
        ported: impl FnOnce() -> bool,
    ) -> Result<(Plan, Reach), Skip> {
        let setup = &*self.setup;
        if halted() {
            return Err(Skip::Halted);
        }
        if !setup.switch.enabled() {
            return Err(Skip::NotEnabled);
        }
        setup.gate.admit(request)?;

        let id = Arc::as_ptr(&self.setup) as usize;
        let attempt = digest(setup.keyring.attempt(request.headers()));
        // A fault that strikes nothing has nothing to remember.
        let remembers = setup.switch.participation() > 0.0;
        if remembers && Verdicts::has_decided(request.extensions(), id, attempt) {
            return Err(Skip::Decided);
        }
        let key = setup.keyring.key(request);
        let draws = setup.dice.roll(key, setup.keyring.attempt(request.headers()));
        let fires = setup.fires(&draws, key);
        let picked = match &setup.seat {
            Some(seat) if fires => Some(seat.pick(key, setup.keyring.attempt(request.headers()))),
            _ => None,
        };
        if remembers {
            Verdicts::decide(request.extensions_mut(), id, attempt);
        }
        if !fires {
            return Err(Skip::NotSelected);
        }
        if let Some((seat, picked)) = setup.seat.as_ref().zip(picked) {
            let member = Verdicts::pick(request.extensions_mut(), seat.group(), attempt, || picked);
            if member != seat.number() {
                return Err(Skip::Excluded);
            }
        }
        let mut plan = Plan::default();
        setup.injector.plan(draws, Asker::of(request), &mut plan);
        if plan.steps.is_empty() && plan.spared {
            return Err(Skip::Counted);
        }

        let reach = Reach::new(side, setup.means, request);
        let unreachable = !reach.allows(&plan)
            || (plan.only_downloads() && request.method() == Method::HEAD)
            || (plan.only_taps() && !asks_for_websocket(request))
            || (plan.resets && reach.of(Ending::Reset) == By::Nowhere)
            || (plan.uploads() && !ported());
        if unreachable {
            return Err(Skip::Unreachable);
        }
        // Last, so that what could not be struck uses up no strike.
        if setup.window.admit() { Ok((plan, reach)) } else { Err(Skip::Counted) }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.setup.fmt(f)
    }
}

/// RFC 6455, section 4.1; over HTTP/2 the request is a CONNECT (RFC 8441).
fn asks_for_websocket<B>(request: &Request<B>) -> bool {
    let upgrade = request.headers().get(UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        || (request.method() == Method::CONNECT && request.version() == Version::HTTP_2)
}
