//! FaultFuture: hold, call, change the response.

use std::fmt;
use std::pin::Pin;
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
use crate::fault::execution::{Execution, Outcome, Rejected};
use crate::report::mark::Mark;

/// What stands for a reject where it happened: itself, for a response that fails, or an error.
pub(crate) type RejectFn<E> = fn(Rejected) -> Result<Rejected, E>;

pin_project! {
    pub(crate) struct InjectedState<S, B>
    where
        S: Service<Request<B>>,
    {
        execution: Pin<Box<dyn Future<Output = Outcome> + Send>>,
        // With the service that was made ready for it; gone once the strike is over.
        held: Option<(S, Held<B>)>,
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

/// A request that is held back.
enum Held<B> {
    Whole(Request<B>),
    /// Its body is read meanwhile.
    Read(Request<()>, ReadAhead<B>),
}

impl<B> Held<B> {
    fn into_request(self) -> Request<B> {
        match self {
            Self::Whole(request) => request,
            Self::Read(request, read_ahead) => request.map(|()| read_ahead.into_body()),
        }
    }
}

/// A response that has yet to be changed.
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
        // HTTP/2 tells of a client that leaves by itself.
        let read_ahead = if request.version() < Version::HTTP_2 { execution.read_ahead() } else { 0 };
        let held = match rebox.filter(|_| read_ahead > 0) {
            Some(rebox) => {
                let (parts, body) = request.into_parts();
                Held::Read(Request::from_parts(parts, ()), ReadAhead::new(rebox, body, read_ahead))
            }
            None => Held::Whole(request),
        };
        Self {
            execution: Box::pin(execution.run()),
            held: Some((service, held)),
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
        if let Some((_, held)) = this.held {
            if let Held::Read(_, read_ahead) = held
                && let Err(error) = read_ahead.poll(cx)
            {
                // Nobody waits any more: the strike is dropped, and hyper drops the connection.
                *this.held = None;
                *this.execution = Box::pin(std::future::pending());
                let mut response = Response::new(FaultBody::failed(error));
                *response.status_mut() = StatusCode::BAD_REQUEST;
                return Poll::Ready(Ok(response));
            }
            let outcome = ready!(this.execution.as_mut().poll(cx));
            let held = this.held.take();
            match outcome {
                Outcome::Forward { mark, request: changes, execution } => {
                    *this.mark = mark;
                    let rebox = *this.rebox;
                    let response = held.map(|(service, held)| (service, held.into_request())).map(
                        |(mut service, request)| match &execution {
                            Some(execution) => {
                                service.call(changes.request(request, rebox, || execution.handle()))
                            }
                            // A strike that is over has nothing to change.
                            None => service.call(request),
                        },
                    );
                    this.response.set(response);
                    *this.injection = execution.map(ResponseInjection);
                }
                Outcome::Respond(answer, execution) => {
                    let injection = execution.map(ResponseInjection);
                    *this.pause = injection.as_ref().and_then(ResponseInjection::pause);
                    *this.injection = injection;
                    *this.pending_response = Some(PendingResponse::Own(answer));
                }
                Outcome::Reject(rejected) => return Poll::Ready((this.on_reject)(rejected).map(reject)),
            }
        }
        if this.pending_response.is_none() {
            // None only for who polls after the end, which a future may answer as it likes.
            let Some(response) = this.response.as_mut().as_pin_mut() else { return Poll::Pending };
            let mut response = match ready!(response.poll(cx)) {
                Ok(response) => response,
                Err(error) => {
                    this.injection.take().into_iter().for_each(ResponseInjection::fail);
                    return Poll::Ready(Err(error));
                }
            };
            if let Some(mark) = this.mark.take() {
                mark.put_on(&mut response);
            }
            *this.pause = this.injection.as_ref().and_then(ResponseInjection::pause);
            *this.pending_response = Some(PendingResponse::Service(response));
        }
        if let Some(pause) = this.pause {
            if ready!(pause.poll(cx)).is_none() {
                this.injection.take().into_iter().for_each(ResponseInjection::cancel);
            }
            *this.pause = None;
        }
        let Some(pending_response) = this.pending_response.take() else { return Poll::Pending };
        this.response.set(None);
        let response = match pending_response {
            PendingResponse::Service(response) => response.map(FaultBody::service),
            PendingResponse::Own(answer) => answer.map(FaultBody::text),
        };
        Poll::Ready(Ok(match this.injection.take() {
            Some(injection) => injection.apply(response),
            None => response,
        }))
    }
}

/// A response that no client gets to see.
fn reject<ResB>(Rejected { mark, termination, by }: Rejected) -> Response<FaultBody<ResB>> {
    let code = if let Termination::Code(code) = termination { Some(code) } else { None };
    let error = RejectError::new(mark.injected.fault.clone(), code);
    if by == DeliveryMethod::Unwind {
        // Not `panic!`: the hook would print a trace for what is wanted.
        std::panic::resume_unwind(Box::new(error));
    }
    let mut response = Response::new(FaultBody::reject(error));
    // Should the head get out in spite of all, it is a marked failure and not a success. It also
    // gives an answer to CONNECT a body, which a 2xx would not have.
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    mark.put_on(&mut response);
    response
}

pin_project! {
    /// The response of a [`FaultService`](crate::FaultService).
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
        // Where nearly all requests are: nothing is boxed, and nothing is kept beside the response.
        Passthrough { #[pin] response: S::Future },
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
            StateProjection::Injected { injected } => poll_injected(injected.as_mut(), cx),
        }
    }
}

/// Kept out of the code of the many, as its frame is large.
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
            State::Injected { .. } => "injected",
        };
        f.debug_tuple("FaultFuture").field(&state).finish()
    }
}

/// A strike that waits for the response.
pub(crate) struct ResponseInjection(pub(crate) Execution);

impl ResponseInjection {
    /// The wait before the head goes out, if there is one.
    pub(crate) fn pause(&self) -> Option<Pause> {
        let time = self.0.changes.wait();
        (!time.is_zero()).then(|| self.0.pause(time))
    }

    /// The service failed, and there is no response to do anything to.
    pub(crate) fn fail(mut self) {
        self.0.done(false);
    }

    /// The fault was called off while the head waited.
    pub(crate) fn cancel(mut self) {
        self.0.done(true);
    }

    /// Does to the response what is to be done to it.
    pub(crate) fn apply<B>(self, response: Response<FaultBody<B>>) -> Response<FaultBody<B>> {
        let Self(mut execution) = self;
        let changes = std::mem::take(&mut execution.changes);
        changes.response(response, execution.is_head, execution)
    }
}
