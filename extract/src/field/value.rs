//! How one value is read.

use std::borrow::Cow;
use std::str;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::field::{Code, ValueError};

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

/// A value, told apart by what is left to do.
#[derive(Clone, Copy, Debug)]
pub enum Value<'v> {
    /// Nothing.
    Text(&'v str),
    /// Escapes have to be taken out.
    Escaped {
        /// The text with its escapes.
        raw: &'v str,
        /// What a `+` stands for: a blank in a query (WHATWG `application/x-www-form-urlencoded`),
        /// itself elsewhere.
        plus: u8,
    },
    /// It is no text.
    NotUtf8,
}

impl<'v> Value<'v> {
    /// A value without escapes: a header, a text body.
    pub fn plain(raw: &'v [u8]) -> Self {
        str::from_utf8(raw).map_or(Self::NotUtf8, Self::Text)
    }

    /// A percent-encoded value: a cookie.
    pub fn percent(raw: &'v [u8]) -> Self {
        match str::from_utf8(raw) {
            Ok(raw) if raw.contains('%') => Self::Escaped { raw, plus: b'+' },
            Ok(text) => Self::Text(text),
            Err(_) => Self::NotUtf8,
        }
    }

    /// A cookie that is taken as it is.
    pub fn undecoded(self) -> Self {
        match self {
            Self::Escaped { raw, .. } => Self::Text(raw),
            value => value,
        }
    }

    /// A key or value of a query string; `escaped`: there is a `%` or a `+` in it.
    pub(crate) fn form(raw: &'v str, escaped: bool) -> Self {
        if escaped { Self::Escaped { raw, plus: b' ' } } else { Self::Text(raw) }
    }

    /// The text, borrowed unless there is an escape to take out. Never lossy.
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
