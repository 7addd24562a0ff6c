//! Fault: decides about one request.

use std::fmt;
use std::sync::Arc;

use http::header::UPGRADE;
use http::{Method, Request, Version};

use crate::connection::command::Termination;
use crate::fault::capability::{Capability, DeliveryMethod, Placement};
use crate::fault::execution::{Execution, clone_head};
#[cfg(feature = "tracing")]
use crate::fault::filter::filter::traced;
use crate::fault::flag::{FlagEvaluation, FlagShares};
use crate::fault::selection::{AwaitedResponse, Decisions, Selected};
use crate::fault::standby::Standby;
use crate::fault::state::FaultState;
use crate::injector::key::{ControlHeaders, RequestKeys};
use crate::injector::steps::Steps;
use crate::random::draws::{Sampler, digest};
use crate::report::callback::guard;
use crate::report::event::{Phase, Side, SkipReason};

/// A fault: an [`Injector`](crate::Injector), and the selection of its requests.
///
/// Cheap to clone; clones, layers and [`Control`](crate::Control)s of one fault share its switch,
/// counts and sampler. The [crate](crate) documentation has the overview.
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
    pub(crate) state: Arc<FaultState>,
}

impl Fault {
    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Returns the sampler, whose seed reproduces a run.
    pub fn sampler(&self) -> &Sampler {
        &self.state.sampler
    }

    /// Tests whether requests pass without being counted.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.state.switch.is_idle()
    }

    /// Whether both are one fault, not just two of one name.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }

    /// Decides about a request; `None` if it passes. `can_rebox`: its body can be replaced.
    pub(crate) fn decide<B>(
        &self,
        placement: Placement,
        request: &mut Request<B>,
        can_rebox: impl FnOnce() -> bool,
    ) -> Option<Box<Execution>> {
        if !self.state.switch.counts() {
            return None;
        }
        self.state.counters.add_seen();
        match self.draw(placement, request, can_rebox, false) {
            Ok(selected) if !selected.is_dry_run => {
                Some(Box::new(Execution::begin(self.state.clone(), selected, request)))
            }
            Ok(Selected { steps, .. }) => {
                #[cfg(feature = "tracing")]
                crate::report::trace::dry_run(&self.state.name, &steps.actions, traced(placement, request));
                self.state.count_skipped(SkipReason::DryRun);
                self.state.report(Phase::Skipped(SkipReason::DryRun), &steps.actions, placement, request);
                None
            }
            Err(skip) => {
                self.state.count_skipped(skip);
                self.state.report(Phase::Skipped(skip), &[], placement, request);
                None
            }
        }
    }

    /// Begins to evaluate the flag of the fault for a request that it may select; `None` if there is none.
    pub(crate) fn evaluate<B>(&self, placement: Placement, request: &Request<B>) -> Option<FlagEvaluation> {
        let state = &*self.state;
        let flag = state.flag.as_ref()?;
        if state.is_off() {
            return None;
        }
        state.filter.admit(placement, request).ok()?;
        if let Some(guards) = &state.limits.guards {
            guards.check_request(placement, request).ok()?;
        }
        let id = Arc::as_ptr(&self.state) as usize;
        let attempt = digest(state.key_extractor.attempt(request.headers()));
        let has_decided = Decisions::has_decided(request.extensions(), id, attempt);
        (!has_decided).then(|| flag.evaluate(id, request.headers()))
    }

    /// Tests whether a flag decides about the participation.
    pub(crate) fn has_flag(&self) -> bool {
        self.state.flag.is_some()
    }

    /// What would be done to this request, or why nothing would; nothing is counted by it.
    pub(crate) fn preview(
        &self,
        placement: Placement,
        request: &Request<()>,
    ) -> Result<Selected, SkipReason> {
        self.draw(placement, &mut clone_head(request), || true, true)
    }

    /// Watches the streams of a request while the fault is off, if it has rules for their messages.
    #[inline]
    pub(crate) fn watch<B>(&self, placement: Placement, request: &mut Request<B>) -> Option<Arc<Standby>> {
        if self.state.switch.is_watching() { self.watch_streams(placement, request) } else { None }
    }

    fn watch_streams<B>(&self, placement: Placement, request: &mut Request<B>) -> Option<Arc<Standby>> {
        let state = &self.state;
        let watches = state.injector.watches();
        let is_websocket = is_websocket_upgrade(request);
        let bodies = watches.requests || watches.responses;
        let has_stream = if is_websocket { watches.websockets } else { bodies };
        // A fault that matches on the response cannot decide in the middle of one.
        let has_stream = has_stream && state.filter.response.is_empty();
        if !has_stream || !state.is_off() || !matches!(placement, Placement::Server | Placement::Client) {
            return None;
        }
        state.filter.admit(placement, request).ok()?;
        state.filter.admit_baggage(&state.name, request).ok()?;
        let id = Arc::as_ptr(state) as usize;
        let attempt = digest(state.key_extractor.attempt(request.headers()));
        if Decisions::has_decided(request.extensions(), id, attempt) {
            return None;
        }
        Decisions::decide(request.extensions_mut(), id, attempt);
        let capability = Capability::new(placement, state.delivery, request);
        // One decision is made for a request, and applies to one of its bodies.
        let side = if watches.responses { Side::Response } else { Side::Request };
        let standby = Arc::new(Standby::new(state.clone(), capability, side, request));
        if !is_websocket {
            return Some(standby);
        }
        standby.tap(request.extensions_mut());
        None
    }

    /// Runs the checks in order: a request that one of them rejects does not advance the counter of
    /// the draw.
    fn draw<B>(
        &self,
        placement: Placement,
        request: &mut Request<B>,
        can_rebox: impl FnOnce() -> bool,
        is_preview: bool,
    ) -> Result<Selected, SkipReason> {
        let state = &*self.state;
        // Whatever comes of it: the service is not to see them.
        ControlHeaders::remove_from(&state.removed_headers, request);
        if state.switch.is_halted() {
            return Err(SkipReason::Halted);
        }
        if !state.switch.enabled() {
            return Err(SkipReason::NotEnabled);
        }
        let now = state.limits.now();
        let factor = state.limits.factor(now)?;
        state.filter.admit(placement, request)?;
        if let Some(guards) = &state.limits.guards {
            guards.check_request(placement, request)?;
        }
        state.filter.admit_baggage(&state.name, request)?;
        state.injector.admit(RequestKeys::of(request))?;

        let id = Arc::as_ptr(&self.state) as usize;
        let attempt = digest(state.key_extractor.attempt(request.headers()));
        // A fault without participation has no decision to remember.
        let share = state.flag.as_ref().and_then(|_| FlagShares::find(request, id));
        let participation = share.unwrap_or_else(|| state.switch.participation());
        let remembers = participation > 0.0;
        if remembers && Decisions::has_decided(request.extensions(), id, attempt) {
            return Err(SkipReason::AlreadyDecided);
        }
        let key = state.key_extractor.key(request, is_preview);
        let draws = state.sampler.draw(key, state.key_extractor.attempt(request.headers()));
        let is_selected =
            state.is_selected(&draws, key, participation * factor).ok_or(SkipReason::CallbackPanicked)?;
        let attempts =
            state.limits.attempts.as_ref().map(|table| (table, state.sampler.draw(key, b"").hash()));
        let picked = match &state.member {
            Some(member) if is_selected => {
                Some(member.pick(key, state.key_extractor.attempt(request.headers())))
            }
            _ => None,
        };
        if remembers {
            Decisions::decide(request.extensions_mut(), id, attempt);
        }
        if !is_selected {
            return Err(SkipReason::NotSelected);
        }
        if let Some((member, picked)) = state.member.as_ref().zip(picked) {
            let chosen = Decisions::pick(request.extensions_mut(), member.group(), attempt, || picked);
            if chosen != member.number() {
                return Err(SkipReason::OtherInGroup);
            }
        }
        let mut steps = Steps { is_preview, ..Steps::default() };
        guard(|| state.injector.plan(draws, RequestKeys::of(request), &mut steps))
            .ok_or(SkipReason::CallbackPanicked)?;
        if let Some(reason) = steps.passed.filter(|_| steps.list.is_empty()) {
            return Err(reason);
        }

        let capability = Capability::new(placement, state.delivery, request);
        let unreachable = !capability.allows(&steps)
            || (steps.only_response_body() && request.method() == Method::HEAD)
            || !steps.applies_to_request(request.headers())
            || (steps.only_websocket() && !is_websocket_upgrade(request))
            || (steps.resets && capability.delivery(Termination::Reset) == DeliveryMethod::None)
            || (steps.changes_request_body() && !can_rebox());
        let awaits_response = !state.filter.response.is_empty();
        if unreachable || (awaits_response && !capability.can_respond()) {
            return Err(SkipReason::NotDeliverable);
        }
        let awaited = awaits_response.then(|| AwaitedResponse { attempts_key: attempts.map(|(_, key)| key) });
        if awaits_response && !is_preview {
            return Ok(Selected { steps, capability, permit: None, is_dry_run: false, awaited });
        }
        // Last, so that what could not be injected uses up nothing.
        let permit = state.limits.take(&state.window, now, attempts, is_preview)?;
        let is_dry_run = state.limits.guards.as_ref().is_some_and(|guards| guards.is_dry_run());
        Ok(Selected { steps, capability, permit, is_dry_run, awaited })
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}

/// RFC 6455, section 4.1; over HTTP/2 the request is a CONNECT (RFC 8441).
fn is_websocket_upgrade<B>(request: &Request<B>) -> bool {
    let upgrade = request.headers().get(UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        || (request.method() == Method::CONNECT && request.version() == Version::HTTP_2)
}
