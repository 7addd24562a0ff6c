//! A body while it is written: the whole, members of a JSON object or of a form, or parts.

use std::hash::{BuildHasher, Hasher, RandomState};

use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem::Finder;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// What has been written of a body; the first kind that is there is the body.
#[derive(Debug, Default)]
pub(crate) struct OutBody {
    pub(crate) whole: Option<(HeaderValue, Bytes)>,
    /// The members of a JSON object so far, without the braces.
    pub(crate) members: Option<Vec<u8>>,
    pub(crate) parts: Option<Vec<OutPart>>,
    pub(crate) form: Option<String>,
}

/// One part of a multipart body.
#[derive(Debug)]
pub(crate) struct OutPart {
    pub(crate) name: String,
    pub(crate) file: Option<String>,
    pub(crate) kind: Option<HeaderValue>,
    pub(crate) content: Bytes,
}

impl OutBody {
    /// Its bytes with their content type, if there is a body.
    pub(crate) fn finish(self) -> Option<(HeaderValue, Bytes)> {
        if let Some(parts) = self.parts.filter(|_| self.whole.is_none() && self.members.is_none()) {
            return Some(multipart(&parts));
        }
        let members = self.members.map(|members| (JSON, [b"{", &*members, b"}"].concat().into()));
        let form = self.form.map(|form| (FORM, form.into()));
        self.whole.or(members).or(form)
    }
}

/// RFC 7578.
fn multipart(parts: &[OutPart]) -> (HeaderValue, Bytes) {
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

/// A boundary that no part holds, with the content type that names it.
///
/// Nobody can know it beforehand, or content would be made to hold every boundary that is tried.
fn boundary(parts: &[OutPart]) -> (String, HeaderValue) {
    loop {
        // Each is keyed anew by the standard library, as its maps are.
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
