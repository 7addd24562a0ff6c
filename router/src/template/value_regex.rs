//! ValueRegex: a regex, and the literals that each match has.

use memchr::memmem::Finder;
use regex::{CaptureLocations, Regex};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind, Look};

/// A regex over a value. A table may have hundreds of them for one value, and a search for a literal costs a small part of
/// what a regex does: a value without one of the literals is rejected first.
#[derive(Debug, Clone)]
pub(crate) struct ValueRegex {
    regex: Regex,
    literals: Option<Box<Literals>>,
}

/// What each text has that a regex matches.
#[derive(Debug, Clone, Default)]
struct Literals {
    /// Its start.
    start: Vec<u8>,
    /// Its end.
    end: Vec<u8>,
    inner: Option<Finder<'static>>,
}

impl ValueRegex {
    /// Adds the literals of a regex that was compiled with this setting.
    pub(crate) fn new(regex: Regex, insensitive: bool) -> Self {
        let parsed = ParserBuilder::new().case_insensitive(insensitive).build().parse(regex.as_str());
        let literals = parsed.ok().and_then(|hir| Literals::of(&hir)).map(Box::new);
        Self { regex, literals }
    }

    /// Returns the expression.
    pub(crate) fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// Tests whether the value has a match.
    pub(crate) fn is_match(&self, value: &str) -> bool {
        self.may_match(value) && self.regex.is_match(value)
    }

    /// Finds the groups of the first match.
    pub(crate) fn captures(&self, value: &str) -> Option<CaptureLocations> {
        let mut locations = self.regex.capture_locations();
        (self.may_match(value) && self.regex.captures_read(&mut locations, value).is_some())
            .then_some(locations)
    }

    fn may_match(&self, value: &str) -> bool {
        self.literals.as_ref().is_none_or(|literals| literals.are_in(value.as_bytes()))
    }
}

impl Literals {
    fn of(hir: &Hir) -> Option<Self> {
        let parts = match hir.kind() {
            HirKind::Concat(parts) => parts.as_slice(),
            _ => std::slice::from_ref(hir),
        };
        let start = edge(parts.iter(), Look::Start);
        let end = edge(parts.iter().rev(), Look::End);
        let mut inner: &[u8] = &[];
        longest(parts, &|literal| literal != start && literal != end, &mut inner);
        let inner = (!inner.is_empty()).then(|| Finder::new(inner).into_owned());
        let literals = Self { start, end, inner };
        let is_any = !literals.start.is_empty() || !literals.end.is_empty() || literals.inner.is_some();
        is_any.then_some(literals)
    }

    fn are_in(&self, value: &[u8]) -> bool {
        value.starts_with(&self.start)
            && value.ends_with(&self.end)
            && self.inner.as_ref().is_none_or(|inner| inner.find(value).is_some())
    }
}

/// Returns the literal at an end of the text, if the regex is anchored there.
fn edge<'h>(parts: impl Iterator<Item = &'h Hir>, anchor: Look) -> Vec<u8> {
    let mut is_anchored = false;
    for part in parts {
        match part.kind() {
            HirKind::Look(look) => is_anchored |= *look == anchor,
            HirKind::Literal(literal) if is_anchored => return literal.0.to_vec(),
            HirKind::Empty => {}
            _ => break,
        }
    }
    Vec::new()
}

/// Finds the longest new literal among parts that are all in each match.
fn longest<'h>(parts: &'h [Hir], is_new: &impl Fn(&[u8]) -> bool, found: &mut &'h [u8]) {
    for part in parts {
        match part.kind() {
            HirKind::Literal(literal) if literal.0.len() > found.len() && is_new(&literal.0) => {
                *found = &literal.0;
            }
            HirKind::Concat(parts) => longest(parts, is_new, found),
            HirKind::Capture(capture) => longest(std::slice::from_ref(&*capture.sub), is_new, found),
            HirKind::Repetition(repetition) if repetition.min > 0 => {
                longest(std::slice::from_ref(&*repetition.sub), is_new, found);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::RegexBuilder;

    use super::ValueRegex;

    fn compiled(expression: &str, insensitive: bool) -> Option<ValueRegex> {
        let regex = RegexBuilder::new(expression).case_insensitive(insensitive).build().ok()?;
        Some(ValueRegex::new(regex, insensitive))
    }

    #[test]
    fn literals() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for (expression, start, end, inner) in [
            (r"\A(?:.*a17)\z", "", "a17", ""),
            (r"\A(?:/api/.*a17[0-9]+)\z", "/api/", "", "a17"),
            (r"\A(?:/a/.*abcd[0-9]+x)\z", "/a/", "x", "abcd"),
            (r"\A(?:a)\z", "a", "a", ""),
            (r"\A(?:(?:ab|ac)d?)\z", "", "", ""),
            (r"\A(?:(?:abc)+(?:de)?(?:fghi)*)\z", "", "", "abc"),
            (r"\A(?:ab|cd)\z", "", "", ""),
            (r"\A(?:\bab\b)\z", "ab", "ab", ""),
            (r"(?m)^ab$", "", "", "ab"),
            (r"a[bc]d|e", "", "", ""),
            (r"\A(.*)ab(.*)\z", "", "", "ab"),
            (r"\A(?:(?i)ab.*cd)\z", "", "", ""),
            (r"\A(?:a*)\z", "", "", ""),
        ] {
            let regex = compiled(expression, false).unwrap();
            let found = regex.literals.map(|literals| {
                let inner = literals.inner.map(|inner| text(inner.needle())).unwrap_or_default();
                (text(&literals.start), text(&literals.end), inner)
            });
            assert_eq!(found.unwrap_or_default(), (start.into(), end.into(), inner.into()), "{expression}");
        }
        assert!(compiled(r"\A(?:ab)\z", true).unwrap().literals.is_none());
    }

    proptest! {
        /// The literals change no result.
        #[test]
        fn they_are_in_each_match(
            parts in proptest::collection::vec("[ab.]{1,2}|\\(a\\|b\\)|\\(ab\\)[?+*]|\\(\\?i\\)a|\\\\b|\\(\\?:ab\\){2}|\\^|\\$|a\\{0,2\\}|\\[ab\\]", 1..5),
            value in "[abAB \n]{0,8}",
            is_anchored: bool,
            insensitive: bool,
        ) {
            let inner = parts.concat();
            let expression = if is_anchored { format!(r"\A(?:{inner})\z") } else { inner };
            if let Some(regex) = compiled(&expression, insensitive) {
                prop_assert_eq!(regex.is_match(&value), regex.regex.is_match(&value), "{}", expression);
                prop_assert_eq!(regex.captures(&value).is_some(), regex.regex.is_match(&value));
            }
        }
    }
}
