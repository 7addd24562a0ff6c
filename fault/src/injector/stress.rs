//! Stress: load on the processors and the memory of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::injector::key::RequestKeys;
use crate::injector::load::{Load, Place};
use crate::injector::steps::{Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::Draws;
use crate::report::event::{Action, SkipReason};

/// Loads processors and memory of this process for a time. The request that begins it goes on to the
/// service at once.
///
/// The load runs on separate threads, which end with the time, and as soon as the fault is disabled,
/// halted, stopped or replaced. While [`at_once`](Stress::at_once) loads run, further requests are
/// skipped as [`OutsideWindow`](crate::SkipReason::OutsideWindow). Memory is allocated as far as the
/// system grants it; a system that overcommits may still end the process, so choose an amount that it
/// has.
///
/// ```
/// use waylay_fault::{Fault, stress};
///
/// let load = stress("30s").cpu(2).memory(256 << 20);
/// Fault::new("noisy-neighbor", load).participation(0.001).build()?;
/// assert!(Fault::new("nothing", stress("30s")).build().is_err());
/// assert!(Fault::new("too-long", stress("1h").cpu(1)).build().is_err());
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
pub fn stress(time: impl Into<DelayTime>) -> Stress {
    Stress { time: time.into(), cpu: 0, memory: 0, at_once: 1 }
}

/// A load, made by [`stress`].
#[derive(Debug, Clone)]
#[must_use = "an injector does nothing until a fault has it"]
pub struct Stress {
    time: DelayTime,
    cpu: usize,
    memory: usize,
    at_once: usize,
}

impl Stress {
    /// Sets the number of threads that compute without pause, at most 64; none by default.
    pub fn cpu(mut self, threads: usize) -> Self {
        self.cpu = threads;
        self
    }

    /// Sets the number of bytes to hold, at most 4 GiB; none by default.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets how many such loads may run at the same time, at most 16; one by default.
    pub fn at_once(mut self, count: usize) -> Self {
        self.at_once = count;
        self
    }
}

const MAX_STRESS_TIME: Duration = Duration::from_secs(600);
const MAX_STRESS_THREADS: usize = 64;
const MAX_STRESS_LOADS: usize = 16;
const MAX_STRESS_MEMORY: u64 = 4 << 30;

impl From<Stress> for Injector {
    fn from(stress: Stress) -> Self {
        Self::new(stress)
    }
}

impl InjectorConfig for Stress {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let at = child_setting(at, "stress");
        let Self { time, cpu, memory, at_once } = *self;
        let mut is_good = true;
        let mut limit = |setting: &str, given: String, limit: Option<String>| {
            is_good = false;
            let kind = limit.map_or(FaultErrorKind::Zero, FaultErrorKind::TooLarge);
            errors.add(format!("{at}.{setting}"), given, kind);
        };
        if cpu > MAX_STRESS_THREADS {
            limit("cpu", cpu.to_string(), Some(MAX_STRESS_THREADS.to_string()));
        }
        if memory as u64 > MAX_STRESS_MEMORY {
            limit("memory", memory.to_string(), Some(MAX_STRESS_MEMORY.to_string()));
        }
        if (cpu, memory) == (0, 0) {
            limit("cpu", "0 threads without memory".to_owned(), None);
        }
        match at_once {
            0 => limit("at_once", at_once.to_string(), None),
            1..=MAX_STRESS_LOADS => {}
            _ => limit("at_once", at_once.to_string(), Some(MAX_STRESS_LOADS.to_string())),
        }
        let checked = time.duration();
        if checked.as_ref().is_ok_and(|time| *time > MAX_STRESS_TIME) {
            limit("time", time.to_string(), Some(format!("{MAX_STRESS_TIME:?}")));
        }
        let time = errors.time(format!("{at}.time"), checked)?;
        is_good.then(|| {
            let running = Arc::default();
            Box::new(CompiledStress { time, cpu, memory, at_once, running }) as Box<dyn CompiledInjector>
        })
    }
}

#[derive(Debug)]
struct CompiledStress {
    time: Duration,
    cpu: usize,
    memory: usize,
    at_once: usize,
    running: Arc<AtomicUsize>,
}

impl CompiledInjector for CompiledStress {
    fn plan(&self, _: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let next = |running: usize| (running < self.at_once).then_some(running + 1);
        let place = if steps.is_preview {
            next(self.running.load(Ordering::Relaxed)).map(|_| None)
        } else {
            let taken = self.running.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next);
            taken.is_ok().then(|| Some(Place::new(self.running.clone())))
        };
        let Some(place) = place else {
            steps.passed = Some(SkipReason::OutsideWindow);
            return;
        };
        let load = Load::new(self.time, self.cpu, self.memory, place);
        steps.push(Step::Stress(load), Action::Stress(self.cpu, self.memory, self.time));
    }
}
