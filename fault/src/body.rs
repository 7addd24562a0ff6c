//! A body that passed a fault.

use std::collections::VecDeque;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::broken::{BodyError, RejectError};
use crate::stage::{Host, Polled, Stage, Tampered, plus};

pin_project! {
    /// A body: the service's own, the fault's own, one whose first poll fails, or one that a fault
    /// has its hand in.
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
        Plain { #[pin] body: Plain<B> },
        // Not of a whole `FaultBody`: a type that holds itself sends the compiler round in circles.
        Tampered { body: Pin<Box<Tampered<Plain<B>>>> },
    }
}

pin_project! {
    /// A body that nobody has a hand in.
    #[project = PlainProjection]
    #[derive(Debug)]
    pub(crate) enum Plain<B> {
        Service { #[pin] body: B },
        Text { text: Bytes },
        Reject { error: Option<BodyError> },
        // The first of it was read beforehand.
        Primed { frames: VecDeque<Frame<Bytes>>, body: Pin<Box<B>> },
    }
}

impl<B> FaultBody<B> {
    fn plain(body: Plain<B>) -> Self {
        Self { kind: Kind::Plain { body } }
    }

    pub(crate) fn service(body: B) -> Self {
        Self::plain(Plain::Service { body })
    }

    pub(crate) fn text(text: Bytes) -> Self {
        Self::plain(Plain::Text { text })
    }

    /// It must fail on the very first poll: one `Pending` earlier, and the server has sent the
    /// head.
    pub(crate) fn reject(error: RejectError) -> Self {
        Self::failed(BodyError::injected(error))
    }

    /// The same, for another reason.
    pub(crate) fn failed(error: BodyError) -> Self {
        Self::plain(Plain::Reject { error: Some(error) })
    }

    /// A body of which these frames were read already.
    pub(crate) fn primed(frames: VecDeque<Frame<Bytes>>, body: Pin<Box<B>>) -> Self {
        Self::plain(Plain::Primed { frames, body })
    }

    /// Puts the stages behind it, for as long as it lasts. One fault does so once.
    pub(crate) fn tampered(self, stages: Vec<Box<dyn Stage>>, host: Box<dyn Host>) -> Self {
        match self.kind {
            Kind::Plain { body } => {
                Self { kind: Kind::Tampered { body: Box::pin(Tampered::new(body, stages, host)) } }
            }
            kind => Self { kind },
        }
    }

    /// The service's own body, if it is that.
    ///
    /// # Errors
    /// The body as it was, if it is the fault's.
    pub fn into_service(self) -> Result<B, Self> {
        match self.kind {
            Kind::Plain { body: Plain::Service { body } } => Ok(body),
            kind => Err(Self { kind }),
        }
    }
}

/// The empty body, which some layers answer with (tower-http's timeout).
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
            KindProjection::Plain { body } => body.poll_frame(cx),
            KindProjection::Tampered { body } => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Plain { body } => body.is_end_stream(),
            Kind::Tampered { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Plain { body } => body.size_hint(),
            Kind::Tampered { body } => body.size_hint(),
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
            PlainProjection::Text { text } if text.is_empty() => Poll::Ready(None),
            PlainProjection::Text { text } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(text))))),
            PlainProjection::Reject { error } => Poll::Ready(error.take().map(Err)),
            PlainProjection::Primed { frames, body } => match frames.pop_front() {
                Some(frame) => Poll::Ready(Some(Ok(frame))),
                None => body.as_mut().poll_frame(cx).map_err(BodyError::service),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Service { body } => body.is_end_stream(),
            Self::Text { text } => text.is_empty(),
            // A server that thinks it empty would send the head and never ask for it.
            Self::Reject { error } => error.is_none(),
            Self::Primed { frames, body } => frames.is_empty() && body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Service { body } => body.size_hint(),
            Self::Text { text } => SizeHint::with_exact(text.len() as u64),
            Self::Reject { .. } => SizeHint::default(),
            Self::Primed { frames, body } => {
                let read = frames.iter().filter_map(Frame::data_ref);
                plus(body.size_hint(), read.map(|data| data.len() as u64).sum())
            }
        }
    }
}
