//! Execution: runs the steps drawn for one request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{Method, Request, Response, StatusCode};

use crate::body::stage::{FaultHandle, Pause, WhenOff};
use crate::connection::command::Termination;
use crate::connection::handle::{Command, HttpCommand};
use crate::connection::messages::MessageTap;
use crate::fault::actions::{ActionState, Actions};
use crate::fault::capability::{Capability, DeliveryMethod};
use crate::fault::changes::{Changes, is_bodiless, remove_content, strip_body};
use crate::fault::filter::filter::original_uri;
#[cfg(feature = "tracing")]
use crate::fault::filter::filter::traced;
use crate::fault::guards::Permit;
use crate::fault::selection::{AwaitedResponse, Selected};
use crate::fault::state::{ActiveHandle, FaultState, PendingInjection, delay, pause, when_off};
use crate::injector::corrupt::ChunkedStage;
use crate::injector::custom::{Inject, InjectContext, InjectOutcome, Inspect};
#[cfg(feature = "panic")]
use crate::injector::panic::InjectedPanic;
use crate::injector::steps::{Change, ConnectionStep, ReporterSpan, Step};
use crate::random::draws::Draws;
use crate::report::callback::{GuardedFuture, guard};
use crate::report::event::{Event, Phase, SkipReason};
use crate::report::mark::{Injected, Mark};
#[cfg(feature = "tracing")]
use crate::report::trace;

/// The result of the steps before the service is called.
pub(crate) enum Outcome {
    /// The request goes on to the service, changed. If there was an injection, its response is
    /// marked; if there are changes of the response, the execution continues.
    Forward { mark: Option<Mark>, request: Changes, execution: Option<Execution> },
    /// A response, which may still be changed.
    Respond(Response<Bytes>, Option<Execution>),
    /// No response.
    Reject(Rejected),
}

/// An exchange that ends without a response.
pub(crate) struct Rejected {
    pub(crate) mark: Mark,
    pub(crate) termination: Termination,
    pub(crate) delivery: DeliveryMethod,
}

/// One request with its steps. Dropped early, it reports so and releases what it holds.
pub(crate) struct Execution {
    pub(super) state: Arc<FaultState>,
    /// The request without its body, for reporters and custom injectors.
    pub(super) request: Option<Arc<Request<()>>>,
    pub(crate) is_head: bool,
    pub(super) capability: Capability,
    steps: Vec<Step>,
    /// The changes of the response.
    pub(crate) changes: Changes,
    reporters: Vec<ReporterSpan>,
    pub(super) actions: Actions,
    /// Functions of the response, each with the number of its action.
    inspects: Vec<(usize, Inspect)>,
    is_counted: bool,
    pub(super) is_ended: bool,
    /// The response states that it is the last one on its connection.
    is_last_response: bool,
    /// The response decides whether the steps are run.
    pub(super) awaited: Option<AwaitedResponse>,
    /// Held for as long as the injection counts as active in its set.
    pub(super) permit: Option<Permit>,
}

impl Execution {
    pub(crate) fn begin<B>(state: Arc<FaultState>, selected: Selected, request: &Request<B>) -> Self {
        let Selected { steps, capability, permit, awaited, .. } = selected;
        let wanted = state.has_reporter() || !steps.reporters.is_empty() || steps.has_custom();
        let wanted = wanted || awaited.is_some();
        let mut execution = Self {
            request: wanted.then(|| Arc::new(clone_head(request))),
            is_head: request.method() == Method::HEAD,
            state,
            capability,
            steps: steps.list,
            changes: Changes::default(),
            reporters: steps.reporters,
            actions: Actions::new(steps.actions),
            inspects: Vec::new(),
            is_counted: false,
            is_ended: false,
            is_last_response: false,
            awaited,
            permit,
        };
        if execution.awaited.is_none() {
            execution.start(request);
        }
        execution
    }

    /// Counts and reports the beginning.
    pub(super) fn start<B>(&mut self, request: &Request<B>) {
        #[cfg(feature = "tracing")]
        trace::started(&self.state.name, self.actions.all(), traced(self.capability.placement(), request));
        self.state.add_active();
        // The start is reported with all actions, the end with those that were begun.
        self.actions.set_all(ActionState::Done);
        self.report(Phase::Started);
        self.actions.set_all(ActionState::Planned);
        for (index, step) in self.steps.iter().enumerate() {
            if !step.applies_to_request(request.headers()) {
                self.actions.set(index, ActionState::Skipped);
            }
        }
    }

    /// Runs the steps one by one until one of them responds.
    pub(crate) async fn run(mut self) -> Outcome {
        if self.awaited.is_some() {
            return Outcome::Forward { mark: None, request: Changes::default(), execution: Some(self) };
        }
        let mut request = Changes::default();
        let only_websocket = self.steps.iter().all(|step| matches!(step, Step::WebSocket(_)));
        for (index, step) in std::mem::take(&mut self.steps).into_iter().enumerate() {
            if self.actions.is(index, ActionState::Skipped) {
                continue;
            }
            self.actions.set(index, ActionState::Done);
            match step {
                Step::Wait(time) => {
                    self.count_injection();
                    if self.wait(time).await.is_none() {
                        return self.pass(Phase::Cancelled);
                    }
                }
                Step::Hang(max) => return self.hang(max).await,
                Step::Custom(inject, draws) => match self.run_custom(&*inject, draws).await {
                    Ok(InjectOutcome::Continue) => self.count_injection(),
                    Ok(InjectOutcome::Inspect(inspect)) if self.capability.can_respond() => {
                        self.actions.set(index, ActionState::Pending);
                        self.inspects.push((index, inspect));
                    }
                    Ok(InjectOutcome::Skip) => {
                        self.actions.skip(index, SkipReason::Declined);
                        break;
                    }
                    outcome => return self.end_custom(index, outcome),
                },
                Step::Respond(response) => return self.respond(response.response()),
                Step::Reject(termination) => return self.reject(index, termination),
                #[cfg(feature = "panic")]
                Step::Panic(message) => self.panic(message),
                #[cfg(feature = "stress")]
                Step::Stress(load) => {
                    self.count_injection();
                    load.begin(self.handle());
                }
                Step::Connection(step) => {
                    self.count_injection();
                    self.command_connection(step);
                }
                Step::Request(change) => request.add(index, change),
                Step::Response(change) => {
                    if change.is_conditional() {
                        self.actions.set(index, ActionState::Pending);
                    }
                    self.changes.add(index, change);
                }
                Step::WebSocket(tap) => self.tap(index, tap, only_websocket, &mut request),
            }
        }
        self.forward(request)
    }

    /// Ends the execution and unwinds. All that is dropped by that has caught its own panics.
    #[cfg(feature = "panic")]
    fn panic(mut self, message: Arc<str>) -> ! {
        self.end(Phase::Finished);
        let payload = InjectedPanic { fault: self.state.name.clone(), message };
        drop(self);
        std::panic::panic_any(payload)
    }

    async fn hang(mut self, max: Duration) -> Outcome {
        self.count_injection();
        if self.wait(max).await.is_none() {
            return self.pass(Phase::Cancelled);
        }
        let termination = self.capability.after_hang();
        // It is the last step that was begun.
        let index = self.actions.last_done().unwrap_or_default();
        self.reject(index, termination)
    }

    /// Does what the custom injector of this action returned.
    fn end_custom(self, index: usize, outcome: Result<InjectOutcome, Phase>) -> Outcome {
        match outcome {
            Err(Phase::Skipped(reason)) => self.skip(index, reason),
            Err(phase) => self.pass(phase),
            Ok(InjectOutcome::Skip) => self.skip(index, SkipReason::Declined),
            Ok(InjectOutcome::Continue) => self.forward(Changes::default()),
            Ok(InjectOutcome::Respond(response)) if self.capability.can_respond() => self.respond(response),
            Ok(InjectOutcome::Respond(_) | InjectOutcome::Inspect(_)) => {
                self.skip(index, SkipReason::NotDeliverable)
            }
            Ok(InjectOutcome::EmptyReply) => self.reject(index, Termination::Empty),
            #[cfg(feature = "http2")]
            Ok(InjectOutcome::StreamReset(code)) => self.reject(index, Termination::Code(code.into())),
            Ok(InjectOutcome::ConnectionClose) => self.reject(index, Termination::Close),
            Ok(InjectOutcome::ConnectionReset) => self.reject(index, Termination::Reset),
        }
    }

    /// Applies message rules to the WebSocket that the request opens: on the connection's stream, or
    /// else in [`tap`](crate::tap()).
    fn tap(&mut self, index: usize, tap: MessageTap, only_websocket: bool, request: &mut Changes) {
        let handle = ActiveHandle::new(self.state.clone());
        if let Some(connection) = self.capability.http1_connection() {
            connection.send(Command::Http(HttpCommand::Messages { tap, handle: Box::new(handle) }));
            // The stream applies them if the response is a 101.
            self.actions.set(index, ActionState::Pending);
            return;
        }
        if only_websocket && !std::mem::replace(&mut self.is_counted, true) {
            request.add_pending(PendingInjection::new(self.state.clone()));
        }
        request.tap(tap, handle);
    }

    fn forward(mut self, request: Changes) -> Outcome {
        if self.actions.has_pending() {
            if self.actions.is_done() {
                self.count_injection();
            }
            return Outcome::Forward { mark: None, request, execution: Some(self) };
        }
        let is_over = self.changes.is_empty() && request.is_empty();
        let (mark, execution) = self.proceed(is_over);
        Outcome::Forward { mark, request, execution }
    }

    /// Counts what was done and marks it; ends the execution if nothing is left to do.
    fn proceed(mut self, is_over: bool) -> (Option<Mark>, Option<Self>) {
        if let Some(reason) = self.actions.skip_reason() {
            self.count_skip(reason);
            self.end(Phase::Skipped(reason));
            return (None, None);
        }
        self.count_injection();
        let mark = self.actions.is_done().then(|| self.mark());
        if is_over {
            self.end(Phase::Finished);
            return (mark, None);
        }
        (mark, Some(self))
    }

    /// Resolves the pending actions by the head of a response. `Err`: another outcome replaces the response.
    pub(crate) fn resolve(mut self, head: &mut Parts) -> Result<Self, Box<Outcome>> {
        for index in self.changes.retain_applicable(head, self.is_head) {
            self.actions.skip(index, SkipReason::NotDeliverable);
        }
        // Message rules of a WebSocket that was not opened.
        let is_websocket = head.status == StatusCode::SWITCHING_PROTOCOLS;
        for index in 0..self.actions.len() {
            if self.actions.is(index, ActionState::Pending)
                && !self.inspects.iter().any(|(of, _)| *of == index)
            {
                if self.changes.contains(index) || is_websocket {
                    self.actions.set(index, ActionState::Done);
                } else {
                    self.actions.skip(index, SkipReason::NotDeliverable);
                }
            }
        }
        let had_body = !is_bodiless(head.status);
        for (index, inspect) in std::mem::take(&mut self.inspects) {
            let original = head.clone();
            // A fault that is off by now leaves the response alone.
            let outcome =
                if self.state.is_off() { Some(InjectOutcome::Skip) } else { guard(|| inspect.call(head)) };
            self.actions.set(index, ActionState::Done);
            match outcome {
                Some(InjectOutcome::Continue | InjectOutcome::Inspect(_)) => {}
                Some(InjectOutcome::Skip) | None => {
                    *head = original;
                    let reason =
                        if outcome.is_some() { SkipReason::Declined } else { SkipReason::CallbackPanicked };
                    self.actions.skip(index, reason);
                }
                Some(outcome) => {
                    let outcome = self.end_custom(index, Ok(outcome));
                    return Err(Box::new(outcome));
                }
            }
        }
        if had_body && is_bodiless(head.status) {
            self.changes.drop_content();
        }
        Ok(self)
    }

    /// Tests whether the response decides about an action.
    pub(crate) fn has_pending(&self) -> bool {
        self.actions.has_pending()
    }

    /// Goes on with a response that was [resolved](Self::resolve).
    pub(crate) fn resume(self) -> (Option<Mark>, Option<Self>) {
        let is_over = self.changes.is_empty();
        self.proceed(is_over)
    }

    async fn wait(&self, time: Duration) -> Option<()> {
        // A timer of zero length would still wait for the next tick.
        if time.is_zero() {
            return Some(());
        }
        delay(&self.state, self.capability.placement(), time).await
    }

    /// Returns the delay of the head of the response.
    pub(crate) fn pause_head(&self, time: Duration) -> Pause {
        let (state, placement) = (self.state.clone(), self.capability.placement());
        Pause::new(async move { delay(&state, placement, time).await })
    }

    /// `Err`: the request goes on without it.
    async fn run_custom(&self, inject: &dyn Inject, draws: Draws) -> Result<InjectOutcome, Phase> {
        // Present, since a custom injector is among the steps.
        let request = self.request.clone().unwrap_or_default();
        let context = InjectContext {
            request,
            draws,
            can_reject: self.capability.delivery(Termination::Empty) != DeliveryMethod::None,
        };
        const PANICKED: Phase = Phase::Skipped(SkipReason::CallbackPanicked);
        let future = GuardedFuture::new(guard(|| inject.inject(context)).ok_or(PANICKED)?);
        let outcome = self.state.run_until_off(future).await.ok_or(Phase::Cancelled)?;
        outcome.ok_or(PANICKED)
    }

    /// Forwards the request without further changes.
    fn pass(mut self, phase: Phase) -> Outcome {
        self.end(phase);
        let mark = self.actions.is_done().then(|| self.mark());
        Outcome::Forward { mark, request: Changes::default(), execution: None }
    }

    fn respond(mut self, mut response: Response<Bytes>) -> Outcome {
        if self.actions.has_pending() {
            let (mut head, body) = response.into_parts();
            self = match self.resolve(&mut head) {
                Ok(execution) => execution,
                Err(outcome) => return *outcome,
            };
            response = Response::from_parts(head, body);
        }
        self.count_injection();
        if is_bodiless(response.status()) {
            response.body_mut().clear();
            remove_content(response.headers_mut());
        } else if self.is_head {
            strip_body(&mut response);
        }
        self.mark().put_on(&mut response);
        if self.changes.is_empty() {
            self.end(Phase::Finished);
            return Outcome::Respond(response, None);
        }
        Outcome::Respond(response, Some(self))
    }

    /// Applies a step to the connection, whose presence was checked when the steps were drawn.
    fn command_connection(&mut self, step: ConnectionStep) {
        if matches!(step, ConnectionStep::Drain { .. }) {
            self.is_last_response = self.capability.is_http1();
        }
        let Some(connection) = self.capability.connection() else { return };
        match step {
            ConnectionStep::Drain { code: None } => connection.drain(),
            ConnectionStep::Drain { code: Some(code) } => connection.go_away(code),
            ConnectionStep::ChunkFraming(how) => {
                self.changes.add(usize::MAX, Change::Body(Box::new(ChunkedStage)));
                let handle = Box::new(ActiveHandle::new(self.state.clone()));
                connection.send(Command::Http(HttpCommand::ChunkFraming { how, handle }));
            }
            ConnectionStep::Toxic { injector, kind, direction, draws } => {
                let handle = Box::new(ActiveHandle::new(self.state.clone()));
                connection.send(Command::Toxic { injector, kind, direction, draws, handle });
            }
        }
    }

    fn reject(mut self, index: usize, termination: Termination) -> Outcome {
        let delivery = self.capability.delivery(termination);
        // Only a custom injector can request this; others were checked when the steps were drawn.
        if delivery == DeliveryMethod::None {
            return self.skip(index, SkipReason::NotDeliverable);
        }
        self.end(Phase::Finished);
        let mark = self.mark();
        if let (DeliveryMethod::Connection, Some(connection)) = (delivery, self.capability.connection()) {
            let closing =
                if termination == Termination::Reset { Termination::Reset } else { Termination::Close };
            connection.end(closing, mark.injected.fault.clone());
        }
        Outcome::Reject(Rejected { mark, termination, delivery })
    }

    /// Skips an action, and forwards the request without further changes.
    fn skip(mut self, index: usize, reason: SkipReason) -> Outcome {
        self.actions.skip(index, reason);
        if !self.actions.is_done() {
            self.count_skip(reason);
        }
        self.pass(Phase::Skipped(reason))
    }

    /// Returns the actions that were done.
    fn mark(&self) -> Mark {
        Mark {
            header: self.state.mark.clone(),
            is_last_response: self.is_last_response,
            injected: Injected {
                fault: self.state.name.clone(),
                actions: self.actions.done(),
                is_reject: false,
                inner: None,
            },
        }
    }

    fn count_skip(&mut self, reason: SkipReason) {
        if !std::mem::replace(&mut self.is_counted, true) {
            self.state.count_skipped(reason);
        }
    }

    fn count_injection(&mut self) {
        if !self.is_counted {
            self.is_counted = true;
            self.state.count_injected();
        }
    }

    fn end(&mut self, phase: Phase) {
        if std::mem::replace(&mut self.is_ended, true) {
            return;
        }
        if self.awaited.is_some() {
            return self.report_unstarted(SkipReason::ResponseMismatch);
        }
        if self.actions.has_pending() && !self.actions.is_done() {
            // There was no response to decide about them.
            self.count_skip(SkipReason::NotDeliverable);
        }
        self.count_injection();
        self.report(phase);
    }

    fn report(&self, phase: Phase) {
        let Some(request) = &self.request else { return };
        let placement = self.capability.placement();
        let actions = self.actions.begun(0, self.actions.len());
        self.state.report(phase, &actions, placement, request);
        let uri = original_uri(placement, request);
        for span in &self.reporters {
            let actions = self.actions.begun(span.from, span.to);
            if !actions.is_empty() {
                guard(|| {
                    span.reporter.report(&Event::new(
                        self.state.names(),
                        placement.into(),
                        phase,
                        &actions,
                        request,
                        uri,
                    ))
                });
            }
        }
    }
}

impl Execution {
    /// Returns the number of bytes of the request body to be read during a delay.
    pub(crate) fn read_ahead(&self) -> usize {
        self.state.read_ahead
    }

    /// Takes the steps of a stream that has begun, and counts them as done.
    pub(crate) fn join(&mut self) -> Vec<Step> {
        self.actions.set_all(ActionState::Done);
        self.count_injection();
        std::mem::take(&mut self.steps)
    }

    /// Tests whether it ends with a hang.
    pub(crate) fn hangs(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Hang(_)))
    }

    /// Returns the handle for the request body.
    pub(crate) fn handle(&self) -> Box<dyn FaultHandle> {
        Box::new(ActiveHandle::new(self.state.clone()))
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        self.end(Phase::Abandoned);
        if self.awaited.is_none() {
            self.state.remove_active();
        }
    }
}

impl FaultHandle for Execution {
    fn name(&self) -> Arc<str> {
        self.state.name.clone()
    }

    fn is_off(&self) -> bool {
        self.state.is_off()
    }

    fn when_off(&self) -> WhenOff {
        when_off(&self.state)
    }

    fn pause(&self, time: Duration) -> Pause {
        pause(&self.state, time)
    }

    fn reset_connection(&self) {
        if let Some(connection) = self.capability.connection() {
            connection.end(Termination::Reset, self.state.name.clone());
        }
    }

    fn done(&mut self, is_cancelled: bool) {
        self.end(if is_cancelled { Phase::Cancelled } else { Phase::Finished });
    }
}

/// Keeps only the length of a response to HEAD: not every server strips the body (hyper does so on
pub(crate) fn clone_head<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = request.extensions().clone();
    head
}
