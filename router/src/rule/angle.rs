//! vulcand's patterns: `<n>` up to the separator, `<int:n>` digits, `<path:n>` to the end.

use std::ops::Range;

/// One part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Angle<'t> {
    Text(&'t str),
    Name(&'t str),
    Digits(&'t str),
    Rest(&'t str),
}

/// Reads a pattern; a `<` without its `>` stands for itself.
///
/// # Errors
/// The place of a `<…>` that is none of vulcand's.
pub(super) fn parts(text: &str) -> Result<Vec<Angle<'_>>, Range<usize>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some((start, length)) =
        text[at..].find('<').and_then(|open| Some((at + open, text[at + open..].find('>')? + 1)))
    {
        if start > at {
            parts.push(Angle::Text(&text[at..start]));
        }
        at = start + length;
        let inner = &text[start + 1..at - 1];
        parts.push(match inner.split_once(':') {
            _ if inner.is_empty() => return Err(start..at),
            None => Angle::Name(inner),
            Some((_, name)) if name.is_empty() || name.contains(':') => return Err(start..at),
            Some(("string", name)) => Angle::Name(name),
            Some(("int", name)) => Angle::Digits(name),
            Some(("path", name)) => Angle::Rest(name),
            Some(_) => return Err(start..at),
        });
    }
    if at < text.len() {
        parts.push(Angle::Text(&text[at..]));
    }
    Ok(parts)
}
