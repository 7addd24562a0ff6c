//! FaultErrors: every wrong setting of a fault, reported together.

use std::fmt;

use http::{HeaderName, HeaderValue};

use crate::config::duration::TimeError;

/// Everything that is wrong with the settings of one fault, in the order of the tree and the calls.
///
/// ```
/// use waylay_fault::{Fault, FaultErrorKind, error};
///
/// let errors = Fault::new("flaky", error(600)).participation(1.1).build().unwrap_err();
/// assert_eq!(errors.iter().len(), 2);
/// assert_eq!(
///     errors.to_string(),
///     "fault `flaky` has 2 wrong settings:\n\
///      - error.status: 600 is no status to answer with; give one from 200 to 599\n\
///      - participation: 1.1 is not a share of requests; give a number from 0 to 1",
/// );
/// assert!(errors.iter().any(|error| *error.kind() == FaultErrorKind::Participation));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FaultErrors {
    fault: String,
    errors: Vec<FaultError>,
}

impl FaultErrors {
    /// The name that was given to the fault.
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// The wrong settings, at least one.
    pub fn iter(&self) -> std::slice::Iter<'_, FaultError> {
        self.errors.iter()
    }
}

impl<'a> IntoIterator for &'a FaultErrors {
    type Item = &'a FaultError;
    type IntoIter = std::slice::Iter<'a, FaultError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for FaultErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "fault `{}` has {count} wrong setting{plural}:", self.fault)?;
        self.errors.iter().try_for_each(|error| write!(f, "\n- {error}"))
    }
}

impl std::error::Error for FaultErrors {}

/// One wrong setting: where it was set, what was given, and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultError {
    setting: String,
    given: String,
    kind: FaultErrorKind,
}

impl FaultError {
    /// The place of the setting, such as `participation` or `chain[1].slow.max`.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// The value as it was given.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// What is wrong with it.
    pub fn kind(&self) -> &FaultErrorKind {
        &self.kind
    }
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, given, kind } = self;
        write!(f, "{setting}: ")?;
        match kind {
            FaultErrorKind::Participation => {
                write!(f, "{given} is not a share of requests; give a number from 0 to 1")
            }
            FaultErrorKind::Name => {
                write!(f, "`{given}` cannot be a fault's name; give visible ASCII, it travels in a header")
            }
            FaultErrorKind::Informational => write!(
                f,
                "{given} is an informational status, after which the client waits for the real one; \
                 give one from 200 to 599"
            ),
            FaultErrorKind::Status => {
                write!(f, "{given} is no status to answer with; give one from 200 to 599")
            }
            FaultErrorKind::Weight => write!(f, "{given} is not a weight; give a finite number from 0 on"),
            FaultErrorKind::NothingToPick => {
                write!(f, "{given} leaves nothing to pick from; give at least one weight above 0")
            }
            FaultErrorKind::Time(error) => error.fmt(f),
            FaultErrorKind::Sigma => write!(f, "{given} is not a spread; give a finite number from 0 on"),
            FaultErrorKind::EmptyRange => write!(f, "{given} is no range; give the lower bound first"),
            FaultErrorKind::MissingMax => write!(f, "{given} has no longest value; add `.max(…)`"),
            FaultErrorKind::ZeroSize => write!(f, "{given} is no amount; give at least 1"),
            FaultErrorKind::RequestStatus => {
                write!(f, "{given} cannot be put on a request, which has no status")
            }
            FaultErrorKind::RequestReset => {
                write!(f, "{given} cannot end a request's body; give it to the response's")
            }
            FaultErrorKind::RequestChunks => {
                write!(f, "{given} has chunks that are not ours to frame; only a response's can be corrupted")
            }
            FaultErrorKind::Date => {
                write!(f, "{given} is no date that HTTP can write; give one from 1970 to 9999")
            }
            FaultErrorKind::Quantiles => {
                write!(f, "`{given}` is no table of quantiles; write it like `p50=20ms p99=1s`")
            }
            FaultErrorKind::NotIncreasing => {
                write!(f, "{given} does not rise; give shares from 0 to 1 and times in order")
            }
            FaultErrorKind::Grpc => write!(f, "{given} is no gRPC status; give one from 0 to 16"),
            FaultErrorKind::Rate => write!(f, "{given} bytes a second let nothing through; give at least 1"),
            FaultErrorKind::Fraction => write!(f, "{given} is not a share; give a number from 0 to 1"),
            FaultErrorKind::CloseCode => {
                write!(f, "{given} is no WebSocket close code; give one from 1000 to 4999, not 1004 to 1006")
            }
            FaultErrorKind::Zero => write!(f, "{given} would never happen; give at least 1"),
            FaultErrorKind::NoStopLimit => {
                write!(f, "{given} is set; give an error ratio, a latency or both")
            }
            FaultErrorKind::NoKey => {
                write!(f, "{given} attempts of each key need a key; set `decide_by` to one")
            }
            FaultErrorKind::Method => write!(f, "`{given}` is not a method; give a token such as `GET`"),
            FaultErrorKind::FaultHandle => {
                write!(f, "`{given}` is not a host pattern; write it like `shop.test` or `*.shop.test`")
            }
            FaultErrorKind::Network => {
                write!(f, "`{given}` is no range of addresses; write it like `10.0.0.0/8` or `::1`")
            }
            FaultErrorKind::Rule(why) => write!(f, "`{given}` is not a rule: {why}"),
            FaultErrorKind::Pattern(why) => write!(f, "`{given}` is not a path pattern: {why}"),
            FaultErrorKind::HeaderName => {
                write!(f, "`{given}` is not a header name; give a token such as `x-chaos`")
            }
            FaultErrorKind::HeaderValue => {
                write!(f, "`{given}` is not a header value; give text without control characters")
            }
        }
    }
}

impl std::error::Error for FaultError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            // Its text is already in ours; only what stands below it comes next.
            FaultErrorKind::Time(error) => error.source(),
            _ => None,
        }
    }
}

/// The kinds of wrong settings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultErrorKind {
    /// A participation that is no number from 0 to 1.
    Participation,
    /// A name that is empty or cannot stand in a header.
    Name,
    /// A 1xx status, which hyper would send ahead of the real answer.
    Informational,
    /// A number that is no status of an answer.
    Status,
    /// A weight that is negative or not finite.
    Weight,
    /// No weight above zero.
    NothingToPick,
    /// A text that is no length of time.
    Time(TimeError),
    /// A spread of a distribution that is negative or not finite.
    Sigma,
    /// A range whose lower bound lies above its upper bound.
    EmptyRange,
    /// A distribution without an end, given no longest value.
    MissingMax,
    /// A size or a rate of nothing.
    ZeroSize,
    /// A status for a request.
    RequestStatus,
    /// A reset of the connection in the middle of a request's body.
    RequestReset,
    /// A framing to be broken that is the client's.
    RequestChunks,
    /// A date that HTTP cannot write.
    Date,
    /// A text or list that is no table of quantiles.
    Quantiles,
    /// A quantile that does not rise above the one before it.
    NotIncreasing,
    /// A number that is no gRPC status.
    Grpc,
    /// A rate of no bytes at all.
    Rate,
    /// A rule that the router cannot read, in its words.
    Rule(String),
    /// A number that is no share.
    Fraction,
    /// A number that cannot be sent as a WebSocket close code (RFC 6455, section 7.4).
    CloseCode,
    /// A count of nothing.
    Zero,
    /// An automatic stop without a limit.
    NoStopLimit,
    /// Attempts counted by key, of a fault that decides by a counter.
    NoKey,
    /// A text that is no method.
    Method,
    /// A text that is no pattern of hosts.
    FaultHandle,
    /// A text that is no range of addresses.
    Network,
    /// A path pattern that cannot be read, and why.
    Pattern(String),
    /// A text that is no header name.
    HeaderName,
    /// A text that is no header value.
    HeaderValue,
}

/// The errors of one build, gathered.
#[derive(Debug, Default)]
pub(crate) struct ErrorCollector(Vec<FaultError>);

impl ErrorCollector {
    pub(crate) fn add(&mut self, setting: impl Into<String>, given: impl fmt::Display, kind: FaultErrorKind) {
        self.0.push(FaultError { setting: setting.into(), given: given.to_string(), kind });
    }

    /// Keeps the good value, or the error.
    pub(crate) fn time<T>(&mut self, setting: String, time: Result<T, TimeError>) -> Option<T> {
        time.map_err(|error| self.add(setting, error.text().to_owned(), FaultErrorKind::Time(error))).ok()
    }

    /// The value if nothing was found.
    pub(crate) fn or<T>(self, fault: &str, value: Option<T>) -> Result<T, FaultErrors> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(FaultErrors { fault: fault.to_owned(), errors: self.0 }),
        }
    }
}

pub(crate) fn header_name(setting: &str, name: &str, errors: &mut ErrorCollector) -> Option<HeaderName> {
    let parsed = HeaderName::from_bytes(name.as_bytes());
    parsed.map_err(|_| errors.add(setting, name, FaultErrorKind::HeaderName)).ok()
}

pub(crate) fn header_value(setting: &str, value: &str, errors: &mut ErrorCollector) -> Option<HeaderValue> {
    // From bytes, since `from_str` refuses what lies beyond ASCII and clients may send it.
    let parsed = HeaderValue::from_bytes(value.as_bytes());
    parsed.map_err(|_| errors.add(setting, value.escape_debug(), FaultErrorKind::HeaderValue)).ok()
}
