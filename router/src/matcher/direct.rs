//! Conditions that are mostly tested at once: on short parts of the head, without a view.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Uri};

use crate::matcher::guard::Guard;
use crate::matcher::query::{QueryGuard, QueryMatch, is};
use crate::request::media_type;
use crate::request::policy::Policy;
use crate::request::shared::single_line;

/// Conditions on a longer part of a request are tested with its view, where they count what they read.
const MAX_BYTES: usize = 128;

impl Guard {
    /// Tests whether [`holds_at_once`](Self::holds_at_once) tests the guard for most requests.
    pub(crate) fn is_direct(&self) -> bool {
        match self {
            Self::Header(_, value) => value.is_direct(),
            Self::Query(query) => query.is_direct(),
            Self::ContentType(_) => true,
            _ => false,
        }
    }

    /// Tests the guard on parts of the head alone, without a view; nothing if it needs one, or if the parts are long.
    #[inline]
    pub(crate) fn holds_at_once(&self, uri: &Uri, headers: &HeaderMap, policy: &Policy) -> Option<bool> {
        match self {
            Self::Header(name, value) if value.is_direct() => Some(value.holds_in(name, headers)),
            Self::Query(query) => query.holds_at_once(uri.query().unwrap_or(""), policy),
            Self::ContentType(any) => match single_line(headers, &CONTENT_TYPE)? {
                Some(line) if line.len() > MAX_BYTES => None,
                line => Some(line.is_some_and(|line| media_type::carries(line, any))),
            },
            _ => None,
        }
    }
}

impl QueryGuard {
    /// Tests whether the value is compared as it is.
    fn is_direct(&self) -> bool {
        matches!(self.value, QueryMatch::Present | QueryMatch::Exact(_))
    }

    /// Tests a condition that [is direct](Self::is_direct), without a view; nothing for another one and a long query.
    #[inline]
    fn holds_at_once(&self, query: &str, policy: &Policy) -> Option<bool> {
        let test = |text: Option<&str>| {
            let is_value = |value: &str| text.is_none_or(|text| is(value.as_bytes(), text));
            (query.len() <= MAX_BYTES).then(|| self.scan(query, policy, |_, value| is_value(value)))
        };
        match &self.value {
            QueryMatch::Present => test(None),
            QueryMatch::Exact(text) => test(Some(text)),
            QueryMatch::Absent | QueryMatch::Template(_) | QueryMatch::Regex(_) => None,
        }
    }
}
