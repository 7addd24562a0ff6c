//! Content types: what a body is, and what an answer may be.

use http::{
    HeaderMap,
    header::{ACCEPT, CONTENT_TYPE},
};

/// How a body is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `application/json`, or a subtype whose last suffix is `+json` (RFC 6839, 3.1).
    Json,
    /// `application/x-www-form-urlencoded` (WHATWG URL, 5).
    Form,
    /// `multipart/form-data` (RFC 7578).
    Multipart,
    /// `text/*`
    Text,
    /// Anything else, or nothing is said.
    Other,
}

/// Whether the body is of one of these types, written small and without parameters.
pub(crate) fn is_one_of(headers: &HeaderMap, types: &[&str]) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    types.iter().any(|kind| kind.eq_ignore_ascii_case(essence))
}

/// What the request says that its body is.
pub(crate) fn kind(headers: &HeaderMap) -> Kind {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Kind::Other;
    };
    // What nearly every request says.
    if value == "application/json" {
        return Kind::Json;
    }
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let (kind, subtype) = essence.trim().split_once('/').unwrap_or_default();
    let suffix = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
    let is = |wanted: &str, word: &str| word.eq_ignore_ascii_case(wanted);
    match kind {
        _ if is("application", kind) && is("json", suffix) => Kind::Json,
        _ if is("application", kind) && is("x-www-form-urlencoded", subtype) => Kind::Form,
        _ if is("multipart", kind) && is("form-data", subtype) => Kind::Multipart,
        _ if is("text", kind) && !subtype.is_empty() => Kind::Text,
        _ => Kind::Other,
    }
}

/// Whether plain text is asked for, and nothing that a problem is as well.
///
/// A browser's `*/*` is no such wish.
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
