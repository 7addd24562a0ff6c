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
use crate::body::request_body::{Ahead, Port};
use crate::body::stage::{Host, Pause};
use crate::connection::command::Ending;
use crate::fault::capability::By;
use crate::fault::execution::{Outcome, Rejected, Strike};
use crate::report::mark::Mark;

/// What stands for a reject where it happened: itself, for a response that fails, or an error.
pub(crate) type Refuse<E> = fn(Rejected) -> Result<Rejected, E>;

pin_project! {
    pub(crate) struct Struck<S, B>
    where
        S: Service<Request<B>>,
    {
        strike: Pin<Box<dyn Future<Output = Outcome> + Send>>,
        // With the service that was made ready for it; gone once the strike is over.
        held: Option<(S, Held<B>)>,
        port: Option<Port<B>>,
        #[pin]
        response: Option<S::Future>,
        mark: Option<Mark>,
        landing: Option<Landing>,
        arrived: Option<Arrived<S::Response>>,
        pause: Option<Pause>,
        refuse: Refuse<S::Error>,
    }
}

/// A request that is held back.
enum Held<B> {
    Whole(Request<B>),
    /// Its body is read meanwhile.
    Read(Request<()>, Ahead<B>),
}

impl<B> Held<B> {
    fn into_request(self) -> Request<B> {
        match self {
            Self::Whole(request) => request,
            Self::Read(request, ahead) => request.map(|()| ahead.into_body()),
        }
    }
}

/// A response that has yet to be changed.
enum Arrived<R> {
    Service(R),
    Own(Response<Bytes>),
}

impl<S, B> Struck<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn new(
        strike: Box<Strike>,
        service: S,
        request: Request<B>,
        port: Option<Port<B>>,
        refuse: Refuse<S::Error>,
    ) -> Self {
        // HTTP/2 tells of a client that leaves by itself.
        let read_ahead = if request.version() < Version::HTTP_2 { strike.read_ahead() } else { 0 };
        let held = match port.filter(|_| read_ahead > 0) {
            Some(port) => {
                let (parts, body) = request.into_parts();
                Held::Read(Request::from_parts(parts, ()), Ahead::new(port, body, read_ahead))
            }
            None => Held::Whole(request),
        };
        Self {
            strike: Box::pin(strike.run()),
            held: Some((service, held)),
            port,
            response: None,
            mark: None,
            landing: None,
            arrived: None,
            pause: None,
            refuse,
        }
    }
}

impl<S, B, ResB> Future for Struck<S, B>
where
    S: Service<Request<B>, Response = Response<ResB>>,
{
    type Output = Result<Response<FaultBody<ResB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some((_, held)) = this.held {
            if let Held::Read(_, ahead) = held
                && let Err(error) = ahead.poll(cx)
            {
                // Nobody waits any more: the strike is dropped, and hyper drops the connection.
                *this.held = None;
                *this.strike = Box::pin(std::future::pending());
                let mut response = Response::new(FaultBody::failed(error));
                *response.status_mut() = StatusCode::BAD_REQUEST;
                return Poll::Ready(Ok(response));
            }
            let outcome = ready!(this.strike.as_mut().poll(cx));
            let held = this.held.take();
            match outcome {
                Outcome::Pass { mark, request: changes, open } => {
                    *this.mark = mark;
                    let port = *this.port;
                    let response = held.map(|(service, held)| (service, held.into_request())).map(
                        |(mut service, request)| match &open {
                            Some(strike) => {
                                service.call(changes.request(request, port, || strike.uploading()))
                            }
                            // A strike that is over has nothing to change.
                            None => service.call(request),
                        },
                    );
                    this.response.set(response);
                    *this.landing = open.map(Landing);
                }
                Outcome::Answer(answer, open) => {
                    let landing = open.map(Landing);
                    *this.pause = landing.as_ref().and_then(Landing::pause);
                    *this.landing = landing;
                    *this.arrived = Some(Arrived::Own(answer));
                }
                Outcome::Reject(rejected) => return Poll::Ready((this.refuse)(rejected).map(reject)),
            }
        }
        if this.arrived.is_none() {
            // None only for who polls after the end, which a future may answer as it likes.
            let Some(response) = this.response.as_mut().as_pin_mut() else { return Poll::Pending };
            let mut response = match ready!(response.poll(cx)) {
                Ok(response) => response,
                Err(error) => {
                    this.landing.take().into_iter().for_each(Landing::fail);
                    return Poll::Ready(Err(error));
                }
            };
            if let Some(mark) = this.mark.take() {
                mark.put_on(&mut response);
            }
            *this.pause = this.landing.as_ref().and_then(Landing::pause);
            *this.arrived = Some(Arrived::Service(response));
        }
        if let Some(pause) = this.pause {
            if ready!(pause.poll(cx)).is_none() {
                this.landing.take().into_iter().for_each(Landing::call_off);
            }
            *this.pause = None;
        }
        let Some(arrived) = this.arrived.take() else { return Poll::Pending };
        this.response.set(None);
        let response = match arrived {
            Arrived::Service(response) => response.map(FaultBody::service),
            Arrived::Own(answer) => answer.map(FaultBody::text),
        };
        Poll::Ready(Ok(match this.landing.take() {
            Some(landing) => landing.land(response),
            None => response,
        }))
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

/// A strike that waits for the response.
pub(crate) struct Landing(pub(crate) Strike);

impl Landing {
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
    pub(crate) fn call_off(mut self) {
        self.0.done(true);
    }

    /// Does to the response what is to be done to it.
    pub(crate) fn land<B>(self, response: Response<FaultBody<B>>) -> Response<FaultBody<B>> {
        let Self(mut strike) = self;
        let changes = std::mem::take(&mut strike.changes);
        changes.response(response, strike.is_head, strike)
    }
}
