//! Path normalization; BadRequest.

use std::borrow::Cow;
use std::fmt;

use crate::request::policy::{AmbiguousPath, Policy};
use crate::template::encoding::{hex, is_path_byte, is_unreserved, push_escape};

/// The reason for rejecting a request, before any route is tested or while conditions read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BadRequest {
    /// A `%` without two hexadecimal digits after it (RFC 3986 §2.1).
    BadEscape,
    /// Escapes that are not UTF-8, where paths are decoded.
    NotUtf8,
    /// `%00` or another control character.
    Control,
    /// A `.` or `..` segment, encoded or not.
    DotSegment,
    /// A path of more than 65,535 bytes, as sent or in canonical form, or longer than
    /// [`MAX_MATCHED_BYTES`](crate::MAX_MATCHED_BYTES) where a pattern would read it: 414.
    PathTooLong,
    /// A query of more than 65,535 bytes, or values of one key longer than
    /// [`MAX_MATCHED_BYTES`](crate::MAX_MATCHED_BYTES) where a pattern would read them: 414.
    QueryTooLong,
    /// An empty segment, if the policy rejects them ([`EmptySegments`](crate::EmptySegments)).
    EmptySegment,
    /// `%2F`, if the policy rejects it ([`Policy::encoded_slashes`](crate::Policy::encoded_slashes)).
    EncodedSlash,
    /// A backslash, encoded or not, if the policy rejects it ([`Policy::backslashes`](crate::Policy::backslashes)).
    Backslash,
    /// A dot segment with parameters, if the policy rejects it ([`Policy::dot_parameters`](crate::Policy::dot_parameters)).
    DotParameter,
    /// A query of more than [`MAX_PAIRS`](crate::MAX_PAIRS) pairs where a condition reads one.
    TooManyPairs,
    /// Values of one header longer than [`MAX_MATCHED_BYTES`](crate::MAX_MATCHED_BYTES) where a condition would search them:
    /// 431.
    HeaderTooLong,
    /// More than [`MAX_PAIRS`](crate::MAX_PAIRS) cookies where a condition reads one: 431.
    TooManyCookies,
    /// A method longer than [`MAX_MATCHED_BYTES`](crate::MAX_MATCHED_BYTES) where a regex would read it.
    MethodTooLong,
    /// More than one `Host` line (RFC 9112 §3.2), or, from HTTP/2 on, a host other than that of `:authority`
    /// (RFC 9113 §8.3.1).
    SeveralHosts,
    /// A host with user information, an invalid port, or a character that is not allowed in host names.
    BadHost,
    /// No host, although the policy requires one.
    NoHost,
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadEscape => "`%` in the path is not followed by two hexadecimal digits",
            Self::NotUtf8 => "the decoded path is not UTF-8",
            Self::Control => "the path holds a control character",
            Self::DotSegment => "the path holds a dot segment",
            Self::PathTooLong => "the path is too long",
            Self::QueryTooLong => "the query is too long",
            Self::EmptySegment => "the path holds an empty segment",
            Self::EncodedSlash => "the path holds an encoded slash",
            Self::Backslash => "the path holds a backslash",
            Self::DotParameter => "the path holds a dot segment with parameters",
            Self::TooManyPairs => "the query has too many pairs",
            Self::HeaderTooLong => "a header is too long",
            Self::TooManyCookies => "the request has too many cookies",
            Self::MethodTooLong => "the method is too long",
            Self::SeveralHosts => "the request names more than one host",
            Self::BadHost => "the host is not valid",
            Self::NoHost => "the request names no host",
        })
    }
}

impl std::error::Error for BadRequest {}

const PLAIN: u8 = 0;

const REWRITE: u8 = 1;

const CONTROL: u8 = 2;

const DOT: u8 = 4;

/// The class of each byte; a path of plain bytes only is canonical.
const CLASS: [u8; 256] = {
    let mut class = [REWRITE; 256];
    let mut byte = 0u8;
    while byte < 128 {
        class[byte as usize] = if byte < 0x20 || byte == 0x7f {
            CONTROL
        } else if byte == b'.' {
            DOT
        } else if byte.is_ascii_alphanumeric() {
            PLAIN
        } else {
            match byte {
                b'-' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';'
                | b'=' | b':' | b'@' | b'/' => PLAIN,
                _ => REWRITE,
            }
        };
        byte += 1;
    }
    class
};

/// Returns the canonical path; borrowed if it is canonical already.
#[inline(always)]
pub(crate) fn canonical(path: &str) -> Result<Cow<'_, str>, BadRequest> {
    let (path, dots) = normalize(path)?;
    if dots && has_dot_segment(&path) {
        return Err(BadRequest::DotSegment);
    }
    Ok(path)
}

/// Returns the canonical path without a test for dot segments, and whether there may be any.
#[inline]
pub(crate) fn normalize(path: &str) -> Result<(Cow<'_, str>, bool), BadRequest> {
    let seen = path.bytes().fold(PLAIN, |seen, byte| seen | CLASS[usize::from(byte)]);
    if seen & CONTROL != 0 {
        return Err(BadRequest::Control);
    }
    let path = if seen & REWRITE == 0 { Cow::Borrowed(path) } else { Cow::Owned(rewrite(path)?) };
    Ok((path, seen & (DOT | REWRITE) != 0))
}

/// Returns a `Location` of a path and a query: one leading slash, and no byte that a client could read as the start of
/// another host (`//host`, `/\host`). Every redirect is built here.
pub(crate) fn location(path: &str, query: Option<&str>) -> String {
    let mut target = String::with_capacity(path.len() + 8);
    target.push('/');
    push_escaped(path.trim_start_matches('/'), &mut target);
    if let Some(query) = query {
        target.push('?');
        for &byte in query.as_bytes() {
            if byte.is_ascii_graphic() && byte != b'#' {
                target.push(char::from(byte));
            } else {
                push_escape(&mut target, byte);
            }
        }
    }
    target
}

/// Returns a path with its escapes, in which every other byte that has to be is escaped.
pub(crate) fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    push_escaped(path, &mut out);
    out
}

fn push_escaped(path: &str, out: &mut String) {
    let bytes = path.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let digit = |offset: usize| bytes.get(at + offset).copied().and_then(hex);
        let is_escape = byte == b'%' && digit(1).and(digit(2)).is_some();
        if is_escape || is_path_byte(byte) {
            out.push(char::from(byte));
        } else {
            push_escape(out, byte);
        }
    }
}

/// Tests whether a segment is `.` or `..`.
pub(crate) fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Rejects a raw path that the policy does not accept, because another program may read it differently.
pub(crate) fn check_spelling(path: &str, policy: Policy) -> Result<(), BadRequest> {
    let is_rejected = |setting: AmbiguousPath| setting == AmbiguousPath::Reject;
    if is_rejected(policy.encoded_slashes) && has_escape(path, b"2f") {
        return Err(BadRequest::EncodedSlash);
    }
    if is_rejected(policy.backslashes) && (path.contains('\\') || has_escape(path, b"5c")) {
        return Err(BadRequest::Backslash);
    }
    if is_rejected(policy.dot_parameters) && has_dot_parameter(path) {
        return Err(BadRequest::DotParameter);
    }
    Ok(())
}

/// Tests whether a path has the escape of two lower-case hexadecimal digits.
fn has_escape(path: &str, digits: &[u8; 2]) -> bool {
    path.as_bytes().windows(3).any(|bytes| bytes[0] == b'%' && bytes[1..].eq_ignore_ascii_case(digits))
}

/// Tests whether a segment is one or two dots before a `;`, in any spelling. What another program may read as a slash ends
/// a segment too.
fn has_dot_parameter(path: &str) -> bool {
    if !path.contains(';') && !has_escape(path, b"3b") {
        return false;
    }
    let decoded: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
    decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or(segment);
        name.len() < segment.len() && matches!(name, b"." | b"..")
    })
}

/// Returns a path without its empty segments; a final slash stays.
pub(crate) fn merged(path: Cow<'_, str>) -> Cow<'_, str> {
    if !path.contains("//") {
        return path;
    }
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Rejects a target whose ranges would not fit, whatever the length that `http` allows.
pub(crate) fn check_length(path: &str, query: Option<&str>) -> Result<(), BadRequest> {
    let is_long = |text: &str| text.len() > usize::from(u16::MAX);
    match query {
        _ if is_long(path) => Err(BadRequest::PathTooLong),
        Some(query) if is_long(query) => Err(BadRequest::QueryTooLong),
        _ => Ok(()),
    }
}

fn rewrite(path: &str) -> Result<String, BadRequest> {
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(path.len() + 16);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let digit = |offset: usize| bytes.get(at + offset).copied().and_then(hex);
            let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                return Err(BadRequest::BadEscape);
            };
            let value = high << 4 | low;
            if value < 0x20 || value == 0x7f {
                return Err(BadRequest::Control);
            }
            if is_unreserved(value) {
                out.push(char::from(value));
            } else {
                push_escape(&mut out, value);
            }
            at += 3;
        } else {
            if is_path_byte(byte) {
                out.push(char::from(byte));
            } else {
                push_escape(&mut out, byte);
            }
            at += 1;
        }
    }
    if out.len() > usize::from(u16::MAX) {
        return Err(BadRequest::PathTooLong);
    }
    Ok(out)
}

/// Go's `path.Clean` as gorilla/mux calls it: dot segments are resolved, doubled slashes merged, a final
/// slash kept.
pub(crate) fn cleaned(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = String::from("/");
    out.push_str(&kept.join("/"));
    if path.ends_with('/') && out.len() > 1 {
        out.push('/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::scan::ScannedText;

    #[test]
    fn one_spelling() {
        for (given, wanted) in [
            ("/a/b.png", Ok("/a/b.png")),
            ("/%61%2d%7E", Ok("/a-~")),
            ("/caf\u{e9}", Ok("/caf%C3%A9")),
            ("/caf%c3%a9", Ok("/caf%C3%A9")),
            ("/a%2fb", Ok("/a%2Fb")),
            ("/a\"b", Ok("/a%22b")),
            ("/a!b", Ok("/a!b")),
            ("/a%21b", Ok("/a%21b")),
            ("/a//b/", Ok("/a//b/")),
            ("*", Ok("*")),
            ("", Ok("")),
            ("/...", Ok("/...")),
            ("/%zz", Err(BadRequest::BadEscape)),
            ("/%4", Err(BadRequest::BadEscape)),
            ("/%", Err(BadRequest::BadEscape)),
            ("/%00", Err(BadRequest::Control)),
            ("/%7f", Err(BadRequest::Control)),
            ("/a/../b", Err(BadRequest::DotSegment)),
            ("/a/.", Err(BadRequest::DotSegment)),
            ("/%2e%2E/b", Err(BadRequest::DotSegment)),
            ("/.%2e", Err(BadRequest::DotSegment)),
        ] {
            assert_eq!(canonical(given).as_deref(), wanted.as_ref().map(|text| *text), "{given}");
        }
    }

    /// Whatever `http` accepts: its newest version has a limit of 65,534 bytes for both together, older ones have none for
    /// a target that is put together.
    #[test]
    fn lengths() {
        let text = |length: usize| "a".repeat(length);
        let most = usize::from(u16::MAX);
        for (path, query, expected) in [
            (most, None, Ok(())),
            (most, Some(most), Ok(())),
            (most + 1, None, Err(BadRequest::PathTooLong)),
            (most + 1, Some(most + 1), Err(BadRequest::PathTooLong)),
            (1, Some(most + 1), Err(BadRequest::QueryTooLong)),
        ] {
            assert_eq!(check_length(&text(path), query.map(text).as_deref()), expected);
        }
    }

    #[test]
    fn locations() {
        for (path, query, wanted) in [
            ("/a/b", Some("c=/d?e"), "/a/b?c=/d?e"),
            ("//evil.example/x", None, "/evil.example/x"),
            ("/\\evil.example/x/", None, "/%5Cevil.example/x/"),
            ("\\\\evil.example", None, "/%5C%5Cevil.example"),
            ("/a%5cb%2F%zz%", None, "/a%5cb%2F%25zz%25"),
            ("/caf\u{e9} \t", Some("\u{e9}#\\"), "/caf%C3%A9%20%09?%C3%A9%23\\"),
            ("", None, "/"),
            ("*", None, "/*"),
        ] {
            assert_eq!(location(path, query), wanted, "{path}");
        }
    }

    #[test]
    fn canonical_paths_are_those_that_need_no_rewrite() {
        for byte in 1..=char::MAX as u32 {
            let Some(byte) = char::from_u32(byte).filter(|char| *char < '\u{100}') else { continue };
            for before in 0..70 {
                let path = format!("/{}{byte}b", "a".repeat(before));
                if let Some(text) = ScannedText::canonical(&path) {
                    assert_eq!(text.bytes(), path.as_bytes());
                    assert!(matches!(canonical(&path), Ok(Cow::Borrowed(_))), "{path}");
                } else {
                    let is_common = byte.is_ascii_alphanumeric() || "/_-~".contains(byte);
                    assert!(!is_common || (byte == '.' && before > 0), "{path}");
                }
            }
        }
        for path in ["/.", "/..", "/a/../b", "/%2e", "/a/b/c/d/e/f/g/h/i/j/./k"] {
            assert!(ScannedText::canonical(path).is_none(), "{path}");
        }
    }

    #[test]
    fn cleaned_as_go_does() {
        for (given, wanted) in [
            ("/a/b/.", "/a/b"),
            ("//a///b/", "/a/b/"),
            ("/../x", "/x"),
            ("/a/..", "/"),
            ("/", "/"),
            ("", "/"),
        ] {
            assert_eq!(cleaned(given), wanted, "{given}");
        }
    }
}
