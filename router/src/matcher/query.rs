//! QueryGuard: conditions on query keys.

use waylay_template::Template;

use crate::request::path::BadRequest;
use crate::request::policy::{Policy, QueryValues};
use crate::request::view::RequestView;
use crate::template::captures::Span;
use crate::template::encoding::{Encoding, has_bad_escape, hex};
use crate::template::segment::SegmentPattern;
use crate::template::value_regex::ValueRegex;

/// A condition on a query key.
#[derive(Debug, Clone)]
pub(crate) struct QueryGuard {
    pub(crate) key: String,
    pub(crate) value: QueryMatch,
}

/// A condition on the value.
#[derive(Debug, Clone)]
pub(crate) enum QueryMatch {
    Present,
    Absent,
    Exact(String),
    Template(SegmentPattern),
    Regex(ValueRegex),
}

impl QueryGuard {
    /// Tests the values of the key, and passes the variables of the matching one to `found`.
    pub(crate) fn holds(&self, view: &RequestView<'_>, found: &mut impl FnMut(Span)) -> bool {
        if matches!(self.value, QueryMatch::Absent) {
            return !self.is_there(view);
        }
        let query = view.query();
        let first_only = view.policy.query == QueryValues::First;
        if !view.shared.scans(query.len()) {
            let values = view.query_index().of(&self.key).iter().filter(|value| value.is_readable);
            let mut values = values.take(if first_only { 1 } else { usize::MAX });
            let is_short = !self.reads_pattern()
                || view
                    .shared
                    .may_match(values.clone().map(|value| value.end - value.start), BadRequest::QueryTooLong);
            return is_short
                && values.any(|pair| match &self.value {
                    QueryMatch::Regex(regex) => {
                        pair.decoded(query).is_some_and(|value| regex.is_match(value))
                    }
                    _ => self.matches(view, pair.start, &query[pair.start..pair.end], found),
                });
        }
        self.scan(query, view.policy, |start, value| self.matches(view, start, value, found))
    }

    /// Tests the values of the key in a query, each with its offset.
    #[inline]
    pub(crate) fn scan(
        &self,
        query: &str,
        policy: &Policy,
        mut test: impl FnMut(usize, &str) -> bool,
    ) -> bool {
        let (bytes, mut start) = (query.as_bytes(), 0);
        while let Some(rest) = bytes.get(start..) {
            let length = policy.query_divider(rest).unwrap_or(rest.len());
            let (pair, next) = (&rest[..length], start + length + 1);
            let behind = if pair.is_empty() { None } else { behind(pair, &self.key, Some(b'=')) };
            if let Some(behind) = behind.filter(|behind| matches!(behind, [] | [b'=', ..])) {
                let value = start + length - behind.len().saturating_sub(1);
                // What is between ASCII characters is text. A pair with a bad escape has no value, so it matches nothing.
                if let (Some(pair), Some(value_text)) =
                    (query.get(start..start + length), query.get(value..start + length))
                    && !has_bad_escape(pair)
                {
                    let holds = test(value, value_text);
                    if holds || policy.query == QueryValues::First {
                        return holds;
                    }
                }
            }
            start = next;
        }
        false
    }

    /// Tests one value, which starts at an offset in the query.
    fn matches(
        &self,
        view: &RequestView<'_>,
        start: usize,
        value: &str,
        found: &mut impl FnMut(Span),
    ) -> bool {
        match &self.value {
            QueryMatch::Present | QueryMatch::Absent => true,
            QueryMatch::Exact(text) => is(value.as_bytes(), text),
            QueryMatch::Regex(regex) => {
                Encoding::Form.decode(value).is_ok_and(|value| regex.is_match(&value))
            }
            QueryMatch::Template(slot) => {
                let span = (short(start), short(start + value.len()));
                slot.read(view.query(), span, (Encoding::Form, &view.shared.values), found)
            }
        }
    }
}

impl QueryGuard {
    /// Returns what the key requires, as text; `queries` have the templates.
    pub(crate) fn required(&self, queries: &[(String, Option<Template>)]) -> String {
        let key = &self.key;
        match &self.value {
            QueryMatch::Present => key.clone(),
            QueryMatch::Absent => format!("not {key}"),
            QueryMatch::Exact(text) => format!("{key}={text}"),
            QueryMatch::Regex(regex) => format!("{key}~{}", unanchored(regex)),
            // A compiled template has no source text.
            QueryMatch::Template(_) => {
                let mut templates = queries.iter().filter(|(own, _)| own == key);
                let template = templates.find_map(|(_, template)| template.as_ref());
                template.map_or_else(|| key.clone(), |template| format!("{key}={}", template.text))
            }
        }
    }

    /// Returns the values of the key, still encoded.
    pub(crate) fn values(&self, view: &RequestView<'_>) -> Vec<String> {
        let pairs = view.query().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let own = pairs.filter(|(key, _)| Encoding::Form.decode(key).is_ok_and(|key| *key == *self.key));
        own.map(|(_, value)| value.to_owned()).collect()
    }

    /// Tests whether the value may have variables.
    pub(crate) fn captures(&self) -> bool {
        matches!(self.value, QueryMatch::Template(_))
    }

    /// Tests whether the cost of a match grows with the value.
    fn reads_pattern(&self) -> bool {
        match &self.value {
            QueryMatch::Regex(_) => true,
            QueryMatch::Template(pattern) => !pattern.is_plain(),
            QueryMatch::Present | QueryMatch::Absent | QueryMatch::Exact(_) => false,
        }
    }

    fn is_there(&self, view: &RequestView<'_>) -> bool {
        if !view.shared.scans(view.query().len()) {
            return !view.query_index().of(&self.key).is_empty();
        }
        let mut pairs = view.query().as_bytes().split(|byte| view.policy.divides_query(*byte));
        pairs.any(|pair| matches!(behind(pair, &self.key, Some(b'=')), Some([] | [b'=', ..])))
    }
}

/// Returns the source of a regex without the anchors that were put around it.
pub(crate) fn unanchored(regex: &ValueRegex) -> &str {
    let regex = regex.as_str();
    regex.strip_prefix(r"\A(?:").and_then(|regex| regex.strip_suffix(r")\z")).unwrap_or(regex)
}

/// Tests whether an encoded text has this value.
pub(crate) fn is(raw: &[u8], text: &str) -> bool {
    behind(raw, text, None).is_some_and(<[u8]>::is_empty)
}

/// Returns what follows a value at the start of an encoded text; nothing if it starts with another one, or the value
/// contains an unescaped `end`. It is decoded only as far as both are equal: a query may have thousands of pairs, and a
/// table hundreds of conditions on them.
fn behind<'r>(raw: &'r [u8], text: &str, end: Option<u8>) -> Option<&'r [u8]> {
    let mut rest = raw;
    for wanted in text.bytes() {
        let (byte, behind) = match *rest {
            [byte, ..] if Some(byte) == end => return None,
            [b'%', high, low, ref behind @ ..] => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => (high << 4 | low, behind),
                _ => (b'%', &rest[1..]),
            },
            [b'+', ref behind @ ..] => (b' ', behind),
            [byte, ref behind @ ..] => (byte, behind),
            [] => return None,
        };
        if byte != wanted {
            return None;
        }
        rest = behind;
    }
    Some(rest)
}

/// `http::Uri` is shorter than 64 KiB.
fn short(offset: usize) -> u16 {
    u16::try_from(offset).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{behind, is};
    use crate::template::encoding::Encoding;

    proptest! {
        #[test]
        fn is_what_decoding_gives(raw in "([ab+%]|%6[1-3]|%C3%A9|%2[0b]){0,6}", text in "[ab+% \u{e9}]{0,6}") {
            let decoded = Encoding::Form.decode(&raw);
            prop_assert_eq!(is(raw.as_bytes(), &text), decoded.as_deref() == Ok(&*text));
            if let Ok(decoded) = decoded {
                let pair = format!("{raw}=b");
                prop_assert_eq!(behind(pair.as_bytes(), &decoded, Some(b'=')), Some(&b"=b"[..]));
                prop_assert!(is(raw.as_bytes(), &decoded));
            }
        }
    }
}
