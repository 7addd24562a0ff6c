//! Figures of several processes to lines of ratios.

use std::collections::BTreeMap;
use std::fmt;

use crate::race::{Pace, Sample, median};

/// A part of the bench that can run alone.
pub struct Group {
    /// Its name on the command line.
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
    /// A time, or another figure.
    pub fn value(&self, name: &str) -> f64 {
        self.0.get(name).map_or(f64::NAN, |sample| sample.value)
    }

    /// Allocations a call.
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
    /// A figure made of the figures of each process.
    pub fn figure(&self, figure: impl Fn(&Run) -> f64) -> Spread {
        let values: Vec<f64> = self.0.iter().map(figure).collect();
        Spread {
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            median: median(values),
        }
    }

    /// One figure.
    pub fn value(&self, name: &str) -> Spread {
        self.figure(|run| run.value(name))
    }

    /// One figure by another, process by process.
    pub fn ratio(&self, of: &str, to: &str) -> Spread {
        self.figure(|run| run.value(of) / run.value(to))
    }

    /// Allocations a call.
    pub fn allocations(&self, name: &str) -> f64 {
        self.figure(|run| run.allocations(name)).median
    }

    /// Prints a ratio and what it is made of.
    pub fn line(&self, label: &str, of: &str, to: &str, goal: Goal) {
        let times = format!("{:.1} / {:.1} ns", self.value(of).median, self.value(to).median);
        line(label, self.ratio(of, to), goal, &times);
    }
}

/// The median process, and the outermost ones.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// The least value.
    pub least: f64,
    /// The middle value.
    pub median: f64,
    /// The greatest value.
    pub most: f64,
}

/// What DESIGN §7 asks of a figure.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// Nothing: it is there to compare.
    None,
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

impl Goal {
    fn judge(self, value: f64) -> String {
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

/// Prints the head of a part.
pub fn head(title: &str, note: &str) {
    println!("\n{title}\n  {}", note.replace('\n', "\n  "));
}

/// Prints one figure.
pub fn line(label: &str, spread: Spread, goal: Goal, note: &str) {
    let text = format!("  {label:<46}{spread} {:<20} {note}", goal.judge(spread.median));
    println!("{}", text.trim_end());
}
