//! Measurement: contenders that take turns, and an allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use cpu_time::ThreadTime;

/// Duration and number of the turns of each contender.
#[derive(Debug, Clone)]
pub struct Pace {
    turn: Duration,
    turns: usize,
    only: Option<String>,
}

impl Pace {
    /// Returns the pace of a measurement.
    pub fn full() -> Self {
        Self { turn: Duration::from_millis(1), turns: 60, only: None }
    }

    /// Returns the pace of a smoke test: one short turn.
    pub fn quick() -> Self {
        Self { turn: Duration::ZERO, turns: 1, only: None }
    }

    /// Returns the time that a contender may take in all, if its shortest turn is long.
    fn most(&self) -> Duration {
        self.turn * self.turns as u32 * 4
    }

    /// Tests whether this is a smoke test.
    pub fn is_quick(&self) -> bool {
        self.turns == 1
    }

    /// Returns the size of an expensive input: `quick` in a smoke test.
    pub fn size(&self, full: usize, quick: usize) -> usize {
        if self.turns > 1 { full } else { quick }
    }

    /// Returns the pace for a profiler: one contender alone, for a second.
    pub fn only(name: &str) -> Self {
        Self { turn: Duration::from_millis(100), turns: 10, only: Some(name.to_owned()) }
    }
}

/// Turns of a contender whose shortest turn is long.
const LEAST_TURNS: usize = 5;

/// Work of a contender in one race.
struct Schedule {
    passes: u64,
    turns: usize,
}

/// One figure of one process.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Name of the contender or of the figure.
    pub name: String,
    /// Nanoseconds per call; for other figures the figure itself.
    pub value: f64,
    /// Allocations per call.
    pub allocations: f64,
}

impl Sample {
    /// Creates a figure that is not a time.
    pub fn figure(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, allocations: 0.0 }
    }
}

/// An implementation of the measured work.
pub struct Contender<'a> {
    name: String,
    calls: u64,
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    /// Creates a contender whose `pass` makes `calls` calls.
    pub fn new(name: impl Into<String>, calls: usize, mut pass: impl FnMut() + 'a) -> Self {
        Self::timed(name, calls, move |passes| {
            // Time of this thread: what else runs on the machine counts only by what it does to the caches.
            let start = ThreadTime::now();
            for _ in 0..passes {
                pass();
            }
            start.elapsed()
        })
    }

    /// Creates a contender that measures its own time.
    pub fn timed(name: impl Into<String>, calls: usize, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        Self { name: name.into(), calls: calls as u64, run: Box::new(run) }
    }

    /// Returns the number of passes that fill a turn, and the number of turns.
    fn schedule(&mut self, pace: &Pace) -> Schedule {
        let mut passes = 1;
        loop {
            let elapsed = (self.run)(passes);
            if elapsed >= pace.turn {
                let turns = (pace.most().as_secs_f64() / elapsed.as_secs_f64().max(1e-9)) as usize;
                return Schedule { passes, turns: turns.clamp(LEAST_TURNS.min(pace.turns), pace.turns) };
            }
            let factor = pace.turn.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
            passes = (passes as f64 * factor.clamp(1.5, 10.0)).ceil() as u64;
        }
    }
}

/// Lets all contenders take turns; the median turn counts.
///
/// Within a turn nothing else changes the caches and the branch history of a contender, and a disturbance
/// of the whole machine affects all contenders alike. A contender whose single pass is long has fewer turns.
pub fn race(pace: &Pace, mut contenders: Vec<Contender<'_>>) -> Vec<Sample> {
    contenders.retain(|contender| pace.only.as_ref().is_none_or(|only| contender.name == *only));
    let schedules: Vec<Schedule> = contenders.iter_mut().map(|contender| contender.schedule(pace)).collect();
    let counts: Vec<f64> = contenders
        .iter_mut()
        .map(|contender| {
            let before = allocations();
            (contender.run)(1);
            (allocations() - before) as f64 / contender.calls as f64
        })
        .collect();
    let mut turns = vec![Vec::with_capacity(pace.turns); contenders.len()];
    for turn in 0..pace.turns {
        for i in 0..contenders.len() {
            // The order rotates, so that no contender is always the first.
            let i = (i + turn) % contenders.len();
            // Fewer turns are spread over the whole race.
            if turns[i].len() * pace.turns > turn * schedules[i].turns {
                continue;
            }
            let passes = schedules[i].passes;
            let nanos = (contenders[i].run)(passes).as_nanos() as f64;
            turns[i].push(nanos / (passes * contenders[i].calls) as f64);
        }
    }
    let samples = contenders.into_iter().zip(turns).zip(counts);
    samples
        .map(|((contender, turns), allocations)| Sample {
            name: contender.name,
            value: median(turns),
            allocations,
        })
        .collect()
}

/// Returns the middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

thread_local! {
    // Shared atomics would make two threads wait for each other during a measurement.
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

/// The system allocator with two counters per thread.
#[derive(Debug)]
pub struct CountingAllocator;

/// Returns how often this thread has allocated or grown a block.
pub fn allocations() -> u64 {
    CALLS.get()
}

/// Returns the bytes that this thread has allocated and not freed.
pub fn allocated_bytes() -> i64 {
    BYTES.get()
}

fn count(calls: u64, bytes: i64) {
    CALLS.set(CALLS.get() + calls);
    BYTES.set(BYTES.get() + bytes);
}

// SAFETY: every call goes to the system allocator unchanged; the counters are plain cells that neither
// allocate nor run a destructor.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the contract of the caller is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the contract of the caller is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: the contract of the caller is passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: the contract of the caller is passed on.
        unsafe { System.realloc(block, layout, size) }
    }
}
