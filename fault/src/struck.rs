//! A request that was struck: held back, then answered or let go, its response changed.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::FaultBody;
use crate::broken::RejectError;
use crate::injector::ending::Ending;
use crate::landing::Landing;
use crate::mark::Mark;
use crate::pause::Pause;
use crate::port::{Ahead, Port};
use crate::reach::By;
use crate::strike::{Outcome, Rejected, Strike};

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
