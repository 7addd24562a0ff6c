//! Whether what a process holds grows: samples over time, their trend, and the table of a report.

use std::fmt::Write;

/// What a process held at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Seconds since the begin.
    pub at: f64,
    /// Resident memory, in KiB.
    pub memory: f64,
    /// Open file descriptors.
    pub files: f64,
    /// Tasks of the runtime.
    pub tasks: f64,
    /// Exchanges so far, failed ones included.
    pub exchanges: f64,
}

/// One of the figures, its unit, and how much of growth over the whole time is noise: a share of its mean, and an amount.
struct Figure {
    name: &'static str,
    value: fn(&Sample) -> f64,
    noise: (f64, f64),
}

const FIGURES: [Figure; 3] = [
    Figure { name: "memory, MiB", value: |sample| sample.memory / 1024.0, noise: (0.05, 4.0) },
    Figure { name: "descriptors", value: |sample| sample.files, noise: (0.1, 20.0) },
    Figure { name: "tasks", value: |sample| sample.tasks, noise: (0.1, 40.0) },
];

/// The trend of one figure, by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// The figure.
    pub name: &'static str,
    /// Growth from the first to the last sample.
    pub growth: f64,
    /// The growth that is taken for noise.
    pub allowed: f64,
}

impl Trend {
    /// Tests whether the figure grows.
    pub fn grows(&self) -> bool {
        // Of too few samples nothing is known.
        self.growth.is_nan() || self.growth > self.allowed
    }
}

/// Returns the trends of samples, of which those of the warm-up were left out.
pub fn trends(samples: &[Sample]) -> Vec<Trend> {
    FIGURES.iter().map(|figure| trend(figure, samples)).collect()
}

fn trend(figure: &Figure, samples: &[Sample]) -> Trend {
    let count = samples.len() as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (time, value) = (mean(&|sample| sample.at), mean(&figure.value));
    let (mut covariance, mut variance) = (0.0, 0.0);
    for sample in samples {
        covariance += (sample.at - time) * ((figure.value)(sample) - value);
        variance += (sample.at - time).powi(2);
    }
    let length = samples.last().zip(samples.first()).map_or(0.0, |(last, first)| last.at - first.at);
    let (share, amount) = figure.noise;
    Trend { name: figure.name, growth: covariance / variance * length, allowed: share * value + amount }
}

/// Returns the report of a run as Markdown: some of the samples, the trends and the verdict.
pub fn report(command: &str, samples: &[Sample], warm: &[Sample]) -> String {
    let mut text = format!("# Soak\n\nThe last run of `{command}`.\n\n");
    text.push_str("| minute | memory, MiB | descriptors | tasks | exchanges |\n|---:|---:|---:|---:|---:|\n");
    let step = samples.len().div_ceil(20).max(1);
    for sample in samples.iter().step_by(step).chain(samples.last().filter(|_| samples.len() % step != 1)) {
        let Sample { at, memory, files, tasks, exchanges } = sample;
        let (minute, memory) = (at / 60.0, memory / 1024.0);
        let _ = writeln!(text, "| {minute:.1} | {memory:.1} | {files} | {tasks} | {exchanges} |");
    }
    let begin = warm.first().map_or(0.0, |sample| sample.at / 60.0);
    let _ = writeln!(text, "\n| after minute {begin:.1} | growth | allowed |\n|---|---:|---:|");
    let trends = trends(warm);
    for Trend { name, growth, allowed } in &trends {
        let _ = writeln!(text, "| {name} | {growth:.2} | {allowed:.2} |");
    }
    let growing: Vec<_> = trends.iter().filter(|trend| trend.grows()).map(|trend| trend.name).collect();
    match &growing[..] {
        [] => text.push_str("\nVerdict: nothing grows.\n"),
        names => {
            let _ = writeln!(text, "\nVerdict: growth of {}.", names.join(" and "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minute of samples around 100 MiB, 200 descriptors and 400 tasks, which rise by so much in all.
    fn samples(memory: f64, files: f64, tasks: f64) -> Vec<Sample> {
        let sample = |second: u32| {
            let (at, part) = (f64::from(second), f64::from(second) / 60.0);
            // A saw of a tenth.
            let noise = 0.9 + 0.2 * f64::from(second % 7) / 6.0;
            Sample {
                at,
                memory: 1024.0 * (100.0 * noise + memory * part),
                files: 200.0 * noise + files * part,
                tasks: 400.0 * noise + tasks * part,
                exchanges: 10.0 * at,
            }
        };
        (0..=60).map(sample).collect()
    }

    #[test]
    fn growth_is_told_from_noise() {
        let rows = [
            (samples(0.0, 0.0, 0.0), [false; 3]),
            (samples(5.0, 20.0, 40.0), [false; 3]),
            (samples(-50.0, -100.0, -100.0), [false; 3]),
            (samples(20.0, 0.0, 0.0), [true, false, false]),
            (samples(0.0, 60.0, 0.0), [false, true, false]),
            (samples(0.0, 0.0, 120.0), [false, false, true]),
            (vec![], [true; 3]),
            (samples(0.0, 0.0, 0.0)[..1].to_vec(), [true; 3]),
        ];
        for (samples, grows) in rows {
            let trends = trends(&samples);
            assert_eq!(trends.iter().map(Trend::grows).collect::<Vec<_>>(), grows, "{trends:?}");
        }
    }

    #[test]
    fn the_report_has_samples_trends_and_a_verdict() {
        let samples = samples(20.0, 0.0, 0.0);
        let text = report("soak", &samples, &samples[20..]);
        let table = text.lines().skip_while(|line| !line.starts_with("|--")).skip(1);
        assert_eq!(table.take_while(|line| !line.is_empty()).count(), 16, "{text}");
        assert!(text.contains("| after minute 0.3 | growth | allowed |"), "{text}");
        assert!(text.ends_with("Verdict: growth of memory, MiB.\n"), "{text}");
        assert!(report("soak", &samples[..10], &samples[..10]).contains("`soak`"));
    }
}
