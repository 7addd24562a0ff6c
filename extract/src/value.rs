//! One value as the request carries it, decoded only when a field wants it.

use std::{borrow::Cow, str};

use crate::error::{Code, Fault};

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
    pub(crate) fn decode(self) -> Result<Cow<'v, str>, Box<Fault>> {
        match self {
            Self::Text(text) => Ok(Cow::Borrowed(text)),
            Self::Escaped { raw, plus } => unescape(raw, plus).map(Cow::Owned),
            Self::NotUtf8 => Err(not_utf8()),
        }
    }
}

fn unescape(raw: &str, plus: u8) -> Result<String, Box<Fault>> {
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

fn bad_escape() -> Box<Fault> {
    Fault::new(Code::BadEscape, "expected two hexadecimal digits after `%`").into()
}

fn not_utf8() -> Box<Fault> {
    Fault::new(Code::BadUtf8, "expected UTF-8 text").into()
}
