//! Checks tables of routes before they ship: a table and its requests a line in, the answers out.
//!
//! `route-check --dialect gorilla --expect < cases.jsonl` compares them with what is expected.

mod answer;
mod args;
mod arrival;
mod built;
mod case;
mod check;
mod claims;
mod defects;
mod difference;
mod expect;
mod explain;
mod info;
mod level;
mod object;
mod plan;
mod reverse;
mod served;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use crate::args::{Args, USAGE};
use crate::check::{Checked, Refused};
use crate::difference::{Difference, LineError};
use crate::expect::{Count, Counts};

fn main() -> ExitCode {
    let args = match Args::read(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("route-check: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if args.help {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(args, io::stdin().lock(), io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("route-check: {error}");
            ExitCode::from(2)
        }
    }
}

/// What is summed up over all lines.
#[derive(Default)]
struct Sum {
    counts: Counts,
    errors: usize,
    /// Results that show a defect of the original, by defect.
    passed: BTreeMap<&'static str, usize>,
    /// Lines that ask for what the router cannot do, and their requests and builds.
    unsupported: [usize; 3],
    keys: BTreeMap<String, usize>,
}

/// Checks line by line; whether all is well.
fn run(args: Args, mut input: impl BufRead, mut output: impl Write) -> io::Result<bool> {
    let mut sum = Sum::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        line.pop_if(|byte| *byte == b'\n');
        let done = check::read(&line).and_then(|case| {
            let checked = check::check(&case, args)?;
            Ok(sum.take(args, number, &checked, &mut output))
        });
        match done {
            Ok(printed) => printed?,
            Err(refused) => {
                sum.refuse(&refused);
                print(&mut output, &LineError { line: number, error: refused.text() })?;
            }
        }
    }
    if args.expect {
        writeln!(output, "{}", sum.counts)?;
    }
    output.flush()?;
    sum.report();
    Ok(sum.errors == 0 && !sum.counts.exceed(args.allow))
}

fn print(output: &mut impl Write, what: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, what)?;
    writeln!(output)
}

impl Sum {
    /// Prints what a line answers, or what of it is not as expected.
    fn take(
        &mut self,
        args: Args,
        line: usize,
        checked: &Checked<'_>,
        output: &mut impl Write,
    ) -> io::Result<()> {
        if !args.expect {
            for fault in &checked.answers.faults {
                eprintln!("line {line}: route `{}`: {}", fault.route, fault.text);
            }
            return print(output, &checked.answers);
        }
        let mut printed = Ok(());
        let tell = |what: Difference<'_>| {
            if printed.is_ok() {
                printed = print(output, &what);
            }
        };
        for defect in checked.compare(line, &mut self.counts, tell) {
            *self.passed.entry(defect).or_default() += 1;
        }
        printed
    }

    fn refuse(&mut self, refused: &Refused) {
        self.errors += 1;
        if let Refused::Unsupported { keys, requests, builds } = refused {
            let more = [1, *requests, *builds];
            self.unsupported.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            let names: BTreeSet<&str> = keys.iter().map(|unsupported| &*unsupported.key).collect();
            names.into_iter().for_each(|name| *self.keys.entry(name.to_owned()).or_default() += 1);
        }
    }

    fn report(&self) {
        let [lines, requests, builds] = self.unsupported;
        if lines > 0 {
            let keys: Vec<String> = self.keys.iter().map(|(key, lines)| format!("{key} {lines}")).collect();
            let keys = keys.join(", ");
            eprintln!(
                "unsupported: {lines} lines ({keys}); {requests} requests and {builds} builds not compared"
            );
        }
        let Count { agree, differ, .. } = self.counts.infos;
        if agree + differ > 0 {
            eprintln!("introspection: {}", self.counts.infos);
        }
        if !self.passed.is_empty() {
            let defects: Vec<String> =
                self.passed.iter().map(|(defect, count)| format!("{defect} {count}")).collect();
            let all: usize = self.passed.values().sum();
            let defects = defects.join(", ");
            eprintln!("passed over: {all} results that show a defect of the original ({defects})");
        }
    }
}
