//! One walk over each part of a request, which hands every value to its field.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header::COOKIE};

use crate::value::Value;

/// The pairs of a query string or an urlencoded form, in order, in one pass over its bytes.
///
/// A key that cannot be decoded is no field's key, so it is passed over as every unknown key is.
#[derive(Debug)]
pub(crate) struct Pairs<'r> {
    rest: &'r str,
    /// How many pairs may still come.
    left: usize,
    /// Whether one pair too many was there, before which the walk has ended.
    pub(crate) is_cut: bool,
}

impl<'r> Pairs<'r> {
    /// At most `max` pairs of a text.
    pub(crate) fn new(text: &'r str, max: usize) -> Self {
        Self { rest: text, left: max, is_cut: false }
    }
}

impl<'r> Iterator for Pairs<'r> {
    type Item = (Cow<'r, str>, Value<'r>);

    // In each struct's own loop a pair need not go through memory: a sixth of the walk's instructions.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let text = self.rest;
            let (equals, key_is_escaped) = stop(text.as_bytes(), 0, true);
            let (end, is_escaped) = match text.as_bytes().get(equals) {
                Some(b'=') => stop(text.as_bytes(), equals + 1, false),
                _ => (equals, false),
            };
            // The places are those of `&` and `=`, which are characters of their own in UTF-8.
            self.rest = text.get(end + 1..).unwrap_or_default();
            if end == 0 {
                continue;
            }
            let Some(left) = self.left.checked_sub(1) else {
                (self.rest, self.is_cut) = ("", true);
                break;
            };
            self.left = left;
            let value = Value::form(text.get(equals + 1..end).unwrap_or_default(), is_escaped);
            let key = text.get(..equals).unwrap_or_default();
            if !key_is_escaped {
                return Some((Cow::Borrowed(key), value));
            }
            if let Ok(key) = Value::form(key, true).decode() {
                return Some((key, value));
            }
        }
        None
    }
}

/// Where a key (behind which a value may be) or a value ends, and whether there is an escape before.
fn stop(text: &[u8], from: usize, is_key: bool) -> (usize, bool) {
    let mut is_escaped = false;
    let mut at = from;
    while let Some(byte) = text.get(at) {
        match byte {
            b'&' => break,
            b'=' if is_key => break,
            b'%' | b'+' => is_escaped = true,
            _ => {}
        }
        at += 1;
    }
    (at, is_escaped)
}

/// The values of a header's lines, in order.
pub fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = Value<'h>> + use<'h> {
    let lines = headers.get_all(name).into_iter();
    lines.map(|line| Value::plain(line.as_bytes()))
}

/// The lines of a header as they are.
pub fn lines<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h HeaderValue> + use<'h> {
    headers.get_all(name).into_iter()
}

/// Hands each cookie on: RFC 6265, 4.2.1, of every `Cookie` line, since HTTP/2 may split it.
///
/// Quotes around a value are not part of it, as in Go's `net/http`.
pub(crate) fn cookies<'r>(headers: &'r HeaderMap, feed: &mut dyn FnMut(&str, Value<'r>)) {
    for line in headers.get_all(COOKIE) {
        for pair in line.as_bytes().split(|byte| *byte == b';') {
            let Some(equals) = pair.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let value = pair[equals + 1..].trim_ascii();
            let value = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
            if let Ok(name) = str::from_utf8(pair[..equals].trim_ascii()) {
                feed(name, Value::percent(value));
            }
        }
    }
}
