//! ValueRegex: a regex, and the literals that each match has.

use memchr::memmem::Finder;
use regex::{CaptureLocations, Regex};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use regex_syntax::utf8::Utf8Sequences;

/// A regex over a value. A table may have hundreds of them for one value, and a search for a literal costs a small part of
/// what a regex does: a value without one of the literals, or with another first or last byte, is rejected first.
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
    /// Its first byte, and its last.
    first: Option<ByteSet>,
    last: Option<ByteSet>,
}

/// Bytes of which one is at an end of each match; none of them if a match may be empty.
#[derive(Debug, Clone, Copy, Default)]
struct ByteSet {
    bits: [u64; 4],
    may_be_empty: bool,
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
        let looks = hir.properties();
        let (from_start, to_end) =
            (looks.look_set_prefix().contains(Look::Start), looks.look_set_suffix().contains(Look::End));
        // An empty match with one anchor is in every value.
        let edge_bytes = |is_anchored: bool, edge| {
            let set = if is_anchored { ByteSet::of(hir, edge) } else { None };
            set.filter(|set| !set.may_be_empty || (from_start && to_end))
        };
        let (first, last) = (edge_bytes(from_start, Edge::First), edge_bytes(to_end, Edge::Last));
        let literals = Self { start, end, inner, first, last };
        let is_text = !literals.start.is_empty() || !literals.end.is_empty() || literals.inner.is_some();
        (is_text || literals.first.is_some() || literals.last.is_some()).then_some(literals)
    }

    fn are_in(&self, value: &[u8]) -> bool {
        self.first.is_none_or(|set| set.admits(value.first()))
            && self.last.is_none_or(|set| set.admits(value.last()))
            // A comparison with nothing is a call, and takes long where the address is none.
            && (self.start.is_empty() || value.starts_with(&self.start))
            && (self.end.is_empty() || value.ends_with(&self.end))
            && self.inner.as_ref().is_none_or(|inner| inner.find(value).is_some())
    }
}

/// An end of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Edge {
    First,
    Last,
}

impl ByteSet {
    /// Returns the bytes at an end of the matches; `None` if that may be any.
    fn of(hir: &Hir, edge: Edge) -> Option<Self> {
        let mut set = Self::default();
        set.may_be_empty = set.add(hir, edge);
        (set.bits != [u64::MAX; 4] && set.bits.iter().map(|bits| bits.count_ones()).sum::<u32>() < 128)
            .then_some(set)
    }

    fn admits(&self, byte: Option<&u8>) -> bool {
        match byte {
            Some(byte) => self.bits[usize::from(byte / 64)] >> (byte % 64) & 1 == 1,
            None => self.may_be_empty,
        }
    }

    fn add_range(&mut self, from: u8, to: u8) {
        (from..=to).for_each(|byte| self.bits[usize::from(byte / 64)] |= 1 << (byte % 64));
    }

    /// Adds the bytes of a part at an end; returns whether it may be empty, so that the next part counts too.
    fn add(&mut self, hir: &Hir, edge: Edge) -> bool {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => true,
            HirKind::Literal(literal) => {
                let byte = if edge == Edge::First { literal.0.first() } else { literal.0.last() };
                byte.is_none_or(|byte| {
                    self.add_range(*byte, *byte);
                    false
                })
            }
            HirKind::Class(Class::Unicode(class)) => {
                for sequence in
                    class.ranges().iter().flat_map(|range| Utf8Sequences::new(range.start(), range.end()))
                {
                    let bytes = sequence.as_slice();
                    let byte = if edge == Edge::First { bytes.first() } else { bytes.last() };
                    byte.into_iter().for_each(|byte| self.add_range(byte.start, byte.end));
                }
                false
            }
            HirKind::Class(Class::Bytes(class)) => {
                class.ranges().iter().for_each(|range| self.add_range(range.start(), range.end()));
                false
            }
            HirKind::Repetition(repetition) => self.add(&repetition.sub, edge) || repetition.min == 0,
            HirKind::Capture(capture) => self.add(&capture.sub, edge),
            HirKind::Concat(parts) if edge == Edge::First => parts.iter().all(|part| self.add(part, edge)),
            HirKind::Concat(parts) => parts.iter().rev().all(|part| self.add(part, edge)),
            HirKind::Alternation(parts) => {
                // Every part counts, so nothing may end this early.
                let mut may_be_empty = false;
                for part in parts {
                    may_be_empty |= self.add(part, edge);
                }
                may_be_empty
            }
        }
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
        let edges = |expression: &str| {
            let literals = compiled(expression, true).unwrap().literals?;
            assert!(literals.start.is_empty() && literals.end.is_empty() && literals.inner.is_none());
            let bytes = |set: Option<super::ByteSet>| {
                let set = set?;
                Some(text(&(0..=255).filter(|byte| set.admits(Some(byte))).collect::<Vec<u8>>()))
            };
            Some((bytes(literals.first), bytes(literals.last)))
        };
        for (expression, first, last) in [
            (r"\A(?:ab)\z", Some("Aa"), Some("Bb")),
            (r"\A(?:.*[0-2]+)\z", None, Some("012")),
            (r"\A(?:[xy]?(?:1|2z*).*)\z", Some("12XYxy"), None),
            (r"\A(?:[x1])*\z", Some("1Xx"), Some("1Xx")),
        ] {
            assert_eq!(
                edges(expression),
                Some((first.map(str::to_owned), last.map(str::to_owned))),
                "{expression}"
            );
        }
        assert_eq!(edges("a|b"), None);
    }

    proptest! {
        /// The literals change no result.
        #[test]
        fn they_are_in_each_match(
            parts in proptest::collection::vec("[ab.]{1,2}|\\[A-B\u{e9}\\]\\+|\\(a\\|b\\)|\\(ab\\)[?+*]|\\(\\?i\\)a|\\\\b|\\(\\?:ab\\){2}|\\^|\\$|a\\{0,2\\}|\\[ab\\]", 1..5),
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
