//! Instructions of ten hot paths, counted by callgrind and compared with `counts.txt`.
//!
//! - `cargo run --release -p waylay-benches --features instructions` compares; without valgrind it does nothing;
//! - with `UPDATE=1` it writes the file.

mod counts;
#[path = "../src/github.rs"]
mod github;
mod paths;

use std::process::{Command, ExitCode, Output};

use counts::{Counts, toolchain};

/// Argument of the process that is counted, followed by a path.
const RUN: &str = "--run";

/// Function whose instructions count, its callees included: tables are built outside of it.
const FUNCTION: &str = "*measured_calls*";

/// Calls of each path.
const CALLS: u32 = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [RUN, name] => {
            paths::run(name, CALLS);
            Ok(ExitCode::SUCCESS)
        }
        _ => compare(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn compare() -> Result<ExitCode, Box<dyn std::error::Error>> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is missing: no instructions are counted");
        return Ok(ExitCode::SUCCESS);
    }
    let mut counted = Counts::new(toolchain()?);
    for name in paths::NAMES {
        counted.add(name, count(name)?);
    }
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        counted.write()?;
        println!("{counted}");
        return Ok(ExitCode::SUCCESS);
    }
    let is_within = counted.compare(&Counts::read()?);
    Ok(if is_within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Counts the instructions of one call.
fn count(name: &str) -> Result<f64, Box<dyn std::error::Error>> {
    let Output { status, stderr, .. } = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={FUNCTION}"))
        .arg(std::env::current_exe()?)
        .args([RUN, name])
        .output()?;
    let stderr = String::from_utf8_lossy(&stderr);
    let collected =
        stderr.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<f64>().ok());
    match collected {
        Some(collected) if status.success() && collected > 0.0 => Ok(collected / f64::from(CALLS)),
        _ => Err(format!("callgrind counted nothing for `{name}`:\n{stderr}").into()),
    }
}
