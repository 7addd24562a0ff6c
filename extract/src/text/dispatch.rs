//! ReadDispatch, WriteDispatch: the trait of a type, chosen by autoref.
//!
//! Method look-up tries the receiver with the most references first (autoref specialization):
//! `(&&&ReadDispatch::<T>::new()).reader()` takes the first of the three traits that `T` implements.
//! The last one is implemented for every type and requires `FromText`, which causes the compiler error.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::Serialize;
use serde_json::Value;

use crate::text::from_text::{FromText, TextError};
use crate::text::to_text::ToText;

/// A function that reads a value from text of any lifetime.
pub(crate) type ReadAny<T> = for<'t> fn(Cow<'t, str>) -> Result<T, TextError>;

/// A field's type in generated code.
pub struct ReadDispatch<T>(PhantomData<fn() -> T>);

impl<T> ReadDispatch<T> {
    /// Returns a value without content.
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

/// The first choice: `FromText`.
pub trait ReadByFromText<T> {
    /// Returns the function that reads the type.
    fn reader(&self) -> ReadAny<T>;
}

impl<T: FromText> ReadByFromText<T> for &&ReadDispatch<T> {
    fn reader(&self) -> ReadAny<T> {
        T::from_cow
    }
}

/// The second choice: the trait of the standard library.
pub trait ReadByFromStr<T> {
    /// Returns the function that reads the type.
    fn reader(&self) -> ReadAny<T>;
}

impl<T: FromStr> ReadByFromStr<T> for &ReadDispatch<T> {
    fn reader(&self) -> ReadAny<T> {
        read_str
    }
}

/// The last choice, which causes the compiler error.
pub trait ReadByNone<T> {
    /// Returns the function that reads the type.
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

/// Drops the type's own error, which may quote the value.
fn read_str<T: FromStr>(text: Cow<'_, str>) -> Result<T, TextError> {
    text.parse().map_err(|_| TextError::expected("a valid value"))
}

/// Returns the text of the request itself.
///
/// # Errors
///
/// The text contained escapes.
pub fn borrowed(text: Cow<'_, str>) -> Result<&str, TextError> {
    match text {
        Cow::Borrowed(text) => Ok(text),
        Cow::Owned(_) => Err(TextError::expected("a value without escapes")),
    }
}

/// Returns the text, borrowed from the request if it contained no escape.
///
/// # Errors
///
/// None; the signature is that of all readers.
pub fn cow(text: Cow<'_, str>) -> Result<Cow<'_, str>, TextError> {
    Ok(text)
}

/// The text of a value, or what could have been written.
pub type TextResult<'v> = Result<Cow<'v, str>, TextError>;

/// A function that writes a value as text.
pub(crate) type Write<T> = for<'v> fn(&'v T) -> TextResult<'v>;

/// A field's type in generated code; see the module for how the trait is chosen.
pub struct WriteDispatch<T>(PhantomData<fn() -> T>);

impl<T> WriteDispatch<T> {
    /// Returns a value without content.
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

/// The first choice: `ToText`.
pub trait WriteByToText<T> {
    /// Returns the function that writes the type.
    fn writer(&self) -> Write<T>;
}

impl<T: ToText> WriteByToText<T> for &&WriteDispatch<T> {
    fn writer(&self) -> Write<T> {
        T::to_text
    }
}

/// The second choice: the trait of the standard library.
pub trait WriteByDisplay<T> {
    /// Returns the function that writes the type.
    fn writer(&self) -> Write<T>;
}

impl<T: Display> WriteByDisplay<T> for &WriteDispatch<T> {
    fn writer(&self) -> Write<T> {
        |value| Ok(value.to_string().into())
    }
}

/// The last choice, which causes the compiler error.
pub trait WriteByNone<T> {
    /// Returns the function that writes the type.
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

/// Returns an error for an empty text, which would be read as none or rejected.
pub fn not_empty(text: TextResult<'_>) -> TextResult<'_> {
    match text {
        Ok(text) if text.is_empty() => Err(TextError::expected("a value that is not empty")),
        text => text,
    }
}

/// Writes a value through its `Serialize`: `#[query(serde)]`.
pub fn serde_text<T: Serialize + ?Sized>(value: &T) -> TextResult<'static> {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => Ok(text.into()),
        Ok(Value::Bool(is)) => Ok(if is { "true" } else { "false" }.into()),
        Ok(Value::Number(number)) => Ok(number.to_string().into()),
        _ => Err(TextError::expected("what serde writes as one text, number or bool")),
    }
}
