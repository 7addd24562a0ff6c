//! JSON bodies: decoded plainly, and once more with places only if that fails.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::{error::Category, value::RawValue};
use serde_path_to_error::{Path, Segment};

use crate::{
    error::{Code, Fault, FieldError},
    member::Member,
    source::Source,
};

impl<T: DeserializeOwned> Member<T> {
    /// Takes one member in on the second pass, where each is read on its own.
    pub fn feed(&mut self, key: &str, raw: &RawValue) {
        let pointer = pointer_to(key);
        *self = match self {
            Self::Unread | Self::Absent => match read_raw(raw, &pointer) {
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
    pub fn whole(body: &[u8]) -> Result<Self, FieldError> {
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

/// Decodes an object into a generated struct; `None` if [`members`] has to say why not.
pub fn object<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Option<T> {
    // serde's structs are read from arrays as well, by position: a body of members is an object.
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    is_object.then(|| serde_json::from_slice(body).ok())?
}

/// Hands each member of an object on, undecoded.
///
/// # Errors
///
/// The body is not JSON, or not an object.
pub fn members(body: &[u8], feed: &mut dyn FnMut(&str, &RawValue)) -> Result<(), FieldError> {
    struct Members<'f>(&'f mut dyn FnMut(&str, &RawValue));

    impl<'de> Visitor<'de> for Members<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some((key, raw)) = map.next_entry::<String, &'de RawValue>()? {
                (self.0)(&key, raw);
            }
            Ok(())
        }
    }

    // The whole text first: a fault of syntax behind the members is a fault of the body.
    let raw: &RawValue = serde_json::from_slice(body).map_err(malformed)?;
    raw.deserialize_map(Members(feed))
        .map_err(|error| FieldError::new(Source::Body, "", reason(&error.to_string()).0))
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

fn push_path(pointer: &mut String, path: &Path) {
    for segment in path {
        match segment {
            Segment::Seq { index } => push_segment(pointer, &index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => push_segment(pointer, key),
            Segment::Unknown => {}
        }
    }
}

fn read_raw<T: DeserializeOwned>(raw: &RawValue, pointer: &str) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(raw).map_err(|error| {
        let mut pointer = pointer.to_owned();
        push_path(&mut pointer, error.path());
        let (fault, member) = reason(&error.inner().to_string());
        if let Some(member) = member {
            push_segment(&mut pointer, &member);
        }
        FieldError::new(Source::Body, pointer, fault)
    })
}

fn malformed(error: serde_json::Error) -> FieldError {
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
fn reason(message: &str) -> (Fault, Option<String>) {
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
