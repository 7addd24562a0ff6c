//! Delay: a distribution, its maximum, and where it applies.

use std::sync::Arc;
use std::time::Duration;

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::random::distribution::{Distribution, Quantiles, Sample};
use crate::random::draws::Draws;

/// A delay to be drawn: fixed, or from a distribution.
///
/// Times are a [`Duration`] or text such as `"90ms"`;
/// [`FaultBuilder::build`](crate::FaultBuilder::build) reports invalid ones. The distributions are
/// specified in [`decision`](crate::decision).
///
/// ```
/// use std::time::Duration;
/// use waylay_fault::{DelayPoint, Delay, Fault, slow};
///
/// let delays = [
///     Delay::fixed("90ms"),
///     Delay::uniform("50ms", Duration::from_millis(150)),
///     Delay::lognormal("90ms", 0.4).max("2s"),
///     Delay::normal("90ms", "20ms").max("2s").at(DelayPoint::ResponseHead),
///     Delay::exponential("10ms").max("1s").at(DelayPoint::ResponseChunks),
///     Delay::quantiles("p50=20ms p99=1s"),
///     Delay::quantiles([(0.5, "20ms"), (0.99, "1s")]),
///     Delay::custom("1s", |draws| Duration::from_millis(100).mul_f64(draws.uniform())),
/// ];
/// for delay in delays {
///     Fault::new("slow-cart", slow(delay)).build()?;
/// }
///
/// let endless = Fault::new("slow-cart", slow(Delay::lognormal("90ms", 0.4))).build().unwrap_err();
/// assert!(endless.to_string().ends_with("slow: lognormal(90ms, 0.4) has no maximum; add `.max(…)`"));
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct Delay {
    distribution: Distribution<DelayTime>,
    max: Option<DelayTime>,
    at: DelayPoint,
}

/// The point of an exchange at which a delay applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DelayPoint {
    /// Before the request, with its body, reaches the service.
    #[default]
    Request,
    /// Before the head of the response is returned.
    ResponseHead,
    /// Before each chunk of the request body, with one draw per chunk.
    RequestChunks,
    /// Before each chunk of the response body, with one draw per chunk.
    ResponseChunks,
}

impl Delay {
    /// Returns a constant delay.
    pub fn fixed(time: impl Into<DelayTime>) -> Self {
        Self::of(Distribution::Fixed(time.into()))
    }

    /// Returns a uniform distribution from `low` up to, but not including, `high`.
    pub fn uniform(low: impl Into<DelayTime>, high: impl Into<DelayTime>) -> Self {
        Self::of(Distribution::Uniform(low.into(), high.into()))
    }

    /// Returns a lognormal distribution, the usual shape of latencies: half of the values are below
    /// the median, and `sigma` (of the underlying normal distribution) sets the length of the tail.
    /// Requires a [`max`](Self::max).
    pub fn lognormal(median: impl Into<DelayTime>, sigma: f64) -> Self {
        Self::of(Distribution::Lognormal(median.into(), sigma))
    }

    /// Returns a normal distribution around `mean`, cut at zero. Requires a [`max`](Self::max).
    pub fn normal(mean: impl Into<DelayTime>, deviation: impl Into<DelayTime>) -> Self {
        Self::of(Distribution::Normal(mean.into(), deviation.into()))
    }

    /// Returns an exponential distribution, which is memoryless. Requires a [`max`](Self::max).
    pub fn exponential(mean: impl Into<DelayTime>) -> Self {
        Self::of(Distribution::Exponential(mean.into()))
    }

    /// Returns a distribution with measured quantiles: `"p50=20ms p99=1s"`, or `[(0.5, "20ms"),
    /// (0.99, "1s")]`. It is uniform between two quantiles and from zero to the first; above the
    /// last, the value is that of the last.
    pub fn quantiles(table: impl Into<Quantiles>) -> Self {
        Self::of(Distribution::Quantiles(table.into()))
    }

    /// Returns a delay computed by a function of the request's draws, cut at `max`; the function
    /// may sample any distribution of `rand_distr`. It runs on the request's task and must not
    /// block.
    pub fn custom(
        max: impl Into<DelayTime>,
        sample: impl Fn(&mut Draws) -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self { max: Some(max.into()), ..Self::of(Distribution::Custom(Sample(Arc::new(sample)))) }
    }

    fn of(distribution: Distribution<DelayTime>) -> Self {
        Self { distribution, max: None, at: DelayPoint::default() }
    }

    /// Sets the point at which the delay applies; by default before the request reaches the
    /// service.
    #[must_use]
    pub fn at(mut self, at: DelayPoint) -> Self {
        self.at = at;
        self
    }

    /// Sets the maximum.
    #[must_use]
    pub fn max(mut self, cap: impl Into<DelayTime>) -> Self {
        self.max = Some(cap.into());
        self
    }

    /// Checks every time and every number.
    pub(crate) fn check(self, at: &str, errors: &mut ErrorCollector) -> Option<CompiledDelay> {
        if self.distribution.is_unbounded() && self.max.is_none() {
            errors.add(at, &self.distribution, FaultErrorKind::MissingMax);
            // The other settings are checked as well, to report all errors.
            self.distribution.check(at, errors);
            return None;
        }
        let distribution = self.distribution.check(at, errors);
        let max = match self.max {
            Some(max) => errors.time(format!("{at}.max"), max.duration()),
            None => Some(Duration::MAX),
        };
        Some(CompiledDelay { distribution: distribution?, max: max?, at: self.at })
    }
}

/// A checked delay.
#[derive(Debug)]
pub(crate) struct CompiledDelay {
    distribution: Distribution<Duration>,
    max: Duration,
    at: DelayPoint,
}

impl CompiledDelay {
    /// Draws the delay of one request.
    pub(crate) fn draw(&self, draws: &mut Draws) -> Duration {
        self.distribution.draw(draws).min(self.max)
    }

    pub(crate) fn at(&self) -> DelayPoint {
        self.at
    }
}
