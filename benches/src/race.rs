//! Contenders that take turns: the same work, a millisecond at a time.

use std::time::{Duration, Instant};

use crate::alloc;

/// How long and how often each contender runs.
#[derive(Debug, Clone)]
pub struct Pace {
    turn: Duration,
    turns: usize,
    only: Option<String>,
}

impl Pace {
    /// What a measurement takes.
    pub fn full() -> Self {
        Self { turn: Duration::from_millis(1), turns: 60, only: None }
    }

    /// One short turn: a look whether everything works.
    pub fn quick() -> Self {
        Self { turn: Duration::ZERO, turns: 1, only: None }
    }

    /// The size of something costly to build; a quick look makes do with less.
    pub fn size(&self, full: usize, quick: usize) -> usize {
        if self.turns > 1 { full } else { quick }
    }

    /// One contender alone, for a second: what a profiler wants to see.
    pub fn only(name: &str) -> Self {
        Self { turn: Duration::from_millis(100), turns: 10, only: Some(name.to_owned()) }
    }
}

/// One figure of one process.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Whose, or which.
    pub name: String,
    /// Nanoseconds a call; for facts that are not times, the figure itself.
    pub value: f64,
    /// Allocations a call.
    pub allocations: f64,
}

impl Sample {
    /// A figure that is not a time.
    pub fn fact(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, allocations: 0.0 }
    }
}

/// Somebody who does the work.
pub struct Contender<'a> {
    name: String,
    calls: u64,
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    /// A contender whose `pass` makes so many calls.
    pub fn new(name: impl Into<String>, calls: usize, mut pass: impl FnMut() + 'a) -> Self {
        Self::timed(name, calls, move |passes| {
            let start = Instant::now();
            for _ in 0..passes {
                pass();
            }
            start.elapsed()
        })
    }

    /// A contender that looks at the clock itself.
    pub fn timed(name: impl Into<String>, calls: usize, run: impl FnMut(u64) -> Duration + 'a) -> Self {
        Self { name: name.into(), calls: calls as u64, run: Box::new(run) }
    }

    /// How many passes fill a turn.
    fn passes(&mut self, turn: Duration) -> u64 {
        let mut passes = 1;
        loop {
            let took = (self.run)(passes);
            if took >= turn {
                return passes;
            }
            let missing = turn.as_secs_f64() / took.as_secs_f64().max(1e-9);
            passes = (passes as f64 * missing.clamp(1.5, 10.0)).ceil() as u64;
        }
    }
}

/// Lets all contenders take turns; the median turn counts.
///
/// Within one turn nothing else disturbs the caches and the branch history of a contender, and
/// what disturbs the whole machine hits all of them alike.
pub fn race(pace: &Pace, mut contenders: Vec<Contender<'_>>) -> Vec<Sample> {
    contenders.retain(|contender| pace.only.as_ref().is_none_or(|only| contender.name == *only));
    let passes: Vec<u64> = contenders.iter_mut().map(|contender| contender.passes(pace.turn)).collect();
    let allocations: Vec<f64> = contenders
        .iter_mut()
        .map(|contender| {
            let before = alloc::calls();
            (contender.run)(1);
            (alloc::calls() - before) as f64 / contender.calls as f64
        })
        .collect();
    let mut turns = vec![Vec::with_capacity(pace.turns); contenders.len()];
    for turn in 0..pace.turns {
        for i in 0..contenders.len() {
            // Nobody always runs after the same neighbour's start.
            let i = (i + turn) % contenders.len();
            let took = (contenders[i].run)(passes[i]).as_nanos() as f64;
            turns[i].push(took / (passes[i] * contenders[i].calls) as f64);
        }
    }
    let samples = contenders.into_iter().zip(turns).zip(allocations);
    samples
        .map(|((contender, turns), allocations)| Sample {
            name: contender.name,
            value: median(turns),
            allocations,
        })
        .collect()
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
