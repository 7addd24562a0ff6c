//! Report: lines of ratios from the figures of several processes.

use std::collections::BTreeMap;
use std::fmt;

use crate::measure::{Pace, Sample, median};

/// A group of figures that can run alone.
pub struct Group {
    /// Name on the command line.
    pub name: &'static str,
    /// Measures everything once, in one process.
    pub measure: fn(&Pace) -> Vec<Sample>,
    /// Prints the ratios.
    pub report: fn(&Runs),
}

/// The figures of one process.
#[derive(Debug, Default)]
pub struct Run(BTreeMap<String, Sample>);

impl Run {
    /// Returns a figure.
    pub fn value(&self, name: &str) -> f64 {
        self.0.get(name).map_or(f64::NAN, |sample| sample.value)
    }

    /// Returns the allocations per call.
    pub fn allocations(&self, name: &str) -> f64 {
        self.0.get(name).map_or(f64::NAN, |sample| sample.allocations)
    }
}

impl FromIterator<Sample> for Run {
    fn from_iter<I: IntoIterator<Item = Sample>>(samples: I) -> Self {
        Self(samples.into_iter().map(|sample| (sample.name.clone(), sample)).collect())
    }
}

/// The figures of all processes.
#[derive(Debug)]
pub struct Runs(pub Vec<Run>);

impl Runs {
    /// Computes a figure from the figures of each process.
    pub fn figure(&self, figure: impl Fn(&Run) -> f64) -> Spread {
        let values: Vec<f64> = self.0.iter().map(figure).collect();
        Spread {
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            median: median(values),
        }
    }

    /// Returns one figure.
    pub fn value(&self, name: &str) -> Spread {
        self.figure(|run| run.value(name))
    }

    /// Divides two figures, process by process.
    pub fn ratio(&self, of: &str, to: &str) -> Spread {
        self.figure(|run| run.value(of) / run.value(to))
    }

    /// Returns the allocations per call.
    pub fn allocations(&self, name: &str) -> f64 {
        self.figure(|run| run.allocations(name)).median
    }

    /// Prints a ratio with both of its times.
    pub fn line(&self, label: &str, of: &str, to: &str, goal: Goal) {
        let times = format!("{:.1} / {:.1} ns", self.value(of).median, self.value(to).median);
        line(label, self.ratio(of, to), goal, &times);
    }
}

/// Median and range over the processes.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// Smallest value.
    pub least: f64,
    /// Median value.
    pub median: f64,
    /// Largest value.
    pub most: f64,
}

/// Target of a figure.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// No target.
    None,
    /// At most this value.
    AtMost(f64),
    /// At least this value.
    AtLeast(f64),
}

impl Goal {
    fn text(self, value: f64) -> String {
        let (sign, bound, met) = match self {
            Self::None => return String::new(),
            Self::AtMost(bound) => ("<=", bound, value <= bound),
            Self::AtLeast(bound) => (">=", bound, value >= bound),
        };
        format!("goal {sign} {bound} {}", if met { "met" } else { "MISSED" })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = if self.median < 10.0 { 2 } else { 0 };
        let range = format!("({:.decimals$}..{:.decimals$})", self.least, self.most);
        write!(f, "{:>8.decimals$} {range:<16}", self.median)
    }
}

/// Prints the heading of a group.
pub fn head(title: &str, note: &str) {
    println!("\n{title}\n  {}", note.replace('\n', "\n  "));
}

/// Prints one figure.
pub fn line(label: &str, spread: Spread, goal: Goal, note: &str) {
    let text = format!("  {label:<46}{spread} {:<20} {note}", goal.text(spread.median));
    println!("{}", text.trim_end());
}
