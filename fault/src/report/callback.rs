//! guard: runs a callback and catches its panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs a callback; `None` if it panicked.
///
/// Callbacks run in destructors and while a task unwinds, where a panic that escapes would abort the
/// process. The panic hook has printed the message by then.
pub(crate) fn guard<T>(callback: impl FnOnce() -> T) -> Option<T> {
    // A callback has no state of this crate; one that left its own state inconsistent is called again.
    match catch_unwind(AssertUnwindSafe(callback)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // A payload may panic when it is dropped, and so on; the second one is leaked.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                std::mem::forget(payload);
            }
            None
        }
    }
}

/// The future of a callback; `None` if it panicked. It is dropped under guard as well.
pub(crate) struct GuardedFuture<F: ?Sized>(Option<Pin<Box<F>>>);

impl<F: Future + ?Sized> GuardedFuture<F> {
    pub(crate) fn new(future: Pin<Box<F>>) -> Self {
        Self(Some(future))
    }
}

impl<F: Future + ?Sized> Future for GuardedFuture<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        match guard(|| future.as_mut().poll(cx)) {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(output)) => Poll::Ready(Some(output)),
            None => Poll::Ready(None),
        }
    }
}

impl<F: ?Sized> Drop for GuardedFuture<F> {
    fn drop(&mut self) {
        let future = self.0.take();
        guard(|| drop(future));
    }
}
