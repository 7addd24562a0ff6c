//! Distribution: the shapes of a delay, and quantile tables.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config::duration::DelayTime;
use crate::config::error::{ErrorCollector, FaultErrorKind};
use crate::random::draws::Draws;
use crate::random::math;

/// Quantiles of a delay, as text such as `"p50=20ms p99=1s"` (separated by spaces or commas) or as
/// pairs of a share and a time. Shares and times must both increase.
///
/// ```
/// use waylay_fault::{Delay, Fault, Quantiles, slow};
///
/// let table = Quantiles::from("p50=20ms p99.9=1s");
/// assert_eq!(table, Quantiles::from([(0.5, "20ms"), (0.999, "1s")]));
/// Fault::new("slow-cart", slow(Delay::quantiles(table))).build()?;
///
/// let errors = Fault::new("slow-cart", slow(Delay::quantiles("p99=20ms p50=1s"))).build().unwrap_err();
/// assert!(errors.to_string().contains("slow.quantiles[1]: p50=1s does not increase"));
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Quantiles(Result<Vec<Point>, String>);

#[derive(Debug, Clone, PartialEq)]
struct Point {
    share: f64,
    time: DelayTime,
    /// Set by the check.
    length: Duration,
}

impl<T: Into<DelayTime>, const N: usize> From<[(f64, T); N]> for Quantiles {
    fn from(points: [(f64, T); N]) -> Self {
        Self::from(Vec::from(points))
    }
}

impl<T: Into<DelayTime>> From<Vec<(f64, T)>> for Quantiles {
    fn from(points: Vec<(f64, T)>) -> Self {
        Self(Ok(points.into_iter().map(|(share, time)| Point::new(share, time.into())).collect()))
    }
}

impl From<&str> for Quantiles {
    fn from(text: &str) -> Self {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let points: Option<Vec<_>> = words.map(point).collect();
        Self(points.filter(|points| !points.is_empty()).ok_or_else(|| text.to_owned()))
    }
}

impl From<String> for Quantiles {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// Parses `p99.9=1s`. The share is parsed as decimal text, so that `p99.9` is the double nearest to
/// 0.999.
fn point(word: &str) -> Option<Point> {
    let (percent, time) = word.strip_prefix('p')?.split_once('=')?;
    let (whole, fraction) = percent.split_once('.').unwrap_or((percent, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let share = if whole == "100" && fraction.bytes().all(|digit| digit == b'0') {
        1.0
    } else if whole.len() <= 2 {
        format!("0.{whole:0>2}{fraction}").parse().ok()?
    } else {
        return None;
    };
    Some(Point::new(share, time.into()))
}

impl Point {
    fn new(share: f64, time: DelayTime) -> Self {
        Self { share, time, length: Duration::ZERO }
    }
}

impl Quantiles {
    /// Checks every point; each invalid one is reported under `at.quantiles[index]`.
    pub(crate) fn check(self, at: &str, errors: &mut ErrorCollector) -> Option<Self> {
        let mut points = match self.0 {
            Ok(points) if !points.is_empty() => points,
            Ok(_) => {
                errors.add(format!("{at}.quantiles"), "", FaultErrorKind::Quantiles);
                return None;
            }
            Err(text) => {
                errors.add(format!("{at}.quantiles"), text, FaultErrorKind::Quantiles);
                return None;
            }
        };
        let (mut good, mut least, mut before) = (true, Duration::ZERO, -1.0);
        for (index, point) in points.iter_mut().enumerate() {
            let setting = format!("{at}.quantiles[{index}]");
            let length = errors.time(setting.clone(), point.time.duration());
            good &= length.is_some();
            point.length = length.unwrap_or(least);
            if !(0.0..=1.0).contains(&point.share) || point.share <= before || point.length < least {
                errors.add(setting, &*point, FaultErrorKind::NotIncreasing);
                good = false;
            }
            (least, before) = (point.length, point.share);
        }
        good.then_some(Self(Ok(points)))
    }

    /// Returns the quantile of this share.
    pub(crate) fn at(&self, share: f64) -> Duration {
        let points = self.0.as_deref().unwrap_or_default();
        let (mut low, mut before) = (Duration::ZERO, 0.0);
        for Point { share: next, length, .. } in points {
            if share < *next {
                let part = (share - before) / (*next - before);
                let rise = (*length - low).as_nanos() as f64;
                return low + Duration::from_nanos((part * rise) as u64);
            }
            (low, before) = (*length, *next);
        }
        low
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}={}", self.share * 100.0, self.time)
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Err(text) => f.write_str(text),
            Ok(points) => points
                .iter()
                .enumerate()
                .try_for_each(|(index, point)| write!(f, "{}{point}", if index == 0 { "" } else { " " })),
        }
    }
}

/// A distribution of unchecked (`DelayTime`) or checked (`Duration`) times.
#[derive(Debug, Clone)]
pub(crate) enum Distribution<T> {
    Fixed(T),
    Uniform(T, T),
    Lognormal(T, f64),
    Normal(T, T),
    Exponential(T),
    Quantiles(Quantiles),
    Custom(Sample),
}

impl Distribution<DelayTime> {
    /// Tests whether it requires a maximum.
    pub(crate) fn is_unbounded(&self) -> bool {
        matches!(self, Self::Lognormal(..) | Self::Normal(..) | Self::Exponential(_))
    }

    pub(crate) fn check(self, at: &str, errors: &mut ErrorCollector) -> Option<Distribution<Duration>> {
        let shown = self.to_string();
        let mut time = |name, time: DelayTime| errors.time(format!("{at}.{name}"), time.duration());
        match self {
            Self::Fixed(length) => time("fixed", length).map(Distribution::Fixed),
            Self::Uniform(low, high) => {
                let (low, high) = (time("low", low), time("high", high));
                let (low, high) = (low?, high?);
                if low > high {
                    errors.add(at, shown, FaultErrorKind::EmptyRange);
                    return None;
                }
                Some(Distribution::Uniform(low, high))
            }
            Self::Lognormal(median, sigma) => {
                let median = time("median", median);
                if !(0.0..f64::INFINITY).contains(&sigma) {
                    errors.add(format!("{at}.sigma"), sigma, FaultErrorKind::Sigma);
                    return None;
                }
                median.map(|median| Distribution::Lognormal(median, sigma))
            }
            Self::Normal(mean, deviation) => {
                let (mean, deviation) = (time("mean", mean), time("deviation", deviation));
                Some(Distribution::Normal(mean?, deviation?))
            }
            Self::Exponential(mean) => time("mean", mean).map(Distribution::Exponential),
            Self::Quantiles(table) => table.check(at, errors).map(Distribution::Quantiles),
            Self::Custom(sample) => Some(Distribution::Custom(sample)),
        }
    }
}

impl fmt::Display for Distribution<DelayTime> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(time) => write!(f, "fixed({time})"),
            Self::Uniform(low, high) => write!(f, "uniform({low}, {high})"),
            Self::Lognormal(median, sigma) => write!(f, "lognormal({median}, {sigma})"),
            Self::Normal(mean, deviation) => write!(f, "normal({mean}, {deviation})"),
            Self::Exponential(mean) => write!(f, "exponential({mean})"),
            Self::Quantiles(table) => write!(f, "quantiles({table})"),
            Self::Custom(_) => f.write_str("a function"),
        }
    }
}

/// A custom function.
#[derive(Clone)]
pub(crate) struct Sample(pub(crate) Arc<dyn Fn(&mut Draws) -> Duration + Send + Sync>);

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Distribution<Duration> {
    /// Draws one time, without the maximum.
    pub(crate) fn draw(&self, draws: &mut Draws) -> Duration {
        match self {
            Self::Fixed(time) => *time,
            Self::Uniform(low, high) => *low + from_nanos(draws.uniform() * nanos(*high - *low)),
            Self::Lognormal(median, sigma) => from_nanos(nanos(*median) * math::exp(*sigma * draws.normal())),
            Self::Normal(mean, deviation) => from_nanos(nanos(*mean) + nanos(*deviation) * draws.normal()),
            Self::Exponential(mean) => from_nanos(nanos(*mean) * draws.exponential()),
            Self::Quantiles(table) => table.at(draws.uniform()),
            Self::Custom(Sample(sample)) => sample(draws),
        }
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

/// Cuts the fraction; a negative number becomes zero, and one too large the maximum.
fn from_nanos(nanos: f64) -> Duration {
    Duration::from_nanos(nanos as u64)
}
