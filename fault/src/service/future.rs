//! FaultFuture: the response future of a service in a fault.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::fault_body::FaultBody;
use crate::body::request_body::BodyRebox;
use crate::fault::execution::Execution;
use crate::fault::source::{Decision, Observation, Remaining};
use crate::fault::standby::Standby;
use crate::service::evaluation::{Evaluation, RejectFn, Waiting};
use crate::service::injected::InjectedState;

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
        Injected { injected: Pin<Box<BoxedState<S, B>>> },
        // Flags decide about the faults of the request.
        Evaluating { evaluation: Box<Evaluation<S, B, S::Error>> },
    }
}

pin_project! {
    // One box for both, so that the common case is as small as it can be.
    #[project = BoxedProjection]
    enum BoxedState<S, B>
    where
        S: Service<Request<B>>,
    {
        Injected { #[pin] injected: InjectedState<S, B> },
        // Only under a set that may stop by itself.
        Observed { #[pin] response: S::Future, observation: Option<Observation> },
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

    /// A response that a set of faults observes.
    pub(crate) fn observed(response: S::Future, observation: Observation) -> Self {
        let observed = BoxedState::Observed { response, observation: Some(observation) };
        Self { state: State::Injected { injected: Box::pin(observed) } }
    }

    pub(crate) fn watching(response: S::Future, standby: Arc<Standby>) -> Self {
        Self { state: State::Watching { response, standby } }
    }

    /// A request that waits for the flags of its faults.
    pub(crate) fn evaluating(evaluation: Evaluation<S, B, S::Error>) -> Self {
        Self { state: State::Evaluating { evaluation: Box::new(evaluation) } }
    }

    /// Carries out the decision about a request that waited for it.
    fn begin(decision: Decision, waiting: Waiting<S, B, S::Error>) -> Self {
        let Waiting { mut service, request, rebox, on_reject } = waiting;
        match decision {
            // Flags are evaluated once.
            Decision::Pass | Decision::Evaluate(..) => Self::passthrough(service.call(request)),
            Decision::Watch(standby) => Self::watching(service.call(request), standby),
            Decision::Observe(observation) => Self::observed(service.call(request), observation),
            Decision::Inject(execution, remaining) => {
                Self::injected(execution, remaining, service, request, rebox, on_reject)
            }
        }
    }

    pub(crate) fn injected(
        execution: Box<Execution>,
        remaining: Option<Remaining>,
        service: S,
        request: Request<B>,
        rebox: Option<BodyRebox<B>>,
        on_reject: RejectFn<S::Error>,
    ) -> Self {
        let injected = InjectedState::new(execution, remaining, service, request, rebox, on_reject);
        Self { state: State::Injected { injected: Box::pin(BoxedState::Injected { injected }) } }
    }
}

impl<S, B, ResB> Future for FaultFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Output = Result<Response<FaultBody<ResB>>, S::Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.as_mut().project().state.project() {
            StateProjection::Passthrough { response } => {
                response.poll(cx).map_ok(|response| response.map(FaultBody::service))
            }
            StateProjection::Watching { response, standby } => {
                let response = ready!(response.poll(cx))?;
                Poll::Ready(Ok(standby.response(response.map(FaultBody::service))))
            }
            StateProjection::Injected { injected } => poll_injected(injected.as_mut(), cx),
            StateProjection::Evaluating { evaluation } => {
                let (decision, waiting) = ready!(evaluation.poll(cx));
                self.set(Self::begin(decision, waiting));
                self.poll(cx)
            }
        }
    }
}

/// Not inlined into the common case, as its frame is large.
#[cold]
#[inline(never)]
fn poll_injected<S, B, ResB>(
    injected: Pin<&mut BoxedState<S, B>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<FaultBody<ResB>>, S::Error>>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    match injected.project() {
        BoxedProjection::Injected { injected } => injected.poll(cx),
        BoxedProjection::Observed { response, observation } => {
            let response = ready!(response.poll(cx));
            observation.take().into_iter().for_each(|observation| observation.finish(&response));
            Poll::Ready(response.map(|response| response.map(FaultBody::service)))
        }
    }
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
            State::Evaluating { .. } => "evaluating",
        };
        f.debug_tuple("FaultFuture").field(&state).finish()
    }
}
