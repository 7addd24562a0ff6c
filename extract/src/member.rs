//! The place where a value of the body waits until all fields are read.

use std::borrow::Cow;

use serde::{
    Deserialize,
    de::{Error as _, MapAccess},
};

use crate::{
    error::{Fault, FieldError},
    errors::Errors,
    slot::Read,
    source::Source,
    value::Value,
};

/// The slot of a body's member, or of the whole body.
#[derive(Debug, Default)]
pub enum Member<T> {
    /// The body has no such member, or was not read at all.
    #[default]
    Unread,
    /// A value is there.
    Value(T),
    /// Something is there that is not acceptable. Boxed, since slots are moved on every request.
    Fault(Box<FieldError>),
}

impl<T> Member<T> {
    /// Takes a member in, decoded on the way.
    ///
    /// # Errors
    ///
    /// It is there twice, or is not what the type wants.
    #[inline]
    pub fn take<'r, A: MapAccess<'r>>(&mut self, map: &mut A) -> Result<(), A::Error>
    where
        T: Deserialize<'r>,
    {
        let value = map.next_value()?;
        // Asked only now: where a slot is known to be empty, no code is needed that empties it.
        if !matches!(self, Self::Unread) {
            return Err(A::Error::custom("a member is there twice"));
        }
        *self = Self::Value(value);
        Ok(())
    }

    /// The value; an error if there is none.
    #[inline]
    pub fn required(self, pointer: &'static str, errors: &mut Errors) -> Option<T> {
        match self {
            Self::Value(value) => return Some(value),
            Self::Unread if errors.body_is_read() => {
                errors.push(FieldError::new(Source::Body, pointer, Fault::missing()));
            }
            Self::Unread => errors.blame_body(true),
            Self::Fault(error) => errors.push(*error),
        }
        None
    }

    /// The value, or `absent` if there is none; an error only if it is not acceptable.
    #[inline]
    pub fn or(self, absent: impl FnOnce() -> T, pointer: &'static str, errors: &mut Errors) -> Option<T> {
        match self {
            Self::Unread => {
                errors.blame_body(false);
                Some(absent())
            }
            slot => slot.required(pointer, errors),
        }
    }

    /// The value, or `None` if there is no body.
    pub fn optional(self, errors: &mut Errors) -> Option<Option<T>> {
        self.map(Some).or(|| None, "", errors)
    }

    /// The same slot with its value changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Member<U> {
        match self {
            Self::Unread => Member::Unread,
            Self::Value(value) => Member::Value(change(value)),
            Self::Fault(error) => Member::Fault(error),
        }
    }

    /// Reads the whole body as text.
    pub fn text<'r>(body: &'r [u8], read: Read<'r, T>) -> Self {
        let value = Value::plain(body).decode();
        let value = value.and_then(|text: Cow<'r, str>| read(text).map_err(|error| Box::new(error.into())));
        match value {
            Ok(value) => Self::Value(value),
            Err(fault) => Self::Fault(Box::new(FieldError::new(Source::Body, "", *fault))),
        }
    }

    /// The value, read of the empty text if there is no body.
    pub fn text_or_empty(self, read: Read<'_, T>, errors: &mut Errors) -> Option<T> {
        match self {
            Self::Unread if errors.body_is_absent() => Self::text(b"", read).required("", errors),
            slot => slot.required("", errors),
        }
    }
}
