//! InjectedState: runs the steps, calls the service, changes the response.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::error::RejectError;
use crate::body::fault_body::FaultBody;
use crate::body::request_body::{BodyRebox, ReadAhead};
use crate::body::stage::{FaultHandle, Pause};
use crate::connection::command::Termination;
use crate::fault::capability::DeliveryMethod;
use crate::fault::changes::is_bodiless;
use crate::fault::execution::{Execution, Outcome, Rejected};
use crate::fault::source::Remaining;
use crate::fault::standby::Standby;
use crate::report::mark::{Injected, Mark};
use crate::service::evaluation::ErrorFns;

/// Output of the future of an injected request.
type Completed<B, E> = Result<Response<FaultBody<B>>, E>;

pin_project! {
    /// The states of one injected request, in order: the execution before the service is called,
    /// the service, the delay of the response.
    #[project = InjectedProjection]
    pub(crate) struct InjectedState<S, B>
    where
        S: Service<Request<B>>,
    {
        execution: Pin<Box<dyn Future<Output = Outcome> + Send>>,
        // With the service that is ready for it; `None` once the execution is over.
        delayed: Option<(S, DelayedRequest<B>)>,
        rebox: Option<BodyRebox<B>>,
        // Faults of a set that have not decided yet.
        remaining: Option<Remaining>,
        // Faults of the set that are off, and have rules for the messages of a body.
        standbys: Vec<Arc<Standby>>,
        #[pin]
        response: Option<S::Future>,
        // Changes of the response, those of the outermost fault first.
        layers: Vec<ResponseLayer>,
        // How many of them, from the last on, have no delay left.
        waited: usize,
        pending_response: Option<PendingResponse<S::Response>>,
        // The execution of a fault that matched the response.
        late: Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
        pause: Option<Pause>,
        errors: ErrorFns<S::Error>,
    }
}

/// A delayed request.
enum DelayedRequest<B> {
    Whole(Request<B>),
    /// Its body is read meanwhile.
    Read(Request<()>, ReadAhead<B>),
}

impl<B> DelayedRequest<B> {
    fn new(request: Request<B>, execution: &Execution, rebox: Option<BodyRebox<B>>) -> Self {
        // HTTP/2 reports a client that leaves.
        let read_ahead = if request.version() < Version::HTTP_2 { execution.read_ahead() } else { 0 };
        match rebox.filter(|_| read_ahead > 0) {
            Some(rebox) => {
                let (parts, body) = request.into_parts();
                Self::Read(Request::from_parts(parts, ()), ReadAhead::new(rebox, body, read_ahead))
            }
            None => Self::Whole(request),
        }
    }

    fn into_request(self) -> Request<B> {
        match self {
            Self::Whole(request) => request,
            Self::Read(request, read_ahead) => request.map(|()| read_ahead.into_body()),
        }
    }
}

/// A response whose body is not changed yet.
enum PendingResponse<R> {
    Service(R),
    Own(Response<Bytes>),
    Rejected(Rejected),
}

impl<B> PendingResponse<Response<B>> {
    /// Returns the head. `None`: there is no response, or it stands for a rejection.
    fn head(&self) -> Option<(StatusCode, &HeaderMap)> {
        let (status, headers, extensions) = match self {
            Self::Service(response) => (response.status(), response.headers(), response.extensions()),
            Self::Own(response) => (response.status(), response.headers(), response.extensions()),
            Self::Rejected(_) => return None,
        };
        let is_reject = extensions.get::<Injected>().is_some_and(Injected::is_reject);
        (!is_reject).then_some((status, headers))
    }
}

/// Changes of the response by one fault.
struct ResponseLayer {
    mark: Option<Mark>,
    injection: Option<ResponseInjection>,
}

impl ResponseLayer {
    /// Marks the head and applies its edits.
    fn edit_head<B>(&mut self, response: &mut Response<B>) {
        if let Some(mark) = self.mark.take() {
            mark.put_on(response);
        }
        if let Some(ResponseInjection(execution)) = &mut self.injection {
            execution.changes.edit_head(response, execution.is_head);
        }
    }

    /// Tests whether the fault has done nothing so far.
    fn is_untouched(&self) -> bool {
        self.mark.is_none() && self.injection.as_ref().is_none_or(|injection| injection.0.awaits_response())
    }
}

impl<S, B> InjectedState<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn new(
        execution: Box<Execution>,
        remaining: Option<Remaining>,
        service: S,
        request: Request<B>,
        rebox: Option<BodyRebox<B>>,
        errors: ErrorFns<S::Error>,
    ) -> Self {
        Self {
            delayed: Some((service, DelayedRequest::new(request, &execution, rebox))),
            execution: Box::pin(execution.run()),
            rebox,
            remaining,
            standbys: Vec::new(),
            response: None,
            layers: Vec::new(),
            waited: 0,
            pending_response: None,
            late: None,
            pause: None,
            errors,
        }
    }
}

impl<S, B, ResB> Future for InjectedState<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Output = Result<Response<FaultBody<ResB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let ControlFlow::Break(result) = ready!(this.poll_execution(cx)) {
            return Poll::Ready(result);
        }
        if let ControlFlow::Break(result) = ready!(this.poll_service(cx)) {
            return Poll::Ready(result);
        }
        if let ControlFlow::Break(result) = ready!(this.poll_layers(cx)) {
            return Poll::Ready(result);
        }
        // Absent only after completion.
        let Some(response) = this.pending_response.take() else { return Poll::Pending };
        this.response.set(None);
        let response = match response {
            PendingResponse::Service(response) => watch(response.map(FaultBody::service), this.standbys),
            PendingResponse::Own(response) if is_bodiless(response.status()) => {
                response.map(|_| FaultBody::no_content())
            }
            PendingResponse::Own(response) => response.map(FaultBody::text),
            PendingResponse::Rejected(rejected) => reject(rejected),
        };
        Poll::Ready(Ok(this.layers.drain(..).rev().fold(response, |mut response, mut layer| {
            // Only a rejection has a head that was not edited before.
            layer.edit_head(&mut response);
            match layer.injection {
                Some(injection) => injection.apply(response),
                None => response,
            }
        })))
    }
}

impl<S, B, ResB> InjectedProjection<'_, S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    /// Runs the steps of each fault, and calls the service unless they end the request.
    fn poll_execution(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<Completed<ResB, S::Error>>> {
        while let Some((_, delayed)) = self.delayed {
            if let DelayedRequest::Read(_, body) = delayed
                && let Err(error) = body.poll(cx)
            {
                // The client has left: the execution is dropped, and hyper drops the connection.
                *self.delayed = None;
                *self.execution = Box::pin(std::future::pending());
                self.layers.clear();
                let mut response = Response::new(FaultBody::failed(error));
                *response.status_mut() = StatusCode::BAD_REQUEST;
                return Poll::Ready(ControlFlow::Break(Ok(response)));
            }
            let outcome = ready!(self.execution.as_mut().poll(cx));
            let Some((service, delayed)) = self.delayed.take() else { break };
            match outcome {
                Outcome::Forward { mark, request: changes, execution } => {
                    let mut request = delayed.into_request();
                    // An execution that is over changes nothing.
                    if let Some(execution) = &execution {
                        request = changes.request(request, *self.rebox, || execution.handle());
                    }
                    self.layers.push(ResponseLayer { mark, injection: execution.map(ResponseInjection) });
                    self.forward(service, request);
                }
                Outcome::Respond(response, execution) => {
                    let injection = execution.map(ResponseInjection);
                    self.layers.push(ResponseLayer { mark: None, injection });
                    *self.pending_response = Some(PendingResponse::Own(response));
                }
                Outcome::Reject(rejected) => return Poll::Ready(self.reject(rejected)),
            }
        }
        Poll::Ready(ControlFlow::Continue(()))
    }

    /// Hands the request to the next fault of the set that acts on it, or to the service.
    fn forward(&mut self, mut service: S, mut request: Request<B>) {
        let rebox = *self.rebox;
        let remaining = self.remaining.as_mut();
        match remaining.and_then(|faults| faults.next(&mut request, || rebox.is_some())) {
            Some(next) => {
                *self.delayed = Some((service, DelayedRequest::new(request, &next, rebox)));
                *self.execution = Box::pin(next.run());
            }
            None => {
                let standbys = self.remaining.as_ref().map(|faults| faults.watch(&mut request));
                *self.standbys = standbys.unwrap_or_default();
                let standbys = self.standbys.iter();
                let request = standbys.fold(request, |request, standby| standby.request(request, rebox));
                self.response.set(Some(service.call(request)));
            }
        }
    }

    /// Takes a rejection as the response, or as the result if no fault is around it.
    fn reject(&mut self, rejected: Rejected) -> ControlFlow<Completed<ResB, S::Error>> {
        match (self.errors.on_reject)(rejected) {
            Ok(rejected) if self.layers.is_empty() || rejected.delivery == DeliveryMethod::Unwind => {
                ControlFlow::Break(Ok(reject(rejected)))
            }
            Ok(rejected) => {
                *self.pending_response = Some(PendingResponse::Rejected(rejected));
                ControlFlow::Continue(())
            }
            Err(error) => {
                fail(self.layers);
                ControlFlow::Break(Err(error))
            }
        }
    }

    /// Waits for the service's response, unless a fault has its own.
    fn poll_service(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<Completed<ResB, S::Error>>> {
        if self.pending_response.is_some() {
            return Poll::Ready(ControlFlow::Continue(()));
        }
        // Absent only after completion.
        let Some(response) = self.response.as_mut().as_pin_mut() else { return Poll::Pending };
        let poll = || response.poll(cx);
        let response = ready!(match self.remaining {
            Some(remaining) if self.layers.iter().all(ResponseLayer::is_untouched) => {
                remaining.poll_observed(poll)
            }
            _ => poll(),
        });
        if let Some(remaining) = self.remaining
            && self.layers.iter().all(ResponseLayer::is_untouched)
        {
            remaining.observe(&response, self.errors.is_injected);
        }
        match response {
            Ok(response) => *self.pending_response = Some(PendingResponse::Service(response)),
            Err(error) => {
                fail(self.layers);
                return Poll::Ready(ControlFlow::Break(Err(error)));
            }
        }
        Poll::Ready(ControlFlow::Continue(()))
    }

    /// Lets each fault decide about the response, waits for its delay of the head, and edits the head, the
    /// innermost first.
    fn poll_layers(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<Completed<ResB, S::Error>>> {
        while *self.waited < self.layers.len() {
            let index = self.layers.len() - 1 - *self.waited;
            if let ControlFlow::Break(result) = ready!(self.poll_late(index, cx)) {
                return Poll::Ready(ControlFlow::Break(result));
            }
            if let ControlFlow::Break(result) = self.resolve(index) {
                return Poll::Ready(ControlFlow::Break(result));
            }
            let Some(layer) = self.layers.get_mut(index) else { continue };
            if self.pause.is_none() {
                *self.pause = layer.injection.as_ref().and_then(ResponseInjection::pause);
            }
            if let Some(pause) = self.pause {
                if ready!(pause.poll(cx)).is_none() {
                    layer.injection.take().into_iter().for_each(ResponseInjection::cancel);
                }
                *self.pause = None;
            }
            self.edit_head(index);
            *self.waited += 1;
        }
        Poll::Ready(ControlFlow::Continue(()))
    }

    /// Runs the steps of a fault that waited for the response, if it matches.
    fn poll_late(
        &mut self,
        index: usize,
        cx: &mut Context<'_>,
    ) -> Poll<ControlFlow<Completed<ResB, S::Error>>> {
        if self.late.is_none() {
            let layer = self
                .layers
                .get_mut(index)
                .and_then(|layer| layer.injection.take_if(|injection| injection.0.awaits_response()));
            let Some(ResponseInjection(execution)) = layer else {
                return Poll::Ready(ControlFlow::Continue(()));
            };
            let head = self.pending_response.as_ref().and_then(PendingResponse::head);
            let Some(execution) = execution.start_after(head) else {
                return Poll::Ready(ControlFlow::Continue(()));
            };
            *self.late = Some(Box::pin(execution.run()));
        }
        let Some(late) = self.late else { return Poll::Ready(ControlFlow::Continue(())) };
        let outcome = ready!(late.as_mut().poll(cx));
        *self.late = None;
        Poll::Ready(self.replace(index, outcome))
    }

    /// Applies the changes of one fault to the head, so that the faults around it see what it sends.
    fn edit_head(&mut self, index: usize) {
        let Some(layer) = self.layers.get_mut(index) else { return };
        match self.pending_response {
            Some(PendingResponse::Service(response)) => layer.edit_head(response),
            Some(PendingResponse::Own(response)) => layer.edit_head(response),
            Some(PendingResponse::Rejected(_)) | None => {}
        }
    }

    /// Lets the head of the response decide about the pending actions of one fault.
    fn resolve(&mut self, index: usize) -> ControlFlow<Completed<ResB, S::Error>> {
        let Some(ResponseInjection(execution)) = self
            .layers
            .get_mut(index)
            .and_then(|layer| layer.injection.take_if(|injection| injection.0.has_pending()))
        else {
            return ControlFlow::Continue(());
        };
        let resolved = match self.pending_response.take() {
            Some(PendingResponse::Service(response)) => {
                let (mut head, body) = response.into_parts();
                let resolved = execution.resolve(&mut head);
                *self.pending_response = Some(PendingResponse::Service(Response::from_parts(head, body)));
                resolved
            }
            Some(PendingResponse::Own(response)) => {
                let (mut head, body) = response.into_parts();
                let resolved = execution.resolve(&mut head);
                *self.pending_response = Some(PendingResponse::Own(Response::from_parts(head, body)));
                resolved
            }
            other => {
                // A rejection has no head that could be changed.
                let (mut head, ()) = Response::new(()).into_parts();
                head.status = StatusCode::INTERNAL_SERVER_ERROR;
                *self.pending_response = other;
                execution.resolve(&mut head)
            }
        };
        match resolved {
            Ok(execution) => {
                let (mark, execution) = execution.resume();
                self.layers[index] = ResponseLayer { mark, injection: execution.map(ResponseInjection) };
                ControlFlow::Continue(())
            }
            Err(outcome) => self.replace(index, *outcome),
        }
    }

    /// Applies the outcome of a fault to the response that is there.
    fn replace(&mut self, index: usize, outcome: Outcome) -> ControlFlow<Completed<ResB, S::Error>> {
        match outcome {
            Outcome::Forward { mark, execution, .. } => {
                self.layers[index] = ResponseLayer { mark, injection: execution.map(ResponseInjection) };
            }
            Outcome::Respond(response, execution) => {
                self.layers[index] =
                    ResponseLayer { mark: None, injection: execution.map(ResponseInjection) };
                // What the faults within would do to the response that was replaced.
                self.layers.truncate(index + 1);
                *self.waited = 0;
                *self.pending_response = Some(PendingResponse::Own(response));
            }
            Outcome::Reject(rejected) => {
                self.layers.truncate(index);
                *self.waited = 0;
                return self.reject(rejected);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Watches the body of a response for faults that are off, the innermost first.
pub(crate) fn watch<B>(
    response: Response<FaultBody<B>>,
    standbys: &[Arc<Standby>],
) -> Response<FaultBody<B>> {
    standbys.iter().rev().fold(response, |response, standby| standby.response(response))
}

/// Ends the injections that waited for a response which does not come.
fn fail(layers: &mut Vec<ResponseLayer>) {
    layers.drain(..).rev().filter_map(|layer| layer.injection).for_each(ResponseInjection::fail);
}

/// Returns a response whose body fails at once, so that no client receives it.
fn reject<ResB>(Rejected { mut mark, termination, delivery }: Rejected) -> Response<FaultBody<ResB>> {
    let code = if let Termination::Code(code) = termination { Some(code) } else { None };
    let error = RejectError::new(mark.injected.fault.clone(), code);
    if delivery == DeliveryMethod::Unwind {
        // Not `panic!`: the hook would print a backtrace.
        std::panic::resume_unwind(Box::new(error));
    }
    let mut response = Response::new(FaultBody::reject(error));
    // If the head is sent nevertheless, it is a marked failure and not a success. It also gives a
    // response to CONNECT a body, which a 2xx would not have.
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    mark.injected.is_reject = true;
    mark.put_on(&mut response);
    response
}

/// An execution that waits for the response.
pub(crate) struct ResponseInjection(pub(crate) Execution);

impl ResponseInjection {
    /// Returns the delay of the head, if there is one.
    pub(crate) fn pause(&self) -> Option<Pause> {
        let time = self.0.changes.wait();
        (!time.is_zero()).then(|| self.0.pause_head(time))
    }

    /// The service failed, so there is no response to change.
    pub(crate) fn fail(mut self) {
        self.0.done(false);
    }

    /// The fault was cancelled during the delay.
    pub(crate) fn cancel(mut self) {
        self.0.done(true);
    }

    /// Applies the changes to the response.
    pub(crate) fn apply<B>(self, response: Response<FaultBody<B>>) -> Response<FaultBody<B>> {
        let Self(mut execution) = self;
        let changes = std::mem::take(&mut execution.changes);
        changes.response(response, execution.is_head, execution)
    }
}
