//! Value: a text value before decoding; pairs, headers and cookies.

use std::borrow::Cow;
use std::str;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::field::{Code, ValueError};

/// An iterator over the pairs of a query string or an urlencoded form, in one pass over its bytes.
///
/// A key that cannot be decoded is skipped: no field has it.
#[derive(Debug)]
pub(crate) struct Pairs<'r> {
    rest: &'r str,
    /// The number of pairs that are still allowed.
    left: usize,
    /// Whether the iteration has ended before a pair too many.
    pub(crate) is_cut: bool,
}

impl<'r> Pairs<'r> {
    /// Returns at most `max` pairs of a text.
    pub(crate) fn new(text: &'r str, max: usize) -> Self {
        Self { rest: text, left: max, is_cut: false }
    }
}

impl<'r> Iterator for Pairs<'r> {
    type Item = (Cow<'r, str>, Value<'r>);

    // Inlined into the loop of each struct, pairs stay in registers: a sixth of the instructions of the loop.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let text = self.rest;
            let (equals, key_is_escaped) = find_end(text.as_bytes(), 0, true);
            let (end, is_escaped) = match text.as_bytes().get(equals) {
                Some(b'=') => find_end(text.as_bytes(), equals + 1, false),
                _ => (equals, false),
            };
            // The indexes are those of `&` and `=`, which are character boundaries.
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

/// Returns the end of a key or a value, and whether it contains an escape.
fn find_end(text: &[u8], from: usize, is_key: bool) -> (usize, bool) {
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

/// Returns the values of a header's lines in order.
pub fn header_values<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Value<'h>> + use<'h> {
    let lines = headers.get_all(name).into_iter();
    lines.map(|line| Value::plain(line.as_bytes()))
}

/// Returns the lines of a header.
pub fn header_lines<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h HeaderValue> + use<'h> {
    headers.get_all(name).into_iter()
}

/// Calls `visit` for each cookie (RFC 6265, 4.2.1) of every `Cookie` line, since HTTP/2 may split it.
///
/// Quotes around a value are not part of it, as in Go's `net/http`.
pub(crate) fn cookies<'r>(headers: &'r HeaderMap, visit: &mut dyn FnMut(&str, Value<'r>)) {
    for line in headers.get_all(COOKIE) {
        for pair in line.as_bytes().split(|byte| *byte == b';') {
            let Some(equals) = pair.iter().position(|byte| *byte == b'=') else {
                continue;
            };
            let value = pair[equals + 1..].trim_ascii();
            let value = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
            if let Ok(name) = str::from_utf8(pair[..equals].trim_ascii()) {
                visit(name, Value::percent(value));
            }
        }
    }
}

/// A value that may have to be decoded.
#[derive(Clone, Copy, Debug)]
pub enum Value<'v> {
    /// Text without escapes.
    Text(&'v str),
    /// Text with escapes.
    Escaped {
        /// The encoded text.
        raw: &'v str,
        /// What a `+` decodes to: a space in a query (WHATWG `application/x-www-form-urlencoded`),
        /// itself elsewhere.
        plus: u8,
    },
    /// Not UTF-8.
    NotUtf8,
}

impl<'v> Value<'v> {
    /// Returns a value without escapes: a header, a text body.
    pub fn plain(raw: &'v [u8]) -> Self {
        str::from_utf8(raw).map_or(Self::NotUtf8, Self::Text)
    }

    /// Returns a percent-encoded value: a cookie.
    pub fn percent(raw: &'v [u8]) -> Self {
        match str::from_utf8(raw) {
            Ok(raw) if raw.contains('%') => Self::Escaped { raw, plus: b'+' },
            Ok(text) => Self::Text(text),
            Err(_) => Self::NotUtf8,
        }
    }

    /// Returns the value without decoding, for raw cookies.
    pub fn without_decoding(self) -> Self {
        match self {
            Self::Escaped { raw, .. } => Self::Text(raw),
            value => value,
        }
    }

    /// Returns a key or value of a query string; `escaped`: it contains a `%` or a `+`.
    pub(crate) fn form(raw: &'v str, escaped: bool) -> Self {
        if escaped { Self::Escaped { raw, plus: b' ' } } else { Self::Text(raw) }
    }

    /// Decodes the text, without loss; borrowed if it contains no escape.
    pub(crate) fn decode(self) -> Result<Cow<'v, str>, Box<ValueError>> {
        match self {
            Self::Text(text) => Ok(Cow::Borrowed(text)),
            Self::Escaped { raw, plus } => unescape(raw, plus).map(Cow::Owned),
            Self::NotUtf8 => Err(not_utf8()),
        }
    }
}

fn unescape(raw: &str, plus: u8) -> Result<String, Box<ValueError>> {
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'%' => match (hex(bytes.next()), hex(bytes.next())) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(bad_escape()),
            },
            b'+' => plus,
            other => other,
        });
    }
    String::from_utf8(text).map_err(|_| not_utf8())
}

fn hex(digit: Option<u8>) -> Option<u8> {
    let value = char::from(digit?).to_digit(16)?;
    u8::try_from(value).ok()
}

fn bad_escape() -> Box<ValueError> {
    ValueError::new(Code::InvalidEscape, "expected two hexadecimal digits after `%`").into()
}

fn not_utf8() -> Box<ValueError> {
    ValueError::new(Code::InvalidUtf8, "expected UTF-8 text").into()
}
