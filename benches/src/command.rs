//! Command: arguments, and the processes that measure.

use std::process::{Command, ExitCode, Stdio};

use crate::GROUPS;
use crate::measure::Sample;
use crate::output::Results;
use crate::report::{Group, Report, Run, Runs};

type Error = Box<dyn std::error::Error>;

/// Argument of a child process, followed by a group and optionally by a single contender.
const CHILD: &str = "--measure";

/// Argument of a server process, followed by the name of the server.
pub const SERVER: &str = "--serve";

const ABOUT: &str = "\
Ratios of one run on one machine; below 1 waylay is faster. Nanoseconds are only valid for this run.
The processes of the groups take turns; in a process the contenders take turns of 1 ms and the median of
60 turns counts. A figure is the median of the processes (least..most).";

/// What the program does.
#[derive(Debug)]
pub enum Mode {
    /// Measures one group in this process.
    Child {
        /// Name of the group.
        group: String,
        /// Contender that runs alone.
        only: Option<String>,
    },
    /// Serves requests for the group `socket`.
    Server(String),
    /// Lists the groups.
    List {
        /// Whether the ignored ones are listed, of which there are none.
        is_ignored: bool,
    },
    /// Runs everything once; `cargo test --all-targets` runs benches as well, without `--bench`.
    SmokeTest,
    /// Measures in several processes and prints ratios.
    Compare(RunOptions),
    /// Writes the charts and tables of the last report again.
    Render,
}

/// How the groups are measured.
#[derive(Debug)]
pub struct RunOptions {
    /// Number of processes that measure each group; a new process has a new memory layout.
    pub processes: usize,
    /// Whether the result file, the charts and the tables are written.
    pub has_report: bool,
}

/// The command line.
#[derive(Debug)]
pub struct Arguments {
    /// What the program does.
    pub mode: Mode,
    names: Vec<String>,
    is_full: bool,
}

impl Arguments {
    /// Parses the command line.
    ///
    /// # Errors
    ///
    /// An unknown group.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let all: Vec<String> = arguments.collect();
        let has = |flag: &str| all.iter().any(|argument| argument == flag);
        let is_full = has("--full") || has("--report");
        let mode = match all.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [CHILD, group] => Mode::Child { group: group.to_owned(), only: None },
            [CHILD, group, only] => Mode::Child { group: group.to_owned(), only: Some(only.to_owned()) },
            [SERVER, name] => Mode::Server(name.to_owned()),
            _ if has("--list") => Mode::List { is_ignored: has("--ignored") },
            _ if has("--render") => Mode::Render,
            _ if has("--bench") => Mode::Compare(RunOptions {
                processes: if is_full { 5 } else { 3 },
                has_report: has("--report"),
            }),
            _ => Mode::SmokeTest,
        };
        let names: Vec<String> = match mode {
            Mode::Compare(_) | Mode::SmokeTest => {
                all.into_iter().filter(|argument| !argument.starts_with('-')).collect()
            }
            _ => Vec::new(),
        };
        // In a test they are filters, as of any other test.
        let is_unknown = |name: &&String| GROUPS.iter().all(|group| group.name != **name);
        if let (Mode::Compare(_), Some(name)) = (&mode, names.iter().find(is_unknown)) {
            let known = GROUPS.map(|group| group.name).join(", ");
            return Err(format!("unknown group `{name}`; the groups are {known}"));
        }
        // A smoke test is quick for all groups.
        Ok(Self { is_full: is_full || matches!(mode, Mode::SmokeTest), mode, names })
    }

    /// Tests whether a group is measured.
    pub fn includes(&self, group: &Group) -> bool {
        if self.names.is_empty() {
            group.is_quick || self.is_full
        } else {
            self.names.iter().any(|name| name == group.name)
        }
    }
}

/// Measures the groups in processes that take turns, then prints the ratios.
pub fn compare(groups: &[&Group], options: &RunOptions) -> ExitCode {
    match try_compare(groups, options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the charts and tables of the last report again.
pub fn render() -> ExitCode {
    match Results::read().and_then(|results| results.write()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn try_compare(groups: &[&Group], options: &RunOptions) -> Result<(), Error> {
    println!("{ABOUT}");
    let mut runs: Vec<Runs> = groups.iter().map(|_| Runs(Vec::new())).collect();
    for _ in 0..options.processes {
        for (group, runs) in groups.iter().zip(&mut runs) {
            let run = child(group.name).map_err(|error| format!("group `{}`: {error}", group.name))?;
            runs.0.push(run);
        }
    }
    let reports: Vec<Report> =
        groups.iter().zip(&runs).map(|(group, runs)| Report::new(group, runs)).collect();
    for report in &reports {
        print!("{report}");
    }
    let lines = || reports.iter().flat_map(|report| &report.lines);
    let verdicts: Vec<bool> = lines().filter_map(|line| line.goal.is_met(line.spread.median)).collect();
    let met = verdicts.iter().filter(|is_met| **is_met).count();
    println!("\n{met} of {} goals are met", verdicts.len());
    if options.has_report {
        let mut results = Results::read()?;
        results.merge(reports, &GROUPS.map(|group| group.name));
        results.write()?;
        println!("written: benches/report, benches/README.md, README.md");
    }
    Ok(())
}

/// Measures a group in a new process.
fn child(group: &str) -> Result<Run, Error> {
    let program = std::env::current_exe()?;
    let output = Command::new(program).args([CHILD, group]).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(output.status.to_string().into());
    }
    let sample = |line: &str| {
        let mut fields = line.split('\t');
        Some(Sample {
            name: fields.next()?.to_owned(),
            value: fields.next()?.parse().ok()?,
            allocations: fields.next()?.parse().ok()?,
        })
    };
    Ok(String::from_utf8(output.stdout)?.lines().filter_map(sample).collect())
}
