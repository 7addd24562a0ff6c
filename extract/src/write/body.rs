//! RequestWriter: the methods that write bodies.

use bytes::Bytes;
#[cfg(feature = "headers")]
use headers::Header;
use http::HeaderValue;
use memchr::memmem;
use serde::Serialize;

use crate::error::field::{Code, FieldError, Location, ValueError};
#[cfg(feature = "multipart")]
use crate::field::upload::{Content, Upload};
#[cfg(all(feature = "form", feature = "multipart"))]
use crate::field::value::Pairs;
use crate::text::dispatch::TextResult;
#[cfg(all(feature = "form", feature = "multipart"))]
use crate::text::from_text::TextError;
use crate::write::encoding::{WrittenPart, push_pair};
use crate::write::finite::check_finite;
use crate::write::writer::RequestWriter;

/// Writes a file as a part; a temporary file is read into memory.
#[cfg(feature = "multipart")]
pub fn write_upload(name: &str, upload: &Upload, writer: &mut RequestWriter) {
    let content = match &upload.content {
        Content::Memory(bytes) => bytes.clone(),
        Content::Disk(path) => match std::fs::read(path) {
            Ok(bytes) => bytes.into(),
            Err(_) => return writer.error(Location::Part, name, "expected a file that can be read"),
        },
    };
    writer.part_file(name, upload.file_name(), upload.content_type(), content);
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Whole bodies.
impl RequestWriter {
    /// Writes the whole body as JSON.
    pub fn json(&mut self, value: &(impl Serialize + ?Sized)) {
        if let Some(json) = self.json_of("", value) {
            self.body.whole = Some((JSON, json.into()));
        }
    }

    /// Writes the whole body as text.
    pub fn text_body(&mut self, text: TextResult<'_>) {
        if let Some(text) = self.text(Location::Body, "", text) {
            self.body.whole = Some((TEXT, text.into_owned().into()));
        }
    }

    /// Writes the body's bytes, unless another field writes the body.
    pub fn bytes(&mut self, bytes: Bytes) {
        self.body.whole.get_or_insert((BYTES, bytes));
    }
}

/// Values of an `Option`.
impl RequestWriter {
    /// Reports a body that is read as `None`.
    pub fn require_body(&mut self) {
        let is_none = match (&self.body.whole, &self.body.form) {
            (Some((kind, bytes)), _) => bytes.is_empty() || (kind == JSON && **bytes == *b"null"),
            (None, Some(form)) => form.is_empty(),
            (None, None) => false,
        };
        if is_none {
            self.error(
                Location::Body,
                "",
                "expected a value that is not empty: an empty one is read as none",
            );
        }
    }

    /// Reports the last member if it is read as `None`.
    pub fn require_member(&mut self, key: &str) {
        if self.body.members.as_deref().is_some_and(|members| members.ends_with(b":null")) {
            let detail = "expected a value that is not `null`, which is read as none";
            self.push_error(FieldError::member(&self.named(key), Code::Invalid, detail));
        }
    }
}

/// Members of a JSON object.
impl RequestWriter {
    /// Makes the body a JSON object, which may stay empty.
    pub fn members(&mut self) {
        self.body.members.get_or_insert_default();
    }

    /// Writes a member of the object.
    pub fn member(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        let key = self.named(key);
        let (Some(name), Some(json)) = (self.json_of("", &key), self.json_of(&key, value)) else {
            return;
        };
        let members = self.body.members.get_or_insert_default();
        if !members.is_empty() {
            members.push(b',');
        }
        members.extend_from_slice(&name);
        members.push(b':');
        members.extend_from_slice(&json);
    }

    /// Returns the value's JSON, or reports an error.
    fn json_of(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Option<Vec<u8>> {
        let error = match serde_json::to_vec(value) {
            // A float that is not finite is written as `null`, so JSON without `null` needs no search.
            Ok(json) if memmem::find(&json, b"null").is_none() => return Some(json),
            Ok(json) => match check_finite(value) {
                Ok(()) => return Some(json),
                Err(keys) => not_finite(key, &keys),
            },
            Err(error) => {
                let detail = format!("expected a value that JSON can represent: {error}");
                match key {
                    "" => FieldError::body(Code::Invalid, detail),
                    key => FieldError::member(key, Code::Invalid, detail),
                }
            }
        };
        self.push_error(error);
        None
    }
}

/// The error of a float in a JSON body, by the keys from the innermost up.
fn not_finite(key: &str, keys: &[String]) -> FieldError {
    let keys = keys.iter().rev().map(String::as_str);
    let path = Some(key).filter(|key| !key.is_empty()).into_iter().chain(keys);
    // RFC 6901, 3: the two letters that a pointer escapes.
    let pointer: String = path.map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect();
    FieldError::new(Location::Body, pointer, ValueError::new(Code::Invalid, "expected a finite number"))
}

/// Fields of a form; text parts if the body is multipart.
impl RequestWriter {
    /// Makes the body a form, which may stay empty.
    pub fn form_body(&mut self) {
        self.body.form.get_or_insert_default();
    }

    /// Writes a field of the form.
    pub fn form(&mut self, key: &str, text: TextResult<'_>) {
        let key = self.named(key);
        if let Some(text) = self.text(Location::Form, &key, text) {
            self.pair(&key, text.into_owned());
        }
    }

    /// Writes a key of the form without a value.
    pub fn form_flag(&mut self, key: &str) {
        let key = self.named(key);
        match self.body.parts {
            Some(_) => self.part(&key, None, None, "true".into()),
            None => push_pair(self.body.form.get_or_insert_default(), &key, None),
        }
    }

    /// Writes a list as one field of the form, with commas.
    pub fn form_csv<'v>(&mut self, key: &str, items: impl Iterator<Item = TextResult<'v>>) {
        let key = self.named(key);
        if let Some(text) = self.joined(Location::Form, &key, items) {
            self.pair(&key, text);
        }
    }

    /// Writes a value with nested keys, as [`query_nested`](Self::query_nested).
    pub fn form_nested(&mut self, key: &str, value: &(impl Serialize + ?Sized), dots: bool, required: bool) {
        self.nested(Location::Form, key, value, dots, required, |writer, key, text| {
            writer.pair(key, text.to_owned());
        });
    }

    /// Writes pairs that are encoded already.
    #[cfg(feature = "form")]
    pub(crate) fn form_pairs(&mut self, pairs: &str) {
        self.body.form.get_or_insert_default().push_str(pairs);
    }

    fn pair(&mut self, key: &str, text: String) {
        match self.body.parts {
            Some(_) => self.part(key, None, None, text.into()),
            None => push_pair(self.body.form.get_or_insert_default(), key, Some(&text)),
        }
    }
}

/// Parts of a multipart body.
impl RequestWriter {
    /// Makes the body multipart, possibly without parts.
    pub fn multipart(&mut self) {
        self.body.parts.get_or_insert_default();
    }

    /// Writes a text part.
    pub fn part_text(&mut self, name: &str, text: TextResult<'_>) {
        let name = self.named(name);
        if let Some(text) = self.text(Location::Part, &name, text) {
            self.part(&name, None, None, text.into_owned().into());
        }
    }

    /// Writes a JSON part.
    pub fn part_json(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        let name = self.named(name);
        if let Some(json) = self.json_of(&name, value) {
            self.part(&name, None, Some(JSON), json.into());
        }
    }

    /// Writes a binary part.
    pub fn part_bytes(&mut self, name: &str, bytes: &Bytes) {
        let name = self.named(name);
        self.part(&name, None, Some(BYTES), bytes.clone());
    }

    /// Writes a file part.
    #[cfg(feature = "multipart")]
    pub(crate) fn part_file(&mut self, name: &str, file: Option<&str>, kind: Option<&str>, content: Bytes) {
        let name = self.named(name);
        match kind.map(HeaderValue::try_from).transpose() {
            Ok(kind) => self.part(&name, file, kind, content),
            Err(_) => self.error(Location::Part, &name, "expected a content type"),
        }
    }

    /// Writes a part with its headers.
    fn part(&mut self, name: &str, file: Option<&str>, kind: Option<HeaderValue>, content: Bytes) {
        // Browsers escape these and servers do not decode them: they would be read as other names.
        let is_invalid = |c: char| c.is_ascii_control() || matches!(c, '"' | '\\');
        if name.contains(is_invalid) || file.is_some_and(|file| file.contains(is_invalid)) {
            self.error(
                Location::Part,
                name,
                "expected names without quotes, backslashes and control characters",
            );
            return;
        }
        // Browsers send this if no file was chosen.
        if file == Some("") && content.is_empty() {
            self.error(Location::Part, name, "expected a file with a name or a content");
            return;
        }
        let part = WrittenPart { name: name.to_owned(), file: file.map(str::to_owned), kind, content };
        self.body.parts.get_or_insert_default().push(part);
    }
}

/// Returns the pairs of a value, or reports an error.
#[cfg(feature = "form")]
fn pairs_of(value: &impl Serialize, location: Location, writer: &mut RequestWriter) -> Option<String> {
    if let Err(keys) = check_finite(value) {
        let key = keys.last().map(String::as_str).unwrap_or_default();
        writer.error(location, key, "expected a finite number");
        return None;
    }
    let pairs = serde_html_form::to_string(value).ok();
    if pairs.is_none() {
        writer.error(location, "", "expected a value that a form can represent");
    }
    pairs
}

/// Writes a value as pairs of the query.
#[cfg(feature = "form")]
pub fn write_query(value: &impl Serialize, writer: &mut RequestWriter) {
    if let Some(pairs) = pairs_of(value, Location::Query, writer) {
        writer.query_pairs(&pairs);
    }
}

/// Writes a value as the whole form.
#[cfg(feature = "form")]
pub fn write_form(value: &impl Serialize, writer: &mut RequestWriter) {
    if let Some(pairs) = pairs_of(value, Location::Form, writer) {
        writer.form_pairs(&pairs);
    }
}

/// Writes a value as text parts.
#[cfg(all(feature = "form", feature = "multipart"))]
pub fn write_parts(value: &impl Serialize, writer: &mut RequestWriter) {
    writer.multipart();
    let Some(pairs) = pairs_of(value, Location::Part, writer) else {
        return;
    };
    for (key, text) in Pairs::new(&pairs, usize::MAX) {
        writer.part_text(&key, text.decode().map_err(|_| TextError::expected("a text")));
    }
}

/// Writes the values of a typed header.
#[cfg(feature = "headers")]
pub fn write_typed<T: Header>(value: &T, writer: &mut RequestWriter) {
    let mut values = Vec::new();
    value.encode(&mut values);
    for value in &values {
        writer.header_value(T::name(), value);
    }
}
