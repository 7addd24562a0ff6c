//! Limits: time limits of a server and its number of connections.

use std::time::Duration;

use clap::Args;

/// Limits of a server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Time for the head of a request, from the connection or the previous response on
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "15s")]
    pub header_timeout: Duration,
    /// Time that an HTTP/2 connection may be without requests
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub idle_timeout: Duration,
    /// Time between two pings of an HTTP/2 connection, and for their replies
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s")]
    pub keep_alive: Duration,
    /// Time between two pieces of a request's body
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    pub body_timeout: Duration,
    /// Time for requests in progress after SIGTERM or Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub shutdown_timeout: Duration,
    /// Number of connections that are open at once; further ones wait
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), default_value_t = 1024)]
    pub max_connections: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(60),
            keep_alive: Duration::from_secs(20),
            body_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(10),
            max_connections: 1024,
        }
    }
}

/// Parses a time such as `250ms`, `10s` or `2m`.
///
/// # Errors
/// Another text, or no time at all.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    let number = number.parse::<u32>().ok().filter(|number| *number > 0);
    match (number, milliseconds) {
        (Some(number), Some(milliseconds)) => Ok(Duration::from_millis(u64::from(number) * milliseconds)),
        _ => Err("not a time such as 250ms, 10s or 2m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Arguments {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn times_have_units() {
        for (text, milliseconds) in [("250ms", 250), ("10s", 10_000), ("2m", 120_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "10", "s", "0s", "-1s", "1.5s", "1 s", "5000000000s", "1h", "\u{664}s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn defaults_agree() {
        let parsed = Arguments::parse_from(["program"]).limits;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Limits::default()));
    }
}
