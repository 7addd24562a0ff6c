//! DelayTime: a length of time, as `Duration` or text such as `90ms`.

use std::fmt;
use std::time::Duration;

use crate::config::one_line::OneLine;

/// A length of time: a [`Duration`], or text such as `"90ms"`, `"1.5s"` or `"2m"`.
///
/// Text is a decimal number and a unit: `ns`, `us` (or `µs`), `ms`, `s`, `m`, `h`. Invalid text is
/// reported by [`FaultBuilder::build`](crate::FaultBuilder::build), together with all other errors.
///
/// ```
/// use std::time::Duration;
/// use waylay_fault::DelayTime;
///
/// assert_eq!(DelayTime::from("1.5s").duration(), Ok(Duration::from_millis(1500)));
/// assert_eq!(DelayTime::from(Duration::from_secs(2)).duration(), Ok(Duration::from_secs(2)));
///
/// let error = DelayTime::from("90 lightyears").duration().unwrap_err();
/// assert_eq!(error.to_string(), "`90 lightyears` has an unknown unit at column 3; known are ns, us, ms, s, m, h");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayTime(Result<Duration, TimeError>);

impl DelayTime {
    /// Returns the length of time.
    ///
    /// # Errors
    /// The text is not a length of time.
    pub fn duration(&self) -> Result<Duration, TimeError> {
        self.0.clone()
    }
}

impl From<Duration> for DelayTime {
    fn from(duration: Duration) -> Self {
        // Delays are computed in `u64` nanoseconds, which end after 584 years.
        Self(match u64::try_from(duration.as_nanos()) {
            Ok(_) => Ok(duration),
            Err(_) => Err(TimeError::new(&format!("{duration:?}"), 0, TimeErrorKind::TooLong)),
        })
    }
}

impl From<&str> for DelayTime {
    fn from(text: &str) -> Self {
        Self(parse(text))
    }
}

impl From<String> for DelayTime {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl fmt::Display for DelayTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(duration) => write!(f, "{duration:?}"),
            Err(error) => OneLine(&error.text).fmt(f),
        }
    }
}

/// The error of a text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeError {
    text: String,
    at: usize,
    kind: TimeErrorKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeErrorKind {
    NoNumber,
    NoUnit,
    UnknownUnit,
    TooLong,
}

impl TimeError {
    fn new(text: &str, at: usize, kind: TimeErrorKind) -> Self {
        Self { text: text.to_owned(), at, kind }
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the byte offset of the error in the text.
    pub fn offset(&self) -> usize {
        self.at
    }
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.text.get(..self.at).unwrap_or("").chars().count() + 1;
        let text = OneLine(&self.text);
        match self.kind {
            TimeErrorKind::NoNumber => {
                write!(f, "`{text}` has no number at column {column}; write it like `90ms` or `1.5s`")
            }
            TimeErrorKind::NoUnit => {
                write!(f, "`{text}` has no unit at column {column}; add one of ns, us, ms, s, m, h")
            }
            TimeErrorKind::UnknownUnit => {
                write!(f, "`{text}` has an unknown unit at column {column}; known are ns, us, ms, s, m, h")
            }
            TimeErrorKind::TooLong => write!(f, "`{text}` is too long; the maximum is 584 years"),
        }
    }
}

impl std::error::Error for TimeError {}

fn parse(text: &str) -> Result<Duration, TimeError> {
    let fail = |at, kind| TimeError::new(text, at, kind);
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();

    let whole = digits(0);
    if whole == 0 {
        return Err(fail(0, TimeErrorKind::NoNumber));
    }
    let mut end = whole;
    let mut fraction = "";
    if text[end..].starts_with('.') {
        let from = end + 1;
        end = from + digits(from);
        if end == from {
            return Err(fail(from, TimeErrorKind::NoNumber));
        }
        fraction = &text[from..end];
    }
    let unit: u128 = match &text[end..] {
        "" => return Err(fail(end, TimeErrorKind::NoUnit)),
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(fail(end, TimeErrorKind::UnknownUnit)),
    };

    let too_long = || fail(0, TimeErrorKind::TooLong);
    // More than 19 digits overflow `u64`, and mean centuries even in nanoseconds.
    let whole: u64 = text[..whole].parse().map_err(|_| too_long())?;
    let mut nanos = u128::from(whole) * unit;
    // Digits below a nanosecond are cut, as `Duration` does.
    let mut place = unit;
    for digit in fraction.bytes().map(|byte| u128::from(byte - b'0')) {
        place /= 10;
        nanos += digit * place;
    }
    u64::try_from(nanos).map(Duration::from_nanos).map_err(|_| too_long())
}
