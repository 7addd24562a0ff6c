//! Inject, Call, Verdict: the trait of custom injectors.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use crate::random::draws::Draws;

/// A deed of your own, for [`custom`](crate::custom). A closure from [`InjectContext`] to a future of a
/// [`InjectOutcome`] is one: `move |call: InjectContext| async move { … }`.
pub trait Inject: Send + Sync + 'static {
    /// Decides what becomes of one request, now or later. The future is dropped when the client
    /// leaves and when the fault is switched off or halted.
    ///
    /// A panic is caught: the request goes on, and is counted as
    /// [`callback_panicked`](crate::Counts::callback_panicked).
    fn inject(&self, call: InjectContext) -> Pin<Box<dyn Future<Output = InjectOutcome> + Send>>;
}

impl<F, Fut> Inject for F
where
    F: Fn(InjectContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = InjectOutcome> + Send + 'static,
{
    fn inject(&self, call: InjectContext) -> Pin<Box<dyn Future<Output = InjectOutcome> + Send>> {
        Box::pin(self(call))
    }
}

/// What a custom injector is told about the request that was drawn. See
/// [`custom`](crate::custom) for one at work.
#[derive(Debug)]
pub struct InjectContext {
    pub(crate) request: Arc<Request<()>>,
    pub(crate) draws: Draws,
    pub(crate) can_reject: bool,
}

impl InjectContext {
    /// The request without its body, which stays with the service.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// The draws of this request at this place of the tree.
    pub fn draws(&mut self) -> &mut Draws {
        &mut self.draws
    }

    /// Whether a reject would reach this client; where not, [`InjectOutcome::EmptyReply`] and its like
    /// let the request pass.
    pub fn can_reject(&self) -> bool {
        self.can_reject
    }
}

/// What a custom injector decides. See [`custom`](crate::custom) for one at work.
#[non_exhaustive]
pub enum InjectOutcome {
    /// On with the next link of the chain, and in the end with the service.
    Continue,
    /// This answer, in the service's place.
    Respond(Response<Bytes>),
    /// No answer: see [`Reject::EmptyReply`](crate::Reject::EmptyReply).
    EmptyReply,
    /// An HTTP/2 stream reset: see [`Reject::StreamReset`](crate::Reject::StreamReset).
    #[cfg(feature = "http2")]
    StreamReset(crate::connection::command::ResetCode),
    /// The whole connection is closed: see [`Reject::ConnectionClose`](crate::Reject::ConnectionClose).
    ConnectionClose,
    /// The whole connection is reset: see [`Reject::ConnectionReset`](crate::Reject::ConnectionReset).
    ConnectionReset,
}

impl fmt::Debug for InjectOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Continue => f.write_str("Continue"),
            Self::Respond(response) => f.debug_tuple("Respond").field(&response.status()).finish(),
            Self::EmptyReply => f.write_str("EmptyReply"),
            #[cfg(feature = "http2")]
            Self::StreamReset(code) => f.debug_tuple("StreamReset").field(code).finish(),
            Self::ConnectionClose => f.write_str("ConnectionClose"),
            Self::ConnectionReset => f.write_str("ConnectionReset"),
        }
    }
}
