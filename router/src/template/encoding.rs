//! Percent-encoding, both ways.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// How raw text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Percent escapes, as in paths.
    Path,
    /// Percent escapes, and `+` for a space, as in queries.
    Form,
    /// Not at all, as in hosts.
    Plain,
}

impl Encoding {
    /// The value of `raw`, or nothing if it is not UTF-8.
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

    /// Whether a piece cut from well-escaped text does not end within an escape.
    pub(crate) fn is_whole(self, piece: &str) -> bool {
        self == Self::Plain || !piece.bytes().rev().take(2).any(|byte| byte == b'%')
    }

    /// Whether `raw` is its own value.
    fn is_identity(self, raw: &str) -> bool {
        match self {
            Self::Plain => true,
            Self::Path => !raw.contains('%'),
            Self::Form => !raw.contains(['%', '+']),
        }
    }

    /// The value, and for each of its bytes (and its end) the place in `raw`.
    /// `None` for the places means that they are the same.
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

/// Whether a `%` is not followed by two hexadecimal digits.
pub(crate) fn has_bad_escape(text: &str) -> bool {
    text.split('%').skip(1).any(|after| {
        let mut digits = after.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.next().and(digits.next()).is_none()
    })
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `text` as it stands in a canonical path: pchar and `/` as they are, the rest as escapes.
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

/// Writes `%XX`.
pub(crate) fn push_escape(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// RFC 3986's unreserved characters.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986's pchar without escapes, and `/`.
pub(crate) fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}
