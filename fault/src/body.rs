//! The body of a response that passed a fault.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A response's body: the service's own, the fault's own, or one whose first poll fails.
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
        Self { kind: Kind::Reject { error: Some(BodyError(Cause::Reject(error))) } }
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
            KindProjection::Service { body } => {
                body.poll_frame(cx).map_err(|error| BodyError(Cause::Service(error.into())))
            }
            KindProjection::Text { text } if text.is_empty() => Poll::Ready(None),
            KindProjection::Text { text } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(text))))),
            KindProjection::Reject { error } => Poll::Ready(error.take().map(Err)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Service { body } => body.is_end_stream(),
            Kind::Text { text } => text.is_empty(),
            // A server that thinks it empty would send the head and never ask for it.
            Kind::Reject { error } => error.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Service { body } => body.size_hint(),
            Kind::Text { text } => SizeHint::with_exact(text.len() as u64),
            Kind::Reject { .. } => SizeHint::default(),
        }
    }
}

/// Why a body failed: the service's did, or the exchange was [rejected](RejectError).
///
/// ```
/// use http::{Request, Response};
/// use http_body_util::BodyExt;
/// use tower::{ServiceExt, service_fn};
/// use tower_layer::Layer;
/// use waylay_fault::{Fault, Reject, reject};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let fault = Fault::new("dead", reject(Reject::EmptyReply)).enabled(true).participation(1.0).build()?;
/// let inner = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::from("real"))));
/// let response = fault.layer().layer(inner).oneshot(Request::new(String::new())).await?;
///
/// let error = response.into_body().collect().await.unwrap_err();
/// assert_eq!(error.reject().map(|reject| reject.to_string()).as_deref(), Some("fault dead rejected the request"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BodyError(Cause);

#[derive(Debug)]
enum Cause {
    Service(Box<dyn Error + Send + Sync>),
    Reject(RejectError),
}

impl BodyError {
    /// The reject behind it, if it is one.
    pub fn reject(&self) -> Option<&RejectError> {
        match &self.0 {
            Cause::Service(_) => None,
            Cause::Reject(error) => Some(error),
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response body failed")
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Cause::Service(error) => Some(&**error),
            Cause::Reject(error) => Some(error),
        }
    }
}

/// A fault ended the exchange without an answer.
///
/// With the feature `http2` and a chosen code its source is the `h2::Error` by which hyper picks
/// the code of the stream reset.
#[derive(Debug)]
pub struct RejectError {
    fault: Arc<str>,
    #[cfg(feature = "http2")]
    reset: Option<h2::Error>,
}

impl RejectError {
    #[cfg_attr(not(feature = "http2"), allow(unused_variables, reason = "codes need h2's own error type"))]
    pub(crate) fn new(fault: Arc<str>, code: Option<u32>) -> Self {
        Self {
            fault,
            #[cfg(feature = "http2")]
            reset: code.map(|code| h2::Reason::from(code).into()),
        }
    }

    /// The name of the fault.
    pub fn fault(&self) -> &str {
        &self.fault
    }
}

impl fmt::Display for RejectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {} rejected the request", self.fault)
    }
}

impl Error for RejectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        #[cfg(feature = "http2")]
        if let Some(reset) = &self.reset {
            return Some(reset);
        }
        None
    }
}
