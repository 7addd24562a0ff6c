//! Ratios: the same work done by waylay and by comparable crates, in one run.
//!
//! - `cargo bench -p waylay-benches` measures everything and prints ratios, in about a minute;
//! - `cargo bench -p waylay-benches -- lookup idle` measures two groups;
//! - the program itself, with `--measure lookup get`, runs one contender alone for a profiler;
//! - as a test, without `--bench`, it runs everything once and prints no ratio.

mod dispatch;
mod extract;
mod github;
mod idle;
mod lookup;
mod measure;
mod mixed;
mod mixed_manual;
mod mixed_table;
mod proxy;
mod reload;
mod report;
mod scale;
mod worst;

use std::process::{Command, ExitCode, Stdio};

use measure::{CountingAllocator, Pace, Sample};
use report::{Group, Run, Runs};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const GROUPS: [Group; 9] = [
    lookup::GROUP,
    mixed::GROUP,
    dispatch::GROUP,
    extract::GROUP,
    idle::GROUP,
    scale::GROUP,
    proxy::GROUP,
    reload::GROUP,
    worst::GROUP,
];

/// Number of processes that measure each group; a new process has a new memory layout.
const PROCESSES: usize = 5;

/// Argument of a child process, followed by a group and optionally by a single contender.
const CHILD: &str = "--measure";

const ABOUT: &str = "\
Ratios of one run on one machine; below 1 waylay is faster. Nanoseconds are only valid for this run.
Each group is measured in 5 processes, which take turns; in a process the contenders take turns of
1 ms and the median of 60 turns counts. A figure is the median of the processes (least..most).";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [CHILD, group] => return measure(group, &Pace::full()),
        [CHILD, group, contender] => return measure(group, &Pace::only(contender)),
        _ => {}
    }
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    if has("--list") {
        return list(has("--ignored"));
    }
    let names: Vec<&str> = args.iter().filter(|arg| !arg.starts_with('-')).map(String::as_str).collect();
    let groups: Vec<&Group> =
        GROUPS.iter().filter(|group| names.is_empty() || names.contains(&group.name)).collect();
    // `cargo test --all-targets` runs benches as well, without this argument.
    if has("--bench") { compare(&groups) } else { smoke_test(&groups) }
}

/// Lists the groups in the format of test runners; none is ignored.
fn list(ignored: bool) -> ExitCode {
    for group in GROUPS.iter().filter(|_| !ignored) {
        println!("{}: test", group.name);
    }
    ExitCode::SUCCESS
}

/// Runs everything once, in this process, and prints no ratio.
fn smoke_test(groups: &[&Group]) -> ExitCode {
    for group in groups {
        println!("{}: {} figures", group.name, (group.measure)(&Pace::quick()).len());
    }
    ExitCode::SUCCESS
}

/// Measures one group in a child process and prints one line per figure.
fn measure(name: &str, pace: &Pace) -> ExitCode {
    let Some(group) = GROUPS.iter().find(|group| group.name == name) else {
        eprintln!("unknown group `{name}`");
        return ExitCode::FAILURE;
    };
    for Sample { name, value, allocations } in (group.measure)(pace) {
        println!("{name}\t{value}\t{allocations}");
    }
    ExitCode::SUCCESS
}

/// Measures the groups in processes that take turns, then prints the ratios.
fn compare(groups: &[&Group]) -> ExitCode {
    if groups.is_empty() {
        eprintln!("unknown group; the groups are {}", GROUPS.map(|group| group.name).join(", "));
        return ExitCode::FAILURE;
    }
    println!("{ABOUT}");
    let mut runs: Vec<Runs> = groups.iter().map(|_| Runs(Vec::new())).collect();
    for _ in 0..PROCESSES {
        for (group, runs) in groups.iter().zip(&mut runs) {
            match child(group.name) {
                Ok(run) => runs.0.push(run),
                Err(error) => {
                    eprintln!("group `{}`: {error}", group.name);
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    for (group, runs) in groups.iter().zip(&runs) {
        (group.report)(runs);
    }
    ExitCode::SUCCESS
}

/// Measures a group in a new process.
fn child(group: &str) -> Result<Run, Box<dyn std::error::Error>> {
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
