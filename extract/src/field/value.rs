//! Value: a text value before decoding; pairs, headers and cookies.

use std::borrow::Cow;
use std::str;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::field::{Code, ValueError};

/// An iterator over the pairs of a query string or an urlencoded form, in one pass over its bytes.
///
/// A key that cannot be decoded belongs to no field: it is returned with U+FFFD for each error, as an unknown
/// key whose value is the error.
#[derive(Debug)]
pub(crate) struct Pairs<'r> {
    text: &'r str,
    /// The start of the next pair; after the end if there is none.
    start: usize,
    ends: Ends<'r>,
    /// The number of pairs that are still allowed.
    left: usize,
    /// Whether the iteration has ended before a pair too many.
    pub(crate) is_cut: bool,
}

impl<'r> Pairs<'r> {
    /// Returns at most `max` pairs of a text.
    pub(crate) fn new(text: &'r str, max: usize) -> Self {
        Self { text, start: 0, ends: Ends::new(text.as_bytes()), left: max, is_cut: false }
    }
}

impl<'r> Iterator for Pairs<'r> {
    type Item = (Cow<'r, str>, Value<'r>);

    // Inlined into the loop of each struct, pairs stay in registers: a sixth of the instructions of the loop.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        while self.start < self.text.len() {
            let (start, mut key_end) = (self.start, usize::MAX);
            let end = loop {
                let (at, byte) = self.ends.next();
                key_end = key_end.min(at);
                if byte == b'&' {
                    break at;
                }
            };
            self.start = end + 1;
            if end == start {
                continue;
            }
            let Some(left) = self.left.checked_sub(1) else {
                (self.start, self.is_cut) = (self.text.len(), true);
                break;
            };
            self.left = left;
            // The indexes are those of `&` and `=`, which are character boundaries. A key without `=` has no value.
            let key = self.text.get(start..key_end)?;
            let value = if key_end == end { "" } else { self.text.get(key_end + 1..end)? };
            let has_escapes = self.ends.has_escapes;
            let value = Value::form(value, has_escapes && is_escaped(value));
            if !has_escapes || !is_escaped(key) {
                return Some((Cow::Borrowed(key), value));
            }
            return Some(match unescape(key, b' ') {
                Ok(key) => (Cow::Owned(key), value),
                Err(_) => invalid_key(key),
            });
        }
        None
    }
}

#[inline(never)]
fn is_escaped(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'%' | b'+'))
}

/// A key that cannot be decoded, as it may be shown, and its value, which is the error.
#[cold]
fn invalid_key<'r>(raw: &'r str) -> (Cow<'r, str>, Value<'r>) {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    let mut is_bad_escape = false;
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digits = rest.clone();
                match (hex(digits.next()), hex(digits.next())) {
                    (Some(high), Some(low)) => {
                        bytes.push(high << 4 | low);
                        rest = digits;
                    }
                    _ => {
                        is_bad_escape = true;
                        bytes.extend_from_slice("\u{fffd}".as_bytes());
                    }
                }
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    let key = String::from_utf8_lossy(&bytes).into_owned();
    (Cow::Owned(key), if is_bad_escape { Value::BadEscape } else { Value::NotUtf8 })
}

/// The positions of `&` and `=` in a text.
///
/// Eight bytes are tested at once: most keys and values are so short that a loop over their bytes would cost more than
/// all else, and a processor could not predict its end.
#[derive(Debug)]
struct Ends<'r> {
    rest: &'r [u8],
    word: u64,
    /// The highest bit of each byte of the word that is a mark and was not returned.
    marks: u64,
    /// The position of the word.
    at: usize,
    /// Whether a `%` or `+` has been seen, in this or in an earlier word.
    has_escapes: bool,
}

impl<'r> Ends<'r> {
    fn new(text: &'r [u8]) -> Self {
        Self { rest: text, word: 0, marks: 0, at: 0usize.wrapping_sub(8), has_escapes: false }
    }

    /// Returns the next position and its byte; at the end of the text, its length and `&`.
    #[inline(always)]
    fn next(&mut self) -> (usize, u8) {
        while self.marks == 0 {
            self.at = self.at.wrapping_add(8);
            (self.word, self.rest) = match self.rest.split_first_chunk() {
                Some((bytes, rest)) => (u64::from_le_bytes(*bytes), rest),
                None if self.rest.is_empty() => return (self.at, b'&'),
                None => (last_word(self.rest), &[][..]),
            };
            self.marks = mark(self.word, b'&', b'=');
            self.has_escapes |= mark(self.word, b'%', b'+') != 0;
        }
        let bit = self.marks.trailing_zeros() & !7;
        self.marks &= self.marks - 1;
        (self.at + bit as usize / 8, (self.word >> bit) as u8)
    }
}

/// Returns less than eight bytes as a word, the first one lowest, with a `&` after the last one.
fn last_word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(u64::from(b'&'), |word, byte| word << 8 | u64::from(*byte))
}

/// Returns a word with the highest bit of each byte that is one of two.
#[inline(always)]
fn mark(word: u64, first: u8, second: u8) -> u64 {
    const LOW_BITS: u64 = u64::from_ne_bytes([0x7f; 8]);
    // The highest bit of each byte that is another one. The sum of the other bits has no carry into the next byte.
    let is_not = |byte: u8| {
        let difference = word ^ u64::from_ne_bytes([byte; 8]);
        ((difference & LOW_BITS) + LOW_BITS) | difference
    };
    !((is_not(first) & is_not(second)) | LOW_BITS)
}

/// Returns the values of a header's lines in order.
pub fn header_values<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Value<'h>> + use<'h> {
    headers.get_all(name).into_iter().map(Value::line)
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
    /// Its key has a `%` that two hexadecimal digits do not follow.
    BadEscape,
    /// It is a part that is larger than its limit.
    TooLarge {
        /// Maximum bytes.
        limit: u64,
    },
}

impl<'v> Value<'v> {
    /// Returns a value without escapes: a text body.
    pub(crate) fn plain(raw: &'v [u8]) -> Self {
        str::from_utf8(raw).map_or(Self::NotUtf8, Self::Text)
    }

    /// Returns the value of a header's line.
    #[inline]
    pub(crate) fn line(line: &'v HeaderValue) -> Self {
        // A short ASCII text is tested faster byte by byte.
        if line.len() <= 16
            && let Ok(text) = line.to_str()
        {
            return Self::Text(text);
        }
        Self::plain(line.as_bytes())
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
            Self::BadEscape => Err(bad_escape()),
            Self::TooLarge { limit } => Err(too_large(limit)),
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

fn too_large(limit: u64) -> Box<ValueError> {
    ValueError::new(Code::TooLarge, format!("expected at most {limit} bytes")).into()
}

fn not_utf8() -> Box<ValueError> {
    ValueError::new(Code::InvalidUtf8, "expected UTF-8 text").into()
}
