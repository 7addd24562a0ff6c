//! Executes a plan for one request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};

use crate::body::stage::{Host, Pause};
use crate::connection::command::Ending;
use crate::connection::handle::{Order, Word};
use crate::fault::capability::{By, Reach};
use crate::fault::changes::Changes;
use crate::fault::state::{Active, Promise, Setup, pause};
use crate::injector::corrupt::InChunks;
use crate::injector::custom::{Call, Inject, Verdict};
use crate::injector::plan::{Change, Ear, Plan, Step, Wire};
use crate::random::draws::Draws;
use crate::report::event::{Event, Phase, Skip};
use crate::report::mark::{Injected, Mark};

/// What a strike comes to before the service is asked.
pub(crate) enum Outcome {
    /// The request goes on to the service, changed. If anything was done to it, its response is
    /// marked; if something is to be done to that, the strike goes on as well.
    Pass { mark: Option<Mark>, request: Changes, open: Option<Strike> },
    /// This is the answer, to which something may still be done.
    Answer(Response<Bytes>, Option<Strike>),
    /// There is none.
    Reject(Rejected),
}

/// An exchange that ends without an answer.
pub(crate) struct Rejected {
    pub(crate) mark: Mark,
    pub(crate) ending: Ending,
    pub(crate) by: By,
}

/// One request under one plan. Dropped half-way, it says so and gives back what it holds.
pub(crate) struct Strike {
    setup: Arc<Setup>,
    /// The request without its body, if a reporter or a custom injector wants it.
    request: Option<Arc<Request<()>>>,
    pub(crate) is_head: bool,
    reach: Reach,
    steps: Vec<Step>,
    /// What is to be done to the response.
    pub(crate) changes: Changes,
    ears: Vec<Ear>,
    injected: Injected,
    /// How many deeds were begun.
    begun: usize,
    counted: bool,
    ended: bool,
    /// The answer is the last one on its connection, and says so.
    last: bool,
}

impl Strike {
    pub(crate) fn begin<B>(setup: Arc<Setup>, plan: Plan, reach: Reach, request: &Request<B>) -> Self {
        let wanted = setup.reporter.is_some() || !plan.ears.is_empty() || plan.asks();
        let injected = Injected { fault: setup.name.clone(), deeds: plan.deeds.into() };
        setup.tally.enter();
        let mut strike = Self {
            request: wanted.then(|| Arc::new(without_body(request))),
            is_head: request.method() == Method::HEAD,
            setup,
            reach,
            steps: plan.steps,
            changes: Changes::default(),
            ears: plan.ears,
            begun: injected.deeds.len(),
            injected,
            counted: false,
            ended: false,
            last: false,
        };
        // The start is told of the whole plan, the end of what was done of it.
        strike.report(Phase::Started);
        strike.begun = 0;
        strike
    }

    /// Takes the steps one by one until one of them answers.
    pub(crate) async fn run(mut self) -> Outcome {
        let mut request = Changes::default();
        let only_taps = self.steps.iter().all(|step| matches!(step, Step::Tap(_)));
        for step in std::mem::take(&mut self.steps) {
            self.begun += 1;
            match step {
                Step::Wait(time) => {
                    self.count();
                    if self.wait(time).await.is_none() {
                        return self.pass(Phase::CalledOff);
                    }
                }
                Step::Hang(max) => {
                    self.count();
                    if self.wait(max).await.is_none() {
                        return self.pass(Phase::CalledOff);
                    }
                    let ending = self.reach.after_hang();
                    return self.reject(ending);
                }
                Step::Ask(inject, draws) => match self.ask(&*inject, draws).await {
                    None => return self.pass(Phase::CalledOff),
                    Some(Verdict::Continue) => self.count(),
                    Some(Verdict::Respond(response)) if self.reach.answers() => return self.answer(response),
                    Some(Verdict::Respond(_)) => return self.spare(),
                    Some(Verdict::EmptyReply) => return self.reject(Ending::Empty),
                    #[cfg(feature = "http2")]
                    Some(Verdict::StreamReset(code)) => return self.reject(Ending::Code(code.into())),
                    Some(Verdict::ConnectionClose) => return self.reject(Ending::Close),
                    Some(Verdict::ConnectionReset) => return self.reject(Ending::Reset),
                },
                Step::Answer(answer) => return self.answer(answer.response()),
                Step::Reject(ending) => return self.reject(ending),
                Step::Wire(wire) => {
                    self.count();
                    self.tamper(wire);
                }
                Step::Request(change) => request.add(change),
                Step::Tap(tap) => {
                    let host = Active::new(self.setup.clone());
                    match self.reach.follower() {
                        // Whoever serves it need not know.
                        Some(connection) => {
                            connection.give(Order::Talk(Word::Messages { tap, host: Box::new(host) }));
                        }
                        None => {
                            if only_taps && !std::mem::replace(&mut self.counted, true) {
                                request.promise(Promise::new(self.setup.clone()));
                            }
                            request.tap(tap, host);
                        }
                    }
                }
                Step::Response(change) => self.changes.add(change),
            }
        }
        self.count();
        let mark = (self.begun > 0).then(|| self.mark());
        if self.changes.is_empty() && request.is_empty() {
            self.end(Phase::Finished);
            return Outcome::Pass { mark, request, open: None };
        }
        Outcome::Pass { mark, request, open: Some(self) }
    }

    async fn wait(&self, time: Duration) -> Option<()> {
        // A timer of no length would still wait for the next tick.
        if time.is_zero() {
            return Some(());
        }
        self.setup.switch.unless_off(self.setup.sleeper.sleep(time)).await
    }

    async fn ask(&self, inject: &dyn Inject, draws: Draws) -> Option<Verdict> {
        // It was kept, since the plan asks.
        let request = self.request.clone().unwrap_or_default();
        let call = Call { request, draws, reachable: self.reach.of(Ending::Empty) != By::Nowhere };
        self.setup.switch.unless_off(inject.inject(call)).await
    }

    /// Lets the request go on, with nothing more to be done to it.
    fn pass(mut self, phase: Phase) -> Outcome {
        self.end(phase);
        let mark = (self.begun > 0).then(|| self.mark());
        Outcome::Pass { mark, request: Changes::default(), open: None }
    }

    fn answer(mut self, mut response: Response<Bytes>) -> Outcome {
        self.count();
        if self.is_head {
            empty(&mut response);
        }
        self.mark().put_on(&mut response);
        if self.changes.is_empty() {
            self.end(Phase::Finished);
            return Outcome::Answer(response, None);
        }
        Outcome::Answer(response, Some(self))
    }

    /// Does it to the connection. A plan whose connection cannot be had is never begun.
    fn tamper(&mut self, wire: Wire) {
        if matches!(wire, Wire::Drain { .. }) {
            self.last = self.reach.is_http1();
        }
        let Some(connection) = self.reach.connection() else { return };
        match wire {
            Wire::Drain { code: None } => connection.drain(),
            Wire::Drain { code: Some(code) } => connection.go_away(code),
            Wire::Chunk(how) => {
                self.changes.add(Change::Body(Box::new(InChunks)));
                let host = Box::new(Active::new(self.setup.clone()));
                connection.give(Order::Talk(Word::Chunk { how, host }));
            }
            Wire::Toxic { place, kind, direction, draws } => {
                let leash = Box::new(Active::new(self.setup.clone()));
                connection.give(Order::Toxic { place, kind, direction, draws, leash });
            }
        }
    }

    fn reject(mut self, ending: Ending) -> Outcome {
        let by = self.reach.of(ending);
        // A plan that would come to this is never begun; only a custom injector can.
        if by == By::Nowhere {
            return self.spare();
        }
        self.end(Phase::Finished);
        let mark = self.mark();
        if let (By::Line, Some(connection)) = (by, self.reach.connection()) {
            let closing = if ending == Ending::Reset { Ending::Reset } else { Ending::Close };
            connection.end(closing, mark.injected.fault.clone());
        }
        Outcome::Reject(Rejected { mark, ending, by })
    }

    /// Undoes the last deed, which would not get through.
    fn spare(mut self) -> Outcome {
        self.begun -= 1;
        if !self.counted {
            self.counted = true;
            self.setup.tally.skip(Skip::Unreachable);
        }
        self.pass(Phase::Skipped(Skip::Unreachable))
    }

    /// Names what was done, which may be less than what was planned.
    fn mark(&self) -> Mark {
        let Injected { fault, deeds } = &self.injected;
        let deeds = if self.begun == deeds.len() { deeds.clone() } else { deeds[..self.begun].into() };
        Mark {
            header: self.setup.mark.clone(),
            last: self.last,
            injected: Injected { fault: fault.clone(), deeds },
        }
    }

    fn count(&mut self) {
        if !self.counted {
            self.counted = true;
            self.setup.tally.inject();
        }
    }

    fn end(&mut self, phase: Phase) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.count();
        self.report(phase);
    }

    fn report(&self, phase: Phase) {
        let Some(request) = &self.request else { return };
        self.setup.report(phase, &self.injected.deeds[..self.begun], request);
        for ear in &self.ears {
            // Some of its deeds may not have been begun.
            let deeds = &self.injected.deeds[ear.from.min(self.begun)..ear.to.min(self.begun)];
            if !deeds.is_empty() {
                ear.reporter.report(&Event::new(&self.setup.name, phase, deeds, request));
            }
        }
    }
}

impl Strike {
    /// How much of the request's body may be read while the request is held back.
    pub(crate) fn read_ahead(&self) -> usize {
        self.setup.read_ahead
    }

    /// The fault as the body of the request knows it.
    pub(crate) fn uploading(&self) -> Box<dyn Host> {
        Box::new(Active::new(self.setup.clone()))
    }
}

impl Drop for Strike {
    fn drop(&mut self) {
        self.end(Phase::Abandoned);
        self.setup.tally.leave();
    }
}

impl Host for Strike {
    fn name(&self) -> Arc<str> {
        self.setup.name.clone()
    }

    fn off(&self) -> bool {
        self.setup.off()
    }

    fn pause(&self, time: Duration) -> Pause {
        pause(&self.setup, time)
    }

    fn reset_connection(&self) {
        if let Some(connection) = self.reach.connection() {
            connection.end(Ending::Reset, self.setup.name.clone());
        }
    }

    fn done(&mut self, called_off: bool) {
        self.end(if called_off { Phase::CalledOff } else { Phase::Finished });
    }
}

/// Leaves of an answer to HEAD what tells the length of that to a GET: not every server empties
/// bodies by itself (hyper does so on HTTP/1 only).
fn empty(response: &mut Response<Bytes>) {
    let body = std::mem::take(response.body_mut());
    if !body.is_empty() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(body.len().into());
    }
}

fn without_body<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = request.extensions().clone();
    head
}
