//! On/off, participation, process-wide halt.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::{env, fmt};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

pub(crate) struct Switch {
    /// `ON` and `COUNTED`, in one place so that an idle fault has but one thing to look at.
    state: AtomicU8,
    participation: AtomicU64,
    cancel: Notify,
    /// Counters, one of each set, of the faults that are not idle.
    watchers: Mutex<Vec<Arc<AtomicUsize>>>,
    /// Whether another fault took the place of this one, which ends what outlives a request.
    retired: AtomicBool,
    retire: Notify,
}

const ON: u8 = 1;

const COUNTED: u8 = 2;

impl Switch {
    /// `count_while_disabled`: requests are of interest also while it is off.
    pub(crate) fn new(enabled: bool, count_while_disabled: bool, participation: Participation) -> Self {
        Self {
            state: AtomicU8::new((u8::from(enabled) * ON) | (u8::from(count_while_disabled) * COUNTED)),
            participation: AtomicU64::new(participation.0.to_bits()),
            cancel: Notify::new(),
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

    /// Completes once the fault is retired.
    pub(crate) async fn retired(&self) {
        let mut retire = pin!(self.retire.notified());
        retire.as_mut().enable();
        if !self.retired.load(Ordering::Acquire) {
            retire.await;
        }
    }

    /// Whether there is nothing to do, not even to count: one relaxed load.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        is_zero(&self.state)
    }

    pub(crate) fn enabled(&self) -> bool {
        self.state.load(Ordering::Acquire) & ON != 0
    }

    pub(crate) fn set_enabled(&self, enabled: bool) {
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        let was_idle = self.is_idle();
        if enabled {
            self.state.fetch_or(ON, Ordering::Release);
        } else {
            self.state.fetch_and(!ON, Ordering::Release);
            self.cancel.notify_waiters();
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

    /// Does the work; or none of the rest of it, from the moment the fault is off or halted.
    pub(crate) async fn run_until_off<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut off = pin!(self.cancel.notified());
        let mut halt = pin!(next_halt());
        // Listening (which begins with these two) comes before looking, else a switch in between
        // would go unheard.
        if !self.enabled() || halted() {
            return None;
        }
        let mut work = pin!(work);
        std::future::poll_fn(|cx| {
            if off.as_mut().poll(cx).is_ready() || halt.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(cx).map(Some)
        })
        .await
    }
}

/// Of this ABI only for what it promises, that it does not unwind: the compiler learns that of our
/// own functions too late to save the copy of a request (224 bytes) that is on its way past here.
#[inline]
extern "C" fn is_zero(state: &AtomicU8) -> bool {
    state.load(Ordering::Relaxed) == 0
}

/// A share of requests, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Participation(f64);

impl Participation {
    pub(crate) fn new(share: f64) -> Result<Self, ParticipationError> {
        // NaN is in no range. go-fault lets it pass, after which nothing ever fires.
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(ParticipationError(share)) }
    }
}

/// A participation that is no number from 0 to 1 was refused; the old one stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParticipationError(f64);

impl ParticipationError {
    /// The number that was given.
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

/// Stops every fault of this process, now: nothing new is injected, running delays and hangs end
/// at once and let their requests go on to the service.
///
/// It serves a shutdown as well. What a graceful shutdown needs is just this: no request may be
/// held any longer, and none that is still in flight may be held anew. Call it before the server
/// begins to drain.
///
/// The environment variable `WAYLAY_HALT`, read once, starts a process halted. It is an emergency
/// brake, so any value pulls it (`1`, `true`, `yes`, also `off` and a slip of the pen) but the empty
/// one and `0`.
///
/// ```
/// assert!(!waylay_fault::halted());
/// waylay_fault::halt();
/// assert!(waylay_fault::halted());
/// waylay_fault::resume();
/// assert!(!waylay_fault::halted());
/// ```
pub fn halt() {
    STATE.store(HALTED, Ordering::Release);
    HALT.notify_waiters();
}

/// Takes a [`halt`] back, also one of the environment; what it ended stays ended.
pub fn resume() {
    STATE.store(RUNNING, Ordering::Release);
}

/// Whether every fault of this process is stopped.
pub fn halted() -> bool {
    match STATE.load(Ordering::Acquire) {
        UNREAD => read_environment(),
        state => state == HALTED,
    }
}

/// Completes at the next [`halt`] from now on; ask [`halted`] about those before.
pub(crate) fn next_halt() -> Notified<'static> {
    HALT.notified()
}

const UNREAD: u8 = 0;

const RUNNING: u8 = 1;

const HALTED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNREAD);

static HALT: Notify = Notify::const_new();

fn read_environment() -> bool {
    let wanted = env::var_os("WAYLAY_HALT").is_some_and(|value| !value.is_empty() && value != "0");
    let state = if wanted { HALTED } else { RUNNING };
    // A call of `halt` or `resume` in between has the last word.
    match STATE.compare_exchange(UNREAD, state, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => wanted,
        Err(newer) => newer == HALTED,
    }
}
