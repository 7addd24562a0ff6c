//! Percent-encoding per component; WrittenBody: the body and its multipart encoding.

use std::hash::{BuildHasher, Hasher, RandomState};

use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem::Finder;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// The written body; the first kind that is present is sent.
#[derive(Debug, Default)]
pub(crate) struct WrittenBody {
    pub(crate) whole: Option<(HeaderValue, Bytes)>,
    /// The members of a JSON object, without the braces.
    pub(crate) members: Option<Vec<u8>>,
    pub(crate) parts: Option<Vec<WrittenPart>>,
    pub(crate) form: Option<String>,
}

/// One part of a multipart body.
#[derive(Debug)]
pub(crate) struct WrittenPart {
    pub(crate) name: String,
    pub(crate) file: Option<String>,
    pub(crate) kind: Option<HeaderValue>,
    pub(crate) content: Bytes,
}

impl WrittenBody {
    /// Returns the bytes and the content type, if there is a body.
    pub(crate) fn finish(self) -> Option<(HeaderValue, Bytes)> {
        if let Some(parts) = self.parts.filter(|_| self.whole.is_none() && self.members.is_none()) {
            return Some(multipart(&parts));
        }
        let members = self.members.map(|members| (JSON, [b"{", &*members, b"}"].concat().into()));
        let form = self.form.map(|form| (FORM, form.into()));
        self.whole.or(members).or(form)
    }
}

/// Encodes parts (RFC 7578).
fn multipart(parts: &[WrittenPart]) -> (HeaderValue, Bytes) {
    let (boundary, kind) = boundary(parts);
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        let name = format!("Content-Disposition: form-data; name=\"{}\"", part.name);
        body.extend_from_slice(name.as_bytes());
        if let Some(file) = &part.file {
            body.extend_from_slice(format!("; filename=\"{file}\"").as_bytes());
        }
        if let Some(kind) = &part.kind {
            body.extend_from_slice(b"\r\nContent-Type: ");
            body.extend_from_slice(kind.as_bytes());
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&part.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (kind, body.into())
}

/// Returns a boundary that no part contains, with its content type.
///
/// It is random: content could be made to contain a predictable one.
fn boundary(parts: &[WrittenPart]) -> (String, HeaderValue) {
    loop {
        // Every state of the standard library has a random key.
        let [one, other] = [(); 2].map(|()| RandomState::new().build_hasher().finish());
        let boundary = format!("waylay-{one:016x}{other:016x}");
        let kind = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"));
        let finder = Finder::new(&boundary);
        let is_held = parts.iter().any(|part| finder.find(&part.content).is_some());
        if let (Ok(kind), false) = (kind, is_held) {
            return (boundary, kind);
        }
    }
}

/// RFC 3986, 3.3: all but `pchar`; `/` separates segments.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// WHATWG URL, `application/x-www-form-urlencoded` percent-encode set; a space becomes `+`.
const FORM_SET: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').add(b' ');

/// RFC 6265, 4.1.1: all but `cookie-octet`, and `%`, since the server decodes.
const COOKIE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// Appends text to one segment of a path.
pub(crate) fn push_segment(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, SEGMENT));
}

/// Appends a key and a value, or a key alone, to a query or a form.
pub(crate) fn push_pair(out: &mut String, key: &str, value: Option<&str>) {
    if !out.is_empty() {
        out.push('&');
    }
    push_form(out, key);
    if let Some(value) = value {
        out.push('=');
        push_form(out, value);
    }
}

fn push_form(out: &mut String, text: &str) {
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push('+');
        }
        out.extend(utf8_percent_encode(word, FORM_SET));
    }
}

/// Appends a cookie to a `Cookie` line; `raw`: without encoding.
pub(crate) fn push_cookie(out: &mut String, name: &str, value: &str, raw: bool) {
    if !out.is_empty() {
        out.push_str("; ");
    }
    out.push_str(name);
    out.push('=');
    if raw {
        out.push_str(value);
    } else {
        out.extend(utf8_percent_encode(value, COOKIE));
    }
}

/// Tests whether all bytes are `cookie-octet`s, which need no encoding.
pub(crate) fn is_cookie(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e))
}
