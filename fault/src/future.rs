//! The future of a request that passes a fault.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::{FaultBody, RejectError};
use crate::mark::Mark;
use crate::reach::Reach;
use crate::strike::{Outcome, Rejected, Strike};

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
        // Where nearly all requests are: nothing is boxed here, and nothing is large.
        Pass { #[pin] response: S::Future, mark: Option<Box<Mark>> },
        Strike { held: Option<Box<Held<S, B>>> },
    }
}

/// A request held back by a strike, with the service made ready for it.
struct Held<S, B> {
    strike: Pin<Box<dyn Future<Output = Outcome> + Send>>,
    service: S,
    request: Request<B>,
}

impl<S, B> FaultFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn pass(response: S::Future) -> Self {
        Self { state: State::Pass { response, mark: None } }
    }

    pub(crate) fn strike(strike: Strike, service: S, request: Request<B>) -> Self {
        let held = Held { strike: Box::pin(strike.run()), service, request };
        Self { state: State::Strike { held: Some(Box::new(held)) } }
    }
}

impl<S, B, ResB> Future for FaultFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Output = Result<Response<FaultBody<ResB>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            let (response, mark) = match state.as_mut().project() {
                StateProjection::Pass { response, mark } => {
                    let mut response = ready!(response.poll(cx))?;
                    if let Some(mark) = mark.take() {
                        mark.put_on(&mut response);
                    }
                    return Poll::Ready(Ok(response.map(FaultBody::service)));
                }
                StateProjection::Strike { held } => {
                    let outcome = match held {
                        Some(held) => ready!(held.strike.as_mut().poll(cx)),
                        // Polled after its end, which a future may answer as it likes.
                        None => return Poll::Pending,
                    };
                    let Some(held) = held.take() else {
                        return Poll::Pending;
                    };
                    let Held { mut service, request, .. } = *held;
                    match outcome {
                        Outcome::Pass(mark) => (service.call(request), mark),
                        Outcome::Answer(answer) => {
                            return Poll::Ready(Ok(answer.map(FaultBody::text)));
                        }
                        Outcome::Reject(rejected) => return Poll::Ready(Ok(reject(rejected))),
                    }
                }
            };
            state.set(State::Pass { response, mark: mark.map(Box::new) });
        }
    }
}

impl<S, B> fmt::Debug for FaultFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Pass { .. } => "pass",
            State::Strike { .. } => "strike",
        };
        f.debug_tuple("FaultFuture").field(&state).finish()
    }
}

/// A response that no client gets to see.
fn reject<ResB>(Rejected { mark, code, reach }: Rejected) -> Response<FaultBody<ResB>> {
    let error = RejectError::new(mark.injected.fault.clone(), code);
    if reach == Reach::Unwind {
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
