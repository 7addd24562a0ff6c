//! QueryIndex: the pairs of a query by key, parsed once for all conditions.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::template::encoding::{has_bad_escape, hex};

/// The longest query that conditions scan one by one: shorter ones are scanned faster than parsed.
pub(crate) const MAX_SCANNED_BYTES: usize = 256;

/// The values of each key.
#[derive(Debug, Default)]
pub(crate) struct QueryIndex {
    values: HashMap<Vec<u8>, Vec<QueryValue>>,
}

/// The place of a value in the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryValue {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether the pair is not empty and has no bad escape: any other has a key only.
    pub(crate) is_readable: bool,
}

/// An index that is created when a condition needs it.
pub(crate) type LazyQueryIndex = OnceCell<Box<QueryIndex>>;

impl QueryIndex {
    /// Parses a query; `divides` finds the ends of pairs.
    pub(crate) fn parse(query: &str, divides: impl Fn(char) -> bool) -> Self {
        let mut values: HashMap<Vec<u8>, Vec<QueryValue>> = HashMap::new();
        let mut start = 0;
        for pair in query.split(divides) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let end = start + pair.len();
            let is_readable = !pair.is_empty() && !has_bad_escape(pair);
            let value = QueryValue { start: end - value.len(), end, is_readable };
            values.entry(decoded(key)).or_default().push(value);
            start = end + 1;
        }
        Self { values }
    }

    /// Returns the values of a key, in their order.
    pub(crate) fn of(&self, key: &str) -> &[QueryValue] {
        self.values.get(key.as_bytes()).map_or(&[], Vec::as_slice)
    }
}

/// Decodes a key; a bad escape stays as it is.
fn decoded(raw: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    loop {
        let (byte, after) = match *rest {
            [b'%', high, low, ref after @ ..] => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', &rest[1..]),
            },
            [b'+', ref after @ ..] => (b' ', after),
            [byte, ref after @ ..] => (byte, after),
            [] => return out,
        };
        out.push(byte);
        rest = after;
    }
}
