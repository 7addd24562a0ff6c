//! PairIndex: the pairs of a query or of the cookies by key, split once for all conditions.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::template::encoding::{Encoding, has_bad_escape, hex};

/// The most pairs of a query, and of all `Cookie` lines together, that conditions read: a request with more of them is
/// rejected if a condition on one is tested.
///
/// ```
/// use waylay_router::{MAX_PAIRS, Peer, Route, Table};
/// let table = Table::builder().route(Route::get("/").query("a", "1").value(())).build()?;
/// let status = |pairs: usize| {
///     let request = http::Request::get(format!("/?{}a=1", "b=2&".repeat(pairs - 1))).body(()).unwrap();
///     table.find(&request, &Peer::default()).map_err(|miss| miss.status().as_u16()).map(|_| ())
/// };
/// assert_eq!((status(MAX_PAIRS), status(MAX_PAIRS + 1)), (Ok(()), Err(400)));
/// # Ok::<(), waylay_router::BuildErrors>(())
/// ```
pub const MAX_PAIRS: usize = 1024;

/// Pairs sorted by key; those of one key in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct PairIndex {
    /// The decoded keys, one after the other.
    keys: Vec<u8>,
    pairs: Vec<Pair>,
}

/// The place of a pair in its text.
#[derive(Debug)]
pub(crate) struct Pair {
    /// In the decoded keys.
    key: (usize, usize),
    /// The value.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether the pair is not empty and has no bad escape: any other has a key only.
    pub(crate) is_readable: bool,
    decoded: OnceCell<Decoded>,
}

/// The value of a pair of a query without its encoding.
#[derive(Debug)]
enum Decoded {
    Same,
    Text(String),
    /// It is not UTF-8.
    Invalid,
}

impl Pair {
    /// Returns the value in the query that the pair is of, decoded once.
    pub(crate) fn decoded<'q>(&'q self, query: &'q str) -> Option<&'q str> {
        let raw = &query[self.start..self.end];
        let decoded = self.decoded.get_or_init(|| match Encoding::Form.decode(raw) {
            Ok(Cow::Borrowed(_)) => Decoded::Same,
            Ok(Cow::Owned(text)) => Decoded::Text(text),
            Err(_) => Decoded::Invalid,
        });
        match decoded {
            Decoded::Same => Some(raw),
            Decoded::Text(text) => Some(text),
            Decoded::Invalid => None,
        }
    }
}

/// A text has more than [`MAX_PAIRS`] pairs.
#[derive(Debug)]
pub(crate) struct TooManyPairs;

impl PairIndex {
    /// Splits a query; `divides` finds the ends of pairs.
    pub(crate) fn query(query: &str, divides: impl Fn(char) -> bool) -> Result<Self, TooManyPairs> {
        let mut index = Self::default();
        let mut start = 0;
        for pair in query.split(divides) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let end = start + pair.len();
            let is_readable = !pair.is_empty() && !has_bad_escape(pair);
            index.push(|keys| decode(key, keys), end - value.len()..end, is_readable)?;
            start = end + 1;
        }
        Ok(index.sorted())
    }

    /// Splits the `Cookie` lines, joined with `;`.
    pub(crate) fn cookies(text: &str) -> Result<Self, TooManyPairs> {
        let mut index = Self::default();
        let mut start = 0;
        for pair in text.split(';') {
            let cookie = pair.trim();
            let first = start + (pair.len() - pair.trim_start().len());
            if let Some((key, value)) = cookie.split_once('=') {
                let end = first + cookie.len();
                index.push(|keys| keys.extend(key.as_bytes()), end - value.len()..end, true)?;
            }
            start += pair.len() + 1;
        }
        Ok(index.sorted())
    }

    fn push(
        &mut self,
        key: impl FnOnce(&mut Vec<u8>),
        value: std::ops::Range<usize>,
        is_readable: bool,
    ) -> Result<(), TooManyPairs> {
        if self.pairs.len() == MAX_PAIRS {
            return Err(TooManyPairs);
        }
        let start = self.keys.len();
        key(&mut self.keys);
        let key = (start, self.keys.len());
        let decoded = OnceCell::new();
        self.pairs.push(Pair { key, start: value.start, end: value.end, is_readable, decoded });
        Ok(())
    }

    fn sorted(mut self) -> Self {
        let keys = &self.keys;
        // Stable: the first value of a key stays the first one.
        self.pairs.sort_by(|a, b| keys[a.key.0..a.key.1].cmp(&keys[b.key.0..b.key.1]));
        self
    }

    /// Returns the pairs of a key, in their order.
    pub(crate) fn of(&self, key: &str) -> &[Pair] {
        let own = |pair: &Pair| &self.keys[pair.key.0..pair.key.1];
        let first = self.pairs.partition_point(|pair| own(pair) < key.as_bytes());
        let rest = &self.pairs[first..];
        &rest[..rest.partition_point(|pair| own(pair) == key.as_bytes())]
    }
}

/// Decodes a key; a bad escape stays as it is.
fn decode(raw: &str, out: &mut Vec<u8>) {
    let mut rest = raw.as_bytes();
    loop {
        let (byte, after) = match *rest {
            [b'%', high, low, ref after @ ..] => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', &rest[1..]),
            },
            [b'+', ref after @ ..] => (b' ', after),
            [byte, ref after @ ..] => (byte, after),
            [] => return,
        };
        out.push(byte);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_PAIRS, PairIndex};

    fn values<'t>(index: &PairIndex, text: &'t str, key: &str) -> Vec<&'t str> {
        index.of(key).iter().map(|pair| &text[pair.start..pair.end]).collect()
    }

    proptest! {
        /// The same as a scan for each key.
        #[test]
        fn pairs_by_key(text in "([ab]=?[xy=]?[&; ]{0,2}){0,12}") {
            let query = PairIndex::query(&text, |c| c == '&').unwrap();
            let cookies = PairIndex::cookies(&text).unwrap();
            for key in ["", "a", "b", "ab", "a ", "c"] {
                let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                let wanted: Vec<&str> = pairs.filter(|(own, _)| *own == key).map(|(_, value)| value).collect();
                prop_assert_eq!(values(&query, &text, key), wanted);
                let pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
                let wanted: Vec<&str> = pairs.filter(|(own, _)| *own == key).map(|(_, value)| value).collect();
                prop_assert_eq!(values(&cookies, &text, key), wanted);
            }
        }
    }

    #[test]
    fn keys_are_decoded() {
        let text = "%61+b=1&a%20b=2&a%zz=3&=4";
        let index = PairIndex::query(text, |c| c == '&').unwrap();
        for (key, wanted) in [("a b", &["1", "2"][..]), ("a%zz", &["3"]), ("", &["4"])] {
            assert_eq!(values(&index, text, key), wanted, "{key}");
        }
    }

    #[test]
    fn number_of_pairs() {
        for (extra, is_valid) in [(0, true), (1, false)] {
            let count = MAX_PAIRS + extra;
            assert_eq!(PairIndex::query(&"&".repeat(count - 1), |c| c == '&').is_ok(), is_valid);
            assert_eq!(PairIndex::cookies(&"a=b; ".repeat(count)).is_ok(), is_valid);
            assert!(PairIndex::cookies(&";".repeat(10 * count)).is_ok());
        }
    }
}
