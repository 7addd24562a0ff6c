//! Execution: runs the steps drawn for one request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};

use crate::body::stage::{FaultHandle, Pause, WhenOff};
use crate::connection::command::Termination;
use crate::connection::handle::{Command, HttpCommand};
use crate::connection::messages::MessageTap;
use crate::fault::capability::{Capability, DeliveryMethod};
use crate::fault::changes::Changes;
use crate::fault::state::{ActiveHandle, FaultState, PendingInjection, pause, when_off};
use crate::injector::corrupt::ChunkedStage;
use crate::injector::custom::{Inject, InjectContext, InjectOutcome};
use crate::injector::steps::{Change, ConnectionStep, ReporterSpan, Step, Steps};
use crate::random::draws::Draws;
use crate::report::event::{Event, Phase, SkipReason};
use crate::report::mark::{Injected, Mark};

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
    state: Arc<FaultState>,
    /// The request without its body, for reporters and custom injectors.
    request: Option<Arc<Request<()>>>,
    pub(crate) is_head: bool,
    capability: Capability,
    steps: Vec<Step>,
    /// The changes of the response.
    pub(crate) changes: Changes,
    reporters: Vec<ReporterSpan>,
    injected: Injected,
    /// Number of actions begun.
    started: usize,
    is_counted: bool,
    is_ended: bool,
    /// The response states that it is the last one on its connection.
    is_last_response: bool,
}

impl Execution {
    pub(crate) fn begin<B>(
        state: Arc<FaultState>,
        steps: Steps,
        capability: Capability,
        request: &Request<B>,
    ) -> Self {
        let wanted = state.reporter.is_some() || !steps.reporters.is_empty() || steps.has_custom();
        let injected = Injected { fault: state.name.clone(), actions: steps.actions.into() };
        state.counters.add_active();
        let mut execution = Self {
            request: wanted.then(|| Arc::new(clone_head(request))),
            is_head: request.method() == Method::HEAD,
            state,
            capability,
            steps: steps.list,
            changes: Changes::default(),
            reporters: steps.reporters,
            started: injected.actions.len(),
            injected,
            is_counted: false,
            is_ended: false,
            is_last_response: false,
        };
        // The start is reported with all actions, the end with those that were begun.
        execution.report(Phase::Started);
        execution.started = 0;
        execution
    }

    /// Runs the steps one by one until one of them responds.
    pub(crate) async fn run(mut self) -> Outcome {
        let mut request = Changes::default();
        let only_websocket = self.steps.iter().all(|step| matches!(step, Step::WebSocket(_)));
        for step in std::mem::take(&mut self.steps) {
            self.started += 1;
            match step {
                Step::Wait(time) => {
                    self.count_injection();
                    if self.wait(time).await.is_none() {
                        return self.pass(Phase::Cancelled);
                    }
                }
                Step::Hang(max) => return self.hang(max).await,
                Step::Custom(inject, draws) => match self.run_custom(&*inject, draws).await {
                    Some(InjectOutcome::Continue) => self.count_injection(),
                    outcome => return self.end_custom(outcome),
                },
                Step::Respond(response) => return self.respond(response.response()),
                Step::Reject(termination) => return self.reject(termination),
                Step::Connection(step) => {
                    self.count_injection();
                    self.command_connection(step);
                }
                Step::Request(change) => request.add(change),
                Step::Response(change) => self.changes.add(change),
                Step::WebSocket(tap) => self.tap(tap, only_websocket, &mut request),
            }
        }
        self.forward(request)
    }

    async fn hang(mut self, max: Duration) -> Outcome {
        self.count_injection();
        if self.wait(max).await.is_none() {
            return self.pass(Phase::Cancelled);
        }
        let termination = self.capability.after_hang();
        self.reject(termination)
    }

    /// Does what a custom injector returned; `None`: it was cancelled.
    fn end_custom(self, outcome: Option<InjectOutcome>) -> Outcome {
        match outcome {
            None => self.pass(Phase::Cancelled),
            Some(InjectOutcome::Continue) => self.forward(Changes::default()),
            Some(InjectOutcome::Respond(response)) if self.capability.can_respond() => self.respond(response),
            Some(InjectOutcome::Respond(_)) => self.skip_last_step(),
            Some(InjectOutcome::EmptyReply) => self.reject(Termination::Empty),
            #[cfg(feature = "http2")]
            Some(InjectOutcome::StreamReset(code)) => self.reject(Termination::Code(code.into())),
            Some(InjectOutcome::ConnectionClose) => self.reject(Termination::Close),
            Some(InjectOutcome::ConnectionReset) => self.reject(Termination::Reset),
        }
    }

    /// Applies message rules to the WebSocket that the request opens: on the connection's stream, or
    /// else in [`tap`](crate::tap()).
    fn tap(&mut self, tap: MessageTap, only_websocket: bool, request: &mut Changes) {
        let handle = ActiveHandle::new(self.state.clone());
        if let Some(connection) = self.capability.http1_connection() {
            connection.send(Command::Http(HttpCommand::Messages { tap, handle: Box::new(handle) }));
            return;
        }
        if only_websocket && !std::mem::replace(&mut self.is_counted, true) {
            request.add_pending(PendingInjection::new(self.state.clone()));
        }
        request.tap(tap, handle);
    }

    fn forward(mut self, request: Changes) -> Outcome {
        self.count_injection();
        let mark = (self.started > 0).then(|| self.mark());
        if self.changes.is_empty() && request.is_empty() {
            self.end(Phase::Finished);
            return Outcome::Forward { mark, request, execution: None };
        }
        Outcome::Forward { mark, request, execution: Some(self) }
    }

    async fn wait(&self, time: Duration) -> Option<()> {
        // A timer of zero length would still wait for the next tick.
        if time.is_zero() {
            return Some(());
        }
        self.state.switch.run_until_off(self.state.sleeper.sleep(time)).await
    }

    async fn run_custom(&self, inject: &dyn Inject, draws: Draws) -> Option<InjectOutcome> {
        // Present, since a custom injector is among the steps.
        let request = self.request.clone().unwrap_or_default();
        let context = InjectContext {
            request,
            draws,
            can_reject: self.capability.delivery(Termination::Empty) != DeliveryMethod::None,
        };
        self.state.switch.run_until_off(inject.inject(context)).await
    }

    /// Forwards the request without further changes.
    fn pass(mut self, phase: Phase) -> Outcome {
        self.end(phase);
        let mark = (self.started > 0).then(|| self.mark());
        Outcome::Forward { mark, request: Changes::default(), execution: None }
    }

    fn respond(mut self, mut response: Response<Bytes>) -> Outcome {
        self.count_injection();
        if self.is_head {
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
                self.changes.add(Change::Body(Box::new(ChunkedStage)));
                let handle = Box::new(ActiveHandle::new(self.state.clone()));
                connection.send(Command::Http(HttpCommand::ChunkFraming { how, handle }));
            }
            ConnectionStep::Toxic { injector, kind, direction, draws } => {
                let handle = Box::new(ActiveHandle::new(self.state.clone()));
                connection.send(Command::Toxic { injector, kind, direction, draws, handle });
            }
        }
    }

    fn reject(mut self, termination: Termination) -> Outcome {
        let delivery = self.capability.delivery(termination);
        // Only a custom injector can request this; others were checked when the steps were drawn.
        if delivery == DeliveryMethod::None {
            return self.skip_last_step();
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

    /// Reverts the last action, which cannot be delivered.
    fn skip_last_step(mut self) -> Outcome {
        self.started -= 1;
        if !self.is_counted {
            self.is_counted = true;
            self.state.counters.add_skipped(SkipReason::NotDeliverable);
        }
        self.pass(Phase::Skipped(SkipReason::NotDeliverable))
    }

    /// Returns the actions begun, which may be fewer than planned.
    fn mark(&self) -> Mark {
        let Injected { fault, actions } = &self.injected;
        let actions =
            if self.started == actions.len() { actions.clone() } else { actions[..self.started].into() };
        Mark {
            header: self.state.mark.clone(),
            is_last_response: self.is_last_response,
            injected: Injected { fault: fault.clone(), actions },
        }
    }

    fn count_injection(&mut self) {
        if !self.is_counted {
            self.is_counted = true;
            self.state.counters.add_injected();
        }
    }

    fn end(&mut self, phase: Phase) {
        if std::mem::replace(&mut self.is_ended, true) {
            return;
        }
        self.count_injection();
        self.report(phase);
    }

    fn report(&self, phase: Phase) {
        let Some(request) = &self.request else { return };
        self.state.report(phase, &self.injected.actions[..self.started], request);
        for span in &self.reporters {
            // Some of its actions may not have been begun.
            let actions = &self.injected.actions[span.from.min(self.started)..span.to.min(self.started)];
            if !actions.is_empty() {
                span.reporter.report(&Event::new(&self.state.name, phase, actions, request));
            }
        }
    }
}

impl Execution {
    /// Returns the number of bytes of the request body to be read during a delay.
    pub(crate) fn read_ahead(&self) -> usize {
        self.state.read_ahead
    }

    /// Returns the handle for the request body.
    pub(crate) fn handle(&self) -> Box<dyn FaultHandle> {
        Box::new(ActiveHandle::new(self.state.clone()))
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        self.end(Phase::Abandoned);
        self.state.counters.remove_active();
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
/// HTTP/1 only).
fn strip_body(response: &mut Response<Bytes>) {
    let body = std::mem::take(response.body_mut());
    if !body.is_empty() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(body.len().into());
    }
}

fn clone_head<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = request.extensions().clone();
    head
}
