//! `route-check`: evaluates tables of routes and requests as JSON lines, before they ship.

mod conditions;
mod evaluation;
mod expect;
mod input;
mod known_defects;
mod miss_handlers;
mod output;
mod results;
mod server;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use clap::Parser;
use waylay_examples::cli;

use crate::evaluation::{Evaluation, LineFailure, Options, evaluate, parse};
use crate::expect::{Count, Counts};
use crate::input::Dialect;
use crate::output::{Difference, LineError};

/// Exit code after a wrong command line or a failure of stdin or stdout.
const USAGE_ERROR: u8 = 2;

const EXAMPLES: &str = r#"Examples:
  route-check < cases.jsonl                      print the results of each line
  route-check --explain < cases.jsonl            with the outcome of every route for each request
  route-check --expect < cases.jsonl             print only differences from the expected results
  route-check --dialect gorilla --expect --allow 0.5 < cases.jsonl
  route-check --completions bash > route-check   write a completion script
  echo '{"routes":[{"name":"a","path":"/a/{id}"}],"requests":[{"url":"/a/7"}]}' | route-check

Exit code: 0 success, 1 a result differs or a line has an error, 2 wrong arguments or no input."#;

/// Evaluates one table of routes with its requests per line of stdin (JSON) and prints the results.
#[derive(Debug, Parser)]
#[command(name = "route-check", after_help = EXAMPLES, args_override_self = true)]
struct Arguments {
    /// Dialect of lines that do not have one
    #[arg(long, value_enum, default_value = "native")]
    dialect: Dialect,
    /// Compare with the expected results in the lines: print only differences, and the counts
    #[arg(long)]
    expect: bool,
    /// Percentage of the requests and of the builds that may differ
    #[arg(long, value_name = "PERCENT", value_parser = percentage, default_value = "0")]
    allow: f64,
    /// Explain for each request the outcome of every route
    #[arg(long)]
    explain: bool,
}

fn percentage(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| "not a number from 0 to 100".to_owned())
}

fn main() -> ExitCode {
    let Arguments { dialect, expect, allow, explain } = match cli::parse(USAGE_ERROR) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let options = Options { dialect, expect, explain };
    match run(options, allow, io::stdin().lock(), io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("route-check: {error}");
            ExitCode::from(USAGE_ERROR)
        }
    }
}

/// Evaluates line by line; returns whether all lines are valid and at most `allow` percent differ.
fn run(options: Options, allow: f64, mut input: impl BufRead, mut output: impl Write) -> io::Result<bool> {
    let mut summary = Summary::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        line.pop_if(|byte| *byte == b'\n');
        let printed = parse(&line).and_then(|case| {
            let evaluation = evaluate(&case, options)?;
            Ok(summary.add(options, number, &evaluation, &mut output))
        });
        match printed {
            Ok(printed) => printed?,
            Err(failure) => {
                summary.add_failure(&failure);
                print(&mut output, &LineError { line: number, error: failure.text() })?;
            }
        }
    }
    if options.expect {
        writeln!(output, "{}", summary.counts)?;
    }
    output.flush()?;
    summary.report();
    Ok(summary.failures == 0 && !summary.counts.exceed(allow))
}

fn print(output: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    writeln!(output)
}

/// Sums over all lines.
#[derive(Default)]
struct Summary {
    counts: Counts,
    failures: usize,
    /// Numbers of skipped results by reason.
    skipped: BTreeMap<&'static str, usize>,
    /// Lines with unsupported keys, and their requests and builds.
    unsupported: [usize; 3],
    unsupported_keys: BTreeMap<String, usize>,
}

impl Summary {
    /// Prints the results of a line, or their differences from the expected ones.
    fn add(
        &mut self,
        options: Options,
        line: usize,
        evaluation: &Evaluation<'_>,
        output: &mut impl Write,
    ) -> io::Result<()> {
        if !options.expect {
            for error in &evaluation.output.errors {
                eprintln!("line {line}: route `{}`: {}", error.route, error.text);
            }
            return print(output, &evaluation.output);
        }
        let mut printed = Ok(());
        let print_difference = |difference: Difference<'_>| {
            if printed.is_ok() {
                printed = print(output, &difference);
            }
        };
        for reason in evaluation.compare(line, &mut self.counts, print_difference) {
            *self.skipped.entry(reason).or_default() += 1;
        }
        printed
    }

    fn add_failure(&mut self, failure: &LineFailure) {
        self.failures += 1;
        if let LineFailure::Unsupported { keys, requests, builds } = failure {
            for (sum, count) in self.unsupported.iter_mut().zip([1, *requests, *builds]) {
                *sum += count;
            }
            let names: BTreeSet<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            for name in names {
                *self.unsupported_keys.entry(name.to_owned()).or_default() += 1;
            }
        }
    }

    fn report(&self) {
        let [lines, requests, builds] = self.unsupported;
        if lines > 0 {
            let keys: Vec<String> =
                self.unsupported_keys.iter().map(|(key, lines)| format!("{key} {lines}")).collect();
            let keys = keys.join(", ");
            eprintln!(
                "unsupported: {lines} lines ({keys}); {requests} requests and {builds} builds not compared"
            );
        }
        let Count { agree, differ, .. } = self.counts.descriptions;
        if agree + differ > 0 {
            eprintln!("introspection: {}", self.counts.descriptions);
        }
        if !self.skipped.is_empty() {
            let reasons: Vec<String> =
                self.skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
            let all: usize = self.skipped.values().sum();
            let reasons = reasons.join(", ");
            eprintln!("skipped: {all} results that show a defect of the original ({reasons})");
        }
    }
}
