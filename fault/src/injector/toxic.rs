//! Toxic: Toxiproxy's toxics as injectors.

use std::sync::Arc;
use std::time::Duration;

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::connection::bucket::SharedLink;
use crate::connection::command::{Direction, ToxicKind};
use crate::injector::key::RequestKeys;
use crate::injector::steps::{ConnectionStep, Step, Steps};
use crate::injector::tree::{CompiledInjector, Injector, InjectorConfig, child_setting};
use crate::random::draws::Draws;
use crate::report::event::Action;

/// A toxic on the bytes of one connection, until it ends or the fault is disabled.
///
/// Names and meaning are those of [Toxiproxy](https://github.com/Shopify/toxiproxy#toxics), unless stated otherwise; its
/// `toxicity` is the fault's participation, drawn once per connection. In a fault of a
/// `FaultListener` or a `FaultConnector` it applies to connections. In a fault of a layer it
/// applies to the connection of the selected request, from then on: it outlives the request, and
/// affects all later requests of a connection that is kept open, and all streams of an HTTP/2
/// connection, those in progress included. Each toxic of a fault is added to a connection only
/// once, however many of its requests are selected.
///
/// Delayed bytes are never lost: when the fault is disabled they are sent at once (Toxiproxy drops
/// them, or closes the connection). At most 1 MiB is buffered per direction; then the sender waits.
/// [`FaultBuilder::build`](crate::FaultBuilder::build) checks the times.
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
#[must_use = "a toxic does nothing until a fault injects it"]
pub struct Toxic {
    kind: ToxicKind<DelayTime>,
    direction: Direction,
}

impl Toxic {
    /// Delays each chunk by `latency`, plus or minus a uniformly drawn `jitter`; a negative delay
    /// is zero, and the order is kept. The end of the stream follows the last chunk.
    pub fn latency(latency: impl Into<DelayTime>, jitter: impl Into<DelayTime>) -> Self {
        Self::new(ToxicKind::Latency { latency: latency.into(), jitter: jitter.into() })
    }

    /// Limits the rate to this number of kilobytes (of 1000 bytes) per second, in pieces of at most
    /// a tenth of a second.
    pub fn bandwidth(kilobytes_per_second: u64) -> Self {
        Self::new(ToxicKind::Bandwidth { rate: kilobytes_per_second })
    }

    /// Delays the end of the stream.
    pub fn slow_close(delay: impl Into<DelayTime>) -> Self {
        Self::new(ToxicKind::SlowClose { delay: delay.into() })
    }

    /// Stops all data, and closes the connection after `timeout`; zero never closes it.
    pub fn timeout(timeout: impl Into<DelayTime>) -> Self {
        Self::new(ToxicKind::Timeout { timeout: timeout.into() })
    }

    /// Resets the connection by a TCP `RST` `timeout` after the first byte, which is not delivered.
    /// A connection that cannot be reset is skipped.
    pub fn reset_peer(timeout: impl Into<DelayTime>) -> Self {
        Self::new(ToxicKind::ResetPeer { timeout: timeout.into() })
    }

    /// Sends bytes in slices, each `delay` after the one before. As in Toxiproxy, a chunk longer than
    /// `average_size + size_variation` is split in the middle, plus or minus a number of bytes up to
    /// `size_variation`, and its parts again. Slices are thus no longer than that sum, and most have at
    /// least half of it; a chunk that is not longer is sent whole.
    pub fn slicer(average_size: usize, size_variation: usize, delay: impl Into<DelayTime>) -> Self {
        Self::new(ToxicKind::Slicer { average: average_size, variation: size_variation, delay: delay.into() })
    }

    /// Closes the connection after this number of bytes, heads and framing included.
    pub fn limit_data(bytes: u64) -> Self {
        Self::new(ToxicKind::LimitData { bytes, reset: false })
    }

    /// Resets the connection after this number of bytes. Not in Toxiproxy.
    pub fn reset_after(bytes: u64) -> Self {
        Self::new(ToxicKind::LimitData { bytes, reset: true })
    }

    /// Drops chunks, as Toxiproxy's `packet_loss` does: each with the probability `loss_rate`, and
    /// after a dropped one with `loss_rate + correlation`, so that losses come in bursts (the model of
    /// Gilbert and Elliott). Of all chunks `loss_rate / (1 - correlation)` are dropped, and a burst has
    /// `1 / (1 - loss_rate - correlation)` of them on average.
    ///
    /// A chunk is what is read or written at once, at most 16 KiB. Unlike TCP, nothing sends it again:
    /// the peer meets a stream with gaps. [`retransmission`](Self::retransmission) is what a lossy
    /// network does to a TCP connection.
    pub fn packet_loss(loss_rate: f64, correlation: f64) -> Self {
        Self::new(ToxicKind::PacketLoss { loss_rate, correlation, retransmit: None })
    }

    /// Loses chunks like [`packet_loss`](Self::packet_loss), and sends a lost one again after
    /// `timeout`, then after twice that, and so on up to 64 times (RFC 6298, section 5). What follows
    /// waits for it. A chunk that is lost 16 times closes the connection, as Linux does. Not in
    /// Toxiproxy.
    pub fn retransmission(loss_rate: f64, correlation: f64, timeout: impl Into<DelayTime>) -> Self {
        Self::new(ToxicKind::PacketLoss { loss_rate, correlation, retransmit: Some(timeout.into()) })
    }

    /// Limits the rate of all connections of the toxic together to this number of kilobytes (of 1000
    /// bytes) per second. They take turns, each with the bytes of at most a hundredth of a second, so
    /// that none waits for another's large transfer. Applies after the other toxics. Not in Toxiproxy.
    pub fn shared_bandwidth(kilobytes_per_second: u64) -> Self {
        let link = Arc::new(SharedLink::new(kilobytes_per_second.saturating_mul(1000)));
        Self::new(ToxicKind::SharedBandwidth { rate: kilobytes_per_second, link })
    }

    /// Closes the connection after this time, whatever flows on it; until then nothing is changed.
    /// Not in Toxiproxy, whose [`timeout`](Self::timeout) stops all data at once.
    pub fn close_after(time: impl Into<DelayTime>) -> Self {
        Self::new(ToxicKind::CloseAfter { after: time.into() })
    }

    /// Sends this number of random bytes in place of what comes next, then closes the connection: in
    /// place of a response's head on HTTP/1, of the server's preface on HTTP/2, of the handshake below
    /// TLS. The first byte is above 127, so that neither protocol takes it for its own. Not in
    /// Toxiproxy; WireMock calls it `RANDOM_DATA_THEN_CLOSE`.
    pub fn garbage(bytes: usize) -> Self {
        Self::new(ToxicKind::Garbage { bytes })
    }

    /// Sets the direction; downstream by default.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    fn new(kind: ToxicKind<DelayTime>) -> Self {
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
            ToxicKind::Latency { latency, jitter } => {
                let latency = errors.time(place("latency"), latency.duration());
                let jitter = errors.time(place("jitter"), jitter.duration());
                ToxicKind::Latency { latency: latency?, jitter: jitter? }
            }
            ToxicKind::Bandwidth { rate } => {
                ToxicKind::Bandwidth { rate: at_least_one(place("rate"), rate, errors)? }
            }
            ToxicKind::SlowClose { delay } => {
                ToxicKind::SlowClose { delay: errors.time(place("delay"), delay.duration())? }
            }
            ToxicKind::Timeout { timeout } => {
                ToxicKind::Timeout { timeout: errors.time(place("timeout"), timeout.duration())? }
            }
            ToxicKind::ResetPeer { timeout } => {
                ToxicKind::ResetPeer { timeout: errors.time(place("timeout"), timeout.duration())? }
            }
            ToxicKind::Slicer { average, variation, delay } => {
                let size = at_least_one(place("average_size"), average as u64, errors);
                let delay = errors.time(place("delay"), delay.duration());
                ToxicKind::Slicer { average: size.and(Some(average))?, variation, delay: delay? }
            }
            ToxicKind::LimitData { bytes, reset } => ToxicKind::LimitData { bytes, reset },
            ToxicKind::PacketLoss { loss_rate, correlation, retransmit } => {
                let retransmit = match retransmit {
                    Some(time) => errors.time(place("rto"), time.duration()).map(Some),
                    None => Some(None),
                };
                let loss_rate = fraction(place("loss_rate"), loss_rate, errors);
                let correlation = fraction(place("correlation"), correlation, errors);
                ToxicKind::PacketLoss {
                    loss_rate: loss_rate?,
                    correlation: correlation?,
                    retransmit: retransmit?,
                }
            }
            ToxicKind::SharedBandwidth { rate, link } => {
                ToxicKind::SharedBandwidth { rate: at_least_one(place("rate"), rate, errors)?, link }
            }
            ToxicKind::CloseAfter { after } => {
                ToxicKind::CloseAfter { after: errors.time(place("after"), after.duration())? }
            }
            ToxicKind::Garbage { bytes } => {
                let checked = at_least_one(place("bytes"), bytes as u64, errors);
                if bytes > MAX_GARBAGE {
                    let limit = MAX_GARBAGE.to_string();
                    errors.add(place("bytes"), bytes, FaultErrorKind::TooLarge(limit));
                    return None;
                }
                ToxicKind::Garbage { bytes: checked.and(Some(bytes))? }
            }
        };
        let name: Arc<str> = match self.direction {
            Direction::Upstream => format!("{kind} upstream").into(),
            Direction::Downstream => format!("{kind} downstream").into(),
        };
        Some(Box::new(CompiledToxic { kind, direction: self.direction, name }))
    }
}

/// Of bytes, which are sent at once.
const MAX_GARBAGE: usize = 64 * 1024;

fn fraction(setting: String, given: f64, errors: &mut ErrorCollector) -> Option<f64> {
    if !(0.0..=1.0).contains(&given) {
        errors.add(setting, given, FaultErrorKind::Fraction);
        return None;
    }
    Some(given)
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
    kind: ToxicKind<Duration>,
    direction: Direction,
    name: Arc<str>,
}

impl CompiledInjector for CompiledToxic {
    fn plan(&self, draws: Draws, _: RequestKeys<'_>, steps: &mut Steps) {
        let injector = self.name.clone();
        let wire =
            ConnectionStep::Toxic { injector, kind: self.kind.clone(), direction: self.direction, draws };
        steps.push(Step::Connection(wire), Action::Toxic(self.name.clone()));
    }
}
