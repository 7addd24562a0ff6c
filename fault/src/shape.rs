//! The distributions that a delay is drawn from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::chance::Draws;
use crate::error::{Findings, Problem};
use crate::normal;
use crate::quantiles::Quantiles;
use crate::time::DelayTime;

/// A distribution, of lengths of time as they were written or as they were read.
#[derive(Debug, Clone)]
pub(crate) enum Shape<T> {
    Fixed(T),
    Uniform(T, T),
    Lognormal(T, f64),
    Normal(T, T),
    Exponential(T),
    Quantiles(Quantiles),
    Custom(Sample),
}

impl Shape<DelayTime> {
    /// Whether it has no longest value of its own.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self, Self::Lognormal(..) | Self::Normal(..) | Self::Exponential(_))
    }

    pub(crate) fn check(self, at: &str, findings: &mut Findings) -> Option<Shape<Duration>> {
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
            Self::Normal(mean, deviation) => {
                let (mean, deviation) = (time("mean", mean), time("deviation", deviation));
                Some(Shape::Normal(mean?, deviation?))
            }
            Self::Exponential(mean) => time("mean", mean).map(Shape::Exponential),
            Self::Quantiles(table) => table.check(at, findings).map(Shape::Quantiles),
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
            Self::Normal(mean, deviation) => write!(f, "normal({mean}, {deviation})"),
            Self::Exponential(mean) => write!(f, "exponential({mean})"),
            Self::Quantiles(table) => write!(f, "quantiles({table})"),
            Self::Custom(_) => f.write_str("a function"),
        }
    }
}

/// A function of the user's.
#[derive(Clone)]
pub(crate) struct Sample(pub(crate) Arc<dyn Fn(&mut Draws) -> Duration + Send + Sync>);

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Shape<Duration> {
    /// One length of time, not yet cut.
    pub(crate) fn draw(&self, draws: &mut Draws) -> Duration {
        match self {
            Self::Fixed(time) => *time,
            Self::Uniform(low, high) => *low + from_nanos(draws.share() * nanos(*high - *low)),
            Self::Lognormal(median, sigma) => {
                from_nanos(nanos(*median) * normal::exp(*sigma * draws.normal()))
            }
            Self::Normal(mean, deviation) => from_nanos(nanos(*mean) + nanos(*deviation) * draws.normal()),
            Self::Exponential(mean) => from_nanos(nanos(*mean) * draws.exponential()),
            Self::Quantiles(table) => table.at(draws.share()),
            Self::Custom(Sample(sample)) => sample(draws),
        }
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

/// Cuts the fraction; what is below zero becomes zero, and what is too long its maximum.
fn from_nanos(nanos: f64) -> Duration {
    Duration::from_nanos(nanos as u64)
}
