//! Which trait reads or writes a type, chosen by autoref.
//!
//! Method look-up tries the receiver with the most references first (autoref specialization), so
//! `(&&&ReadDispatch::<T>::new()).reader()` takes the first of the three traits that holds. The last one
//! holds for every type but asks for `FromText`, which makes the compiler say what is missing.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::Serialize;
use serde_json::Value;

use crate::text::from_text::{FromText, TextError};
use crate::text::to_text::ToText;

/// A function that reads text, borrowed from anywhere.
pub(crate) type ReadAny<T> = for<'t> fn(Cow<'t, str>) -> Result<T, TextError>;

/// Stands for a field's type in generated code.
pub struct ReadDispatch<T>(PhantomData<fn() -> T>);

impl<T> ReadDispatch<T> {
    /// The type alone; there is nothing in it.
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for ReadDispatch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadDispatch")
    }
}

/// The first choice: the type says itself what it accepts.
pub trait ReadByFromText<T> {
    /// How the type reads its text.
    fn reader(&self) -> ReadAny<T>;
}

impl<T: FromText> ReadByFromText<T> for &&ReadDispatch<T> {
    fn reader(&self) -> ReadAny<T> {
        T::from_cow
    }
}

/// The second choice: the standard library's trait.
pub trait ReadByFromStr<T> {
    /// How the type reads its text.
    fn reader(&self) -> ReadAny<T>;
}

impl<T: FromStr> ReadByFromStr<T> for &ReadDispatch<T> {
    fn reader(&self) -> ReadAny<T> {
        read_str
    }
}

/// The last resort, which no type passes.
pub trait ReadByNone<T> {
    /// How the type reads its text.
    fn reader(&self) -> ReadAny<T>
    where
        T: FromText;
}

impl<T> ReadByNone<T> for ReadDispatch<T> {
    fn reader(&self) -> ReadAny<T>
    where
        T: FromText,
    {
        T::from_cow
    }
}

/// The type's own error is dropped, since it may quote the value.
fn read_str<T: FromStr>(text: Cow<'_, str>) -> Result<T, TextError> {
    text.parse().map_err(|_| TextError::expected("a valid value"))
}

/// The text itself, of the request, if no escape had to be taken out of it.
///
/// # Errors
///
/// The text is not in the request as it is.
pub fn borrowed(text: Cow<'_, str>) -> Result<&str, TextError> {
    match text {
        Cow::Borrowed(text) => Ok(text),
        Cow::Owned(_) => Err(TextError::expected("a value without escapes")),
    }
}

/// The text, of the request where that can be.
///
/// # Errors
///
/// None; it has the form of all readings.
pub fn cow(text: Cow<'_, str>) -> Result<Cow<'_, str>, TextError> {
    Ok(text)
}

/// What a value's text is, or what could have been written.
pub type TextResult<'v> = Result<Cow<'v, str>, TextError>;

/// How a type writes its text.
pub(crate) type Write<T> = for<'v> fn(&'v T) -> TextResult<'v>;

/// Stands for a field's type in generated code; see `pick` for how the choice is made.
pub struct WriteDispatch<T>(PhantomData<fn() -> T>);

impl<T> WriteDispatch<T> {
    /// The type alone; there is nothing in it.
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> std::fmt::Debug for WriteDispatch<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WriteDispatch")
    }
}

/// The first choice: the type says itself how it is spelt.
pub trait WriteByToText<T> {
    /// How the type writes its text.
    fn writer(&self) -> Write<T>;
}

impl<T: ToText> WriteByToText<T> for &&WriteDispatch<T> {
    fn writer(&self) -> Write<T> {
        T::to_text
    }
}

/// The second choice: the standard library's trait.
pub trait WriteByDisplay<T> {
    /// How the type writes its text.
    fn writer(&self) -> Write<T>;
}

impl<T: Display> WriteByDisplay<T> for &WriteDispatch<T> {
    fn writer(&self) -> Write<T> {
        |value| Ok(value.to_string().into())
    }
}

/// The last resort, which no type passes.
pub trait WriteByNone<T> {
    /// How the type writes its text.
    fn writer(&self) -> Write<T>
    where
        T: ToText;
}

impl<T> WriteByNone<T> for WriteDispatch<T> {
    fn writer(&self) -> Write<T>
    where
        T: ToText,
    {
        T::to_text
    }
}

/// A text where an empty one would be read as none, or refused.
pub fn not_empty(text: TextResult<'_>) -> TextResult<'_> {
    match text {
        Ok(text) if text.is_empty() => Err(TextError::expected("a value that is not empty")),
        text => text,
    }
}

/// A text through the type's `Serialize`: `#[query(serde)]`.
pub fn serde_text<T: Serialize + ?Sized>(value: &T) -> TextResult<'static> {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => Ok(text.into()),
        Ok(Value::Bool(is)) => Ok(if is { "true" } else { "false" }.into()),
        Ok(Value::Number(number)) => Ok(number.to_string().into()),
        _ => Err(TextError::expected("what serde writes as one text, number or bool")),
    }
}
