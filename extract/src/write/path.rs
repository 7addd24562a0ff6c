//! A path from its template.
//!
//! The grammar is that of waylay's router, of which only names, tails and places matter here:
//! what a constraint accepts is the router's to say.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::error::field::{Code, FieldError, Location, ValueError};
use crate::write::encoding::push_segment;

/// A variable's value.
#[derive(Debug, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Whether the escapes are there already.
    pub(crate) raw: bool,
}

/// Why a template cannot be filled.
#[derive(Debug)]
pub(crate) enum FillError {
    /// The template itself is not one.
    Template(&'static str),
    /// Values are missing, or would not be read back.
    Values(Vec<FieldError>),
}

/// One variable of a template, by the places of its text.
struct Variable<'t> {
    name: &'t str,
    tail: bool,
    optional: bool,
    /// Where the text behind it goes on.
    end: usize,
}

/// The path that the template makes of the values.
pub(crate) fn fill(template: &str, values: &[Param]) -> Result<String, FillError> {
    if !template.starts_with('/') {
        return Err(FillError::Template("a path starts with `/`"));
    }
    let mut path = String::with_capacity(template.len() + 16);
    let mut errors = Vec::new();
    let mut at = 0;
    while let Some(found) = template[at..].find(['{', '}']) {
        let brace = at + found;
        push_literal(&mut path, &template[at..brace]);
        let rest = &template[brace..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            push_segment(&mut path, &rest[..1]);
            at = brace + 2;
            continue;
        }
        let variable = variable(template, brace)?;
        if variable.tail && variable.end != template.len() {
            return Err(FillError::Template("a tail stands last"));
        }
        match values.iter().find(|value| value.name == variable.name) {
            Some(value) => match refusal(template, brace, &variable, value) {
                None if value.raw => path.push_str(&value.text),
                None if variable.tail => push_literal(&mut path, &value.text),
                None => push_segment(&mut path, &value.text),
                Some(detail) => errors.push(path_error(variable.name, Code::Invalid, detail)),
            },
            // The slash before it goes as well, but for the root's.
            None if variable.optional => path.truncate(path.len().saturating_sub(1).max(1)),
            None => errors.push(path_error(variable.name, Code::Missing, "no field gives this variable")),
        }
        at = variable.end;
    }
    push_literal(&mut path, &template[at..]);
    if !errors.is_empty() {
        return Err(FillError::Values(errors));
    }
    Ok(path)
}

fn path_error(name: &str, code: Code, detail: &'static str) -> FieldError {
    FieldError::new(Location::Path, name.to_owned(), ValueError::new(code, detail))
}

/// Appends text whose slashes divide segments.
fn push_literal(path: &mut String, text: &str) {
    for (place, segment) in text.split('/').enumerate() {
        if place > 0 {
            path.push('/');
        }
        push_segment(path, segment);
    }
}

fn variable(template: &str, open: usize) -> Result<Variable<'_>, FillError> {
    let unclosed = FillError::Template("a `{` is not closed");
    if template[open..].starts_with('}') {
        return Err(FillError::Template("a `}` closes nothing"));
    }
    let close = closing(template, open).ok_or(unclosed)?;
    let inner = &template[open + 1..close];
    let name = inner.split(':').next().unwrap_or_default();
    let (name, tail) = match name.strip_prefix('*') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let (name, optional) = match name.strip_suffix('?') {
        Some(name) => (name, true),
        None => (name, false),
    };
    if name.is_empty() {
        return Err(FillError::Template("a variable has no name"));
    }
    Ok(Variable { name, tail, optional, end: close + 1 })
}

/// The brace that closes the one at `open`: a regex may hold balanced and escaped ones.
fn closing(template: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut bytes = template.bytes().enumerate().skip(open);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Why the server would not read the value back.
fn refusal(template: &str, open: usize, variable: &Variable<'_>, value: &Param) -> Option<&'static str> {
    if value.raw && !is_path(&value.text, variable.tail) {
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
    if variable.tail {
        // A path's empty segments are kept by some servers and dropped by others.
        let odd = |segment: &str| segment.is_empty() || is_dots(segment);
        return value.split('/').any(odd).then_some("expected segments that are neither empty nor dots");
    }
    let before = template[..open].rsplit('/').next().unwrap_or_default();
    let behind = template[variable.end..].split('/').next().unwrap_or_default();
    let dots = [before, value, behind].iter().all(|part| part.bytes().all(|byte| byte == b'.'));
    if dots && before.len() + value.len() + behind.len() <= 2 {
        return Some("expected no dot segment");
    }
    divides(before, behind, value).then_some("expected none of the characters that end a variable here")
}

/// The value as the server shows it.
pub(crate) fn decoded(value: &Param) -> Cow<'_, str> {
    if value.raw { percent_decode_str(&value.text).decode_utf8_lossy() } else { Cow::Borrowed(&value.text) }
}

/// Whether a raw value is what a canonical path may hold; `tail`: slashes divide its segments.
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
    let mut spelt = String::with_capacity(plain.len());
    match tail {
        true => push_literal(&mut spelt, &plain),
        false => push_segment(&mut spelt, &plain),
    }
    spelt == plain
}

/// Whether the value holds a character of the text between the variables of its segment: the server
/// may then divide the segment elsewhere.
fn divides(before: &str, behind: &str, value: &str) -> bool {
    let last = before.rsplit_once('}').map(|(_, text)| text);
    let next = behind.split_once('{').map(|(text, _)| text);
    [last, next].into_iter().flatten().any(|text| text.contains(|c| value.contains(c)))
}
