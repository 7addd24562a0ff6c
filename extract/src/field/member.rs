//! MemberSlot: a member of a JSON body, or the whole body.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Error as _, MapAccess};
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_path_to_error::{Path, Segment};

use crate::error::collector::Errors;
use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::field::expected::in_words;
use crate::field::slot::Read;
use crate::field::value::Value;

impl<T> MemberSlot<T> {
    /// Reads one member on the second pass, in which each is read separately.
    pub fn push_value<'r>(&mut self, key: &str, raw: &'r RawValue)
    where
        T: Deserialize<'r>,
    {
        let pointer = pointer_to(key);
        *self = match self {
            Self::Unread => match read_raw(raw, &pointer) {
                Ok(value) => Self::Value(value),
                Err(error) => Self::Error(Box::new(error)),
            },
            _ => {
                let error = FieldError::new(Location::Body, pointer, ValueError::duplicate());
                Self::Error(Box::new(error))
            }
        };
    }

    /// Reads the whole body.
    ///
    /// # Errors
    ///
    /// The body is not JSON.
    pub fn whole<'r>(body: &'r [u8]) -> Result<Self, FieldError>
    where
        T: Deserialize<'r>,
    {
        // As for members, one check of the whole text costs less than one of each text in it.
        let value = match str::from_utf8(body) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(body),
        };
        if let Ok(value) = value {
            return Ok(Self::Value(value));
        }
        let raw: &RawValue = serde_json::from_slice(body).map_err(malformed)?;
        // The body is valid if one of the passes accepts it.
        Ok(match read_raw(raw, "") {
            Ok(value) => Self::Value(value),
            Err(error) => Self::Error(Box::new(error)),
        })
    }
}

/// Reads a single value; the error names the position in it.
///
/// # Errors
///
/// The text is not JSON of the type.
pub(crate) fn value<T: DeserializeOwned>(text: &[u8]) -> Result<T, ValueError> {
    let to_value_error = |error: FieldError| {
        let (pointer, code) = (error.pointer().unwrap_or_default(), error.code());
        let separator = if pointer.is_empty() { "" } else { ": " };
        ValueError::new(code, format!("{pointer}{separator}{}", error.detail()))
    };
    match MemberSlot::whole(text).map_err(to_value_error)? {
        MemberSlot::Value(value) => Ok(value),
        MemberSlot::Error(error) => Err(to_value_error(*error)),
        MemberSlot::Unread => Err(ValueError::missing()),
    }
}

/// Returns the JSON pointer (RFC 6901) to a member of the body.
fn pointer_to(key: &str) -> String {
    let mut pointer = String::with_capacity(key.len() + 1);
    push_segment(&mut pointer, key);
    pointer
}

fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
}

/// Maximum bytes of a pointer, which may contain keys of the client, those of a map.
const MAX_POINTER: usize = 1024;

/// Appends a path; `false` if the pointer would be too long, which is cut then.
fn push_path(pointer: &mut String, path: &Path) -> bool {
    for segment in path {
        let above = pointer.len();
        match segment {
            Segment::Seq { index } => push_segment(pointer, &index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => push_segment(pointer, key),
            Segment::Unknown => {}
        }
        if pointer.len() > MAX_POINTER {
            pointer.truncate(above);
            return false;
        }
    }
    true
}

fn read_raw<'r, T: Deserialize<'r>>(raw: &'r RawValue, pointer: &str) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(raw).map_err(|error| {
        let mut pointer = pointer.to_owned();
        let is_there = push_path(&mut pointer, error.path());
        let (error, member) = reason(&error.inner().to_string());
        if let Some(member) = member.filter(|_| is_there) {
            push_segment(&mut pointer, &member);
        }
        FieldError::new(Location::Body, pointer, error)
    })
}

pub(crate) fn malformed(error: serde_json::Error) -> FieldError {
    let (line, column) = (error.line(), error.column());
    let detail = match error.classify() {
        Category::Eof => format!("expected JSON, the text ends at line {line} column {column}"),
        _ => format!("expected JSON, line {line} column {column} is not"),
    };
    FieldError::body(Code::Malformed, detail)
}

/// Returns the expectation in a message of serde, and the member that it names.
///
/// The messages quote the value, those of the user's types possibly as well, so only the part after
/// the last `expected` of a known message is used.
pub(crate) fn reason(message: &str) -> (ValueError, Option<String>) {
    const QUOTING: [&str; 4] = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "];
    let (message, _) = message.rsplit_once(" at line ").unwrap_or((message, ""));
    let quoted = |rest: &str| Some(rest.strip_prefix('`')?.strip_suffix('`')?.to_owned());
    if let Some(member) = message.strip_prefix("missing field ").and_then(quoted) {
        return (ValueError::missing(), Some(member));
    }
    if let Some(member) = message.strip_prefix("duplicate field ").and_then(quoted) {
        return (ValueError::duplicate(), Some(member));
    }
    let known = QUOTING.iter().any(|form| message.starts_with(form));
    let detail = match message.rsplit_once(", expected ").filter(|_| known) {
        Some((_, expected)) => format!("expected {}", in_words(expected)),
        None => "expected a valid value".to_owned(),
    };
    (ValueError::new(Code::Invalid, detail), None)
}

/// The slot of a member of the body, or of the whole body.
#[derive(Debug, Default)]
pub enum MemberSlot<T> {
    /// The body has no such member, or was not read.
    #[default]
    Unread,
    /// A value.
    Value(T),
    /// An invalid value. Boxed, since slots are moved on every request.
    Error(Box<FieldError>),
}

impl<T> MemberSlot<T> {
    /// Reads a member.
    ///
    /// # Errors
    ///
    /// The member is repeated, or the type does not accept it.
    #[inline]
    pub fn take<'r, A: MapAccess<'r>>(&mut self, map: &mut A) -> Result<(), A::Error>
    where
        T: Deserialize<'r>,
    {
        let value = map.next_value()?;
        // Tested after reading: on an empty slot, the assignment below needs no drop.
        if !matches!(self, Self::Unread) {
            return Err(A::Error::custom("repeated member"));
        }
        *self = Self::Value(value);
        Ok(())
    }

    /// Returns the value, or reports that it is missing.
    #[inline]
    pub fn required(self, pointer: &'static str, errors: &mut Errors) -> Option<T> {
        match self {
            Self::Value(value) => return Some(value),
            Self::Unread if errors.body_is_read() => {
                errors.push(FieldError::new(Location::Body, pointer, ValueError::missing()));
            }
            Self::Unread => errors.push_body_error(true),
            Self::Error(error) => errors.push(*error),
        }
        None
    }

    /// Returns the value, or `absent` if there is none; reports an invalid value.
    #[inline]
    pub fn or(self, absent: impl FnOnce() -> T, pointer: &'static str, errors: &mut Errors) -> Option<T> {
        match self {
            Self::Unread => {
                errors.push_body_error(false);
                Some(absent())
            }
            slot => slot.required(pointer, errors),
        }
    }

    /// Returns the value, or `None` if there is no body.
    pub fn optional(self, errors: &mut Errors) -> Option<Option<T>> {
        self.map(Some).or(|| None, "", errors)
    }

    /// Converts the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> MemberSlot<U> {
        match self {
            Self::Unread => MemberSlot::Unread,
            Self::Value(value) => MemberSlot::Value(change(value)),
            Self::Error(error) => MemberSlot::Error(error),
        }
    }

    /// Reads the whole body as text.
    pub fn text<'r>(body: &'r [u8], read: Read<'r, T>) -> Self {
        let value = Value::plain(body).decode();
        let value = value.and_then(|text: Cow<'r, str>| read(text).map_err(|error| Box::new(error.into())));
        match value {
            Ok(value) => Self::Value(value),
            Err(error) => Self::Error(Box::new(FieldError::new(Location::Body, "", *error))),
        }
    }

    /// Returns the value; without a body, the one of the empty text.
    pub fn text_or_empty(self, read: Read<'_, T>, errors: &mut Errors) -> Option<T> {
        match self {
            Self::Unread if errors.body_is_absent() => Self::text(b"", read).required("", errors),
            slot => slot.required("", errors),
        }
    }
}
