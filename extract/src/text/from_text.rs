//! FromText: reads a value from text, by a strict grammar.

use std::borrow::Cow;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::{fmt, num};

/// A type that is read from one path, query, header or cookie value.
///
/// `#[derive(Text)]` writes this and [`ToText`](crate::ToText) for enums without values and for
/// structs of one unnamed field, with `#[text(rename_all = "…", ignore_case)]` on the type and
/// `#[text("name", alias = "…")]` on a variant:
///
/// ```
/// use waylay_extract::{FromText, Text, ToText};
///
/// #[derive(Debug, PartialEq, Text)]
/// #[text(rename_all = "kebab-case")]
/// enum Order {
///     NewestFirst,
///     #[text("old", alias = "oldest")]
///     OldestFirst,
/// }
///
/// #[derive(Debug, PartialEq, Text)]
/// struct UserId(u64);
///
/// assert_eq!(Order::from_text("oldest"), Ok(Order::OldestFirst));
/// assert_eq!(Order::from_text("x").unwrap_err().to_string(), "expected `newest-first` or `old`");
/// assert_eq!(UserId::from_text("7"), Ok(UserId(7)));
/// assert_eq!(Order::NewestFirst.to_text().unwrap(), "newest-first");
/// ```
///
/// A type without it is read through [`FromStr`](std::str::FromStr), whose error is not sent
/// to the client, since it may quote the value. `FromText` reports to the client what is accepted.
///
/// The grammar of the implementations here is strict:
///
/// | type | accepted |
/// |---|---|
/// | integers | an optional `-`, then digits: no `+`, `007`, `-0`, space, `_` or hexadecimal |
/// | floats | as [`f64`] parses them, without infinity and NaN |
/// | `bool` | `true` `false` `1` `0` `on` |
/// | `char` | one character |
/// | texts | any text, including the empty one |
///
/// ```
/// use waylay_extract::{FromText, TextError};
///
/// #[derive(Debug, PartialEq)]
/// struct Slug(String);
///
/// impl FromText for Slug {
///     fn from_text(text: &str) -> Result<Self, TextError> {
///         let fits = !text.is_empty() && text.bytes().all(|b| b == b'-' || b.is_ascii_lowercase());
///         if !fits {
///             return Err(TextError::expected("small letters and hyphens"));
///         }
///         Ok(Slug(text.to_owned()))
///     }
/// }
///
/// assert_eq!(Slug::from_text("a-b"), Ok(Slug("a-b".into())));
/// assert!(Slug::from_text("A b").is_err());
/// assert_eq!(u8::from_text("7"), Ok(7));
/// assert!(u8::from_text("+7").is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a text value of the request",
    label = "neither `FromText` nor `FromStr`",
    note = "implement `std::str::FromStr` or `waylay_extract::FromText` for `{Self}`",
    note = "lists are written `Vec<T>`, optional values `Option<T>`"
)]
pub trait FromText: Sized {
    /// Reads the value from its decoded text.
    ///
    /// # Errors
    ///
    /// What is accepted.
    fn from_text(text: &str) -> Result<Self, TextError>;

    /// Reads the value from text that may be owned, which text types take over.
    ///
    /// # Errors
    ///
    /// As [`from_text`](Self::from_text).
    #[inline]
    fn from_cow(text: Cow<'_, str>) -> Result<Self, TextError> {
        Self::from_text(&text)
    }
}

/// An error of [`FromText`] or [`ToText`](crate::ToText).
///
/// It contains what is accepted and never the text, so that no response quotes a secret.
///
/// ```
/// use waylay_extract::TextError;
///
/// let error = TextError::expected("a weekday");
/// assert_eq!(error.to_string(), "expected a weekday");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextError {
    expected: &'static str,
}

impl TextError {
    /// Returns an error with what is accepted, as a noun phrase: `"a weekday"`.
    pub const fn expected(what: &'static str) -> Self {
        Self { expected: what }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl Error for TextError {}

macro_rules! integers {
    ($($ty:ty: $expected:literal,)*) => {$(
        impl FromText for $ty {
            fn from_text(text: &str) -> Result<Self, TextError> {
                let error = TextError::expected($expected);
                // Accepted by std and not here: each number has one text, and octal
                // numbers of C are rejected.
                if let [b'+', ..] | [b'0', _, ..] | [b'-', b'0', ..] = text.as_bytes() {
                    return Err(error);
                }
                text.parse().map_err(|_| error)
            }
        }
    )*};
}

integers! {
    i8: "an integer from -128 to 127",
    i16: "an integer from -32768 to 32767",
    i32: "an integer from -2147483648 to 2147483647",
    i64: "an integer of 64 bits",
    i128: "an integer of 128 bits",
    isize: "an integer",
    u8: "an integer from 0 to 255",
    u16: "an integer from 0 to 65535",
    u32: "an integer from 0 to 4294967295",
    u64: "an integer of 64 bits, not negative",
    u128: "an integer of 128 bits, not negative",
    usize: "an integer, not negative",
    num::NonZeroI8: "an integer from -128 to 127, not zero",
    num::NonZeroI16: "an integer from -32768 to 32767, not zero",
    num::NonZeroI32: "an integer from -2147483648 to 2147483647, not zero",
    num::NonZeroI64: "an integer of 64 bits, not zero",
    num::NonZeroU8: "an integer from 1 to 255",
    num::NonZeroU16: "an integer from 1 to 65535",
    num::NonZeroU32: "an integer from 1 to 4294967295",
    num::NonZeroU64: "an integer of 64 bits, positive",
    num::NonZeroUsize: "an integer, positive",
}

macro_rules! floats {
    ($($ty:ty)*) => {$(
        impl FromText for $ty {
            fn from_text(text: &str) -> Result<Self, TextError> {
                text.parse()
                    .ok()
                    .filter(|number: &$ty| number.is_finite())
                    .ok_or(TextError::expected("a finite number"))
            }
        }
    )*};
}

floats! { f32 f64 }

macro_rules! parsed {
    ($($ty:ty: $expected:literal,)*) => {$(
        impl FromText for $ty {
            fn from_text(text: &str) -> Result<Self, TextError> {
                text.parse().map_err(|_| TextError::expected($expected))
            }
        }
    )*};
}

parsed! {
    char: "one character",
    IpAddr: "an IP address",
    Ipv4Addr: "an IPv4 address",
    Ipv6Addr: "an IPv6 address",
    SocketAddr: "an IP address and a port",
}

impl FromText for bool {
    fn from_text(text: &str) -> Result<Self, TextError> {
        match text {
            // Browsers send `on` for a checked box without a value.
            "true" | "1" | "on" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(TextError::expected("true, false, 1, 0 or on")),
        }
    }
}

macro_rules! texts {
    ($($ty:ty)*) => {$(
        impl FromText for $ty {
            fn from_text(text: &str) -> Result<Self, TextError> {
                Ok(text.into())
            }

            fn from_cow(text: Cow<'_, str>) -> Result<Self, TextError> {
                Ok(text.into_owned().into())
            }
        }
    )*};
}

texts! { String Box<str> }

impl FromText for Arc<str> {
    fn from_text(text: &str) -> Result<Self, TextError> {
        Ok(text.into())
    }
}

impl FromText for Cow<'static, str> {
    fn from_text(text: &str) -> Result<Self, TextError> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn from_cow(text: Cow<'_, str>) -> Result<Self, TextError> {
        Ok(Cow::Owned(text.into_owned()))
    }
}
