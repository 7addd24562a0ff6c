//! Inject: the trait of custom injectors.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use crate::random::draws::Draws;

/// A custom injector, for [`custom`](crate::custom). Implemented for closures from
/// [`InjectContext`] to a future of [`InjectOutcome`]: `move |context: InjectContext| async move {
/// … }`.
pub trait Inject: Send + Sync + 'static {
    /// Decides about one request. The future is dropped when the client leaves and when the fault
    /// is disabled or halted.
    fn inject(&self, context: InjectContext) -> Pin<Box<dyn Future<Output = InjectOutcome> + Send>>;
}

impl<F, Fut> Inject for F
where
    F: Fn(InjectContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = InjectOutcome> + Send + 'static,
{
    fn inject(&self, context: InjectContext) -> Pin<Box<dyn Future<Output = InjectOutcome> + Send>> {
        Box::pin(self(context))
    }
}

/// The selected request, as seen by a custom injector. [`custom`](crate::custom) has an example.
#[derive(Debug)]
pub struct InjectContext {
    pub(crate) request: Arc<Request<()>>,
    pub(crate) draws: Draws,
    pub(crate) can_reject: bool,
}

impl InjectContext {
    /// Returns the request without its body, which stays with the service.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// Returns the draws of this request at this node of the tree.
    pub fn draws(&mut self) -> &mut Draws {
        &mut self.draws
    }

    /// Tests whether a rejection can be delivered to this client; otherwise
    /// [`InjectOutcome::EmptyReply`] and the other rejections let the request pass.
    pub fn can_reject(&self) -> bool {
        self.can_reject
    }
}

/// The outcome of a custom injector. [`custom`](crate::custom) has an example.
#[non_exhaustive]
pub enum InjectOutcome {
    /// Continues with the next link of the chain, and finally with the service.
    Continue,
    /// Responds instead of the service.
    Respond(Response<Bytes>),
    /// Ends without a response: see [`Reject::EmptyReply`](crate::Reject::EmptyReply).
    EmptyReply,
    /// Resets the HTTP/2 stream: see [`Reject::StreamReset`](crate::Reject::StreamReset).
    #[cfg(feature = "http2")]
    StreamReset(crate::connection::command::ResetCode),
    /// Closes the connection: see [`Reject::ConnectionClose`](crate::Reject::ConnectionClose).
    ConnectionClose,
    /// Resets the connection: see [`Reject::ConnectionReset`](crate::Reject::ConnectionReset).
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
