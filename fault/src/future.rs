//! The future of a request that passes a fault.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::FaultBody;
use crate::port::Port;
use crate::strike::Strike;
use crate::struck::{Refuse, Struck};

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
        Spared { #[pin] response: S::Future },
        Struck { struck: Pin<Box<Struck<S, B>>> },
    }
}

impl<S, B> FaultFuture<S, B>
where
    S: Service<Request<B>>,
{
    #[inline]
    pub(crate) fn spared(response: S::Future) -> Self {
        Self { state: State::Spared { response } }
    }

    pub(crate) fn struck(
        strike: Box<Strike>,
        service: S,
        request: Request<B>,
        port: Option<Port<B>>,
        refuse: Refuse<S::Error>,
    ) -> Self {
        Self {
            state: State::Struck { struck: Box::pin(Struck::new(strike, service, request, port, refuse)) },
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
            StateProjection::Spared { response } => {
                response.poll(cx).map_ok(|response| response.map(FaultBody::service))
            }
            StateProjection::Struck { struck } => poll_struck(struck.as_mut(), cx),
        }
    }
}

/// Kept out of the code of the many, as its frame is large.
#[cold]
#[inline(never)]
fn poll_struck<S, B, ResB>(
    struck: Pin<&mut Struck<S, B>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<FaultBody<ResB>>, S::Error>>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    struck.poll(cx)
}

impl<S, B> fmt::Debug for FaultFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Spared { .. } => "spared",
            State::Struck { .. } => "struck",
        };
        f.debug_tuple("FaultFuture").field(&state).finish()
    }
}
