//! BodyRebox and ReadAhead: changed and buffered request bodies.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};

use crate::body::error::BodyError;
use crate::body::fault_body::FaultBody;
use crate::body::stage::Polled;

/// Conversions between request bodies of one type and [`FaultBody`].
pub(crate) struct BodyRebox<B> {
    /// Makes a body of type `B`.
    pub(crate) rebox: fn(FaultBody<B>) -> B,
    poll: fn(Pin<&mut B>, &mut Context<'_>) -> Polled,
}

// A derive would require `B: Copy`.
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

/// A body that is read while its request is delayed: an HTTP/1 server notices that a client has
/// left only while it reads.
pub(crate) struct ReadAhead<B> {
    rebox: BodyRebox<B>,
    body: Pin<Box<B>>,
    /// What was read. Chunks are joined: many small ones would hold more than their bytes.
    data: BytesMut,
    trailers: Option<Frame<Bytes>>,
    /// Number of bytes that may still be buffered.
    left: usize,
    ended: bool,
}

impl<B> ReadAhead<B> {
    pub(crate) fn new(rebox: BodyRebox<B>, body: B, max_bytes: usize) -> Self {
        Self {
            rebox,
            body: Box::pin(body),
            data: BytesMut::new(),
            trailers: None,
            left: max_bytes,
            ended: false,
        }
    }

    /// Reads what has arrived.
    ///
    /// # Errors
    /// The body failed: the client has left.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Result<(), BodyError> {
        while self.left > 0 && !self.ended {
            match (self.rebox.poll)(self.body.as_mut(), cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.ended = true,
                Poll::Ready(Some(frame)) => match frame?.into_data() {
                    Ok(data) => {
                        self.left = self.left.saturating_sub(data.len());
                        self.data.extend_from_slice(&data);
                    }
                    // Nothing follows them.
                    Err(trailers) => {
                        self.trailers = Some(trailers);
                        self.ended = true;
                    }
                },
            }
        }
        Ok(())
    }

    /// Returns the whole body.
    pub(crate) fn into_body(self) -> B {
        let data = Some(self.data.freeze()).filter(|data| !data.is_empty());
        let frames = data.map(Frame::data).into_iter().chain(self.trailers).collect();
        (self.rebox.rebox)(FaultBody::primed(frames, self.body))
    }
}

/// The rebox function of a layer, whose body type is known only in `call`.
#[derive(Clone, Default)]
pub(crate) struct ReboxSlot(Option<Arc<dyn Any + Send + Sync>>);

impl ReboxSlot {
    pub(crate) fn new<B: 'static>(rebox: BodyRebox<B>) -> Self {
        Self(Some(Arc::new(rebox)))
    }

    /// Returns the conversions for this body type: those given, or axum's for axum's body.
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
