//! One value as the request carries it, decoded only when a field wants it.

use std::{borrow::Cow, str};

use crate::error::{Code, Fault};

/// The bytes of one value and how they are escaped.
#[derive(Clone, Copy, Debug)]
pub struct Value<'v> {
    raw: &'v [u8],
    escape: Escape,
}

#[derive(Clone, Copy, Debug)]
enum Escape {
    None,
    Percent,
    /// Percent, and `+` is a blank (WHATWG `application/x-www-form-urlencoded`).
    Form,
}

impl<'v> Value<'v> {
    /// A value without escapes: a header, or a path value that is decoded already.
    pub fn plain(raw: &'v [u8]) -> Self {
        let escape = Escape::None;
        Self { raw, escape }
    }

    /// A percent-encoded value: a path value, a cookie.
    pub fn percent(raw: &'v [u8]) -> Self {
        let escape = Escape::Percent;
        Self { raw, escape }
    }

    /// A key or value of a query string.
    pub fn form(raw: &'v [u8]) -> Self {
        let escape = Escape::Form;
        Self { raw, escape }
    }

    /// The text, borrowed unless there is an escape to take out. Never lossy.
    pub(crate) fn decode(self) -> Result<Cow<'v, str>, Fault> {
        let escaped = match self.escape {
            Escape::None => false,
            Escape::Percent => self.raw.contains(&b'%'),
            Escape::Form => self.raw.iter().any(|byte| matches!(byte, b'%' | b'+')),
        };
        if !escaped {
            return str::from_utf8(self.raw).map(Cow::Borrowed).map_err(|_| not_utf8());
        }
        let bytes = self
            .unescape()
            .ok_or_else(|| Fault::new(Code::BadEscape, "expected two hexadecimal digits after `%`"))?;
        String::from_utf8(bytes).map(Cow::Owned).map_err(|_| not_utf8())
    }

    fn unescape(self) -> Option<Vec<u8>> {
        let blank = match self.escape {
            Escape::Form => b' ',
            Escape::None | Escape::Percent => b'+',
        };
        let mut text = Vec::with_capacity(self.raw.len());
        let mut bytes = self.raw.iter();
        while let Some(&byte) = bytes.next() {
            text.push(match byte {
                b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
                b'+' => blank,
                other => other,
            });
        }
        Some(text)
    }
}

fn hex(digit: Option<&u8>) -> Option<u8> {
    let value = char::from(*digit?).to_digit(16)?;
    u8::try_from(value).ok()
}

fn not_utf8() -> Fault {
    Fault::new(Code::BadUtf8, "expected UTF-8 text")
}
