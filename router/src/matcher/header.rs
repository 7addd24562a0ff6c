//! HeaderMatch: a condition on the lines of a header.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::request::shared::FEW_LINES;
use crate::request::view::RequestView;
use crate::template::value_regex::ValueRegex;

/// A condition on a header; any of several values may meet it.
#[derive(Debug, Clone)]
pub(crate) enum HeaderMatch {
    Present,
    Absent,
    Exact(String),
    Regex(ValueRegex),
    /// There is a value, and all values match.
    All(ValueRegex),
}

impl HeaderMatch {
    /// Tests the lines of the header.
    pub(crate) fn holds(&self, view: &RequestView<'_>, name: &HeaderName) -> bool {
        let headers = view.head.headers;
        let values = || headers.get_all(name).iter();
        match self {
            Self::Regex(_) | Self::All(_) if !view.may_match_header(name) => false,
            Self::Regex(regex) => values().any(|value| text(value).is_some_and(|v| regex.is_match(v))),
            Self::All(regex) => {
                headers.contains_key(name)
                    && values().all(|value| text(value).is_some_and(|v| regex.is_match(v)))
            }
            Self::Present | Self::Absent | Self::Exact(_) => self.holds_in(name, headers),
        }
    }

    /// Tests whether the lines are compared as they are, whatever their length.
    pub(crate) fn is_direct(&self) -> bool {
        matches!(self, Self::Present | Self::Absent | Self::Exact(_))
    }

    /// Tests the lines, if the condition [is direct](Self::is_direct).
    #[inline]
    pub(crate) fn holds_in(&self, name: &HeaderName, headers: &HeaderMap) -> bool {
        match self {
            Self::Present => headers.contains_key(name),
            Self::Absent => !headers.contains_key(name),
            // Most values differ in their length.
            Self::Exact(text) if headers.len() <= FEW_LINES => {
                headers.iter().any(|(other, value)| value == text.as_str() && other == name)
            }
            Self::Exact(text) => headers.get_all(name).iter().any(|value| value == text.as_str()),
            Self::Regex(_) | Self::All(_) => false,
        }
    }
}

/// Returns a value as text, if it is: the same as `to_str`, which looks at each byte alone.
fn text(value: &HeaderValue) -> Option<&str> {
    let bytes = value.as_bytes();
    // No value has any control character but a tab.
    if bytes.is_ascii() { std::str::from_utf8(bytes).ok() } else { None }
}
