//! FromText: reads a value from text, by a strict grammar.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64,
    NonZeroUsize,
};
use std::str::FromStr;
use std::sync::Arc;

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
/// | floats | a number as JSON writes it (RFC 8259, 6) that is finite as this type: no `+`, `.5`, `5.`, `05`, infinity or NaN |
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
    ($($ty:ty $(=> $inner:ty)?: $expected:expr,)*) => {
        $(
            impl FromText for $ty {
                #[inline]
                fn from_text(text: &str) -> Result<Self, TextError> {
                    integers!(@read $ty $(=> $inner)?, text).ok_or(TextError::expected($expected))
                }
            }
        )*

        /// Returns what an integer type accepts, by the type's name.
        pub(crate) fn integer_range(name: &str) -> Option<&'static str> {
            $(if name == stringify!($ty) {
                return Some($expected);
            })*
            None
        }
    };
    (@read $ty:ty, $text:ident) => {
        match short_integer($text) {
            Some(number) => Self::try_from(number).ok(),
            None => long_integer($text),
        }
    };
    (@read $ty:ty => $inner:ty, $text:ident) => {
        <$inner>::from_text($text).ok().and_then(Self::new)
    };
}

/// Reads up to 19 digits, which fit into a `u64`, so that no digit is tested for an overflow.
#[inline]
fn short_integer(text: &str) -> Option<u64> {
    let digits = text.as_bytes();
    if matches!(digits, [] | [b'0', _, ..]) || digits.len() > 19 {
        return None;
    }
    let mut number = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    Some(number)
}

/// Reads an integer that may have a sign, or more digits.
///
/// Accepted by std and not here: each number has one text, and octal numbers of C are rejected.
#[inline(never)]
fn long_integer<T: FromStr>(text: &str) -> Option<T> {
    match text.as_bytes() {
        [b'+', ..] | [b'0', _, ..] | [b'-', b'0', ..] => None,
        _ => text.parse().ok(),
    }
}

/// The ranges of `isize`, `usize` and `NonZeroUsize` here.
const SIZES: [&str; 3] = if cfg!(target_pointer_width = "64") {
    [I64, U64, "an integer from 1 to 18446744073709551615"]
} else {
    [
        "an integer from -2147483648 to 2147483647",
        "an integer from 0 to 4294967295",
        "an integer from 1 to 4294967295",
    ]
};

const I64: &str = "an integer from -9223372036854775808 to 9223372036854775807";

const U64: &str = "an integer from 0 to 18446744073709551615";

integers! {
    i8: "an integer from -128 to 127",
    i16: "an integer from -32768 to 32767",
    i32: "an integer from -2147483648 to 2147483647",
    i64: I64,
    i128: "an integer from -170141183460469231731687303715884105728 to 170141183460469231731687303715884105727",
    isize: SIZES[0],
    u8: "an integer from 0 to 255",
    u16: "an integer from 0 to 65535",
    u32: "an integer from 0 to 4294967295",
    u64: U64,
    u128: "an integer from 0 to 340282366920938463463374607431768211455",
    usize: SIZES[1],
    NonZeroI8 => i8: "an integer from -128 to 127, not zero",
    NonZeroI16 => i16: "an integer from -32768 to 32767, not zero",
    NonZeroI32 => i32: "an integer from -2147483648 to 2147483647, not zero",
    NonZeroI64 => i64: "an integer from -9223372036854775808 to 9223372036854775807, not zero",
    NonZeroU8 => u8: "an integer from 1 to 255",
    NonZeroU16 => u16: "an integer from 1 to 65535",
    NonZeroU32 => u32: "an integer from 1 to 4294967295",
    NonZeroU64 => u64: "an integer from 1 to 18446744073709551615",
    NonZeroUsize => usize: SIZES[2],
}

/// Tests whether a text is a number as JSON writes it (RFC 8259, 6).
pub(crate) fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let (integer, fraction) = match number.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (number, None),
    };
    digits(integer)
        && (integer.len() == 1 || !integer.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

macro_rules! floats {
    ($($ty:ty)*) => {$(
        impl FromText for $ty {
            fn from_text(text: &str) -> Result<Self, TextError> {
                let number = if is_json_number(text) { text.parse().ok() } else { None };
                number.filter(|number: &$ty| number.is_finite()).ok_or(TextError::expected("a finite number"))
            }
        }
    )*};
}

floats! { f32 f64 }

/// Reads `true` and `false` and nothing else: `bool = "strict"`.
///
/// # Errors
///
/// The text is neither.
pub fn strict_bool(text: Cow<'_, str>) -> Result<bool, TextError> {
    match &*text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(TextError::expected("true or false")),
    }
}

/// The texts that [`lenient_bool`] reads, in small letters: those of `true` first.
pub(crate) const LENIENT_BOOLS: [&str; 10] = ["true", "1", "on", "yes", "y", "false", "0", "off", "no", "n"];

/// Reads what people and other programs write: `bool = "lenient"`.
///
/// # Errors
///
/// The text is none of these.
pub fn lenient_bool(text: Cow<'_, str>) -> Result<bool, TextError> {
    let found = LENIENT_BOOLS.iter().position(|known| known.eq_ignore_ascii_case(&text));
    found.map(|at| at < 5).ok_or(TextError::expected("true, false, 1, 0, on, off, yes, no, y or n"))
}

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
