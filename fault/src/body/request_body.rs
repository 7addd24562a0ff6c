//! Request bodies: re-boxing and read-ahead.

use std::any::Any;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::body::error::BodyError;
use crate::body::fault_body::FaultBody;
use crate::body::stage::Polled;

/// What can be done with request bodies of one type.
pub(crate) struct BodyRebox<B> {
    /// Makes one of the fault's own.
    pub(crate) rebox: fn(FaultBody<B>) -> B,
    poll: fn(Pin<&mut B>, &mut Context<'_>) -> Polled,
}

// By hand, since a derive would ask for `B: Copy`.
impl<B> Clone for BodyRebox<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for BodyRebox<B> {}

impl<B> BodyRebox<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pub(crate) fn new(rebox: fn(FaultBody<B>) -> B) -> Self {
        Self { rebox, poll: |body, cx| body.poll_frame(cx).map_err(BodyError::service) }
    }
}

/// A body that is read while its request is held back, so that an HTTP/1 server, which notices
/// that a client left only while it reads, keeps reading.
pub(crate) struct ReadAhead<B> {
    rebox: BodyRebox<B>,
    body: Pin<Box<B>>,
    frames: VecDeque<Frame<Bytes>>,
    /// How many bytes more may be kept.
    left: usize,
    ended: bool,
}

impl<B> ReadAhead<B> {
    pub(crate) fn new(rebox: BodyRebox<B>, body: B, max_bytes: usize) -> Self {
        Self { rebox, body: Box::pin(body), frames: VecDeque::new(), left: max_bytes, ended: false }
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// The body broke off: the client is gone.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Result<(), BodyError> {
        while self.left > 0 && !self.ended {
            match (self.rebox.poll)(self.body.as_mut(), cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.ended = true,
                Poll::Ready(Some(frame)) => {
                    let frame = frame?;
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    self.left = self.left.saturating_sub(length);
                    self.frames.push_back(frame);
                }
            }
        }
        Ok(())
    }

    /// The whole body again.
    pub(crate) fn into_body(self) -> B {
        (self.rebox.rebox)(FaultBody::primed(self.frames, self.body))
    }
}

/// The port that a layer was given, for a body type that is known again when a request comes.
#[derive(Clone, Default)]
pub(crate) struct ReboxSlot(Option<Arc<dyn Any + Send + Sync>>);

impl ReboxSlot {
    pub(crate) fn new<B: 'static>(rebox: BodyRebox<B>) -> Self {
        Self(Some(Arc::new(rebox)))
    }

    /// The port for this body type: the given one, or axum's for axum's.
    pub(crate) fn get<B: 'static>(&self) -> Option<BodyRebox<B>> {
        self.0.as_ref().and_then(|any| any.downcast_ref().copied()).or_else(axum_rebox)
    }
}

impl fmt::Debug for ReboxSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "given" } else { "none" })
    }
}

fn axum_rebox<B: 'static>() -> Option<BodyRebox<B>> {
    #[cfg(feature = "axum")]
    use axum::body::Body;
    #[cfg(all(feature = "router", not(feature = "axum")))]
    use waylay_router::Body;

    #[cfg(any(feature = "axum", feature = "router"))]
    {
        let rebox = BodyRebox::<Body>::new(Body::new);
        (&rebox as &dyn Any).downcast_ref().copied()
    }
    #[cfg(not(any(feature = "axum", feature = "router")))]
    None
}
