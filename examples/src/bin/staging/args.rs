//! The command line.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
A small shop that is broken on purpose: real routes, real sockets, and faults that are
switched on and off while it runs.

Usage: staging [OPTIONS]

      --addr <ADDR>          where the shop listens [default: 127.0.0.1:3000]
      --control-addr <ADDR>  where faults are listed and changed, loopback only [default: 127.0.0.1:3001]
      --drill <N>            start on free ports, switch every fault on, send N requests and check
                             that what each client saw is what the server injected; then exit
      --seed <N>             what the faults decide by: one seed, one run [default: 7]
  -h, --help                 print this

Port 0 takes any free port and prints which. RUST_LOG sets what is logged to stderr.";

/// What the program is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Serve { addr: SocketAddr, control_addr: SocketAddr, seed: u64 },
    Drill { requests: NonZeroU32, seed: u64 },
}

impl Command {
    /// Reads the arguments that follow the program's name.
    pub(crate) fn read(args: impl IntoIterator<Item = String>) -> Result<Self, ArgsError> {
        let mut addr = None;
        let mut control_addr = None;
        let mut drill = None;
        let mut seed = None;

        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let (flag, mut value) = match arg.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (arg, None),
            };
            let value = || value.take().or_else(|| args.next());
            match flag.as_str() {
                "--addr" => put(&mut addr, parse("--addr", ADDRESS, value)?, "--addr")?,
                "--control-addr" => {
                    put(&mut control_addr, parse("--control-addr", ADDRESS, value)?, "--control-addr")?;
                }
                "--drill" => put(&mut drill, parse("--drill", "a number of requests", value)?, "--drill")?,
                "--seed" => put(&mut seed, parse("--seed", "a whole number", value)?, "--seed")?,
                "-h" | "--help" => return Ok(Self::Help),
                _ => return Err(ArgsError::Unknown(flag)),
            }
        }

        let seed = seed.unwrap_or(7);
        match (drill, addr, control_addr) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => Err(ArgsError::DrillPicksPorts),
            (Some(requests), None, None) => Ok(Self::Drill { requests, seed }),
            (None, addr, control_addr) => Ok(Self::Serve {
                addr: addr.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 3000))),
                control_addr: loopback(control_addr.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 3001))))?,
                seed,
            }),
        }
    }
}

const ADDRESS: &str = "an address such as 127.0.0.1:3000";

fn parse<T: FromStr>(
    flag: &'static str,
    wanted: &'static str,
    value: impl FnOnce() -> Option<String>,
) -> Result<T, ArgsError> {
    let given = value().ok_or(ArgsError::NoValue { flag, wanted })?;
    given.parse().map_err(|_| ArgsError::Value { flag, wanted, given })
}

fn put<T>(place: &mut Option<T>, value: T, flag: &'static str) -> Result<(), ArgsError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(ArgsError::Twice(flag)),
    }
}

/// Whoever reaches the control port breaks the shop at will, so only this machine may.
fn loopback(address: SocketAddr) -> Result<SocketAddr, ArgsError> {
    if address.ip().is_loopback() { Ok(address) } else { Err(ArgsError::NotLoopback(address)) }
}

/// Why the command line makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ArgsError {
    Unknown(String),
    NoValue { flag: &'static str, wanted: &'static str },
    Value { flag: &'static str, wanted: &'static str, given: String },
    Twice(&'static str),
    NotLoopback(SocketAddr),
    DrillPicksPorts,
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(arg) => write!(f, "unknown argument `{arg}`; `--help` lists all"),
            Self::NoValue { flag, wanted } => write!(f, "`{flag}` needs {wanted}"),
            Self::Value { flag, wanted, given } => write!(f, "`{flag} {given}` is not {wanted}"),
            Self::Twice(flag) => write!(f, "`{flag}` is given twice"),
            Self::NotLoopback(address) => write!(
                f,
                "`--control-addr {address}` can be reached from other machines; \
                 give a loopback address such as 127.0.0.1:3001"
            ),
            Self::DrillPicksPorts => {
                f.write_str("`--drill` takes free ports itself; leave `--addr` and `--control-addr` out")
            }
        }
    }
}

impl std::error::Error for ArgsError {}
