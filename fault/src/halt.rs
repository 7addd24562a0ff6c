//! The process-wide halt: one switch that stops every fault.

use std::env;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

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
    CALL_OFF.notify_waiters();
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
    CALL_OFF.notified()
}

const UNREAD: u8 = 0;
const RUNNING: u8 = 1;
const HALTED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNREAD);
static CALL_OFF: Notify = Notify::const_new();

fn read_environment() -> bool {
    let wanted = env::var_os("WAYLAY_HALT").is_some_and(|value| !value.is_empty() && value != "0");
    let state = if wanted { HALTED } else { RUNNING };
    // A call of `halt` or `resume` in between has the last word.
    match STATE.compare_exchange(UNREAD, state, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => wanted,
        Err(newer) => newer == HALTED,
    }
}
