//! Switch, Participation and the process-wide halt.

use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::{env, fmt};

use crate::config::sync::{
    AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Mutex, Notified, Notify, Ordering, global,
};

pub(crate) struct Switch {
    /// `ON` and `COUNTED`, in one byte, so that an idle fault costs one load.
    state: AtomicU8,
    participation: AtomicU64,
    cancel: Notify,
    /// Counters, one of each set, of the faults that are not idle.
    watchers: Mutex<Vec<Arc<AtomicUsize>>>,
    /// Whether another fault took the place of this one, which ends what outlives a request.
    retired: AtomicBool,
    retire: Notify,
    /// A halt of all faults leaves it alone: it is a protection.
    ignores_halt: bool,
}

const ON: u8 = 1;

const COUNTED: u8 = 2;

/// Streams are of interest while the fault is off.
const WATCHING: u8 = 4;

impl Switch {
    /// `count_while_disabled`: requests are counted while the fault is disabled.
    pub(crate) fn new(
        enabled: bool,
        count_while_disabled: bool,
        participation: Participation,
        ignores_halt: bool,
        is_watching: bool,
    ) -> Self {
        Self {
            state: AtomicU8::new(
                (u8::from(enabled) * ON)
                    | (u8::from(count_while_disabled) * COUNTED)
                    | (u8::from(is_watching) * WATCHING),
            ),
            participation: AtomicU64::new(participation.0.to_bits()),
            cancel: Notify::new(),
            ignores_halt,
            watchers: Mutex::default(),
            retired: AtomicBool::new(false),
            retire: Notify::new(),
        }
    }

    /// Counts the fault in this counter for as long as it is not idle.
    pub(crate) fn attach(&self, watcher: Arc<AtomicUsize>) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watcher.fetch_add(usize::from(!self.is_idle()), Ordering::AcqRel);
        watchers.push(watcher);
    }

    /// Takes the fault out of a counter that it was attached to.
    pub(crate) fn detach(&self, watcher: &Arc<AtomicUsize>) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = watchers.iter().position(|known| Arc::ptr_eq(known, watcher)) {
            watchers.remove(index);
            watcher.fetch_sub(usize::from(!self.is_idle()), Ordering::AcqRel);
        }
    }

    /// Ends what outlives a request, such as toxics; requests under way go on.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.retire.notify_waiters();
    }

    /// Tests whether the fault was retired.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Completes once the fault is retired.
    pub(crate) async fn retired(&self) {
        let mut retire = pin!(self.retire.notified());
        retire.as_mut().enable();
        if !self.is_retired() {
            retire.await;
        }
    }

    /// Tests whether requests pass without being counted: one relaxed load.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        is_zero(&self.state)
    }

    /// Tests whether requests are counted, which they are while the fault is enabled.
    pub(crate) fn counts(&self) -> bool {
        self.state.load(Ordering::Relaxed) & (ON | COUNTED) != 0
    }

    /// Tests whether streams are of interest while the fault is off.
    #[inline]
    pub(crate) fn is_watching(&self) -> bool {
        self.state.load(Ordering::Relaxed) & WATCHING != 0
    }

    pub(crate) fn enabled(&self) -> bool {
        self.state.load(Ordering::Acquire) & ON != 0
    }

    #[inline]
    pub(crate) fn is_halted(&self) -> bool {
        !self.ignores_halt && halted()
    }

    pub(crate) fn set_enabled(&self, enabled: bool) {
        self.store_enabled(enabled);
        if !enabled {
            self.wake_cancelled();
        }
    }

    /// Ends what runs, after [`store_enabled`](Self::store_enabled). Wakes foreign code, which may come
    /// back.
    pub(crate) fn wake_cancelled(&self) {
        self.cancel.notify_waiters();
    }

    /// Sets the switch, and wakes nothing.
    pub(crate) fn store_enabled(&self, enabled: bool) {
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        let was_idle = self.is_idle();
        if enabled {
            self.state.fetch_or(ON, Ordering::Release);
        } else {
            self.state.fetch_and(!ON, Ordering::Release);
        }
        let is_idle = self.is_idle();
        for watcher in watchers.iter().filter(|_| was_idle != is_idle) {
            if is_idle {
                watcher.fetch_sub(1, Ordering::AcqRel);
            } else {
                watcher.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    pub(crate) fn participation(&self) -> f64 {
        f64::from_bits(self.participation.load(Ordering::Relaxed))
    }

    pub(crate) fn set_participation(&self, participation: Participation) {
        self.participation.store(participation.0.to_bits(), Ordering::Relaxed);
    }

    /// Runs the future; returns `None` as soon as the fault is disabled or halted.
    pub(crate) async fn run_until_off<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut off = pin!(self.cancel.notified());
        let mut halt = pin!(next_halt());
        // Both are registered before the check, so that no notification is missed.
        if !self.enabled() || self.is_halted() {
            return None;
        }
        let mut work = pin!(work);
        std::future::poll_fn(|cx| {
            let is_halted = halt.as_mut().poll(cx).is_ready() && !self.ignores_halt;
            if is_halted || off.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(cx).map(Some)
        })
        .await
    }
}

/// `extern "C"` states that the call does not unwind. For Rust functions the compiler infers this too
/// late to avoid copying the request (224 bytes). `cargo bench -p waylay-benches -- idle`: a disabled
/// fault adds 6.8 ns with it, 14.2 ns without.
#[inline]
extern "C" fn is_zero(state: &AtomicU8) -> bool {
    state.load(Ordering::Relaxed) == 0
}

/// A share of requests, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Participation(f64);

impl Participation {
    pub(crate) fn new(share: f64) -> Result<Self, ParticipationError> {
        // NaN is in no range. go-fault accepts it, after which no request is selected.
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(ParticipationError(share)) }
    }
}

/// The error of a participation that is not a number from 0 to 1; the old one is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParticipationError(f64);

impl ParticipationError {
    /// Returns the given number.
    pub fn given(&self) -> f64 {
        self.0
    }
}

impl fmt::Display for ParticipationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a share of requests; give a number from 0 to 1", self.0)
    }
}

impl std::error::Error for ParticipationError {}

/// Stops every fault of this process: nothing new is injected, and running delays and hangs end at
/// once and let their requests go on to the service.
///
/// It also prepares a graceful shutdown, during which no request may be delayed. Call it before the
/// server begins to drain.
///
/// A [`quota`](crate::quota()) protects the service and stays in force, unless it is declared a
/// [fault](crate::Quota::as_fault).
///
/// The environment variable `WAYLAY_HALT`, read once, starts a process halted. Any value halts it
/// (`1`, `true`, `yes`, also `off` and misspelled values), except for the empty one and `0`.
///
/// ```
/// assert!(!waylay_fault::halted());
/// waylay_fault::halt();
/// assert!(waylay_fault::halted());
/// waylay_fault::resume();
/// assert!(!waylay_fault::halted());
/// ```
pub fn halt() {
    // Swapped, not stored: loom takes a store that meets an exchange for one that may come before it.
    HALT.state.swap(HALTED, Ordering::AcqRel);
    HALT.begun.notify_waiters();
    HALT.changed.notify_waiters();
    #[cfg(feature = "metrics")]
    crate::report::meters::set_halted(true);
}

/// Ends a [`halt`], also one of the environment; delays that it ended are not resumed.
pub fn resume() {
    HALT.state.swap(RUNNING, Ordering::AcqRel);
    HALT.changed.notify_waiters();
    #[cfg(feature = "metrics")]
    crate::report::meters::set_halted(false);
}

/// Tests whether every fault of this process is stopped.
#[inline]
pub fn halted() -> bool {
    match HALT.state.load(Ordering::Acquire) {
        UNREAD => read_environment(),
        state => state == HALTED,
    }
}

/// Waits until [`halted`] is no longer this, and returns the new value. A [`halt`] and a [`resume`] between
/// two calls of this are not noticed.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let begin = waylay_fault::halted();
/// let changed = tokio::spawn(waylay_fault::halt_changed(begin));
/// waylay_fault::halt();
/// assert!(changed.await?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn halt_changed(from: bool) -> bool {
    loop {
        let mut changed = pin!(HALT.changed.notified());
        // Registered before the state is read, so that no change goes unnoticed.
        changed.as_mut().enable();
        let now = halted();
        if now != from {
            return now;
        }
        changed.await;
    }
}

/// Completes at the next [`halt`]; [`halted`] reports earlier ones.
pub(crate) fn next_halt() -> Notified<'static> {
    HALT.begun.notified()
}

const UNREAD: u8 = 0;

const RUNNING: u8 = 1;

const HALTED: u8 = 2;

/// The halt of all faults.
struct Halt {
    state: AtomicU8,
    /// Wakes what a halt ends.
    begun: Notify,
    /// Wakes what follows halts and their ends.
    changed: Notify,
}

global! {
    static HALT: Halt =
        Halt { state: AtomicU8::new(UNREAD), begun: Notify::const_new(), changed: Notify::const_new() };
}

fn read_environment() -> bool {
    let wanted = env::var_os("WAYLAY_HALT").is_some_and(|value| !value.is_empty() && value != "0");
    let state = if wanted { HALTED } else { RUNNING };
    // A concurrent call of `halt` or `resume` takes precedence.
    match HALT.state.compare_exchange(UNREAD, state, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => wanted,
        Err(newer) => newer == HALTED,
    }
}
