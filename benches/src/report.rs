//! Report: ratios, goals and charts from the figures of several processes.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::measure::{Pace, Sample, median};

/// A group of figures that can run alone.
pub struct Group {
    /// Name on the command line.
    pub name: &'static str,
    /// Whether it runs if neither it nor `--full` is on the command line.
    pub is_quick: bool,
    /// Measures everything once, in one process.
    pub measure: fn(&Pace) -> Vec<Sample>,
    /// Computes the ratios.
    pub report: fn(&Runs, &mut Report),
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

    /// Tests whether a figure was measured; peers behind a feature may be missing.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|run| run.0.contains_key(name))
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
}

/// Median and range over the processes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Smallest value.
    pub least: f64,
    /// Median value.
    pub median: f64,
    /// Largest value.
    pub most: f64,
}

/// Target of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// No target.
    None,
    /// At most this value.
    AtMost(f64),
    /// At least this value.
    AtLeast(f64),
}

impl Goal {
    /// Tests whether a value meets the target; nothing without a target.
    pub fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::None => None,
            Self::AtMost(bound) => Some(value <= bound),
            Self::AtLeast(bound) => Some(value >= bound),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::AtMost(bound) => write!(f, "≤ {bound}"),
            Self::AtLeast(bound) => write!(f, "≥ {bound}"),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.decimals();
        let range = format!("({:.decimals$}..{:.decimals$})", self.least, self.most);
        write!(f, "{:>8.decimals$} {range:<16}", self.median)
    }
}

impl Spread {
    /// Returns the number of decimals that are printed.
    pub fn decimals(&self) -> usize {
        if self.median < 10.0 { 2 } else { 0 }
    }
}

/// One figure of a report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// What is divided by what, or the figure with its unit.
    pub label: String,
    /// The figure.
    pub spread: Spread,
    /// Its target.
    pub goal: Goal,
    /// What it is computed from.
    pub note: String,
}

/// A chart of bars.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bars {
    /// Title.
    pub title: String,
    /// Unit of the values.
    pub unit: String,
    /// Names and values.
    pub bars: Vec<(String, f64)>,
}

/// A chart of lines over logarithmic axes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Curves {
    /// Title.
    pub title: String,
    /// Meaning of the horizontal axis.
    pub x: String,
    /// Unit of the vertical axis.
    pub y: String,
    /// Names and points.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
}

/// All that is reported of a group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// Name of the group.
    pub group: String,
    /// Number of processes.
    pub processes: usize,
    /// What is compared.
    pub title: String,
    /// How it is measured.
    pub note: String,
    /// Figures.
    pub lines: Vec<Line>,
    /// Further text, one line each.
    pub remarks: Vec<String>,
    /// Charts of bars.
    pub bars: Vec<Bars>,
    /// Charts of lines.
    pub curves: Vec<Curves>,
}

impl Report {
    /// Computes the report of a group.
    pub fn new(group: &Group, runs: &Runs) -> Self {
        let mut report = Self { group: group.name.to_owned(), processes: runs.0.len(), ..Self::default() };
        (group.report)(runs, &mut report);
        report
    }

    /// Sets the heading.
    pub fn head(&mut self, title: &str, note: &str) {
        (self.title, self.note) = (title.to_owned(), note.to_owned());
    }

    /// Adds a figure, unless a peer that it needs was not measured.
    pub fn line(&mut self, label: &str, spread: Spread, goal: Goal, note: &str) {
        if spread.median.is_finite() {
            let (label, note) = (label.to_owned(), note.trim().to_owned());
            self.lines.push(Line { label, spread, goal, note });
        }
    }

    /// Adds a ratio with both of its times.
    pub fn ratio(&mut self, runs: &Runs, label: &str, of: &str, to: &str, goal: Goal) {
        let times = format!("{:.1} / {:.1} ns", runs.value(of).median, runs.value(to).median);
        self.line(label, runs.ratio(of, to), goal, &times);
    }

    /// Adds a line of text.
    pub fn remark(&mut self, text: String) {
        self.remarks.push(text);
    }

    /// Adds a chart of the medians of contenders, by their labels and names.
    pub fn bars(&mut self, runs: &Runs, title: &str, contenders: &[(&str, String)]) {
        let measured = contenders.iter().filter(|(_, name)| runs.has(name));
        let bars = measured.map(|(label, name)| ((*label).to_owned(), runs.value(name).median)).collect();
        self.bars.push(Bars { title: title.to_owned(), unit: "ns".to_owned(), bars });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}\n  {}", self.title, self.note.replace('\n', "\n  "))?;
        for Line { label, spread, goal, note } in &self.lines {
            let goal = match goal.is_met(spread.median) {
                None => String::new(),
                Some(true) => format!("goal {goal} met"),
                Some(false) => format!("goal {goal} MISSED"),
            };
            let text = format!("  {label:<60}{spread} {goal:<20} {note}");
            writeln!(f, "{}", text.trim_end())?;
        }
        self.remarks.iter().try_for_each(|remark| writeln!(f, "  {remark}"))
    }
}
