//! A body that passed a fault.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::broken::{BodyError, RejectError};
use crate::stage::{Host, Stage, Tampered};

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
        Service { #[pin] body: B },
        Text { text: Bytes },
        Reject { error: Option<BodyError> },
        Tampered { body: Pin<Box<Tampered<FaultBody<B>>>> },
    }
}

impl<B> FaultBody<B> {
    pub(crate) fn service(body: B) -> Self {
        Self { kind: Kind::Service { body } }
    }

    pub(crate) fn text(text: Bytes) -> Self {
        Self { kind: Kind::Text { text } }
    }

    /// It must fail on the very first poll: one `Pending` earlier, and the server has sent the
    /// head.
    pub(crate) fn reject(error: RejectError) -> Self {
        Self { kind: Kind::Reject { error: Some(BodyError::injected(error)) } }
    }

    /// Puts the stages behind it, for as long as it lasts.
    pub(crate) fn tampered(self, stages: Vec<Box<dyn Stage>>, host: Box<dyn Host>) -> Self {
        Self { kind: Kind::Tampered { body: Box::pin(Tampered::new(self, stages, host)) } }
    }

    /// The service's own body, if it is that.
    ///
    /// # Errors
    /// The body as it was, if it is the fault's.
    pub fn into_service(self) -> Result<B, Self> {
        match self.kind {
            Kind::Service { body } => Ok(body),
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

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.project().kind.project() {
            KindProjection::Service { body } => body.poll_frame(cx).map_err(BodyError::service),
            KindProjection::Text { text } if text.is_empty() => Poll::Ready(None),
            KindProjection::Text { text } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(text))))),
            KindProjection::Reject { error } => Poll::Ready(error.take().map(Err)),
            KindProjection::Tampered { body } => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Service { body } => body.is_end_stream(),
            Kind::Text { text } => text.is_empty(),
            // A server that thinks it empty would send the head and never ask for it.
            Kind::Reject { error } => error.is_none(),
            Kind::Tampered { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Service { body } => body.size_hint(),
            Kind::Text { text } => SizeHint::with_exact(text.len() as u64),
            Kind::Reject { .. } => SizeHint::default(),
            Kind::Tampered { body } => body.size_hint(),
        }
    }
}
