//! An ending that waits for the first bytes, so that the client has sent its request in vain.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use crate::injector::ending::Ending;

/// What the stream will come to.
#[derive(Debug, Clone)]
pub(crate) struct Armed {
    pub(crate) ending: Ending,
    pub(crate) by: Arc<str>,
    /// The first bytes were written.
    pub(crate) spoken: bool,
}

/// Reads all that has come and throws it away: a close with bytes unread would be a reset. Ready
/// once something has come, or nothing will any more.
pub(crate) fn poll_heard<T: AsyncRead + Unpin>(io: &mut T, cx: &mut Context<'_>) -> Poll<()> {
    let mut heard = false;
    loop {
        match poll_discard(io, cx) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(_)) => heard = true,
            Poll::Pending if heard => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// Throws away what comes. Ready once the other end has closed.
pub(crate) fn poll_left<T: AsyncRead + Unpin>(io: &mut T, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        match poll_discard(io, cx) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(_)) => {}
            Poll::Pending => return Poll::Pending,
        }
    }
}

fn poll_discard<T: AsyncRead + Unpin>(io: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut scratch = [0; 1024];
    let mut buf = ReadBuf::new(&mut scratch);
    Pin::new(io).poll_read(cx, &mut buf).map_ok(|()| buf.filled().len())
}
