//! Command lines: parsing, help, shell completions, errors in one line.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use clap::builder::EnumValueParser;
use clap::{Arg, Command, Parser};
use clap_complete::{Shell, generate};

use crate::log;

const COMPLETIONS: &str = "completions";

/// Runs a program with its arguments, and returns its exit code: `error_code` after an error, which is printed.
pub async fn run<C: Parser>(
    program: &str,
    error_code: u8,
    run: impl AsyncFnOnce(C) -> Result<ExitCode, Box<dyn Error>>,
) -> ExitCode {
    let arguments = match parse(error_code) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    run(arguments).await.unwrap_or_else(|error| {
        log::print_error(program, &*error);
        ExitCode::from(error_code)
    })
}

/// Parses the arguments of this process.
///
/// # Errors
/// The exit code of a program that ends here: success after `--help` and `--completions`, otherwise
/// `error_code`, with the error on stderr.
pub fn parse<C: Parser>(error_code: u8) -> Result<C, ExitCode> {
    let mut command = C::command().arg(completions());
    let parsed = command.try_get_matches_from_mut(std::env::args_os()).and_then(|mut matches| {
        if let Some(shell) = matches.remove_one::<Shell>(COMPLETIONS) {
            return Ok(Err(shell));
        }
        C::from_arg_matches_mut(&mut matches).map(Ok)
    });
    match parsed {
        Ok(Ok(arguments)) => Ok(arguments),
        Ok(Err(shell)) => {
            let name = command.get_name().to_owned();
            generate(shell, &mut command, name, &mut io::stdout());
            Err(ExitCode::SUCCESS)
        }
        Err(error) if error.use_stderr() => {
            eprintln!("{}", one_line(&command, &error));
            Err(ExitCode::from(error_code))
        }
        Err(help) => {
            print!("{help}");
            Err(ExitCode::SUCCESS)
        }
    }
}

/// The option `--completions`, which every program has.
fn completions() -> Arg {
    Arg::new(COMPLETIONS)
        .long(COMPLETIONS)
        .value_name("SHELL")
        .value_parser(EnumValueParser::<Shell>::new())
        // Not under the last heading of the program.
        .help_heading(None)
        .help("Print a completion script for this shell and exit")
}

/// The message and the suggestions of an error, without the usage.
fn one_line(command: &Command, error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraphs = text.split("\n\n").take_while(|paragraph| !paragraph.starts_with("Usage:"));
    let paragraphs = paragraphs.filter(|paragraph| !paragraph.starts_with("For more information"));
    let lines: Vec<String> =
        paragraphs.map(|paragraph| paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ")).collect();
    let message = lines.join("; ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    format!("{}: {message}; see `--help`", command.get_name())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "program")]
    struct Arguments {
        #[arg(long)]
        count: Option<u8>,
        #[arg(long, help_heading = "Limits")]
        limit: Option<u8>,
    }

    #[test]
    fn completions_are_an_option_without_a_heading() {
        let help =
            Arguments::command().next_help_heading("Limits").arg(completions()).render_help().to_string();
        let (options, limits) = help.split_once("Limits:").unwrap();
        assert!(options.contains("--completions") && !limits.contains("--completions"), "{help}");
    }

    #[test]
    fn errors_are_one_line() {
        let rows = [
            (["program", "--cuont", "1"], "unexpected argument '--cuont' found"),
            (["program", "--count", "x"], "invalid value 'x' for '--count <COUNT>'"),
            (["program", "--completions", "dos"], "[possible values: bash, "),
        ];
        for (arguments, text) in rows {
            let mut command = Arguments::command().arg(completions());
            let error = command.try_get_matches_from_mut(arguments).unwrap_err();
            let line = one_line(&command, &error);
            assert!(line.starts_with("program: ") && line.ends_with("; see `--help`"), "{line}");
            assert!(line.contains(text) && line.lines().count() == 1, "{line}");
        }
    }
}
