//! The place where a value of the body waits until all fields are read.

use serde::{Deserialize, Deserializer};

use crate::{
    error::{Fault, FieldError},
    rejection::Errors,
    slot::{One, Read},
    source::Source,
    value::Value,
};

/// The slot of a body's member, or of the whole body.
#[derive(Debug, Default)]
pub enum Member<T> {
    /// The body was not read, or is empty.
    #[default]
    Unread,
    /// The body has no such member.
    Absent,
    /// A value is there.
    Value(T),
    /// Something is there that is not acceptable. Boxed, since slots are moved on every request.
    Fault(Box<FieldError>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::Value)
    }
}

impl<T> Member<T> {
    /// What a member is when the body does not name it: serde's default for generated structs.
    pub fn absent() -> Self {
        Self::Absent
    }

    /// The value; an error if there is none.
    pub fn required(self, pointer: &'static str, errors: &mut Errors) -> Option<T> {
        match self {
            Self::Value(value) => return Some(value),
            Self::Unread => errors.blame_body(true),
            Self::Absent => {
                errors.push(FieldError::new(Source::Body, pointer, Fault::missing()));
            }
            Self::Fault(error) => errors.push(*error),
        }
        None
    }

    /// The value, or `absent` if there is none; an error only if it is not acceptable.
    pub fn or(self, absent: impl FnOnce() -> T, pointer: &'static str, errors: &mut Errors) -> Option<T> {
        match self {
            Self::Unread | Self::Absent => {
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
            Self::Absent => Member::Absent,
            Self::Value(value) => Member::Value(change(value)),
            Self::Fault(error) => Member::Fault(error),
        }
    }

    /// Reads the whole body as text.
    pub fn text(body: &[u8], read: Read<T>) -> Self {
        let mut one = One::Absent;
        one.feed(Value::plain(body), read);
        match one {
            One::Value(value) => Self::Value(value),
            One::Fault(fault) => Self::Fault(Box::new(FieldError::new(Source::Body, "", *fault))),
            One::Absent | One::Empty => Self::Unread,
        }
    }

    /// The value, read of the empty text if there is no body.
    pub fn text_or_empty(self, read: Read<T>, errors: &mut Errors) -> Option<T> {
        match self {
            Self::Unread if errors.body_is_absent() => Self::text(b"", read).required("", errors),
            slot => slot.required("", errors),
        }
    }
}
