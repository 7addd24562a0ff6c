//! Encoding: percent-encoding and decoding.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The encoding of raw text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    pub(crate) fn is_identity(self, raw: &str) -> bool {
        match self {
            Self::Plain => true,
            Self::Path => !raw.as_bytes().contains(&b'%'),
            // Two searches for a byte are faster than one for two characters.
            Self::Form => !raw.as_bytes().contains(&b'%') && !raw.as_bytes().contains(&b'+'),
        }
    }

    /// The same for a segment with text between variables: an escaped character that could stand unescaped becomes its
    /// [mark](marked), so that only variables match it.
    pub(crate) fn decode_marked(self, raw: &str) -> Option<(Cow<'_, str>, Option<Vec<usize>>)> {
        if self != Self::Path || !raw.contains('%') {
            return self.decode_mapped(raw);
        }
        let (value, offsets) = self.decode_mapped(raw)?;
        let offsets = offsets?;
        let (mut text, mut places) = (String::with_capacity(value.len()), Vec::with_capacity(offsets.len()));
        for (at, c) in value.char_indices() {
            let place = *offsets.get(at)?;
            let escaped = escaped_pchar(raw.as_bytes().get(place..)?);
            // A mark of the request itself would be mistaken for one of these.
            if is_mark(c) {
                return None;
            }
            match escaped {
                Some(byte) => {
                    text.push(marked(byte));
                    places.extend([place; MARK_BYTES]);
                }
                None => {
                    text.push(c);
                    places.extend_from_slice(offsets.get(at..at + c.len_utf8())?);
                }
            }
        }
        places.push(raw.len());
        Some((Cow::Owned(text), Some(places)))
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

/// Returns a literal segment (or several) in the form in which literals are compared: each escaped character that could
/// stand unescaped in a segment (RFC 3986 `pchar`) is decoded. `%2F` and all others stay.
///
/// Beside a variable an escaped character is data instead, and is not decoded: it does not separate values.
pub(crate) fn decoded_literal(segment: &str) -> Cow<'_, str> {
    let mut rest = segment;
    let mut out = String::new();
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        match escaped_pchar(escape.as_bytes()) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &escape[3..];
            }
            None => {
                out.push('%');
                rest = &escape[1..];
            }
        }
    }
    if out.is_empty() && rest.len() == segment.len() {
        return Cow::Borrowed(segment);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Returns the character at the start of a canonical text, if it is escaped and could stand unescaped. Unreserved
/// characters are never escaped there.
pub(crate) fn escaped_pchar(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *text else { return None };
    let byte = hex(high)? << 4 | hex(low)?;
    is_reserved_pchar(byte).then_some(byte)
}

/// Tests for a reserved character that a segment may have.
pub(crate) fn is_reserved_pchar(byte: u8) -> bool {
    b"!$&'()*+,;=:@".contains(&byte)
}

/// Returns the mark of an escaped character: a private character that no literal has.
pub(crate) fn marked(byte: u8) -> char {
    char::from_u32(MARKS + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The marks of all ASCII characters start here.
const MARKS: u32 = 0xf_0000;

/// The UTF-8 length of a mark.
const MARK_BYTES: usize = 4;

fn is_mark(c: char) -> bool {
    (MARKS..MARKS + 128).contains(&u32::from(c))
}

/// Tests whether a `%` is not followed by two hexadecimal digits.
pub(crate) fn has_bad_escape(text: &str) -> bool {
    let is_escape =
        |after: &[u8]| matches!(after, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| *byte == b'%' && !is_escape(&bytes[at + 1..]))
}

/// Returns the value of a hexadecimal digit.
pub(crate) fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Encodes text as in a canonical path: pchar and `/` stay, everything else is escaped.
pub(crate) fn escape(text: &str) -> String {
    if text.bytes().all(is_path_byte) {
        return text.to_owned();
    }
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

#[cfg(test)]
mod tests {
    use super::{Encoding, decoded_literal, marked};

    #[test]
    fn literals_have_one_form() {
        for (raw, wanted) in [
            ("@me", "@me"),
            ("%40me", "@me"),
            ("a%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40b", "a!$&'()*+,;=:@b"),
            ("%2F%25%20%3F%23%5B%C3%A9%", "%2F%25%20%3F%23%5B%C3%A9%"),
            ("%2540", "%2540"),
        ] {
            assert_eq!(decoded_literal(raw), wanted, "{raw}");
        }
    }

    #[test]
    fn marks_have_the_offsets_of_their_escapes() {
        let (text, offsets) = Encoding::Path.decode_marked("a%40\u{e9}%20@").unwrap();
        assert_eq!(text, format!("a{}\u{e9} @", marked(b'@')));
        assert_eq!(offsets.unwrap(), [0, 1, 1, 1, 1, 4, 5, 6, 9, 10]);
        assert_eq!(Encoding::Path.decode_marked("\u{f0040}%40"), None);
    }
}
