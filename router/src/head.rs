//! The body of an answer to HEAD: no byte, but the size of the GET answer's.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::Error;
use axum_core::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

/// Keeps the size hint of a body and sends none of its frames; an error of the first
/// poll goes through, since a fault layer rejects requests by one.
pub(crate) struct HeadBody {
    body: Option<Body>,
    size: SizeHint,
}

impl HeadBody {
    pub(crate) fn new(body: Body) -> Self {
        Self { size: body.size_hint(), body: Some(body) }
    }
}

impl http_body::Body for HeadBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(mut body) = self.body.take() else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut body).poll_frame(context) {
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
