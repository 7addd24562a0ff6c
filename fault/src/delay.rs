//! Delays: how long, by which distribution, and no longer than what.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::chance::Draws;
use crate::error::{Findings, Problem};
use crate::normal;
use crate::time::DelayTime;

/// A delay to draw: fixed, or of a distribution.
///
/// Lengths of time are a [`Duration`] or text such as `"90ms"`; what is wrong with one is reported
/// by [`FaultBuilder::build`](crate::FaultBuilder::build). The distributions are written out in
/// [`decision`](crate::decision).
///
/// ```
/// use std::time::Duration;
/// use waylay_fault::{Delay, Fault, slow};
///
/// let delays = [
///     Delay::fixed("90ms"),
///     Delay::uniform("50ms", Duration::from_millis(150)),
///     Delay::lognormal("90ms", 0.4).max("2s"),
///     Delay::with("1s", |draws| Duration::from_millis(100).mul_f64(draws.share())),
/// ];
/// for delay in delays {
///     Fault::new("slow-cart", slow(delay)).build()?;
/// }
///
/// let endless = Fault::new("slow-cart", slow(Delay::lognormal("90ms", 0.4))).build().unwrap_err();
/// assert!(endless.to_string().ends_with("slow: lognormal(90ms, 0.4) has no longest value; add `.max(…)`"));
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct Delay {
    shape: Shape<DelayTime>,
    max: Option<DelayTime>,
}

impl Delay {
    /// Always the same.
    pub fn fixed(time: impl Into<DelayTime>) -> Self {
        Self { shape: Shape::Fixed(time.into()), max: None }
    }

    /// Evenly spread from `low` on, below `high`.
    pub fn uniform(low: impl Into<DelayTime>, high: impl Into<DelayTime>) -> Self {
        Self { shape: Shape::Uniform(low.into(), high.into()), max: None }
    }

    /// Lognormal, as most latencies are: half below the median, the rest with a long tail that
    /// `sigma` (of the underlying normal distribution) draws out. Needs a [`max`](Self::max).
    pub fn lognormal(median: impl Into<DelayTime>, sigma: f64) -> Self {
        Self { shape: Shape::Lognormal(median.into(), sigma), max: None }
    }

    /// By your own function of the request's draws, cut at `max`; it may sample any distribution
    /// of `rand_distr`. It runs on the request's task and must not block.
    pub fn with(
        max: impl Into<DelayTime>,
        sample: impl Fn(&mut Draws) -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self { shape: Shape::Custom(Sample(Arc::new(sample))), max: Some(max.into()) }
    }

    /// Cuts what is longer.
    #[must_use]
    pub fn max(mut self, cap: impl Into<DelayTime>) -> Self {
        self.max = Some(cap.into());
        self
    }

    /// Checks every length of time and every number.
    pub(crate) fn check(self, at: &str, findings: &mut Findings) -> Option<Pace> {
        if matches!(self.shape, Shape::Lognormal(..)) && self.max.is_none() {
            findings.add(at, &self.shape, Problem::NoCap);
            // The rest is looked at all the same, and reported with it.
            self.shape.check(at, findings);
            return None;
        }
        let shape = self.shape.check(at, findings);
        let max = match self.max {
            Some(max) => findings.time(format!("{at}.max"), max.duration()),
            None => Some(Duration::MAX),
        };
        Some(Pace { shape: shape?, max: max? })
    }
}

#[derive(Debug, Clone)]
enum Shape<T> {
    Fixed(T),
    Uniform(T, T),
    Lognormal(T, f64),
    Custom(Sample),
}

impl Shape<DelayTime> {
    fn check(self, at: &str, findings: &mut Findings) -> Option<Shape<Duration>> {
        let shown = self.to_string();
        let mut time = |name, time: DelayTime| findings.time(format!("{at}.{name}"), time.duration());
        match self {
            Self::Fixed(length) => time("fixed", length).map(Shape::Fixed),
            Self::Uniform(low, high) => {
                let (low, high) = (time("low", low), time("high", high));
                let (low, high) = (low?, high?);
                if low > high {
                    findings.add(at, shown, Problem::Bounds);
                    return None;
                }
                Some(Shape::Uniform(low, high))
            }
            Self::Lognormal(median, sigma) => {
                let median = time("median", median);
                if !(0.0..f64::INFINITY).contains(&sigma) {
                    findings.add(format!("{at}.sigma"), sigma, Problem::Sigma);
                    return None;
                }
                median.map(|median| Shape::Lognormal(median, sigma))
            }
            Self::Custom(sample) => Some(Shape::Custom(sample)),
        }
    }
}

impl fmt::Display for Shape<DelayTime> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(time) => write!(f, "fixed({time})"),
            Self::Uniform(low, high) => write!(f, "uniform({low}, {high})"),
            Self::Lognormal(median, sigma) => write!(f, "lognormal({median}, {sigma})"),
            Self::Custom(_) => f.write_str("a function"),
        }
    }
}

#[derive(Clone)]
struct Sample(Arc<dyn Fn(&mut Draws) -> Duration + Send + Sync>);

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// A delay whose settings were found good.
#[derive(Debug)]
pub(crate) struct Pace {
    shape: Shape<Duration>,
    max: Duration,
}

impl Pace {
    /// The delay of one request.
    pub(crate) fn draw(&self, draws: &mut Draws) -> Duration {
        let delay = match &self.shape {
            Shape::Fixed(time) => *time,
            Shape::Uniform(low, high) => *low + from_nanos(draws.share() * nanos(*high - *low)),
            Shape::Lognormal(median, sigma) => {
                from_nanos(nanos(*median) * normal::exp(*sigma * draws.normal()))
            }
            Shape::Custom(Sample(sample)) => sample(draws),
        };
        delay.min(self.max)
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

/// Cuts the fraction; what is too long for `u64` becomes its maximum.
fn from_nanos(nanos: f64) -> Duration {
    Duration::from_nanos(nanos as u64)
}
