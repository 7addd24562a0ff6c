//! FaultErrors: every invalid setting of a fault, reported together.

use std::fmt;

use http::{HeaderName, HeaderValue};

use crate::config::duration::TimeError;
use crate::config::one_line::OneLine;

/// All invalid settings of one fault, in the order of the injectors and the calls.
///
/// ```
/// use waylay_fault::{Fault, FaultErrorKind, error};
///
/// let errors = Fault::new("flaky", error(600)).participation(1.1).build().unwrap_err();
/// assert_eq!(errors.iter().len(), 2);
/// assert_eq!(
///     errors.to_string(),
///     "fault `flaky` has 2 wrong settings:\n\
///      - error.status: 600 is not a response status; give one from 200 to 599\n\
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
    /// Returns the name of the fault.
    pub fn fault(&self) -> &str {
        &self.fault
    }

    /// Returns the invalid settings, at least one.
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
        write!(f, "fault `{}` has {count} wrong setting{plural}:", OneLine(&self.fault))?;
        self.errors.iter().try_for_each(|error| write!(f, "\n- {error}"))
    }
}

impl std::error::Error for FaultErrors {}

/// One invalid setting: its place, its value, and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultError {
    setting: String,
    given: String,
    kind: FaultErrorKind,
}

impl FaultError {
    /// Returns the place of the setting, such as `participation` or `chain[1].slow.max`.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// Returns the value of the setting.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// Returns what is wrong with it.
    pub fn kind(&self) -> &FaultErrorKind {
        &self.kind
    }
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, given, kind } = self;
        let given = OneLine(given);
        write!(f, "{}: ", OneLine(setting))?;
        match kind {
            FaultErrorKind::Participation => {
                write!(f, "{given} is not a share of requests; give a number from 0 to 1")
            }
            FaultErrorKind::Name => {
                write!(f, "`{given}` is not a fault name; give visible ASCII, since it is sent in a header")
            }
            FaultErrorKind::Informational => write!(
                f,
                "{given} is an informational status, after which the client waits for the final one; \
                 give one from 200 to 599"
            ),
            FaultErrorKind::Status => {
                write!(f, "{given} is not a response status; give one from 200 to 599")
            }
            FaultErrorKind::Weight => write!(f, "{given} is not a weight; give a finite number from 0 on"),
            FaultErrorKind::NothingToPick => {
                write!(f, "{given} leaves nothing to pick from; give at least one weight above 0")
            }
            FaultErrorKind::Time(error) => error.fmt(f),
            FaultErrorKind::Sigma => write!(f, "{given} is not a spread; give a finite number from 0 on"),
            FaultErrorKind::EmptyRange => write!(f, "{given} is an empty range; give the lower bound first"),
            FaultErrorKind::MissingMax => write!(f, "{given} has no maximum; add `.max(…)`"),
            FaultErrorKind::ZeroSize => write!(f, "{given} is too small; give at least 1"),
            FaultErrorKind::RequestStatus => {
                write!(f, "{given} cannot be set on a request, which has no status; set it on the response")
            }
            FaultErrorKind::RequestReset => {
                write!(f, "{given} cannot end the body of a request; use it on the response")
            }
            FaultErrorKind::RequestChunks => {
                write!(f, "{given} chunks are framed by the client; corrupt those of the response")
            }
            FaultErrorKind::Date => {
                write!(f, "{given} is not a date of HTTP; give one from 1970 to 9999")
            }
            FaultErrorKind::Quantiles => {
                write!(f, "`{given}` is not a table of quantiles; write it like `p50=20ms p99=1s`")
            }
            FaultErrorKind::NotIncreasing => {
                write!(f, "{given} does not increase; give shares from 0 to 1 and times in increasing order")
            }
            FaultErrorKind::Grpc => write!(f, "{given} is not a gRPC status; give one from 0 to 16"),
            FaultErrorKind::Rate => write!(f, "{given} bytes per second send nothing; give at least 1"),
            FaultErrorKind::Fraction => write!(f, "{given} is not a fraction; give a number from 0 to 1"),
            FaultErrorKind::CloseCode => {
                write!(
                    f,
                    "{given} is not a WebSocket close code; give one from 1000 to 4999, not 1004 to 1006"
                )
            }
            FaultErrorKind::EmptyAllowList => {
                write!(f, "{given} allows nothing; list what to allow, or leave the list out to allow all")
            }
            FaultErrorKind::GroupWeight => {
                write!(f, "{given} is not a weight in a group; give a finite number above 0")
            }
            FaultErrorKind::WeightSum => {
                write!(f, "{given} add up to more than a number can hold; give smaller weights")
            }
            FaultErrorKind::Zero => write!(f, "{given} is too small; give at least 1"),
            FaultErrorKind::TooLarge(limit) => write!(f, "{given} is too large; give at most {limit}"),
            FaultErrorKind::NoStopLimit => {
                write!(f, "{given} is set; give an error ratio, a latency or both")
            }
            FaultErrorKind::NoKey => {
                write!(f, "{given} attempts of each key need a key; set `decide_by` to one")
            }
            FaultErrorKind::StatusRange => {
                write!(
                    f,
                    "`{given}` is not a status, a class or a range; write it like `503`, `5xx` or `500-504`"
                )
            }
            FaultErrorKind::UnknownInjector(way_out) => {
                write!(f, "`{given}` is not a custom injector of this program; {way_out}")
            }
            FaultErrorKind::NoFlagKey => write!(f, "`{given}` is not the key of a flag; give one"),
            FaultErrorKind::NoFlagSource(way_out) => {
                write!(f, "`{given}` is a flag that nothing evaluates; {way_out}")
            }
            FaultErrorKind::ShortSecret => write!(f, "{given} is too short; give at least 16 characters"),
            FaultErrorKind::MissingSecret => {
                write!(f, "the environment variable `{given}` is not set; set it to the secret")
            }
            FaultErrorKind::Nested => {
                write!(f, "{given} is the whole injector of a fault; take it out of the chain or the choice")
            }
            FaultErrorKind::InjectorsTooDeep => {
                write!(f, "more than {given} injectors are within each other; use fewer chains and choices")
            }
            FaultErrorKind::BaggageKey => {
                write!(f, "`{given}` is not a key of baggage; give a token such as `waylay.fault`")
            }
            FaultErrorKind::AfterResponse => write!(
                f,
                "{given} comes too late for a fault that matches on the response; change the response, or leave \
                 out the lists of responses"
            ),
            FaultErrorKind::NoRequest => {
                write!(
                    f,
                    "a fault of a {given} has connections, not requests; place it on the server or the client"
                )
            }
            FaultErrorKind::Method => write!(f, "`{given}` is not a method; give a token such as `GET`"),
            FaultErrorKind::Host => {
                write!(f, "`{given}` is not a host pattern; write it like `shop.test` or `*.shop.test`")
            }
            FaultErrorKind::Network => {
                write!(f, "`{given}` is not a network or an address; write it like `10.0.0.0/8` or `::1`")
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
            // `Display` prints the text of this error already, so its own source comes next.
            FaultErrorKind::Time(error) => error.source(),
            _ => None,
        }
    }
}

/// Kinds of invalid settings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultErrorKind {
    /// A participation outside of 0 to 1.
    Participation,
    /// A name that is empty or not valid in a header.
    Name,
    /// A 1xx status, which hyper would send before the final response.
    Informational,
    /// A number that is not a response status.
    Status,
    /// A weight that is negative or not finite.
    Weight,
    /// No weight above zero.
    NothingToPick,
    /// A text that is not a length of time.
    Time(TimeError),
    /// A spread of a distribution that is negative or not finite.
    Sigma,
    /// A range whose lower bound is above its upper bound.
    EmptyRange,
    /// An unbounded distribution without a maximum.
    MissingMax,
    /// A size or a rate of zero.
    ZeroSize,
    /// A status for a request.
    RequestStatus,
    /// A connection reset within the body of a request.
    RequestReset,
    /// Broken chunk framing for a request, which the client frames.
    RequestChunks,
    /// A date that HTTP cannot express.
    Date,
    /// A text or list that is not a table of quantiles.
    Quantiles,
    /// A quantile that is not above the one before it.
    NotIncreasing,
    /// A number that is not a gRPC status.
    Grpc,
    /// A rate of zero bytes.
    Rate,
    /// A rule that the router cannot parse, with its message.
    Rule(String),
    /// A number outside of 0 to 1.
    Fraction,
    /// A number that cannot be sent as a WebSocket close code (RFC 6455, section 7.4).
    CloseCode,
    /// A count of zero.
    Zero,
    /// A number or a time above this limit.
    TooLarge(String),
    /// An automatic stop without a limit.
    NoStopLimit,
    /// Attempts counted by key, of a fault that decides by a counter.
    NoKey,
    /// An allow list without entries, which no request could pass.
    EmptyAllowList,
    /// A weight in a group that is not above zero, or not finite.
    GroupWeight,
    /// Weights whose sum is not finite.
    WeightSum,
    /// A text that is not a status, a class or a range of statuses.
    StatusRange,
    /// A name that is not that of a custom injector of the program, and the way out.
    UnknownInjector(String),
    /// A flag without a key.
    NoFlagKey,
    /// A flag without a source, and the way out.
    NoFlagSource(String),
    /// A secret of fewer than 16 characters.
    ShortSecret,
    /// An environment variable for a secret that is not set.
    MissingSecret,
    /// An injector within a chain or a choice that has to be the whole of its fault.
    Nested,
    /// More than [`MAX_INJECTOR_DEPTH`](crate::MAX_INJECTOR_DEPTH) chains, choices and reporters within each other.
    InjectorsTooDeep,
    /// A text that is not a key of baggage.
    BaggageKey,
    /// A change of the request by a fault that matches on the response.
    AfterResponse,
    /// A setting that needs requests, of a fault of a listener or a connector.
    NoRequest,
    /// A text that is not a method.
    Method,
    /// A text that is not a host pattern.
    Host,
    /// A text that is not a network or an address.
    Network,
    /// An invalid path pattern, and the reason.
    Pattern(String),
    /// A text that is not a header name.
    HeaderName,
    /// A text that is not a header value.
    HeaderValue,
}

/// Collects the errors of one build.
#[derive(Debug, Default)]
pub(crate) struct ErrorCollector(Vec<FaultError>);

impl ErrorCollector {
    pub(crate) fn add(&mut self, setting: impl Into<String>, given: impl fmt::Display, kind: FaultErrorKind) {
        self.0.push(FaultError { setting: setting.into(), given: given.to_string(), kind });
    }

    /// Returns the valid value, or records the error.
    pub(crate) fn time<T>(&mut self, setting: String, time: Result<T, TimeError>) -> Option<T> {
        time.map_err(|error| self.add(setting, error.text().to_owned(), FaultErrorKind::Time(error))).ok()
    }

    /// Returns the value if there is no error.
    pub(crate) fn into_result<T>(self, fault: &str, value: Option<T>) -> Result<T, FaultErrors> {
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
    // From bytes, since `from_str` rejects non-ASCII text, which clients may send.
    let parsed = HeaderValue::from_bytes(value.as_bytes());
    parsed.map_err(|_| errors.add(setting, value, FaultErrorKind::HeaderValue)).ok()
}
