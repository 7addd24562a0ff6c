//! Inject: the trait of custom injectors.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::response::Parts;
use http::{Request, Response};

use crate::random::draws::Draws;

/// A custom injector, for [`custom`](crate::custom). Implemented for closures from
/// [`InjectContext`] to a future of [`InjectOutcome`]: `move |context: InjectContext| async move {
/// … }`.
pub trait Inject: Send + Sync + 'static {
    /// Decides about one request. The future is dropped when the client leaves and when the fault
    /// is disabled or halted.
    ///
    /// A panic is caught: the request goes on, and is counted as
    /// [`callback_panicked`](crate::Counts::callback_panicked).
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
    /// Leaves the request alone: nothing was done, and no further link of the chain is run. Unless an
    /// earlier link was injected, the request is neither counted as injected nor marked, but counted as
    /// [`declined`](crate::Counts::declined). A count window and a group have used it up.
    Skip,
    /// Continues with the next link of the chain, and finally with the service. It is counted as
    /// injected, and the response is marked.
    Continue,
    /// Continues, and decides once the response is there: see [`inspect`](Self::inspect).
    Inspect(Inspect),
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

/// A function of the head of a response, made by [`InjectOutcome::inspect`].
// Never locked: the mutex makes a function that is not `Sync` usable in futures and bodies that are.
pub struct Inspect(Mutex<Box<InspectFn>>);

type InspectFn = dyn FnOnce(&mut Parts) -> InjectOutcome + Send;

impl Inspect {
    pub(crate) fn call(self, parts: &mut Parts) -> InjectOutcome {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)(parts)
    }
}

impl InjectOutcome {
    /// Continues, and calls this function with the head of the response, which it may change. The head is as the
    /// faults within this one send it, before the other changes of this fault. The result applies to the
    /// response:
    ///
    /// - [`Skip`](Self::Skip): it is sent unchanged, uncounted and unmarked;
    /// - [`Continue`](Self::Continue): it is sent with the changed head;
    /// - [`Respond`](Self::Respond): this one takes its place;
    /// - the others end the exchange.
    ///
    /// Connections have no response: in a `FaultListener` and around a connector it is not deliverable.
    ///
    /// ```
    /// use http::{HeaderValue, StatusCode};
    /// use waylay_fault::{Fault, InjectContext, InjectOutcome, custom};
    ///
    /// // Only what succeeded is delayed in caches.
    /// let stale = custom("stale", |_: InjectContext| async {
    ///     InjectOutcome::inspect(|head| {
    ///         if head.status != StatusCode::OK {
    ///             return InjectOutcome::Skip;
    ///         }
    ///         head.headers.insert("age", HeaderValue::from_static("86400"));
    ///         InjectOutcome::Continue
    ///     })
    /// });
    /// Fault::new("stale-prices", stale).build()?;
    /// # Ok::<(), waylay_fault::FaultErrors>(())
    /// ```
    pub fn inspect(inspect: impl FnOnce(&mut Parts) -> Self + Send + 'static) -> Self {
        Self::Inspect(Inspect(Mutex::new(Box::new(inspect))))
    }
}

impl fmt::Debug for Inspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inspect")
    }
}

impl fmt::Debug for InjectOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => f.write_str("Skip"),
            Self::Continue => f.write_str("Continue"),
            Self::Inspect(inspect) => inspect.fmt(f),
            Self::Respond(response) => f.debug_tuple("Respond").field(&response.status()).finish(),
            Self::EmptyReply => f.write_str("EmptyReply"),
            #[cfg(feature = "http2")]
            Self::StreamReset(code) => f.debug_tuple("StreamReset").field(code).finish(),
            Self::ConnectionClose => f.write_str("ConnectionClose"),
            Self::ConnectionReset => f.write_str("ConnectionReset"),
        }
    }
}
