//! fill: a path from its template and the values of its variables.
//!
//! A value has to be read by the router as the same one. Only the shape of the template matters here:
//! the router checks what the regex of a variable accepts.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use waylay_template::{Scanner, TemplateError, TemplateErrorKind, Token, VariableToken};

use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::write::encoding::push_segment;

/// The value of a variable.
#[derive(Debug, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Whether the text is encoded already.
    pub(crate) raw: bool,
}

/// An error of `fill`.
#[derive(Debug)]
pub(crate) enum FillError {
    /// The template is invalid.
    Template(TemplateError),
    /// Values are missing, or would be read as others.
    Values(Vec<FieldError>),
}

/// Returns the path of a template with the values in place of its variables.
pub(crate) fn fill(template: &str, values: &[Param]) -> Result<String, FillError> {
    let invalid = |kind, span| FillError::Template(TemplateError { kind, text: template.to_owned(), span });
    if !template.starts_with('/') {
        return Err(invalid(TemplateErrorKind::NoLeadingSlash, 0..0));
    }
    let mut path = String::with_capacity(template.len() + 16);
    let mut errors = Vec::new();
    for token in Scanner::new(template) {
        let variable = match token.map_err(FillError::Template)? {
            Token::Text(text) => {
                push_literal(&mut path, text);
                continue;
            }
            Token::Variable(variable) => variable,
        };
        if variable.is_tail && variable.span.end != template.len() {
            return Err(invalid(TemplateErrorKind::TailNotLast, variable.span));
        }
        match values.iter().find(|value| value.name == variable.name) {
            Some(value) => match rejection_reason(template, &variable, value) {
                None if value.raw => path.push_str(&value.text),
                None if variable.is_tail => push_literal(&mut path, &value.text),
                None => push_segment(&mut path, &value.text),
                Some(detail) => errors.push(path_error(variable.name, Code::Invalid, detail)),
            },
            // The slash before it is removed as well, except for that of the root.
            None if variable.is_optional => path.truncate(path.len().saturating_sub(1).max(1)),
            None => errors.push(path_error(variable.name, Code::Missing, "no field has this variable")),
        }
    }
    if errors.is_empty() { Ok(path) } else { Err(FillError::Values(errors)) }
}

fn path_error(name: &str, code: Code, detail: &'static str) -> FieldError {
    FieldError::new(Location::Path, name.to_owned(), ValueError::new(code, detail))
}

/// Appends text whose slashes separate segments.
fn push_literal(path: &mut String, text: &str) {
    for (place, segment) in text.split('/').enumerate() {
        if place > 0 {
            path.push('/');
        }
        push_segment(path, segment);
    }
}

/// Returns why the server would not read the same value.
fn rejection_reason(template: &str, variable: &VariableToken<'_>, value: &Param) -> Option<&'static str> {
    if value.raw && !is_path(&value.text, variable.is_tail) {
        return Some("expected a part of a path with its escapes");
    }
    let value = &*decoded(value);
    if value.is_empty() {
        return Some("expected a value that is not empty");
    }
    if value.chars().any(|c| c.is_ascii_control()) {
        return Some("expected no control character");
    }
    let is_dots = |segment: &str| matches!(segment, "." | "..");
    if variable.is_tail {
        // Some servers keep empty segments and others drop them.
        let odd = |segment: &str| segment.is_empty() || is_dots(segment);
        return value.split('/').any(odd).then_some("expected segments that are neither empty nor dots");
    }
    let before = template[..variable.span.start].rsplit('/').next().unwrap_or_default();
    let behind = template[variable.span.end..].split('/').next().unwrap_or_default();
    let dots = [before, value, behind].iter().all(|part| part.bytes().all(|byte| byte == b'.'));
    if dots && before.len() + value.len() + behind.len() <= 2 {
        return Some("expected no dot segment");
    }
    is_ambiguous(before, behind, value)
        .then_some("expected none of the characters that separate the variables of this segment")
}

/// Returns the decoded value.
pub(crate) fn decoded(value: &Param) -> Cow<'_, str> {
    if value.raw { percent_decode_str(&value.text).decode_utf8_lossy() } else { Cow::Borrowed(&value.text) }
}

/// Tests whether a raw value is part of a normalized path; `tail`: slashes separate its segments.
fn is_path(text: &str, tail: bool) -> bool {
    let mut plain = String::with_capacity(text.len());
    for (place, part) in text.split('%').enumerate() {
        let rest = if place == 0 { Some(part) } else { part.get(2..) };
        let digits = place == 0 || part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        match rest {
            Some(rest) if digits => plain.push_str(rest),
            _ => return false,
        }
    }
    let mut encoded = String::with_capacity(plain.len());
    match tail {
        true => push_literal(&mut encoded, &plain),
        false => push_segment(&mut encoded, &plain),
    }
    encoded == plain
}

/// Tests whether the value contains a character of the text between the variables of its segment: the
/// server may split the segment at another position.
fn is_ambiguous(before: &str, behind: &str, value: &str) -> bool {
    let last = before.rsplit_once('}').map(|(_, text)| text);
    let next = behind.split_once('{').map(|(text, _)| text);
    [last, next].into_iter().flatten().any(|text| text.contains(|c| value.contains(c)))
}
