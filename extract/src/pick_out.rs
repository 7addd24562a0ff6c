//! How a type is written by a field: `ToText`, else `Display`; the way back of `pick`.

use std::{borrow::Cow, fmt::Display, marker::PhantomData};

use serde::Serialize;
use serde_json::Value;

use crate::{text::TextError, to_text::ToText};

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
