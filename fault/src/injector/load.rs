//! Load: threads that compute or hold memory until a time or a fault is over.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::body::stage::FaultHandle;

/// One of the loads that may run at the same time, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    /// Returns a place that this counter counts already.
    pub(crate) fn new(counter: Arc<AtomicUsize>) -> Self {
        Self(counter)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A load that is to begin.
#[derive(Debug)]
pub(crate) struct Load {
    time: Duration,
    cpu: usize,
    memory: usize,
    /// None in a preview, which begins nothing.
    place: Option<Place>,
}

/// What the threads of a load share: the fault is active, and the place is taken, until the last ends.
struct Shared {
    handle: Box<dyn FaultHandle>,
    end: Instant,
    _place: Option<Place>,
}

impl Shared {
    fn is_over(&self) -> bool {
        Instant::now() >= self.end || self.handle.is_over()
    }
}

impl Load {
    pub(crate) fn new(time: Duration, cpu: usize, memory: usize, place: Option<Place>) -> Self {
        Self { time, cpu, memory, place }
    }

    /// Begins the load. A thread that the system does not grant is left out.
    pub(crate) fn begin(self, handle: Box<dyn FaultHandle>) {
        let end = Instant::now() + self.time;
        let shared = Arc::new(Shared { handle, end, _place: self.place });
        let spawn = |work: Box<dyn FnOnce() + Send>| {
            drop(thread::Builder::new().name("waylay-stress".to_owned()).spawn(work));
        };
        for _ in 0..self.cpu {
            let shared = shared.clone();
            spawn(Box::new(move || compute(&shared)));
        }
        if self.memory > 0 {
            let memory = self.memory;
            spawn(Box::new(move || hold(&shared, memory)));
        }
    }
}

/// Computes, and looks for the end about every hundredth of a millisecond.
fn compute(shared: &Shared) {
    let mut state = 1_u64;
    while !shared.is_over() {
        for _ in 0..10_000 {
            state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

/// Memory is taken in blocks of this size, so that the end comes between them.
const BLOCK: usize = 1 << 20;

/// Time between two looks for the end, for a thread that only holds memory.
const INTERVAL: Duration = Duration::from_millis(10);

fn hold(shared: &Shared, memory: usize) {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut left = memory;
    while left > 0 && !shared.is_over() {
        let size = left.min(BLOCK);
        let mut block = Vec::new();
        if block.try_reserve_exact(size).is_err() || blocks.try_reserve(1).is_err() {
            break;
        }
        // Written, since pages that were never touched take no memory.
        block.resize(size, 0xa5);
        blocks.push(black_box(block));
        left -= size;
    }
    while !shared.is_over() {
        thread::park_timeout(INTERVAL);
    }
}
