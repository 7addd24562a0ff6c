//! Standby: a fault that may be enabled while a stream is open.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{Extensions, HeaderMap, Method, Request, Response};

use crate::body::fault_body::FaultBody;
use crate::body::request_body::BodyRebox;
use crate::body::stage::{FaultHandle, Pause, Stage, WhenOff};
use crate::config::sync::{Mutex, MutexGuard};
use crate::connection::handle::{Command, HttpCommand};
use crate::connection::messages::{MessageTap, StandbyTap};
use crate::fault::capability::Capability;
use crate::fault::changes::{MessageTaps, is_bodiless};
use crate::fault::execution::{Execution, clone_head};
use crate::fault::guards::Permit;
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
    /// The body that is watched.
    side: Side,
    request: Request<()>,
    taps: Mutex<Taps>,
}

/// The rules for the two sides of a WebSocket, of one decision.
#[derive(Default)]
enum Taps {
    #[default]
    Undecided,
    /// Callbacks of the user run, without the lock.
    Deciding,
    Decided(Vec<MessageTap>),
}

impl Standby {
    pub(crate) fn new<B>(
        state: Arc<FaultState>,
        capability: Capability,
        side: Side,
        request: &Request<B>,
    ) -> Self {
        Self { state, capability, side, request: clone_head(request), taps: Mutex::default() }
    }

    /// Watches the WebSocket that the request opens: on the connection's stream, or else in
    /// [`tap`](crate::tap()).
    pub(crate) fn tap(self: Arc<Self>, extensions: &mut Extensions) {
        match self.capability.http1_connection().cloned() {
            Some(connection) => connection.send(Command::Http(HttpCommand::Standby(self))),
            None => extensions.get_or_insert_default::<MessageTaps>().standby.push(self),
        }
    }

    /// Watches the messages of a request's body, if they are of interest and the body can be replaced.
    pub(crate) fn request<B>(
        self: &Arc<Self>,
        request: Request<B>,
        rebox: Option<BodyRebox<B>>,
    ) -> Request<B> {
        let Some(rebox) = rebox.filter(|_| self.side == Side::Request) else { return request };
        match self.stage(request.headers()) {
            Some(stage) => request
                .map(|body| (rebox.rebox)(FaultBody::service(body).staged(vec![stage], Box::new(Bystander)))),
            None => request,
        }
    }

    /// Watches the messages of a response, if they are of interest.
    pub(crate) fn response<B>(self: &Arc<Self>, response: Response<FaultBody<B>>) -> Response<FaultBody<B>> {
        let is_head = *self.request.method() == Method::HEAD;
        if self.side != Side::Response || is_head || is_bodiless(response.status()) {
            return response;
        }
        match self.stage(response.headers()) {
            Some(stage) => response.map(|body| body.staged(vec![stage], Box::new(Bystander))),
            None => response,
        }
    }

    /// Follows a stream of messages. A body of a known length is none.
    fn stage(self: &Arc<Self>, headers: &HeaderMap) -> Option<Box<dyn Stage>> {
        if headers.contains_key(CONTENT_LENGTH) {
            return None;
        }
        Some(Box::new(StandbyStage::new(headers, || Box::new(self.clone()))?))
    }

    /// Decides about the stream, of whose steps only these are run. `None`: it passes.
    fn decide(&self, keeps: impl Fn(&Step) -> bool) -> Option<Execution> {
        let state = &self.state;
        state.counters.add_seen();
        match self.draw(keeps) {
            Ok((steps, permit)) => {
                Some(Execution::begin(state.clone(), steps, self.capability.clone(), permit, &self.request))
            }
            Err(skip) => {
                state.count_skipped(skip);
                state.report(Phase::Skipped(skip), &[], self.capability.placement(), &self.request);
                None
            }
        }
    }

    /// Returns the rules for this side, if there are any; `None` while the decision is made elsewhere.
    fn take_tap(&self, side: Side) -> Option<Option<MessageTap>> {
        let begun = std::mem::replace(&mut *self.taps(), Taps::Deciding);
        let mut taps = match begun {
            Taps::Undecided => self.decide_taps(),
            Taps::Deciding => return None,
            Taps::Decided(taps) => taps,
        };
        let tap = taps.iter().position(|tap| tap.side == side).map(|index| taps.remove(index));
        *self.taps() = Taps::Decided(taps);
        Some(tap)
    }

    fn decide_taps(&self) -> Vec<MessageTap> {
        let execution = self.decide(|step| matches!(step, Step::WebSocket(_)));
        let steps = execution.map(|mut execution| {
            let steps = execution.join();
            execution.done(false);
            steps
        });
        let taps = steps.into_iter().flatten().filter_map(|step| match step {
            Step::WebSocket(tap) => Some(tap),
            _ => None,
        });
        taps.collect()
    }

    fn taps(&self) -> MutexGuard<'_, Taps> {
        self.taps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, keeps: impl Fn(&Step) -> bool) -> Result<(Steps, Option<Permit>), SkipReason> {
        let state = &self.state;
        let now = state.limits.now();
        let factor = state.limits.factor(now)?;
        if let Some(guards) = &state.limits.guards {
            guards.check_request(self.capability.placement(), &self.request)?;
        }
        let key = state.key_extractor.key(&self.request, false);
        let attempt = state.key_extractor.attempt(self.request.headers());
        let draws = state.sampler.draw(key, attempt);
        if !state.is_selected(&draws, key, factor).ok_or(SkipReason::CallbackPanicked)? {
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
        Ok((steps, permit))
    }
}

impl StandbyBody for Arc<Standby> {
    fn join(&self, headers: &HeaderMap) -> Option<Option<JoinedBody>> {
        if self.state.is_off() {
            return None;
        }
        let keeps = |step: &Step| match (step, self.side) {
            (Step::Response(Change::Body(stage)), Side::Response)
            | (Step::Request(Change::Body(stage)), Side::Request) => {
                stage.is_conditional() && stage.applies_to(headers)
            }
            _ => false,
        };
        Some(self.decide(keeps).map(|mut execution| {
            let stages = execution.join().into_iter().filter_map(|step| match step {
                Step::Response(Change::Body(stage)) | Step::Request(Change::Body(stage)) => Some(stage),
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
        let tap = self.take_tap(side)?;
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
