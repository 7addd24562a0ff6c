//! The command line: a few flags, read by hand.

use std::fmt;

use crate::case::Dialect;

/// How the program is called.
pub(crate) const USAGE: &str = "\
usage: route-check [--dialect native|gorilla|traefik_v3|vulcand] [--expect] [--allow P] [--explain] < cases.jsonl

Reads one table of routes with its requests a line (JSON) and prints what it answers.
  --dialect D   how lines that name no dialect are read (native)
  --expect      the lines carry results: print only what differs, and the counts
  --allow P     differences are well up to this share of the requests and of the builds, in percent (0)
  --explain     tell of each request what became of every route, and what of it failed
  --help        this text
exit: 0 all is well, 1 something differs or a line has an error, 2 wrong flags or no input";

/// What the flags ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Args {
    pub(crate) dialect: Dialect,
    pub(crate) expect: bool,
    /// The share of differences that is well, in percent.
    pub(crate) allow: f64,
    pub(crate) explain: bool,
    pub(crate) help: bool,
}

/// A flag that cannot be obeyed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ArgsError {
    UnknownFlag(String),
    NoDialect,
    UnknownDialect(String),
    NoShare(String),
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
            Self::NoShare(text) => write!(f, "`--allow {text}`: needs a number from 0 to 100"),
        }
    }
}

impl std::error::Error for ArgsError {}

impl Args {
    /// Reads the arguments behind the program's name.
    pub(crate) fn read(args: impl IntoIterator<Item = String>) -> Result<Self, ArgsError> {
        let mut read =
            Self { dialect: Dialect::Native, expect: false, allow: 0.0, explain: false, help: false };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--expect" => read.expect = true,
                "--explain" => read.explain = true,
                "--help" | "-h" => read.help = true,
                "--dialect" => read.dialect = dialect(&args.next().ok_or(ArgsError::NoDialect)?)?,
                "--allow" => read.allow = share(&args.next().unwrap_or_default())?,
                other => match other.split_once('=') {
                    Some(("--dialect", name)) => read.dialect = dialect(name)?,
                    Some(("--allow", text)) => read.allow = share(text)?,
                    _ => return Err(ArgsError::UnknownFlag(arg)),
                },
            }
        }
        Ok(read)
    }
}

fn share(text: &str) -> Result<f64, ArgsError> {
    let share = text.parse().ok().filter(|share| (0.0..=100.0).contains(share));
    share.ok_or_else(|| ArgsError::NoShare(text.to_owned()))
}

fn dialect(name: &str) -> Result<Dialect, ArgsError> {
    Dialect::named(name).ok_or_else(|| ArgsError::UnknownDialect(name.to_owned()))
}
