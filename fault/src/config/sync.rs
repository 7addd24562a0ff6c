//! Locks, atomics and notifications of what threads share. `fault/model` explores its interleavings with
//! others in their place.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock};

pub(crate) use tokio::sync::Notify;
pub(crate) use tokio::sync::futures::Notified;

/// Declares a static that is shared by all threads.
macro_rules! global {
    ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;) => {
        $(#[$doc])*
        static $name: $type = $value;
    };
}

pub(crate) use global;
