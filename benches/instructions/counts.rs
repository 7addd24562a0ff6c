//! Counts: the file of counts, and what may change.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

type Error = Box<dyn std::error::Error>;

/// Rise that is accepted, as a share.
const LIMIT: f64 = 0.03;

const HEAD: &str = "\
# Instructions of one call, counted by callgrind in a release build. A rise of more than 3 % fails with the recorded
# toolchain. After a change that is meant: UPDATE=1 cargo run --release -p waylay-benches --features instructions
";

/// Instructions of each path.
#[derive(Debug)]
pub struct Counts {
    toolchain: String,
    paths: BTreeMap<String, f64>,
}

impl Counts {
    /// Creates counts without paths.
    pub fn new(toolchain: String) -> Self {
        Self { toolchain, paths: BTreeMap::new() }
    }

    /// Adds a path.
    pub fn add(&mut self, name: &str, count: f64) {
        self.paths.insert(name.to_owned(), count);
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// No file, or a line of another form.
    pub fn read() -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(file()).map_err(|error| format!("{}: {error}", file().display()))?;
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut counts = Self::new(lines.next().unwrap_or_default().to_owned());
        for line in lines {
            let (count, name) = line.trim().split_once(' ').ok_or_else(|| format!("no name in `{line}`"))?;
            counts.add(name.trim(), count.parse().map_err(|error| format!("`{line}`: {error}"))?);
        }
        Ok(counts)
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self) -> Result<(), Error> {
        Ok(std::fs::write(file(), format!("{HEAD}{self}"))?)
    }

    /// Prints the change of each path and tests whether none has risen over the limit, or the toolchain is another one.
    pub fn compare(&self, recorded: &Self) -> bool {
        let is_same = self.toolchain == recorded.toolchain;
        let (mut is_within, mut has_fallen) = (true, false);
        for (name, count) in &self.paths {
            let Some(before) = recorded.paths.get(name) else {
                println!("{count:>10.1}  {name}: not in counts.txt");
                is_within = false;
                continue;
            };
            let change = count / before - 1.0;
            println!("{count:>10.1}  {name}: {:+.1} %", change * 100.0);
            is_within &= change <= LIMIT;
            has_fallen |= change < -LIMIT;
        }
        if !is_same {
            println!("not compared: counts.txt is of {}, this is {}", recorded.toolchain, self.toolchain);
        } else if !is_within {
            println!(
                "rose by more than 3 %; if it is meant: UPDATE=1 cargo run --release -p waylay-benches --features instructions"
            );
        } else if has_fallen {
            println!(
                "fell by more than 3 %; please keep it so: UPDATE=1 cargo run --release -p waylay-benches --features instructions"
            );
        }
        is_within || !is_same
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.toolchain)?;
        self.paths.iter().try_for_each(|(name, count)| writeln!(f, "{count:>10.1}  {name}"))
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions/counts.txt")
}

/// Returns the compiler and the architecture, on which counts depend.
///
/// # Errors
///
/// There is no compiler.
pub fn toolchain() -> Result<String, Error> {
    let output = Command::new("rustc").arg("--version").output()?;
    let version = String::from_utf8(output.stdout)?;
    Ok(format!("{}, {} {}", version.trim(), std::env::consts::OS, std::env::consts::ARCH))
}
