//! HoldingBody: a body that holds a value until its end.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::Error;
use axum_core::body::Body;
use axum_core::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// Returns a response that drops the value when its body ends or is dropped.
pub fn hold_until_body_end<T: Send + 'static>(response: Response, value: T) -> Response {
    if !std::mem::needs_drop::<T>() {
        return response;
    }
    response.map(|body| Body::new(HoldingBody { body, value: Some(value) }))
}

/// A body that holds a value until its end.
struct HoldingBody<T> {
    body: Body,
    value: Option<T>,
}

/// The value is never pinned.
impl<T> Unpin for HoldingBody<T> {}

impl<T> fmt::Debug for HoldingBody<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldingBody").field("body", &self.body).finish_non_exhaustive()
    }
}

impl<T> http_body::Body for HoldingBody<T> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() {
            self.value = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
