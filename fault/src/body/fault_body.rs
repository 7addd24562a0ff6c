//! FaultBody: the response body of every fault layer.

use std::collections::VecDeque;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::body::error::{BodyError, RejectError};
use crate::body::stage::{FaultHandle, Polled, Stage, StagedBody, plus};

pin_project! {
    /// A response body: the service's own, the fault's own, one that fails at the first poll, or
    /// one that goes through the stages of a fault.
    #[derive(Debug)]
    pub struct FaultBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        Service { #[pin] body: B },
        // Boxed, so that the common case, the service's body, stays small.
        Other { other: Box<Other<B>> },
    }
}

#[derive(Debug)]
enum Other<B> {
    Own(Own<B>),
    // Not of a whole `FaultBody`: a recursive type overflows the compiler's trait resolution.
    StagedBody(Pin<Box<StagedBody<Plain<B>>>>),
}

pin_project! {
    /// A body without stages.
    #[project = PlainProjection]
    #[derive(Debug)]
    pub(crate) enum Plain<B> {
        Service { #[pin] body: B },
        Own { own: Own<B> },
    }
}

/// A body made by the fault.
#[derive(Debug)]
pub(crate) enum Own<B> {
    Text(Bytes),
    /// The body of a status without content. Its length is unknown, since axum would announce a length of zero.
    NoContent,
    Reject(Option<BodyError>),
    /// Its first frames were read ahead.
    Primed(VecDeque<Frame<Bytes>>, Pin<Box<B>>),
}

impl<B> FaultBody<B> {
    #[inline]
    pub(crate) fn service(body: B) -> Self {
        Self { kind: Kind::Service { body } }
    }

    fn other(other: Other<B>) -> Self {
        Self { kind: Kind::Other { other: Box::new(other) } }
    }

    pub(crate) fn text(text: Bytes) -> Self {
        Self::other(Other::Own(Own::Text(text)))
    }

    /// An empty body whose length is not stated.
    pub(crate) fn no_content() -> Self {
        Self::other(Other::Own(Own::NoContent))
    }

    /// Fails at the very first poll: after one `Pending` the server would have sent the head.
    pub(crate) fn reject(error: RejectError) -> Self {
        Self::failed(BodyError::injected(error))
    }

    /// Fails at the first poll, with any error.
    pub(crate) fn failed(error: BodyError) -> Self {
        Self::other(Other::Own(Own::Reject(Some(error))))
    }

    /// Returns a body whose first frames were read ahead.
    pub(crate) fn primed(frames: VecDeque<Frame<Bytes>>, body: Pin<Box<B>>) -> Self {
        Self::other(Other::Own(Own::Primed(frames, body)))
    }

    /// Wraps the body in stages. Each fault does so once.
    pub(crate) fn staged(self, stages: Vec<Box<dyn Stage>>, handle: Box<dyn FaultHandle>) -> Self {
        let body = match self.kind {
            Kind::Service { body } => Plain::Service { body },
            Kind::Other { other } => match *other {
                Other::Own(own) => Plain::Own { own },
                Other::StagedBody(mut body) => {
                    body.as_mut().push(stages, handle);
                    return Self::other(Other::StagedBody(body));
                }
            },
        };
        Self::other(Other::StagedBody(Box::pin(StagedBody::new(body, stages, handle))))
    }

    /// Returns the service's own body, if it is one.
    ///
    /// # Errors
    /// Returns `self` if it is a body of the fault.
    #[inline]
    pub fn into_service(self) -> Result<B, Self> {
        match self.kind {
            Kind::Service { body } => Ok(body),
            kind => Err(Self { kind }),
        }
    }
}

/// The empty body, with which some layers respond (tower-http's timeout).
impl<B> Default for FaultBody<B> {
    fn default() -> Self {
        Self::text(Bytes::new())
    }
}

impl<B> Body for FaultBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match self.project().kind.project() {
            KindProjection::Service { body } => body.poll_frame(cx).map_err(BodyError::service),
            KindProjection::Other { other } => match &mut **other {
                Other::Own(own) => own.poll_frame(cx),
                Other::StagedBody(body) => body.as_mut().poll_frame(cx),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Service { body } => body.is_end_stream(),
            Kind::Other { other } => match &**other {
                Other::Own(own) => own.is_end_stream(),
                Other::StagedBody(body) => body.is_end_stream(),
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Service { body } => body.size_hint(),
            Kind::Other { other } => match &**other {
                Other::Own(own) => own.size_hint(),
                Other::StagedBody(body) => body.size_hint(),
            },
        }
    }
}

impl<B> Body for Plain<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match self.project() {
            PlainProjection::Service { body } => body.poll_frame(cx).map_err(BodyError::service),
            PlainProjection::Own { own } => own.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Service { body } => body.is_end_stream(),
            Self::Own { own } => own.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Service { body } => body.size_hint(),
            Self::Own { own } => own.size_hint(),
        }
    }
}

impl<B> Own<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        match self {
            Self::NoContent => Poll::Ready(None),
            Self::Text(text) if text.is_empty() => Poll::Ready(None),
            Self::Text(text) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(text))))),
            Self::Reject(error) => Poll::Ready(error.take().map(Err)),
            Self::Primed(frames, body) => match frames.pop_front() {
                Some(frame) => Poll::Ready(Some(Ok(frame))),
                None => body.as_mut().poll_frame(cx).map_err(BodyError::service),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::NoContent => true,
            Self::Text(text) => text.is_empty(),
            // A server would send the head of an empty body without polling it.
            Self::Reject(error) => error.is_none(),
            Self::Primed(frames, body) => frames.is_empty() && body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.len() as u64),
            Self::NoContent | Self::Reject(_) => SizeHint::default(),
            Self::Primed(frames, body) => {
                let read = frames.iter().filter_map(Frame::data_ref);
                plus(body.size_hint(), read.map(|data| data.len() as u64).sum())
            }
        }
    }
}
