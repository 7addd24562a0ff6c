//! Executes a plan for one request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};

use crate::body::stage::{FaultHandle, Pause};
use crate::connection::command::Termination;
use crate::connection::handle::{Command, HttpCommand};
use crate::fault::capability::{Capability, DeliveryMethod};
use crate::fault::changes::Changes;
use crate::fault::guards::Permit;
use crate::fault::state::{ActiveHandle, FaultState, PendingInjection, pause};
use crate::injector::corrupt::ChunkedStage;
use crate::injector::custom::{Inject, InjectContext, InjectOutcome};
use crate::injector::steps::{Change, ConnectionStep, ReporterSpan, Step, Steps};
use crate::random::draws::Draws;
use crate::report::event::{Event, Phase, SkipReason};
use crate::report::mark::{Injected, Mark};

/// What a strike comes to before the service is asked.
pub(crate) enum Outcome {
    /// The request goes on to the service, changed. If anything was done to it, its response is
    /// marked; if something is to be done to that, the strike goes on as well.
    Forward { mark: Option<Mark>, request: Changes, execution: Option<Execution> },
    /// This is the answer, to which something may still be done.
    Respond(Response<Bytes>, Option<Execution>),
    /// There is none.
    Reject(Rejected),
}

/// An exchange that ends without an answer.
pub(crate) struct Rejected {
    pub(crate) mark: Mark,
    pub(crate) termination: Termination,
    pub(crate) by: DeliveryMethod,
}

/// One request under one plan. Dropped half-way, it says so and gives back what it holds.
pub(crate) struct Execution {
    state: Arc<FaultState>,
    /// The request without its body, if a reporter or a custom injector wants it.
    request: Option<Arc<Request<()>>>,
    pub(crate) is_head: bool,
    capability: Capability,
    steps: Vec<Step>,
    /// What is to be done to the response.
    pub(crate) changes: Changes,
    reporters: Vec<ReporterSpan>,
    injected: Injected,
    /// How many deeds were begun.
    started: usize,
    is_counted: bool,
    is_ended: bool,
    /// The answer is the last one on its connection, and says so.
    is_last_response: bool,
    /// Held for as long as the injection counts as active in its set.
    _permit: Option<Permit>,
}

impl Execution {
    pub(crate) fn begin<B>(
        state: Arc<FaultState>,
        steps: Steps,
        capability: Capability,
        permit: Option<Permit>,
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
            _permit: permit,
        };
        // The start is told of the whole plan, the end of what was done of it.
        execution.report(Phase::Started);
        execution.started = 0;
        execution
    }

    /// Takes the steps one by one until one of them answers.
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
                Step::Hang(max) => {
                    self.count_injection();
                    if self.wait(max).await.is_none() {
                        return self.pass(Phase::Cancelled);
                    }
                    let termination = self.capability.after_hang();
                    return self.reject(termination);
                }
                Step::Custom(inject, draws) => match self.run_custom(&*inject, draws).await {
                    None => return self.pass(Phase::Cancelled),
                    Some(InjectOutcome::Continue) => self.count_injection(),
                    Some(InjectOutcome::Respond(response)) if self.capability.can_respond() => {
                        return self.respond(response);
                    }
                    Some(InjectOutcome::Respond(_)) => return self.skip_last_step(),
                    Some(InjectOutcome::EmptyReply) => return self.reject(Termination::Empty),
                    #[cfg(feature = "http2")]
                    Some(InjectOutcome::StreamReset(code)) => {
                        return self.reject(Termination::Code(code.into()));
                    }
                    Some(InjectOutcome::ConnectionClose) => return self.reject(Termination::Close),
                    Some(InjectOutcome::ConnectionReset) => return self.reject(Termination::Reset),
                },
                Step::Respond(answer) => return self.respond(answer.response()),
                Step::Reject(termination) => return self.reject(termination),
                Step::Connection(wire) => {
                    self.count_injection();
                    self.command_connection(wire);
                }
                Step::Request(change) => request.add(change),
                Step::WebSocket(tap) => {
                    let handle = ActiveHandle::new(self.state.clone());
                    match self.capability.http1_connection() {
                        // Whoever serves it need not know.
                        Some(connection) => {
                            connection
                                .send(Command::Http(HttpCommand::Messages { tap, handle: Box::new(handle) }));
                        }
                        None => {
                            if only_websocket && !std::mem::replace(&mut self.is_counted, true) {
                                request.add_pending(PendingInjection::new(self.state.clone()));
                            }
                            request.tap(tap, handle);
                        }
                    }
                }
                Step::Response(change) => self.changes.add(change),
            }
        }
        self.count_injection();
        let mark = (self.started > 0).then(|| self.mark());
        if self.changes.is_empty() && request.is_empty() {
            self.end(Phase::Finished);
            return Outcome::Forward { mark, request, execution: None };
        }
        Outcome::Forward { mark, request, execution: Some(self) }
    }

    async fn wait(&self, time: Duration) -> Option<()> {
        // A timer of no length would still wait for the next tick.
        if time.is_zero() {
            return Some(());
        }
        self.state.run_until_off(self.state.sleeper.sleep(time)).await
    }

    async fn run_custom(&self, inject: &dyn Inject, draws: Draws) -> Option<InjectOutcome> {
        // It was kept, since the plan asks.
        let request = self.request.clone().unwrap_or_default();
        let call = InjectContext {
            request,
            draws,
            can_reject: self.capability.delivery(Termination::Empty) != DeliveryMethod::None,
        };
        self.state.run_until_off(inject.inject(call)).await
    }

    /// Lets the request go on, with nothing more to be done to it.
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

    /// Does it to the connection. A plan whose connection cannot be had is never begun.
    fn command_connection(&mut self, wire: ConnectionStep) {
        if matches!(wire, ConnectionStep::Drain { .. }) {
            self.is_last_response = self.capability.is_http1();
        }
        let Some(connection) = self.capability.connection() else { return };
        match wire {
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
        let by = self.capability.delivery(termination);
        // A plan that would come to this is never begun; only a custom injector can.
        if by == DeliveryMethod::None {
            return self.skip_last_step();
        }
        self.end(Phase::Finished);
        let mark = self.mark();
        if let (DeliveryMethod::Connection, Some(connection)) = (by, self.capability.connection()) {
            let closing =
                if termination == Termination::Reset { Termination::Reset } else { Termination::Close };
            connection.end(closing, mark.injected.fault.clone());
        }
        Outcome::Reject(Rejected { mark, termination, by })
    }

    /// Undoes the last deed, which would not get through.
    fn skip_last_step(mut self) -> Outcome {
        self.started -= 1;
        if !self.is_counted {
            self.is_counted = true;
            self.state.counters.add_skipped(SkipReason::NotDeliverable);
        }
        self.pass(Phase::Skipped(SkipReason::NotDeliverable))
    }

    /// Names what was done, which may be less than what was planned.
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
            // Some of its deeds may not have been begun.
            let actions = &self.injected.actions[span.from.min(self.started)..span.to.min(self.started)];
            if !actions.is_empty() {
                span.reporter.report(&Event::new(&self.state.name, phase, actions, request));
            }
        }
    }
}

impl Execution {
    /// How much of the request's body may be read while the request is held back.
    pub(crate) fn read_ahead(&self) -> usize {
        self.state.read_ahead
    }

    /// The fault as the body of the request knows it.
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

    fn off(&self) -> bool {
        self.state.off()
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

/// Leaves of an answer to HEAD what tells the length of that to a GET: not every server empties
/// bodies by itself (hyper does so on HTTP/1 only).
fn strip_body(response: &mut Response<Bytes>) {
    let body = std::mem::take(response.body_mut());
    if !body.is_empty() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(body.len().into());
    }
}

pub(crate) fn clone_head<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = request.extensions().clone();
    head
}
