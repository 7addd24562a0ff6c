//! Standby: a fault that may be enabled while a stream is open.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{Extensions, HeaderMap, Method, Request, Response};

use crate::body::fault_body::FaultBody;
use crate::body::stage::{FaultHandle, Pause, WhenOff};
use crate::connection::handle::{Command, HttpCommand};
use crate::connection::messages::{MessageTap, StandbyTap};
use crate::fault::capability::Capability;
use crate::fault::changes::{MessageTaps, is_bodiless};
use crate::fault::execution::{Execution, clone_head};
use crate::fault::selection::Selected;
use crate::fault::state::{ActiveHandle, FaultState};
use crate::injector::key::RequestKeys;
use crate::injector::standby::{JoinedBody, StandbyBody, StandbyStage};
use crate::injector::steps::{Change, Step, Steps};
use crate::report::callback::guard;
use crate::report::event::{Phase, Side, SkipReason};

/// A request that arrived while the fault was off. The decision about it is made once the fault is enabled,
/// as it would have been made for the request, and applies to the messages from then on.
pub(crate) struct Standby {
    state: Arc<FaultState>,
    capability: Capability,
    request: Request<()>,
    taps: Mutex<Option<Vec<MessageTap>>>,
}

impl Standby {
    pub(crate) fn new<B>(state: Arc<FaultState>, capability: Capability, request: &Request<B>) -> Self {
        Self { state, capability, request: clone_head(request), taps: Mutex::default() }
    }

    /// Watches the WebSocket that the request opens: on the connection's stream, or else in
    /// [`tap`](crate::tap()).
    pub(crate) fn tap(self: Arc<Self>, extensions: &mut Extensions) {
        match self.capability.http1_connection().cloned() {
            Some(connection) => connection.send(Command::Http(HttpCommand::Standby(self))),
            None => extensions.get_or_insert_default::<MessageTaps>().standby.push(self),
        }
    }

    /// Watches the messages of a response, if it is a stream of them. A body of a known length is none.
    pub(crate) fn response<B>(self: &Arc<Self>, response: Response<FaultBody<B>>) -> Response<FaultBody<B>> {
        let is_head = *self.request.method() == Method::HEAD;
        if is_head || is_bodiless(response.status()) || response.headers().contains_key(CONTENT_LENGTH) {
            return response;
        }
        match StandbyStage::new(response.headers(), || Box::new(self.clone())) {
            Some(stage) => response.map(|body| body.staged(vec![Box::new(stage)], Box::new(Bystander))),
            None => response,
        }
    }

    /// Decides about the stream, of whose steps only these are run. `None`: it passes.
    fn decide(&self, keeps: impl Fn(&Step) -> bool) -> Option<Execution> {
        let state = &self.state;
        state.counters.add_seen();
        match self.draw(keeps) {
            Ok(selected) => Some(Execution::begin(state.clone(), selected, &self.request)),
            Err(skip) => {
                state.counters.add_skipped(skip);
                state.report(Phase::Skipped(skip), &[], self.capability.placement(), &self.request);
                None
            }
        }
    }

    fn draw(&self, keeps: impl Fn(&Step) -> bool) -> Result<Selected, SkipReason> {
        let state = &self.state;
        let now = state.limits.now();
        let factor = state.limits.factor(now)?;
        if let Some(guards) = &state.limits.guards {
            guards.check_request(self.capability.placement(), &self.request)?;
        }
        let key = state.key_extractor.key(&self.request, false);
        let attempt = state.key_extractor.attempt(self.request.headers());
        let draws = state.sampler.draw(key, attempt);
        let participation = state.switch.participation() * factor;
        if !state.is_selected(&draws, key, participation).ok_or(SkipReason::CallbackPanicked)? {
            return Err(SkipReason::NotSelected);
        }
        if let Some(member) = &state.member
            && member.pick(key, attempt) != member.number()
        {
            return Err(SkipReason::OtherInGroup);
        }
        let mut steps = Steps::default();
        guard(|| state.injector.plan(draws, RequestKeys::of(&self.request), &mut steps))
            .ok_or(SkipReason::CallbackPanicked)?;
        steps.retain(keeps);
        if steps.list.is_empty() {
            return Err(SkipReason::NotDeliverable);
        }
        let attempts =
            state.limits.attempts.as_ref().map(|table| (table, state.sampler.draw(key, b"").hash()));
        let permit = state.limits.take(&state.window, now, attempts, false)?;
        if state.limits.guards.as_ref().is_some_and(|guards| guards.is_dry_run()) {
            return Err(SkipReason::DryRun);
        }
        let capability = self.capability.clone();
        Ok(Selected { steps, capability, permit, is_dry_run: false, awaited: None })
    }
}

impl StandbyBody for Arc<Standby> {
    fn join(&self, headers: &HeaderMap) -> Option<Option<JoinedBody>> {
        if self.state.is_off() {
            return None;
        }
        let keeps = |step: &Step| match step {
            Step::Response(Change::Body(stage)) => stage.is_conditional() && stage.applies_to(headers),
            _ => false,
        };
        Some(self.decide(keeps).map(|mut execution| {
            let stages = execution.join().into_iter().filter_map(|step| match step {
                Step::Response(Change::Body(stage)) => Some(stage),
                _ => None,
            });
            (stages.collect(), Box::new(execution) as Box<dyn FaultHandle>)
        }))
    }
}

impl StandbyTap for Standby {
    fn join(&self, side: Side) -> Option<Option<(MessageTap, Box<dyn FaultHandle>)>> {
        if self.state.is_off() {
            return None;
        }
        let mut taps = self.taps.lock().unwrap_or_else(PoisonError::into_inner);
        // One decision for both sides.
        let taps = taps.get_or_insert_with(|| {
            let execution = self.decide(|step| matches!(step, Step::WebSocket(_)));
            let steps = execution.map(|mut execution| {
                let steps = execution.join();
                execution.done(false);
                steps
            });
            steps
                .into_iter()
                .flatten()
                .filter_map(|step| match step {
                    Step::WebSocket(tap) => Some(tap),
                    _ => None,
                })
                .collect()
        });
        let tap = taps.iter().position(|tap| tap.side == side).map(|index| taps.remove(index));
        Some(tap.map(|tap| (tap, Box::new(ActiveHandle::new(self.state.clone())) as Box<dyn FaultHandle>)))
    }
}

/// The handle of a body that no fault changes yet.
struct Bystander;

impl FaultHandle for Bystander {
    fn name(&self) -> Arc<str> {
        "standby".into()
    }

    fn is_off(&self) -> bool {
        false
    }

    fn when_off(&self) -> WhenOff {
        Box::pin(std::future::pending())
    }

    fn pause(&self, _: Duration) -> Pause {
        Pause::new(std::future::ready(None))
    }
}

impl fmt::Debug for Standby {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standby").field("fault", &self.state.name).finish_non_exhaustive()
    }
}
