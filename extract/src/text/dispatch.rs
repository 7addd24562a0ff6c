//! Which trait reads or writes a type, chosen by autoref.
//!
//! Method look-up tries the receiver with the most references first (autoref specialization), so
//! `(&&&Pick::<T>::new()).pick()` takes the first of the three traits that holds. The last one
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
pub struct Pick<T>(PhantomData<fn() -> T>);

impl<T> Pick<T> {
    /// The type alone; there is nothing in it.
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for Pick<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pick")
    }
}

/// The first choice: the type says itself what it accepts.
pub trait ByText<T> {
    /// How the type reads its text.
    fn pick(&self) -> ReadAny<T>;
}

impl<T: FromText> ByText<T> for &&Pick<T> {
    fn pick(&self) -> ReadAny<T> {
        T::from_cow
    }
}

/// The second choice: the standard library's trait.
pub trait ByStr<T> {
    /// How the type reads its text.
    fn pick(&self) -> ReadAny<T>;
}

impl<T: FromStr> ByStr<T> for &Pick<T> {
    fn pick(&self) -> ReadAny<T> {
        read_str
    }
}

/// The last resort, which no type passes.
pub trait ByNone<T> {
    /// How the type reads its text.
    fn pick(&self) -> ReadAny<T>
    where
        T: FromText;
}

impl<T> ByNone<T> for Pick<T> {
    fn pick(&self) -> ReadAny<T>
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
pub type Written<'v> = Result<Cow<'v, str>, TextError>;

/// How a type writes its text.
pub(crate) type Write<T> = for<'v> fn(&'v T) -> Written<'v>;

/// Stands for a field's type in generated code; see `pick` for how the choice is made.
pub struct PickOut<T>(PhantomData<fn() -> T>);

impl<T> PickOut<T> {
    /// The type alone; there is nothing in it.
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> std::fmt::Debug for PickOut<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PickOut")
    }
}

/// The first choice: the type says itself how it is spelt.
pub trait OutByText<T> {
    /// How the type writes its text.
    fn pick_out(&self) -> Write<T>;
}

impl<T: ToText> OutByText<T> for &&PickOut<T> {
    fn pick_out(&self) -> Write<T> {
        T::to_text
    }
}

/// The second choice: the standard library's trait.
pub trait OutByDisplay<T> {
    /// How the type writes its text.
    fn pick_out(&self) -> Write<T>;
}

impl<T: Display> OutByDisplay<T> for &PickOut<T> {
    fn pick_out(&self) -> Write<T> {
        |value| Ok(value.to_string().into())
    }
}

/// The last resort, which no type passes.
pub trait OutByNone<T> {
    /// How the type writes its text.
    fn pick_out(&self) -> Write<T>
    where
        T: ToText;
}

impl<T> OutByNone<T> for PickOut<T> {
    fn pick_out(&self) -> Write<T>
    where
        T: ToText,
    {
        T::to_text
    }
}

/// A text where an empty one would be read as none, or refused.
pub fn not_empty(text: Written<'_>) -> Written<'_> {
    match text {
        Ok(text) if text.is_empty() => Err(TextError::expected("a value that is not empty")),
        text => text,
    }
}

/// A text through the type's `Serialize`: `#[query(serde)]`.
pub fn serde_text<T: Serialize + ?Sized>(value: &T) -> Written<'static> {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => Ok(text.into()),
        Ok(Value::Bool(is)) => Ok(if is { "true" } else { "false" }.into()),
        Ok(Value::Number(number)) => Ok(number.to_string().into()),
        _ => Err(TextError::expected("what serde writes as one text, number or bool")),
    }
}
