//! Ratios: the same work done by waylay and by comparable crates, in one run.
//!
//! `benches/README.md` describes the groups, the rules, and the arguments.

mod adversarial;
mod command;
mod curve;
mod dispatch;
#[cfg(feature = "peers")]
mod dispatch_poem;
mod extract;
mod forge;
mod github;
mod hosts;
mod idle;
mod large;
mod lookup;
mod measure;
mod mixed;
mod mixed_manual;
mod mixed_table;
mod numbers;
mod output;
mod peers;
mod proxy;
mod reload;
mod report;
mod scale;
mod socket;
mod worst;

use std::process::ExitCode;

use command::{Arguments, Mode};
use measure::{CountingAllocator, Pace, Sample};
use report::Group;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const GROUPS: [Group; 14] = [
    lookup::GROUP,
    mixed::GROUP,
    large::GROUP,
    hosts::GROUP,
    adversarial::GROUP,
    dispatch::GROUP,
    extract::GROUP,
    idle::GROUP,
    scale::GROUP,
    socket::GROUP,
    proxy::GROUP,
    reload::GROUP,
    worst::GROUP,
    curve::GROUP,
];

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let groups: Vec<&Group> = GROUPS.iter().filter(|group| arguments.includes(group)).collect();
    match arguments.mode {
        Mode::Child { group, only } => {
            measure(&group, &only.map_or_else(Pace::full, |contender| Pace::only(&contender)))
        }
        Mode::Server(name) => socket::serve(&name),
        Mode::List { is_ignored } => list(is_ignored),
        Mode::SmokeTest => smoke_test(&groups),
        Mode::Compare(run) => command::compare(&groups, &run),
        Mode::Render => command::render(),
    }
}

/// Lists the groups in the format of test runners; none is ignored.
fn list(is_ignored: bool) -> ExitCode {
    for group in GROUPS.iter().filter(|_| !is_ignored) {
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
