//! BodyKind and BodyPlan: content types, and which of them a struct reads.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

/// How a body is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// `application/json`, or a subtype whose last suffix is `+json` (RFC 6839, 3.1).
    Json,
    /// `application/x-www-form-urlencoded` (WHATWG URL, 5).
    Form,
    /// `multipart/form-data` (RFC 7578).
    Multipart,
    /// `text/*`
    Text,
    /// Any other type, or no content type.
    Other,
}

/// Returns the media type of the body without parameters; empty if the header is missing or not text.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// Returns the kind of the body according to its content type.
pub(crate) fn kind(headers: &HeaderMap) -> BodyKind {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return BodyKind::Other;
    };
    // Nearly every request has this value.
    if value == "application/json" {
        return BodyKind::Json;
    }
    let (kind, subtype) = media_type(headers).split_once('/').unwrap_or_default();
    let suffix = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
    let is = |wanted: &str, word: &str| word.eq_ignore_ascii_case(wanted);
    match kind {
        _ if is("application", kind) && is("json", suffix) => BodyKind::Json,
        _ if is("application", kind) && is("x-www-form-urlencoded", subtype) => BodyKind::Form,
        _ if is("multipart", kind) && is("form-data", subtype) => BodyKind::Multipart,
        _ if is("text", kind) && !subtype.is_empty() => BodyKind::Text,
        _ => BodyKind::Other,
    }
}

/// Tests whether the body is JSON: `application/json`, or a subtype with the suffix `+json` (RFC 6839, 3.1).
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    kind(headers) == BodyKind::Json
}

/// Tests whether the client prefers plain text to JSON.
///
/// The `*/*` of a browser counts for JSON.
pub(crate) fn prefers_plain(headers: &HeaderMap) -> bool {
    let mut plain = 0.0f32;
    let mut json = 0.0f32;
    for line in headers.get_all(ACCEPT) {
        for range in line.to_str().unwrap_or_default().split(',') {
            let mut words = range.split(';').map(str::trim);
            let essence = words.next().unwrap_or_default();
            let quality =
                words.find_map(|word| word.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
            let quality: f32 = quality.unwrap_or(0.0);
            if essence.eq_ignore_ascii_case("text/plain") {
                plain = plain.max(quality);
            } else if essence == "*/*" || essence.to_ascii_lowercase().ends_with("json") {
                json = json.max(quality);
            }
        }
    }
    plain > json
}

/// Which bodies a struct reads, and how.
#[derive(Clone, Copy, Debug)]
pub struct BodyPlan {
    /// JSON, whole or by member.
    pub json: bool,
    /// JSON by member.
    pub members: bool,
    /// Further content types of JSON.
    pub accept: &'static [&'static str],
    /// An urlencoded form, whole or by key.
    pub form: bool,
    /// A form by key.
    pub pairs: bool,
    /// Multipart.
    pub multipart: bool,
    /// Text, for content types of `text/*` only.
    pub text: bool,
    /// Text or bytes, for any content type.
    pub any: bool,
    /// The body is not read here.
    pub stream: bool,
    /// Maximum bytes.
    pub limit: u64,
    /// Maximum pairs, members or parts.
    pub max_params: usize,
    /// An unknown pair is an error.
    pub deny_form: bool,
    /// An unknown member is an error.
    pub deny_json: bool,
    /// An unknown part is an error.
    pub deny_part: bool,
}

impl BodyPlan {
    /// Reads no body.
    pub const NONE: Self = Self {
        json: false,
        members: false,
        accept: &[],
        form: false,
        pairs: false,
        multipart: false,
        text: false,
        any: false,
        stream: false,
        limit: 0,
        max_params: 1000,
        deny_form: false,
        deny_json: false,
        deny_part: false,
    };

    /// Tests whether the body is read.
    pub const fn reads(self) -> bool {
        self.json | self.form | self.multipart | self.text | self.any | self.stream
    }

    /// Adds what a flattened struct reads; limits and rules stay those of the outer struct.
    pub const fn join(self, inner: Self) -> Self {
        Self {
            json: self.json | inner.json,
            members: self.members | inner.members,
            form: self.form | inner.form,
            pairs: self.pairs | inner.pairs,
            multipart: self.multipart | inner.multipart,
            text: self.text | inner.text,
            any: self.any | inner.any,
            stream: self.stream | inner.stream,
            ..self
        }
    }

    /// Tests whether the body is decoded in one way only.
    pub const fn is_consistent(self) -> bool {
        let parts = self.multipart & !self.stream;
        let members = self.json as u8 + (self.form | parts) as u8 + self.stream as u8;
        members <= 1
    }

    /// Returns the content types in the form of a header value.
    pub(crate) fn accepts(&self) -> String {
        let types = [
            (self.json, "application/json"),
            (self.form, "application/x-www-form-urlencoded"),
            (self.multipart, "multipart/form-data"),
            (self.text, "text/plain"),
        ];
        let types = types.iter().filter(|(read, _)| *read).map(|(_, name)| *name);
        types.chain(self.accept.iter().copied()).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn reads_kind(&self, kind: BodyKind) -> bool {
        match kind {
            BodyKind::Json => self.json,
            BodyKind::Form => self.form,
            BodyKind::Multipart => self.multipart,
            BodyKind::Text => self.text,
            BodyKind::Other => false,
        }
    }

    /// Tests whether the content type matters.
    pub(crate) fn checks_content_type(&self) -> bool {
        self.json | self.form | self.multipart | self.text
    }
}
