//! The command line: three flags, read by hand.

use std::fmt;

use crate::case::Dialect;

/// How the program is called.
pub(crate) const USAGE: &str = "\
usage: route-check [--dialect native|gorilla|traefik_v3|vulcand] [--expect] < cases.jsonl

Reads one table of routes with its requests a line (JSON) and prints what it answers.
  --dialect D   how lines that name no dialect are read (native)
  --expect      the lines carry results: print only what differs, and the counts
  --help        this text
exit: 0 all is well, 1 something differs or a line has an error, 2 wrong flags or no input";

/// What the flags ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) dialect: Dialect,
    pub(crate) expect: bool,
    pub(crate) help: bool,
}

/// A flag that cannot be obeyed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ArgsError {
    UnknownFlag(String),
    NoDialect,
    UnknownDialect(String),
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFlag(flag) => write!(f, "unknown argument `{flag}`"),
            Self::NoDialect => {
                f.write_str("`--dialect` needs a value: native, gorilla, traefik_v3 or vulcand")
            }
            Self::UnknownDialect(name) => {
                write!(f, "`--dialect {name}`: the dialects are native, gorilla, traefik_v3 and vulcand")
            }
        }
    }
}

impl std::error::Error for ArgsError {}

impl Args {
    /// Reads the arguments behind the program's name.
    pub(crate) fn read(args: impl IntoIterator<Item = String>) -> Result<Self, ArgsError> {
        let mut read = Self { dialect: Dialect::Native, expect: false, help: false };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--expect" => read.expect = true,
                "--help" | "-h" => read.help = true,
                "--dialect" => read.dialect = dialect(&args.next().ok_or(ArgsError::NoDialect)?)?,
                other => match other.strip_prefix("--dialect=") {
                    Some(name) => read.dialect = dialect(name)?,
                    None => return Err(ArgsError::UnknownFlag(arg)),
                },
            }
        }
        Ok(read)
    }
}

fn dialect(name: &str) -> Result<Dialect, ArgsError> {
    Dialect::named(name).ok_or_else(|| ArgsError::UnknownDialect(name.to_owned()))
}
