//! TaskWakers: the tasks that read and write one stream.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// The wakers of the task that reads a stream and of the task that writes it.
///
/// Timers, faults and the io of a stream are polled with [`waker`](Self::waker), which wakes both
/// tasks: the one that polled last may never poll again, while the other one waits for what it began.
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
        let wakers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn register(&self, task: usize, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut wakers[task];
        if !slot.as_ref().is_some_and(|stored| stored.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
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
