//! FaultFuture: runs the steps, calls the service, changes the response.

use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
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
use crate::fault::standby::Standby;
use crate::report::mark::Mark;

/// Turns a rejection into a failing response, or into the client's error.
pub(crate) type RejectFn<E> = fn(Rejected) -> Result<Rejected, E>;

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
        #[pin]
        response: Option<S::Future>,
        mark: Option<Mark>,
        injection: Option<ResponseInjection>,
        pending_response: Option<PendingResponse<S::Response>>,
        pause: Option<Pause>,
        on_reject: RejectFn<S::Error>,
    }
}

/// A delayed request.
enum DelayedRequest<B> {
    Whole(Request<B>),
    /// Its body is read meanwhile.
    Read(Request<()>, ReadAhead<B>),
}

impl<B> DelayedRequest<B> {
    fn into_request(self) -> Request<B> {
        match self {
            Self::Whole(request) => request,
            Self::Read(request, read_ahead) => request.map(|()| read_ahead.into_body()),
        }
    }
}

/// A response that is not changed yet.
enum PendingResponse<R> {
    Service(R),
    Own(Response<Bytes>),
}

impl<S, B> InjectedState<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn new(
        execution: Box<Execution>,
        service: S,
        request: Request<B>,
        rebox: Option<BodyRebox<B>>,
        on_reject: RejectFn<S::Error>,
    ) -> Self {
        // HTTP/2 reports a client that leaves.
        let read_ahead = if request.version() < Version::HTTP_2 { execution.read_ahead() } else { 0 };
        let delayed = match rebox.filter(|_| read_ahead > 0) {
            Some(rebox) => {
                let (parts, body) = request.into_parts();
                DelayedRequest::Read(Request::from_parts(parts, ()), ReadAhead::new(rebox, body, read_ahead))
            }
            None => DelayedRequest::Whole(request),
        };
        Self {
            execution: Box::pin(execution.run()),
            delayed: Some((service, delayed)),
            rebox,
            response: None,
            mark: None,
            injection: None,
            pending_response: None,
            pause: None,
            on_reject,
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
        ready!(this.poll_pause(cx));
        // Absent only after completion.
        let Some(response) = this.pending_response.take() else { return Poll::Pending };
        this.response.set(None);
        let response = match response {
            PendingResponse::Service(response) => response.map(FaultBody::service),
            PendingResponse::Own(response) if is_bodiless(response.status()) => {
                response.map(|_| FaultBody::no_content())
            }
            PendingResponse::Own(response) => response.map(FaultBody::text),
        };
        Poll::Ready(Ok(match this.injection.take() {
            Some(injection) => injection.apply(response),
            None => response,
        }))
    }
}

impl<S, B, ResB> InjectedProjection<'_, S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    /// Runs the steps, and calls the service unless they end the request.
    fn poll_execution(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<Completed<ResB, S::Error>>> {
        let Some((_, delayed)) = self.delayed else { return Poll::Ready(ControlFlow::Continue(())) };
        if let DelayedRequest::Read(_, body) = delayed
            && let Err(error) = body.poll(cx)
        {
            // The client has left: the execution is dropped, and hyper drops the connection.
            *self.delayed = None;
            *self.execution = Box::pin(std::future::pending());
            let mut response = Response::new(FaultBody::failed(error));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Poll::Ready(ControlFlow::Break(Ok(response)));
        }
        let outcome = ready!(self.execution.as_mut().poll(cx));
        let delayed = self.delayed.take();
        match outcome {
            Outcome::Forward { mark, request: changes, execution } => {
                *self.mark = mark;
                let rebox = *self.rebox;
                let response = delayed.map(|(mut service, delayed)| {
                    let request = delayed.into_request();
                    match &execution {
                        Some(execution) => {
                            service.call(changes.request(request, rebox, || execution.handle()))
                        }
                        // An execution that is over changes nothing.
                        None => service.call(request),
                    }
                });
                self.response.set(response);
                *self.injection = execution.map(ResponseInjection);
            }
            Outcome::Respond(response, execution) => self.respond(response, execution),
            Outcome::Reject(rejected) => {
                return Poll::Ready(ControlFlow::Break((self.on_reject)(rejected).map(reject)));
            }
        }
        Poll::Ready(ControlFlow::Continue(()))
    }

    /// Takes a response of the fault.
    fn respond(&mut self, response: Response<Bytes>, execution: Option<Execution>) {
        let injection = execution.map(ResponseInjection);
        *self.pause = injection.as_ref().and_then(ResponseInjection::pause);
        *self.injection = injection;
        *self.pending_response = Some(PendingResponse::Own(response));
    }

    /// Waits for the service's response, unless the fault has its own.
    fn poll_service(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<Completed<ResB, S::Error>>> {
        if self.pending_response.is_some() {
            return Poll::Ready(ControlFlow::Continue(()));
        }
        // Absent only after completion.
        let Some(response) = self.response.as_mut().as_pin_mut() else { return Poll::Pending };
        let mut response = match ready!(response.poll(cx)) {
            Ok(response) => response,
            Err(error) => {
                self.injection.take().into_iter().for_each(ResponseInjection::fail);
                return Poll::Ready(ControlFlow::Break(Err(error)));
            }
        };
        if let Some(ResponseInjection(execution)) =
            self.injection.take_if(|injection| injection.0.has_pending())
        {
            let (mut head, body) = response.into_parts();
            let (mark, execution) = match execution.resolve(&mut head).map_err(|outcome| *outcome) {
                Ok(execution) => execution.resume(),
                Err(Outcome::Forward { mark, execution, .. }) => (mark, execution),
                Err(Outcome::Respond(response, execution)) => {
                    self.respond(response, execution);
                    return Poll::Ready(ControlFlow::Continue(()));
                }
                Err(Outcome::Reject(rejected)) => {
                    return Poll::Ready(ControlFlow::Break((self.on_reject)(rejected).map(reject)));
                }
            };
            *self.mark = mark;
            *self.injection = execution.map(ResponseInjection);
            response = Response::from_parts(head, body);
        }
        if let Some(mark) = self.mark.take() {
            mark.put_on(&mut response);
        }
        *self.pause = self.injection.as_ref().and_then(ResponseInjection::pause);
        *self.pending_response = Some(PendingResponse::Service(response));
        Poll::Ready(ControlFlow::Continue(()))
    }

    /// Waits for the delay of the response's head.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = self.pause {
            if ready!(pause.poll(cx)).is_none() {
                self.injection.take().into_iter().for_each(ResponseInjection::cancel);
            }
            *self.pause = None;
        }
        Poll::Ready(())
    }
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

pin_project! {
    /// The response future of a [`FaultService`](crate::FaultService).
    #[must_use = "futures do nothing unless polled"]
    pub struct FaultFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        // The common case: nothing is boxed, and nothing is stored beside the response.
        Passthrough { #[pin] response: S::Future },
        // The fault is off, and has rules for the messages of a stream.
        Watching { #[pin] response: S::Future, standby: Arc<Standby> },
        Injected { injected: Pin<Box<InjectedState<S, B>>> },
    }
}

impl<S, B> FaultFuture<S, B>
where
    S: Service<Request<B>>,
{
    #[inline]
    pub(crate) fn passthrough(response: S::Future) -> Self {
        Self { state: State::Passthrough { response } }
    }

    pub(crate) fn watching(response: S::Future, standby: Arc<Standby>) -> Self {
        Self { state: State::Watching { response, standby } }
    }

    pub(crate) fn injected(
        execution: Box<Execution>,
        service: S,
        request: Request<B>,
        rebox: Option<BodyRebox<B>>,
        on_reject: RejectFn<S::Error>,
    ) -> Self {
        Self {
            state: State::Injected {
                injected: Box::pin(InjectedState::new(execution, service, request, rebox, on_reject)),
            },
        }
    }
}

impl<S, B, ResB> Future for FaultFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Output = Result<Response<FaultBody<ResB>>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passthrough { response } => {
                response.poll(cx).map_ok(|response| response.map(FaultBody::service))
            }
            StateProjection::Watching { response, standby } => {
                let response = ready!(response.poll(cx))?;
                Poll::Ready(Ok(standby.response(response.map(FaultBody::service))))
            }
            StateProjection::Injected { injected } => poll_injected(injected.as_mut(), cx),
        }
    }
}

/// Not inlined into the common case, as its frame is large.
#[cold]
#[inline(never)]
fn poll_injected<S, B, ResB>(
    injected: Pin<&mut InjectedState<S, B>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<FaultBody<ResB>>, S::Error>>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    injected.poll(cx)
}

impl<S, B> fmt::Debug for FaultFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Passthrough { .. } => "passthrough",
            State::Watching { .. } => "watching",
            State::Injected { .. } => "injected",
        };
        f.debug_tuple("FaultFuture").field(&state).finish()
    }
}

/// An execution that waits for the response.
pub(crate) struct ResponseInjection(pub(crate) Execution);

impl ResponseInjection {
    /// Returns the delay of the head, if there is one.
    pub(crate) fn pause(&self) -> Option<Pause> {
        let time = self.0.changes.wait();
        (!time.is_zero()).then(|| self.0.pause(time))
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
