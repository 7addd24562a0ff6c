//! Toxiproxy's toxics as injectors.

use std::sync::Arc;
use std::time::Duration;

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::connection::command::{Direction, Kind};
use crate::injector::key::RequestKeys;
use crate::injector::steps::{ConnectionStep, Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::Draws;
use crate::report::event::Action;

/// What is done to the bytes of one connection, until it ends or the fault is switched off.
///
/// Names and meaning are those of [Toxiproxy](https://github.com/Shopify/toxiproxy#toxics); its
/// `toxicity` is the fault's participation, drawn once for each connection. Given to a fault that
/// a `FaultListener` or a `FaultConnector` holds, it strikes connections; given to a layer's, it
/// strikes the connection that the drawn request came by, from then on: it outlives its request,
/// is there for all that follow on a connection that is kept open, and for all streams of an
/// HTTP/2 connection, those under way included. There each toxic of a fault lies on a connection
/// once; that more requests of it are struck does not make it worse.
///
/// What a toxic holds back is never lost: switched off, it lets go of it at once (Toxiproxy drops
/// it, or closes the connection). At most 1 MiB waits on either way; beyond that the sender does.
/// Times are checked by [`FaultBuilder::build`](crate::FaultBuilder::build).
///
/// ```
/// use waylay_fault::{Direction, Fault, Injector, Toxic, chain};
///
/// let mobile = chain::<Injector>([
///     Toxic::latency("150ms", "50ms").into(),
///     Toxic::bandwidth(64).into(),
///     Toxic::bandwidth(16).direction(Direction::Upstream).into(),
/// ]);
/// Fault::new("bad-mobile", mobile).participation(0.2).build()?;
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a toxic does nothing until a fault holds it"]
pub struct Toxic {
    kind: Kind<DelayTime>,
    direction: Direction,
}

impl Toxic {
    /// Each chunk comes `latency` later, give or take a `jitter` drawn evenly; below zero is zero,
    /// and the order is kept. The end of the stream comes after the last chunk.
    pub fn latency(latency: impl Into<DelayTime>, jitter: impl Into<DelayTime>) -> Self {
        Self::new(Kind::Latency { latency: latency.into(), jitter: jitter.into() })
    }

    /// At most so many kilobytes (of 1000 bytes) a second, in pieces of at most a tenth of a
    /// second's worth.
    pub fn bandwidth(kilobytes_per_second: u64) -> Self {
        Self::new(Kind::Bandwidth { rate: kilobytes_per_second })
    }

    /// The end of the stream comes late.
    pub fn slow_close(delay: impl Into<DelayTime>) -> Self {
        Self::new(Kind::SlowClose { delay: delay.into() })
    }

    /// Nothing gets through, and after `timeout` the connection is closed; zero waits for ever.
    pub fn timeout(timeout: impl Into<DelayTime>) -> Self {
        Self::new(Kind::Timeout { timeout: timeout.into() })
    }

    /// The connection is reset `timeout` after the first byte, which does not get through: a true
    /// TCP `RST`. A connection that cannot be reset is spared.
    pub fn reset_peer(timeout: impl Into<DelayTime>) -> Self {
        Self::new(Kind::ResetPeer { timeout: timeout.into() })
    }

    /// Bytes come in slices, each `delay` after the one before. As Toxiproxy does it, a chunk longer
    /// than `average_size + size_variation` is cut in two, in the middle give or take a number of
    /// bytes up to `size_variation`, and its parts again. Slices are thus not longer than that sum,
    /// and mostly at least half of it; a chunk that is not longer is sent whole.
    pub fn slicer(average_size: usize, size_variation: usize, delay: impl Into<DelayTime>) -> Self {
        Self::new(Kind::Slicer { average: average_size, variation: size_variation, delay: delay.into() })
    }

    /// So many bytes get through, heads and framing included, then the connection is closed.
    pub fn limit_data(bytes: u64) -> Self {
        Self::new(Kind::LimitData { bytes, reset: false })
    }

    /// As [`limit_data`](Self::limit_data), but the connection is reset. Toxiproxy has it not.
    pub fn reset_after(bytes: u64) -> Self {
        Self::new(Kind::LimitData { bytes, reset: true })
    }

    /// The way that is struck; downstream by default.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    fn new(kind: Kind<DelayTime>) -> Self {
        Self { kind, direction: Direction::default() }
    }
}

impl From<Toxic> for Injector {
    fn from(toxic: Toxic) -> Self {
        Self::new(toxic)
    }
}

impl InjectorConfig for Toxic {
    fn check(self: Box<Self>, at: &str, errors: &mut ErrorCollector) -> Option<Box<dyn CompiledInjector>> {
        let at = child_setting(at, &format!("toxic.{}", self.kind.name()));
        let place = |name: &str| format!("{at}.{name}");
        let kind = match self.kind {
            Kind::Latency { latency, jitter } => {
                let latency = errors.time(place("latency"), latency.duration());
                let jitter = errors.time(place("jitter"), jitter.duration());
                Kind::Latency { latency: latency?, jitter: jitter? }
            }
            Kind::Bandwidth { rate } => Kind::Bandwidth { rate: at_least_one(place("rate"), rate, errors)? },
            Kind::SlowClose { delay } => {
                Kind::SlowClose { delay: errors.time(place("delay"), delay.duration())? }
            }
            Kind::Timeout { timeout } => {
                Kind::Timeout { timeout: errors.time(place("timeout"), timeout.duration())? }
            }
            Kind::ResetPeer { timeout } => {
                Kind::ResetPeer { timeout: errors.time(place("timeout"), timeout.duration())? }
            }
            Kind::Slicer { average, variation, delay } => {
                let size = at_least_one(place("average_size"), average as u64, errors);
                let delay = errors.time(place("delay"), delay.duration());
                Kind::Slicer { average: size.and(Some(average))?, variation, delay: delay? }
            }
            Kind::LimitData { bytes, reset } => Kind::LimitData { bytes, reset },
        };
        let name: Arc<str> = match self.direction {
            Direction::Upstream => format!("{kind} upstream").into(),
            Direction::Downstream => format!("{kind} downstream").into(),
        };
        Some(Box::new(CompiledToxic { kind, direction: self.direction, name }))
    }
}

fn at_least_one(setting: String, given: u64, errors: &mut ErrorCollector) -> Option<u64> {
    if given == 0 {
        errors.add(setting, given, FaultErrorKind::ZeroSize);
        return None;
    }
    Some(given)
}

#[derive(Debug)]
struct CompiledToxic {
    kind: Kind<Duration>,
    direction: Direction,
    name: Arc<str>,
}

impl CompiledInjector for CompiledToxic {
    fn plan(&self, draws: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let injector = self.name.clone();
        let wire = ConnectionStep::Toxic { injector, kind: self.kind, direction: self.direction, draws };
        steps.then(Step::Connection(wire), Action::Toxic(self.name.clone()));
    }
}
