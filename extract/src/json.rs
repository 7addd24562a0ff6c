//! JSON bodies: decoded plainly, and once more with places only if that fails.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{error::Category, value::RawValue};
use serde_path_to_error::{Path, Segment};

use crate::{
    error::{Code, Fault, FieldError},
    member::Member,
    source::Source,
};

impl<T> Member<T> {
    /// Takes one member in on the second pass, where each is read on its own.
    pub fn feed<'r>(&mut self, key: &str, raw: &'r RawValue)
    where
        T: Deserialize<'r>,
    {
        let pointer = pointer_to(key);
        *self = match self {
            Self::Unread => match read_raw(raw, &pointer) {
                Ok(value) => Self::Value(value),
                Err(error) => Self::Fault(Box::new(error)),
            },
            _ => {
                let error = FieldError::new(Source::Body, pointer, Fault::duplicate());
                Self::Fault(Box::new(error))
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
        if let Ok(value) = serde_json::from_slice(body) {
            return Ok(Self::Value(value));
        }
        let raw: &RawValue = serde_json::from_slice(body).map_err(malformed)?;
        // A body that only the second pass takes is a body taken.
        Ok(match read_raw(raw, "") {
            Ok(value) => Self::Value(value),
            Err(error) => Self::Fault(Box::new(error)),
        })
    }
}

/// A value that stands alone; its fault names the place in it.
///
/// # Errors
///
/// It is not JSON, or not what the type wants.
pub(crate) fn value<T: DeserializeOwned>(text: &[u8]) -> Result<T, Fault> {
    let fault = |error: FieldError| {
        let (place, code) = (error.pointer().unwrap_or_default(), error.code());
        let gap = if place.is_empty() { "" } else { ": " };
        Fault::new(code, format!("{place}{gap}{}", error.detail()))
    };
    match Member::whole(text).map_err(fault)? {
        Member::Value(value) => Ok(value),
        Member::Fault(error) => Err(fault(*error)),
        Member::Unread => Err(Fault::missing()),
    }
}

/// The JSON pointer (RFC 6901) to a member of the body.
fn pointer_to(key: &str) -> String {
    let mut pointer = String::with_capacity(key.len() + 1);
    push_segment(&mut pointer, key);
    pointer
}

fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
}

/// The most bytes of a pointer with keys of the client's own, as those of a map.
const FAR: usize = 1024;

/// `false` if the pointer would be too long: it ends above the place then.
fn push_path(pointer: &mut String, path: &Path) -> bool {
    for segment in path {
        let above = pointer.len();
        match segment {
            Segment::Seq { index } => push_segment(pointer, &index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => push_segment(pointer, key),
            Segment::Unknown => {}
        }
        if pointer.len() > FAR {
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
        let (fault, member) = reason(&error.inner().to_string());
        if let Some(member) = member.filter(|_| is_there) {
            push_segment(&mut pointer, &member);
        }
        FieldError::new(Source::Body, pointer, fault)
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

/// What serde's own messages expected, and the member below the place that they speak of.
///
/// The messages quote the value, and those of the user's types may as well, so only the part behind
/// the last `expected` of a message whose form is known is taken.
pub(crate) fn reason(message: &str) -> (Fault, Option<String>) {
    const QUOTING: [&str; 4] = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "];
    let (message, _) = message.rsplit_once(" at line ").unwrap_or((message, ""));
    let quoted = |rest: &str| Some(rest.strip_prefix('`')?.strip_suffix('`')?.to_owned());
    if let Some(member) = message.strip_prefix("missing field ").and_then(quoted) {
        return (Fault::missing(), Some(member));
    }
    if let Some(member) = message.strip_prefix("duplicate field ").and_then(quoted) {
        return (Fault::duplicate(), Some(member));
    }
    let known = QUOTING.iter().any(|form| message.starts_with(form));
    let detail = match message.rsplit_once(", expected ").filter(|_| known) {
        Some((_, expected)) => format!("expected {expected}"),
        None => "expected a valid value".to_owned(),
    };
    (Fault::new(Code::Invalid, detail), None)
}
