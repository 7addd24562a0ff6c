//! A request that was struck: held back, then answered or let go.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::{FaultBody, RejectError};
use crate::injector::ending::Ending;
use crate::mark::Mark;
use crate::reach::By;
use crate::strike::{Outcome, Rejected, Strike};

pin_project! {
    pub(crate) struct Struck<S, B>
    where
        S: Service<Request<B>>,
    {
        strike: Pin<Box<dyn Future<Output = Outcome> + Send>>,
        // With the service that was made ready for it; gone once the strike is over.
        held: Option<(S, Request<B>)>,
        #[pin]
        response: Option<S::Future>,
        mark: Option<Mark>,
    }
}

impl<S, B> Struck<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn new(strike: Strike, service: S, request: Request<B>) -> Self {
        Self { strike: Box::pin(strike.run()), held: Some((service, request)), response: None, mark: None }
    }
}

impl<S, B, ResB> Future for Struck<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Output = Result<Response<FaultBody<ResB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.held.is_some() {
            let outcome = ready!(this.strike.as_mut().poll(cx));
            let held = this.held.take();
            match outcome {
                Outcome::Pass(mark) => {
                    *this.mark = mark;
                    this.response.set(held.map(|(mut service, request)| service.call(request)));
                }
                Outcome::Answer(answer) => return Poll::Ready(Ok(answer.map(FaultBody::text))),
                Outcome::Reject(rejected) => return Poll::Ready(Ok(reject(rejected))),
            }
        }
        // None only for who polls after the end, which a future may answer as it likes.
        let Some(response) = this.response.as_mut().as_pin_mut() else { return Poll::Pending };
        let mut response = ready!(response.poll(cx))?;
        if let Some(mark) = this.mark.take() {
            mark.put_on(&mut response);
        }
        Poll::Ready(Ok(response.map(FaultBody::service)))
    }
}

/// A response that no client gets to see.
fn reject<ResB>(Rejected { mark, ending, by }: Rejected) -> Response<FaultBody<ResB>> {
    let code = if let Ending::Code(code) = ending { Some(code) } else { None };
    let error = RejectError::new(mark.injected.fault.clone(), code);
    if by == By::Unwind {
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
