//! Retry-After: when a client is to come again.

use std::time::{Duration, SystemTime};

use http::HeaderValue;

use super::plan::http_date;
use crate::error::{Findings, Problem};
use crate::time::DelayTime;

/// A value of the `Retry-After` header (RFC 9110, section 10.2.3): a number of seconds, or a date.
///
/// A length of time, as [`Duration`] or text such as `"2s"`, is sent as seconds, rounded up; a
/// [`SystemTime`] is sent as that date.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use waylay_fault::{Fault, RetryAfter, error};
///
/// let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// for when in [RetryAfter::from("2s"), RetryAfter::from(noon), RetryAfter::date_in("90s")] {
///     Fault::new("busy", error(503).retry_after(when)).build()?;
/// }
/// # Ok::<(), waylay_fault::FaultErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct RetryAfter(When);

#[derive(Debug, Clone)]
enum When {
    Seconds(DelayTime),
    Date(SystemTime),
    DateIn(DelayTime),
}

impl RetryAfter {
    /// A date, this long after each answer.
    pub fn date_in(time: impl Into<DelayTime>) -> Self {
        Self(When::DateIn(time.into()))
    }

    pub(crate) fn check(self, setting: &str, findings: &mut Findings) -> Option<Moment> {
        match self.0 {
            When::Seconds(time) => {
                let time = findings.time(setting.to_owned(), time.duration())?;
                let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
                Some(Moment::Value(seconds.into()))
            }
            When::Date(date) => {
                let value = http_date(date);
                if value.is_none() {
                    findings.add(setting, format!("{date:?}"), Problem::Date);
                }
                value.map(Moment::Value)
            }
            When::DateIn(time) => findings.time(setting.to_owned(), time.duration()).map(Moment::In),
        }
    }
}

/// A moment found good: a header value, or a time from the answer on.
pub(crate) enum Moment {
    Value(HeaderValue),
    In(Duration),
}

impl From<SystemTime> for RetryAfter {
    fn from(date: SystemTime) -> Self {
        Self(When::Date(date))
    }
}

impl From<Duration> for RetryAfter {
    fn from(time: Duration) -> Self {
        Self(When::Seconds(time.into()))
    }
}

impl From<&str> for RetryAfter {
    fn from(text: &str) -> Self {
        Self(When::Seconds(text.into()))
    }
}
