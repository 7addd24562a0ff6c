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
/// The most specific range that contains a type has its quality (RFC 9110, 12.5.1). The `*/*` of a browser
/// contains both and counts for JSON.
pub(crate) fn prefers_plain(headers: &HeaderMap) -> bool {
    // How specific the best range is, and its quality.
    let mut plain = (0, 0.0f32);
    let mut json = (0, 0.0f32);
    for line in headers.get_all(ACCEPT) {
        for range in line.to_str().unwrap_or_default().split(',') {
            let mut words = range.split(';').map(str::trim);
            let essence = words.next().unwrap_or_default().to_ascii_lowercase();
            let quality = words.find_map(|word| word.strip_prefix("q=").or(word.strip_prefix("Q=")));
            let quality = quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
            let (of_plain, of_json) = match &*essence {
                "*/*" => (1, 1),
                "text/*" => (2, 0),
                "application/*" => (0, 2),
                "text/plain" => (3, 0),
                // Other names of JSON are taken for that of a problem.
                _ if essence.ends_with("json") => (0, 3),
                _ => (0, 0),
            };
            for (best, specific) in [(&mut plain, of_plain), (&mut json, of_json)] {
                let is_better = specific > best.0 || (specific == best.0 && quality > best.1);
                if specific > 0 && is_better {
                    *best = (specific, quality);
                }
            }
        }
    }
    plain.1 > json.1
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
    /// A body without a content type is of the first type that is read.
    pub untyped: bool,
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
        untyped: false,
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

    /// Returns the kind of a body without a content type, if a kind needs no parameter such as a boundary.
    pub(crate) fn first_kind(&self) -> BodyKind {
        let kinds = [(self.json, BodyKind::Json), (self.form, BodyKind::Form), (self.text, BodyKind::Text)];
        kinds.into_iter().find_map(|(is_read, kind)| is_read.then_some(kind)).unwrap_or(BodyKind::Other)
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
