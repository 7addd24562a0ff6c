//! NestedDeError: why a tree of nested keys is not of a type.

use std::borrow::Cow;
use std::fmt;

use serde::de;
use serde::de::{Expected, Unexpected};

use crate::error::field::{Code, ValueError};
use crate::field::expected::in_words;
use crate::field::nested_node::{LeafKind, Mismatch, guess_kind};

/// Why a tree is not of a type: the keys from the leaf up, and the error.
#[derive(Debug)]
pub(crate) struct NestedDeError {
    pub(crate) keys: Vec<String>,
    pub(crate) error: ValueError,
    pub(crate) mismatch: Mismatch,
}

impl From<ValueError> for NestedDeError {
    fn from(error: ValueError) -> Self {
        Self { keys: Vec::new(), error, mismatch: Mismatch::None }
    }
}

impl NestedDeError {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        ValueError::new(code, detail).into()
    }

    pub(crate) fn below(mut self, key: &str) -> Self {
        self.keys.push(key.to_owned());
        self
    }

    pub(crate) fn of(error: ValueError, key: &str) -> Self {
        Self::from(error).below(key)
    }
}

impl fmt::Display for NestedDeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error.detail)
    }
}

impl std::error::Error for NestedDeError {}

/// Drops the messages of foreign types, which may quote the value.
impl de::Error for NestedDeError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self { mismatch: Mismatch::Any, ..Self::new(Code::Invalid, "expected a valid value") }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let mismatch = match found {
            Unexpected::Str(text) => match guess_kind(text, &expected) {
                LeafKind::Text => Mismatch::None,
                kind => Mismatch::Text { text: text.to_owned(), kind },
            },
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) | Unexpected::Bool(_) => {
                Mismatch::Guessed(found.to_string())
            }
            _ => Mismatch::None,
        };
        Self { mismatch, ..Self::new(Code::Invalid, format!("expected {}", in_words(&expected))) }
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Code::Invalid, format!("expected {}", in_words(&expected.to_string())))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(Code::Invalid, format!("expected {}", in_words(&expected.to_string())))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        let choices: Vec<_> = expected.iter().map(|choice| format!("`{choice}`")).collect();
        Self::new(Code::Invalid, format!("expected one of {}", choices.join(", ")))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::of(ValueError::new(Code::Unknown, "no such key"), field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(ValueError::missing(), field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of(ValueError::duplicate(), field)
    }
}
