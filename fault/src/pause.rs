//! Pauses: waits that a switch, a halt or a leaving client ends.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// A wait under way. It tells whether it ran to its end or was called off.
///
/// The lock is never taken: it only makes a future that need not be `Sync` fit into bodies that
/// must be.
pub(crate) struct Pause(Mutex<Pin<Box<dyn Future<Output = Option<()>> + Send>>>);

impl Pause {
    pub(crate) fn new(wait: impl Future<Output = Option<()>> + Send + 'static) -> Self {
        Self(Mutex::new(Box::pin(wait)))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}

impl fmt::Debug for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pause")
    }
}

/// How time is slept away: tokio's timer, or a function of the user's.
#[derive(Clone, Default)]
pub(crate) struct Sleeper(Option<Arc<Sleep>>);

type Sleep = dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

impl Sleeper {
    pub(crate) fn new<F>(sleep: impl Fn(Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Some(Arc::new(move |time| Box::pin(sleep(time)))))
    }

    pub(crate) async fn sleep(&self, time: Duration) {
        match &self.0 {
            Some(sleep) => sleep(time).await,
            None => tokio::time::sleep(time).await,
        }
    }
}
