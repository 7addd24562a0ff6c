//! TaskWakers: the tasks that read and write one stream.

use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use crate::config::sync::{Mutex, MutexGuard};

/// The wakers of the task that reads a stream and of the task that writes it.
///
/// Timers, faults and the io of a stream are polled with [`waker`](Self::waker), which wakes both
/// tasks: the one that polled last may never poll again, while the other one waits for what it began.
///
/// Wakers are foreign code: they are cloned, woken and dropped while the lock is free.
#[derive(Debug, Default)]
pub(crate) struct TaskWakers(Mutex<[Option<Waker>; 2]>);

impl TaskWakers {
    pub(crate) fn register_reader(&self, waker: &Waker) {
        self.register(0, waker);
    }

    pub(crate) fn register_writer(&self, waker: &Waker) {
        self.register(1, waker);
    }

    /// Returns a waker of both tasks.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        self.clone().into()
    }

    /// Wakes both tasks.
    pub(crate) fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.lock());
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn register(&self, task: usize, waker: &Waker) {
        // Compares addresses.
        if self.lock()[task].as_ref().is_some_and(|stored| stored.will_wake(waker)) {
            return;
        }
        let new = waker.clone();
        // The task looks at what it waits for after this, so a wake in between is not missed.
        let old = self.lock()[task].replace(new);
        drop(old);
    }

    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for TaskWakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A waker of a runtime that does everything at once: wakes and drops come back to the stream.
    struct Reentrant(Arc<TaskWakers>, Arc<AtomicUsize>);

    impl Wake for Reentrant {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.wake_all();
        }
    }

    impl Drop for Reentrant {
        fn drop(&mut self) {
            self.0.wake_all();
        }
    }

    #[test]
    fn wakers_may_come_back() {
        let wakers = Arc::new(TaskWakers::default());
        let count = Arc::new(AtomicUsize::new(0));
        let waker = || Waker::from(Arc::new(Reentrant(wakers.clone(), count.clone())));
        wakers.register_reader(&waker());
        wakers.register_writer(&waker());
        // Another task takes the place of the first, whose waker is dropped, and wakes both.
        wakers.register_reader(&waker());
        wakers.wake_all();
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
