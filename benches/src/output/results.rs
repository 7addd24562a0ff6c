//! Results: what the last run measured, as a JSON file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::{bars, curves, markdown};
use crate::report::Report;

type Error = Box<dyn std::error::Error>;

/// The reports of all groups, and the machine that they were measured on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// Machine of the last run.
    pub machine: Machine,
    /// Reports in the order of the groups.
    pub reports: Vec<Report>,
}

/// A machine, as far as figures depend on it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor.
    pub processor: String,
    /// Number of processors that may be used.
    pub cores: usize,
    /// Operating system and architecture.
    pub system: String,
    /// Version of the compiler.
    pub rustc: String,
    /// Average number of running tasks at the end of the run, this one included.
    pub load: String,
}

impl Machine {
    fn current() -> Self {
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let rustc = Command::new("rustc").arg("--version").output();
        let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Self {
            processor: processor.map_or_else(unknown, |(_, model)| model.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            rustc: rustc.unwrap_or_else(|_| unknown()),
            load: load.split(' ').nth(1).map_or_else(unknown, str::to_owned),
        }
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

impl Results {
    /// Reads the result file; there may be none yet.
    ///
    /// # Errors
    ///
    /// A file of another form.
    pub fn read() -> Result<Self, Error> {
        match fs::read(folder().join("results.json")) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Replaces the reports of the groups that were measured; `order` is that of all groups.
    pub fn merge(&mut self, reports: Vec<Report>, order: &[&str]) {
        self.machine = Machine::current();
        self.reports.retain(|old| reports.iter().all(|new| new.group != old.group));
        self.reports.extend(reports);
        let place = |report: &Report| order.iter().position(|name| *name == report.group);
        self.reports.retain(|report| place(report).is_some());
        self.reports.sort_by_key(place);
    }

    /// Writes the result file, the charts, the tables, and the sections of both READMEs.
    ///
    /// # Errors
    ///
    /// What could not be read or written, and a README without the section.
    pub fn write(&self) -> Result<(), Error> {
        let folder = folder();
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("results.json"), serde_json::to_string_pretty(self)? + "\n")?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "svg" || extension == "md") {
                fs::remove_file(path)?;
            }
        }
        for report in &self.reports {
            for (number, chart) in report.bars.iter().enumerate() {
                fs::write(folder.join(markdown::bars_file(report, number)), bars::draw(chart))?;
            }
            for (number, chart) in report.curves.iter().enumerate() {
                fs::write(folder.join(markdown::curves_file(report, number)), curves::draw(chart))?;
            }
            fs::write(folder.join(format!("{}.md", report.group)), markdown::page(report))?;
        }
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        replace_section(&package.join("README.md"), &markdown::goals(self))?;
        replace_section(&package.join("../README.md"), &markdown::headlines(self))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("report")
}

/// Replaces what is between the two markers of a file.
fn replace_section(file: &Path, text: &str) -> Result<(), Error> {
    const BEGIN: &str =
        "<!-- figures: written by `cargo bench -p waylay-benches --features peers -- --report` -->\n";
    const END: &str = "<!-- end of figures -->";
    let old = fs::read_to_string(file)?;
    let parts = old.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        parts.ok_or_else(|| format!("{}: no section between {BEGIN} and {END}", file.display()))?;
    Ok(fs::write(file, format!("{before}{BEGIN}\n{text}\n{END}{after}"))?)
}
