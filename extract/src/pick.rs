//! Which of a type's readings a field uses: `FromText`, else `FromStr`.
//!
//! Method look-up tries the receiver with the most references first (autoref specialization), so
//! `(&&&Pick::<T>::new()).pick()` takes the first of the three traits that holds. The last one
//! holds for every type but asks for `FromText`, which makes the compiler say what is missing.

use std::{borrow::Cow, fmt, marker::PhantomData, str::FromStr};

use crate::text::{FromText, TextError};

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
