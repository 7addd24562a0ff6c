//! FromText and ToText of jiff, chrono, time and uuid.

use std::borrow::Cow;

use crate::text::from_text::{FromText, TextError};
use crate::text::to_text::ToText;

#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
const MOMENT: TextError = TextError::expected("a time as RFC 3339 writes it");

#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
const DATE: TextError = TextError::expected("a date: year-month-day");

macro_rules! text_impls {
    ($(#[$cfg:meta] $ty:ty, |$text:ident| $read:expr, |$value:ident| $write:expr;)*) => {$(
        #[$cfg]
        impl FromText for $ty {
            fn from_text($text: &str) -> Result<Self, TextError> {
                $read
            }
        }

        #[$cfg]
        impl ToText for $ty {
            fn to_text(&self) -> Result<Cow<'_, str>, TextError> {
                let $value = self;
                Ok(Cow::Owned($write))
            }
        }
    )*};
}

text_impls! {
    #[cfg(feature = "uuid")]
    uuid::Uuid,
    |text| uuid::Uuid::try_parse(text).map_err(|_| TextError::expected("a UUID")),
    |id| id.to_string();

    #[cfg(feature = "jiff")]
    jiff::Timestamp,
    |text| text.parse().map_err(|_| MOMENT),
    |moment| moment.to_string();

    #[cfg(feature = "jiff")]
    jiff::civil::Date,
    |text| as_written(text, text.parse().ok()),
    |date| date.to_string();

    #[cfg(feature = "chrono")]
    chrono::DateTime<chrono::FixedOffset>,
    |text| chrono::DateTime::parse_from_rfc3339(text).map_err(|_| MOMENT),
    |moment| moment.to_rfc3339();

    #[cfg(feature = "chrono")]
    chrono::DateTime<chrono::Utc>,
    |text| chrono::DateTime::parse_from_rfc3339(text).map(Into::into).map_err(|_| MOMENT),
    |moment| moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);

    #[cfg(feature = "chrono")]
    chrono::NaiveDate,
    |text| as_written(text, text.parse().ok()),
    |date| date.to_string();

    #[cfg(feature = "time")]
    time::OffsetDateTime,
    |text| {
        time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).map_err(|_| MOMENT)
    },
    // A year or an offset that RFC 3339 cannot express is written by `Display`.
    |moment| {
        let written = moment.format(&time::format_description::well_known::Rfc3339);
        written.unwrap_or_else(|_| moment.to_string())
    };

    #[cfg(feature = "time")]
    time::Date,
    |text| {
        as_written(text, time::Date::parse(text, &time::format_description::well_known::Iso8601::DATE).ok())
    },
    |date| date.to_string();
}

/// Returns the date if the text is the one that is written: the parsers accept other forms as well.
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
fn as_written<T: ToString>(text: &str, date: Option<T>) -> Result<T, TextError> {
    date.filter(|date| date.to_string() == text).ok_or(DATE)
}
