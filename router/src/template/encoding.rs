//! Encoding: percent-encoding and decoding.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The encoding of raw text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Percent escapes, as in paths.
    Path,
    /// Percent escapes, and `+` for a space, as in queries.
    Form,
    /// None, as in hosts.
    Plain,
}

impl Encoding {
    /// Decodes `raw`.
    pub(crate) fn decode(self, raw: &str) -> Result<Cow<'_, str>, std::str::Utf8Error> {
        if self.is_identity(raw) {
            return Ok(Cow::Borrowed(raw));
        }
        match self {
            Self::Plain => Ok(Cow::Borrowed(raw)),
            Self::Form if raw.contains('+') => {
                let spaced = raw.replace('+', " ");
                let decoded = percent_decode_str(&spaced).decode_utf8()?.into_owned();
                Ok(Cow::Owned(decoded))
            }
            Self::Path | Self::Form => percent_decode_str(raw).decode_utf8(),
        }
    }

    /// Tests that a part of well-encoded text does not end within an escape.
    pub(crate) fn is_whole(self, piece: &str) -> bool {
        self == Self::Plain || !piece.bytes().rev().take(2).any(|byte| byte == b'%')
    }

    /// Tests whether `raw` equals its decoded value.
    fn is_identity(self, raw: &str) -> bool {
        match self {
            Self::Plain => true,
            Self::Path => !raw.contains('%'),
            Self::Form => !raw.contains(['%', '+']),
        }
    }

    /// Decodes `raw`, and returns the offset in `raw` of each byte of the value and of its end; `None` if all
    /// offsets are equal. Returns `None` if the value is not UTF-8.
    pub(crate) fn decode_mapped(self, raw: &str) -> Option<(Cow<'_, str>, Option<Vec<usize>>)> {
        if self.is_identity(raw) {
            return Some((Cow::Borrowed(raw), None));
        }
        let bytes = raw.as_bytes();
        let mut value = Vec::with_capacity(bytes.len());
        let mut places = Vec::with_capacity(bytes.len() + 1);
        let mut at = 0;
        while at < bytes.len() {
            places.push(at);
            let escape = match bytes.get(at..at + 3) {
                Some([b'%', high, low]) => hex(*high).zip(hex(*low)),
                _ => None,
            };
            match (bytes[at], escape) {
                (_, Some((high, low))) => {
                    value.push(high << 4 | low);
                    at += 3;
                }
                (b'+', None) if self == Self::Form => {
                    value.push(b' ');
                    at += 1;
                }
                (byte, None) => {
                    value.push(byte);
                    at += 1;
                }
            }
        }
        places.push(raw.len());
        let value = String::from_utf8(value).ok()?;
        Some((Cow::Owned(value), Some(places)))
    }
}

/// Tests whether a `%` is not followed by two hexadecimal digits.
pub(crate) fn has_bad_escape(text: &str) -> bool {
    text.split('%').skip(1).any(|after| {
        let mut digits = after.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.next().and(digits.next()).is_none()
    })
}

/// Returns the value of a hexadecimal digit.
pub(crate) fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Encodes text as in a canonical path: pchar and `/` stay, everything else is escaped.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if is_path_byte(byte) {
            out.push(char::from(byte));
        } else {
            push_escape(&mut out, byte);
        }
    }
    out
}

/// Appends `%XX`.
pub(crate) fn push_escape(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// Tests for an unreserved character of RFC 3986.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Tests for a pchar of RFC 3986 without escapes, or `/`.
pub(crate) fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}
