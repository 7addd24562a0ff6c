//! FaultFuture: the response future of a service in a fault.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::fault_body::FaultBody;
use crate::body::request_body::BodyRebox;
use crate::fault::execution::Execution;
use crate::fault::source::{Decision, Followers, Remaining, poll_observed};
use crate::service::evaluation::{ErrorFns, Evaluation, Waiting};
use crate::service::injected::{InjectedState, watch};

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
        Boxed { boxed: Pin<Box<BoxedState<S, B>>> },
    }
}

pin_project! {
    // One box for all of them, so that the common case is as small as it can be.
    #[project = BoxedProjection]
    enum BoxedState<S, B>
    where
        S: Service<Request<B>>,
    {
        Injected { #[pin] injected: InjectedState<S, B> },
        // Only under a set that may stop by itself, and for faults with rules for messages.
        Followed { #[pin] response: S::Future, followers: Followers, errors: ErrorFns<S::Error> },
        // Flags decide about the faults of the request.
        Evaluating { evaluation: Evaluation<S, B, S::Error> },
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

    /// A response that is of interest, although nothing was injected.
    pub(crate) fn followed(response: S::Future, followers: Followers, errors: ErrorFns<S::Error>) -> Self {
        Self::boxed(BoxedState::Followed { response, followers, errors })
    }

    /// A request that waits for the flags of its faults.
    pub(crate) fn evaluating(evaluation: Evaluation<S, B, S::Error>) -> Self {
        Self::boxed(BoxedState::Evaluating { evaluation })
    }

    fn boxed(state: BoxedState<S, B>) -> Self {
        Self { state: State::Boxed { boxed: Box::pin(state) } }
    }

    /// Carries out the decision about a request that waited for it.
    fn begin(decision: Decision, waiting: Waiting<S, B, S::Error>) -> Self {
        let Waiting { mut service, request, rebox, errors } = waiting;
        match decision {
            // Flags are evaluated once.
            Decision::Pass | Decision::Evaluate(..) => Self::passthrough(service.call(request)),
            Decision::Follow(followers) => {
                let standbys = followers.standbys.iter();
                let request = standbys.fold(request, |request, standby| standby.request(request, rebox));
                Self::followed(service.call(request), followers, errors)
            }
            Decision::Inject(execution, remaining) => {
                Self::injected(execution, remaining, service, request, rebox, errors)
            }
        }
    }

    pub(crate) fn injected(
        execution: Box<Execution>,
        remaining: Option<Remaining>,
        service: S,
        request: Request<B>,
        rebox: Option<BodyRebox<B>>,
        errors: ErrorFns<S::Error>,
    ) -> Self {
        let injected = InjectedState::new(execution, remaining, service, request, rebox, errors);
        Self::boxed(BoxedState::Injected { injected })
    }
}

impl<S, B, ResB> Future for FaultFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Output = Result<Response<FaultBody<ResB>>, S::Error>;

    /// Small enough to be inlined, so that the response is made where its caller reads it: a copy of it
    /// costs more than the fault.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.as_mut().project().state.project() {
            StateProjection::Passthrough { response } => {
                response.poll(cx).map_ok(|response| response.map(FaultBody::service))
            }
            StateProjection::Boxed { .. } => self.poll_boxed(cx).map_ok(|response| *response),
        }
    }
}

impl<S, B, ResB> FaultFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    /// Not inlined into the common case, as its frame is large. A response that is not in a box would be
    /// written through a pointer, so that the common case would have to keep its own in memory and copy it.
    #[cold]
    #[inline(never)]
    fn poll_boxed(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BoxedResponse<ResB, S::Error>> {
        let StateProjection::Boxed { boxed } = self.as_mut().project().state.project() else {
            return Poll::Pending;
        };
        match boxed.as_mut().project() {
            BoxedProjection::Injected { injected } => injected.poll(cx).map_ok(Box::new),
            BoxedProjection::Followed { response, followers, errors } => {
                let response = ready!(poll_observed(&mut followers.observation, || response.poll(cx)));
                let Followers { observation, standbys } = std::mem::take(followers);
                let observation = observation.into_iter();
                observation.for_each(|observation| observation.finish(&response, errors.is_injected));
                let response = response.map(|response| watch(response.map(FaultBody::service), &standbys));
                Poll::Ready(response.map(Box::new))
            }
            BoxedProjection::Evaluating { evaluation } => {
                let (decision, waiting) = ready!(evaluation.poll(cx));
                self.set(Self::begin(decision, waiting));
                self.poll(cx).map_ok(Box::new)
            }
        }
    }
}

/// What a future is ready with, its response in a box.
type BoxedResponse<B, E> = Result<Box<Response<FaultBody<B>>>, E>;

impl<S, B> fmt::Debug for FaultFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Passthrough { .. } => "passthrough",
            State::Boxed { boxed } => match **boxed {
                BoxedState::Evaluating { .. } => "evaluating",
                BoxedState::Injected { .. } | BoxedState::Followed { .. } => "injected",
            },
        };
        f.debug_tuple("FaultFuture").field(&state).finish()
    }
}
