//! Query conditions.

use regex::Regex;

use crate::request::policy::QueryValues;
use crate::request::view::RequestView;
use crate::template::captures::Span;
use crate::template::encoding::{Encoding, has_bad_escape, hex};
use crate::template::segment::SegmentPattern;

/// What a query key must be like.
#[derive(Debug, Clone)]
pub(crate) struct QueryGuard {
    pub(crate) key: String,
    pub(crate) want: QueryMatch,
}

/// What the value must be like.
#[derive(Debug, Clone)]
pub(crate) enum QueryMatch {
    Present,
    Absent,
    Exact(String),
    Template(SegmentPattern),
    Regex(Regex),
}

impl QueryGuard {
    /// Looks at the values of the key, and hands over the variables of the one that matches.
    pub(crate) fn holds(&self, view: &RequestView<'_>, found: &mut impl FnMut(Span)) -> bool {
        if matches!(self.want, QueryMatch::Absent) {
            return !self.is_there(view);
        }
        let query = view.query();
        let first_only = view.policy.query == QueryValues::First;
        // gorilla/mux divides at `;` as well, Go's older habit.
        let divides = |c: char| c == '&' || (first_only && c == ';');
        let mut at = 0usize;
        for pair in query.split(divides) {
            let start = at;
            at += pair.len() + 1;
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            // A pair with a bad escape has no value, so it matches nothing.
            if pair.is_empty() || !is(key, &self.key) || has_bad_escape(pair) {
                continue;
            }
            let from = start + pair.len() - value.len();
            let holds = match &self.want {
                QueryMatch::Present | QueryMatch::Absent => true,
                QueryMatch::Exact(text) => is(value, text),
                QueryMatch::Regex(regex) => {
                    Encoding::Form.decode(value).is_ok_and(|value| regex.is_match(&value))
                }
                QueryMatch::Template(slot) => {
                    let span = (short(from), short(from + value.len()));
                    slot.read(query, span, Encoding::Form, found)
                }
            };
            if holds || first_only {
                return holds;
            }
        }
        false
    }
}

impl QueryGuard {
    fn is_there(&self, view: &RequestView<'_>) -> bool {
        let divides = |c: char| c == '&' || (view.policy.query == QueryValues::First && c == ';');
        view.query().split(divides).any(|pair| is(pair.split('=').next().unwrap_or(pair), &self.key))
    }
}

/// Whether an encoded text is this one. It is decoded no further than the two are alike: a query may have
/// thousands of pairs, and a table hundreds of conditions on them.
fn is(raw: &str, text: &str) -> bool {
    let mut rest = raw.as_bytes();
    for wanted in text.bytes() {
        let (byte, behind) = match *rest {
            [b'%', high, low, ref behind @ ..] => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => (high << 4 | low, behind),
                _ => (b'%', &rest[1..]),
            },
            [b'+', ref behind @ ..] => (b' ', behind),
            [byte, ref behind @ ..] => (byte, behind),
            [] => return false,
        };
        if byte != wanted {
            return false;
        }
        rest = behind;
    }
    rest.is_empty()
}

/// `http::Uri` is shorter than 64 KiB.
fn short(offset: usize) -> u16 {
    u16::try_from(offset).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is;
    use crate::template::encoding::Encoding;

    proptest! {
        #[test]
        fn is_what_decoding_gives(raw in "([ab+%]|%6[1-3]|%C3%A9|%2[0b]){0,6}", text in "[ab+% \u{e9}]{0,6}") {
            let decoded = Encoding::Form.decode(&raw);
            prop_assert_eq!(is(&raw, &text), decoded.as_deref() == Ok(&*text));
            if let Ok(decoded) = decoded {
                prop_assert!(is(&raw, &decoded));
            }
        }
    }
}
