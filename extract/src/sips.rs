//! A body that is drunk in sips: one chunk each time it is asked, and only so many of them.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum_core::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_core::Stream;

/// The data of a body, which pauses behind every chunk.
///
/// `multer` takes from its stream until that pauses, and keeps what it has taken: of a client that is
/// fast enough it would keep the whole body in memory. And it looks for the end of a part's head from
/// its start with every chunk, which a long head makes dear: so a head has an allowance.
#[derive(Debug)]
pub(crate) struct Sips {
    data: BodyDataStream,
    /// How often it has paused since the last chunk.
    pauses: u8,
    allowance: Allowance,
}

/// How many bytes may still be taken; the chunk that uses it up is the last one.
#[derive(Clone, Debug)]
pub(crate) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// Allows so many bytes from now on.
    pub(crate) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

impl Sips {
    pub(crate) fn new(body: Body) -> (Self, Allowance) {
        let allowance = Allowance(Arc::new(AtomicUsize::new(0)));
        (Self { data: body.into_data_stream(), pauses: 1, allowance: allowance.clone() }, allowance)
    }
}

impl Stream for Sips {
    type Item = Result<Bytes, SipError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let left = self.allowance.0.load(Ordering::Relaxed);
        // A chunk that was taken last thing is looked at only behind the next question.
        let most = if left == 0 { 2 } else { 1 };
        if self.pauses < most {
            self.pauses += 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if left == 0 {
            return Poll::Ready(Some(Err(SipError::UsedUp)));
        }
        let chunk = ready!(Pin::new(&mut self.data).poll_next(context));
        self.pauses = 0;
        Poll::Ready(chunk.map(|chunk| {
            let chunk = chunk.map_err(SipError::Body)?;
            self.allowance.set(left.saturating_sub(chunk.len()));
            Ok(chunk)
        }))
    }
}

/// Why there is no next chunk.
#[derive(Debug)]
pub(crate) enum SipError {
    /// The body has failed.
    Body(axum_core::Error),
    /// The allowance is used up.
    UsedUp,
}

impl fmt::Display for SipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body(_) => "the body has failed",
            Self::UsedUp => "the head of a part is too long",
        })
    }
}

impl Error for SipError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body(error) => Some(error),
            Self::UsedUp => None,
        }
    }
}
