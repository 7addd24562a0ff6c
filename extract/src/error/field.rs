//! FieldError: one error of one field, with its Code and Location.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use http::StatusCode;
use http_body_util::LengthLimitError;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use waylay_template::OneLine;

use crate::text::from_text::TextError;

/// The kind of a [`FieldError`].
///
/// ```
/// use waylay_extract::Code;
///
/// assert_eq!(Code::TooLarge.as_str(), "too_large");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// A required value is missing.
    Missing,
    /// The type of the field does not accept the value.
    Invalid,
    /// A single value is repeated.
    Duplicate,
    /// A list has more items than `max_items`, or the query or body more values than `max_params`.
    TooMany,
    /// A list has fewer items than `min_items`.
    TooFew,
    /// A value is longer than the field's `limit`.
    TooLong,
    /// No field reads the key, and `deny_unknown` rejects it.
    Unknown,
    /// The validation of the struct rejects the value.
    Validation,
    /// A `%` without two hexadecimal digits.
    InvalidEscape,
    /// The value is not UTF-8.
    InvalidUtf8,
    /// The body is not valid JSON, form or multipart.
    Malformed,
    /// The body could not be read completely.
    Unreadable,
    /// The struct does not read this content type.
    UnsupportedMediaType,
    /// The body, or a part of it, is larger than its `limit`.
    TooLarge,
}

impl Code {
    /// Returns the code as problem documents contain it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
            Self::TooMany => "too_many",
            Self::TooFew => "too_few",
            Self::TooLong => "too_long",
            Self::Unknown => "unknown",
            Self::Validation => "failed_check",
            Self::InvalidEscape => "bad_escape",
            Self::InvalidUtf8 => "bad_utf8",
            Self::Malformed => "malformed",
            Self::Unreadable => "unreadable",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of a value, without the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    pub(crate) code: Code,
    pub(crate) detail: Cow<'static, str>,
    /// The rejected value, if the struct allows it.
    pub(crate) value: Option<Box<str>>,
}

/// Maximum characters of a value in an error.
const SHOWN: usize = 64;

impl ValueError {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        Self { code, detail, value: None }
    }

    /// Adds the start of the rejected value.
    pub(crate) fn showing(mut self, value: &str) -> Self {
        self.value = Some(value.chars().take(SHOWN).collect());
        self
    }

    pub(crate) fn missing() -> Self {
        Self::new(Code::Missing, "expected a value")
    }

    pub(crate) fn duplicate() -> Self {
        Self::new(Code::Duplicate, "expected one value, not several")
    }
}

impl From<TextError> for ValueError {
    fn from(error: TextError) -> Self {
        Self::new(Code::Invalid, error.to_string())
    }
}

/// One error of one field.
///
/// It does not quote the value, since responses and logs may be read by others than the sender.
///
/// ```
/// use http::Request;
/// use waylay_extract::{Code, Extract, Location};
///
/// #[derive(Debug, Extract)]
/// struct Page {
///     #[query]
///     number: u16,
/// }
///
/// let (parts, ()) = Request::get("/?number=no").body(()).unwrap().into_parts();
/// let rejection = Page::extract_parts(&parts, &[]).unwrap_err();
/// let error = &rejection.errors()[0];
/// assert_eq!(error.location(), Location::Query);
/// assert_eq!(error.name(), Some("number"));
/// assert_eq!(error.code(), Code::Invalid);
/// assert_eq!(error.detail(), "expected an integer from 0 to 65535");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    location: Location,
    name: Cow<'static, str>,
    error: ValueError,
}

impl FieldError {
    pub(crate) fn new(location: Location, name: impl Into<Cow<'static, str>>, error: ValueError) -> Self {
        let name = name.into();
        Self { location, name, error }
    }

    pub(crate) fn body(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Location::Body, "", ValueError::new(code, detail))
    }

    /// Returns an error of a JSON member.
    pub(crate) fn member(key: &str, code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        // RFC 6901, 3: a pointer escapes `~` and `/`.
        let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        Self::new(Location::Body, pointer, ValueError::new(code, detail))
    }

    /// Returns the part of the request.
    pub fn location(&self) -> Location {
        self.location
    }

    /// Returns the variable, key, header or cookie; `None` for the body, which has a [`pointer`](Self::pointer).
    pub fn name(&self) -> Option<&str> {
        (self.location != Location::Body).then_some(&*self.name)
    }

    /// Returns the JSON pointer (RFC 6901) into the body, empty for the whole; `None` for other locations.
    pub fn pointer(&self) -> Option<&str> {
        (self.location == Location::Body).then_some(&*self.name)
    }

    /// Returns the kind of the error.
    pub fn code(&self) -> Code {
        self.error.code
    }

    /// Returns the message.
    pub fn detail(&self) -> &str {
        &self.error.detail
    }

    /// Returns the first 64 characters of the value, if the struct has the option `echo` and the field
    /// not `redact`.
    pub fn value(&self) -> Option<&str> {
        self.error.value.as_deref()
    }

    /// Adds the prefix of a flattened struct to the name.
    ///
    /// An error of the whole body has no name.
    pub(crate) fn prefix(&mut self, prefix: &str) {
        let name = &self.name;
        self.name = match self.location {
            Location::Path | Location::Header => return,
            Location::Body => match name.strip_prefix('/') {
                Some(member) => format!("/{prefix}{member}").into(),
                None => return,
            },
            _ => format!("{prefix}{name}").into(),
        };
    }

    /// Returns the status of a response with this error alone.
    pub fn status(&self) -> StatusCode {
        match (self.location, self.error.code) {
            (_, Code::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            (_, Code::UnsupportedMediaType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            // An absent body is missing like a query key, not undecodable.
            (Location::Body, Code::Missing) if self.name.is_empty() => StatusCode::BAD_REQUEST,
            (_, Code::Validation) => StatusCode::UNPROCESSABLE_ENTITY,
            (
                Location::Body,
                Code::Missing | Code::Invalid | Code::Duplicate | Code::TooMany | Code::Unknown,
            )
            | (Location::Form | Location::Part, _) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location)?;
        if !self.name.is_empty() {
            write!(f, " `{}`", OneLine(&self.name))?;
        }
        write!(f, ": {}", OneLine(&self.error.detail))
    }
}

impl Serialize for FieldError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let key = match self.location {
            Location::Body => "pointer",
            _ => "name",
        };
        let value = self.value();
        let mut map = serializer.serialize_map(Some(4 + usize::from(value.is_some())))?;
        map.serialize_entry("in", self.location.as_str())?;
        map.serialize_entry(key, &self.name)?;
        map.serialize_entry("code", self.error.code.as_str())?;
        map.serialize_entry("detail", &self.error.detail)?;
        if let Some(value) = value {
            map.serialize_entry("value", value)?;
        }
        map.end()
    }
}

/// The part of the request that contains a value.
///
/// Its text is the member `in` of an error in a problem document.
///
/// ```
/// use waylay_extract::Location;
///
/// assert_eq!(Location::Query.as_str(), "query");
/// assert_eq!(Location::Header.to_string(), "header");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Location {
    /// A variable of the route's path or host template.
    Path,
    /// A key of the query string.
    Query,
    /// A header.
    Header,
    /// A cookie of the `Cookie` header.
    Cookie,
    /// A key of an urlencoded form.
    Form,
    /// A part of a multipart body.
    Part,
    /// The body, whole or by member.
    Body,
}

impl Location {
    /// Returns the location as problem documents contain it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Form => "form",
            Self::Part => "part",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

pub(crate) fn too_large(limit: u64) -> FieldError {
    FieldError::body(Code::TooLarge, format!("expected at most {limit} bytes"))
}

pub(crate) fn unreadable() -> FieldError {
    FieldError::body(Code::Unreadable, "expected the body to its end")
}

/// Tests for an exceeded limit, of this crate or of an outer layer.
pub(crate) fn is_limit(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Code, FieldError, ValueError};
    use crate::error::field::Location;

    #[test]
    fn an_error_is_one_line() {
        let error = || ValueError::new(Code::Unknown, "no such key");
        for (name, shown) in [
            ("a\nb: sound", "query `a\\nb: sound`: no such key"),
            ("\u{1b}[2Jé\0", "query `\\u{1b}[2Jé\\u{0}`: no such key"),
            ("\\n é`", "query `\\n é``: no such key"),
        ] {
            assert_eq!(FieldError::new(Location::Query, name, error()).to_string(), shown);
        }
    }
}
