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
use crate::fault::source::{Observation, Remaining};
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
        // Faults of a set that have yet to decide.
        remaining: Option<Remaining>,
        #[pin]
        response: Option<S::Future>,
        // What is to be done to the response, the outermost fault first.
        layers: Vec<ResponseLayer>,
        // How many of them, from the last on, need wait no longer.
        waited: usize,
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
    fn new(request: Request<B>, execution: &Execution, rebox: Option<BodyRebox<B>>) -> Self {
        // HTTP/2 tells of a client that leaves by itself.
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

/// A response that has yet to be changed.
enum PendingResponse<R> {
    Service(R),
    Own(Response<Bytes>),
    Rejected(Rejected),
}

/// What one fault does to the response.
struct ResponseLayer {
    mark: Option<Mark>,
    injection: Option<ResponseInjection>,
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
        on_reject: RejectFn<S::Error>,
    ) -> Self {
        Self {
            held: Some((service, Held::new(request, &execution, rebox))),
            execution: Box::pin(execution.run()),
            rebox,
            remaining,
            response: None,
            layers: Vec::new(),
            waited: 0,
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
        while let Some((_, held)) = this.held {
            if let Held::Read(_, read_ahead) = held
                && let Err(error) = read_ahead.poll(cx)
            {
                // Nobody waits any more: the strike is dropped, and hyper drops the connection.
                *this.held = None;
                *this.execution = Box::pin(std::future::pending());
                this.layers.clear();
                let mut response = Response::new(FaultBody::failed(error));
                *response.status_mut() = StatusCode::BAD_REQUEST;
                return Poll::Ready(Ok(response));
            }
            let outcome = ready!(this.execution.as_mut().poll(cx));
            let Some((mut service, held)) = this.held.take() else { break };
            match outcome {
                Outcome::Forward { mark, request: changes, execution } => {
                    let rebox = *this.rebox;
                    let mut request = held.into_request();
                    // A strike that is over has nothing to change.
                    if let Some(execution) = &execution {
                        request = changes.request(request, rebox, || execution.handle());
                    }
                    this.layers.push(ResponseLayer { mark, injection: execution.map(ResponseInjection) });
                    let remaining = this.remaining.as_mut();
                    match remaining.and_then(|faults| faults.next(&mut request, || rebox.is_some())) {
                        Some(next) => {
                            *this.held = Some((service, Held::new(request, &next, rebox)));
                            *this.execution = Box::pin(next.run());
                        }
                        None => this.response.set(Some(service.call(request))),
                    }
                }
                Outcome::Respond(answer, execution) => {
                    this.layers
                        .push(ResponseLayer { mark: None, injection: execution.map(ResponseInjection) });
                    *this.pending_response = Some(PendingResponse::Own(answer));
                }
                Outcome::Reject(rejected) => match (this.on_reject)(rejected) {
                    Ok(rejected) if this.layers.is_empty() => return Poll::Ready(Ok(reject(rejected))),
                    Ok(rejected) => *this.pending_response = Some(PendingResponse::Rejected(rejected)),
                    Err(error) => {
                        fail(this.layers);
                        return Poll::Ready(Err(error));
                    }
                },
            }
        }
        if this.pending_response.is_none() {
            // None only for who polls after the end, which a future may answer as it likes.
            let Some(response) = this.response.as_mut().as_pin_mut() else { return Poll::Pending };
            match ready!(response.poll(cx)) {
                Ok(response) => *this.pending_response = Some(PendingResponse::Service(response)),
                Err(error) => {
                    fail(this.layers);
                    return Poll::Ready(Err(error));
                }
            }
        }
        while *this.waited < this.layers.len() {
            let index = this.layers.len() - 1 - *this.waited;
            let injection = &mut this.layers[index].injection;
            if this.pause.is_none() {
                *this.pause = injection.as_ref().and_then(ResponseInjection::pause);
            }
            if let Some(pause) = this.pause {
                if ready!(pause.poll(cx)).is_none() {
                    injection.take().into_iter().for_each(ResponseInjection::cancel);
                }
                *this.pause = None;
            }
            *this.waited += 1;
        }
        let Some(pending_response) = this.pending_response.take() else { return Poll::Pending };
        this.response.set(None);
        let response = match pending_response {
            PendingResponse::Service(response) => response.map(FaultBody::service),
            PendingResponse::Own(answer) => answer.map(FaultBody::text),
            PendingResponse::Rejected(rejected) => reject(rejected),
        };
        Poll::Ready(Ok(this.layers.drain(..).rev().fold(response, |mut response, layer| {
            if let Some(mark) = layer.mark {
                mark.put_on(&mut response);
            }
            match layer.injection {
                Some(injection) => injection.apply(response),
                None => response,
            }
        })))
    }
}

/// Ends what waited for a response that does not come.
fn fail(layers: &mut Vec<ResponseLayer>) {
    layers.drain(..).rev().filter_map(|layer| layer.injection).for_each(ResponseInjection::fail);
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
        // Only under a set that may stop by itself.
        Observed { response: Pin<Box<S::Future>>, observation: Option<Box<Observation>> },
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

    /// A response that a set of faults wants to know of.
    pub(crate) fn observed(response: S::Future, observation: Observation) -> Self {
        let observation = Some(Box::new(observation));
        Self { state: State::Observed { response: Box::pin(response), observation } }
    }

    pub(crate) fn injected(
        execution: Box<Execution>,
        remaining: Option<Remaining>,
        service: S,
        request: Request<B>,
        rebox: Option<BodyRebox<B>>,
        on_reject: RejectFn<S::Error>,
    ) -> Self {
        Self {
            state: State::Injected {
                injected: Box::pin(InjectedState::new(
                    execution, remaining, service, request, rebox, on_reject,
                )),
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
            StateProjection::Observed { response, observation } => {
                let response = ready!(response.as_mut().poll(cx));
                observation.take().into_iter().for_each(|observation| observation.finish(&response));
                Poll::Ready(response.map(|response| response.map(FaultBody::service)))
            }
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
            State::Observed { .. } => "observed",
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
