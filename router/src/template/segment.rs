//! SegmentPattern: the part of a path or host between two separators.

use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::sync::Arc;

use waylay_template::{MAX_VARIABLES, Node, Syntax, TemplateErrorKind, TemplateKind, VariableKind};

use crate::template::captures::Span;
use crate::template::constraint::{Constraint, Regexes, in_syntax, with_marks};
use crate::template::decoded::DecodedValues;
use crate::template::encoding::{Encoding, escape};
use crate::template::value_regex::ValueRegex;

/// What a segment accepts, and where its variables are.
#[derive(Debug, Clone)]
pub(crate) enum SegmentPattern {
    /// One variable without a regex: the whole text.
    Var,
    /// One variable, then literal text.
    One { constraint: Option<Arc<Constraint>>, end: Box<str> },
    /// Several variables without regexes, with text between them and possibly after them.
    Split { between: Box<[Box<str>]>, end: Box<str> },
    /// Everything else: a regex with a group for each variable.
    Many { regex: Arc<ValueRegex>, groups: usize },
    /// Any text: the rest of a prefix.
    Rest,
}

impl SegmentPattern {
    /// Compiles the nodes of one segment; `open` leaves the end unanchored.
    pub(crate) fn compile(
        nodes: &[Node],
        place: TemplateKind,
        regexes: &Regexes,
        encoding: Encoding,
        open: bool,
    ) -> Result<Self, TemplateErrorKind> {
        let gorilla = regexes.syntax == Syntax::Gorilla;
        match nodes {
            [] => return Ok(Self::Rest),
            [Node::Variable(var)] if !open => match &var.kind {
                VariableKind::Tail => return Ok(Self::Var),
                VariableKind::Plain if !gorilla || place == TemplateKind::Path => return Ok(Self::Var),
                VariableKind::Plain => {}
                VariableKind::Regex(pattern) => {
                    let constraint = Some(regexes.constraint(pattern, place)?);
                    return Ok(Self::One { constraint, end: "".into() });
                }
            },
            // Only literal text of paths is compared unchanged: hosts ignore case, queries are decoded.
            [Node::Variable(var), Node::Text(end)] if !open && !gorilla && place == TemplateKind::Path => {
                let constraint = match &var.kind {
                    VariableKind::Regex(pattern) => Some(regexes.constraint(pattern, place)?),
                    _ => None,
                };
                let end = if encoding == Encoding::Path { escape(end) } else { end.clone() };
                return Ok(Self::One { constraint, end: end.into() });
            }
            _ if !open && encoding == Encoding::Path => {
                if let Some(split) = Self::split(nodes) {
                    return Ok(split);
                }
            }
            _ => {}
        }
        Self::many(nodes, place, regexes, encoding, open)
    }

    /// Returns a pattern for plain variables and text in turn, if a variable is first.
    fn split(nodes: &[Node]) -> Option<Self> {
        let mut texts = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            match node {
                Node::Variable(var) if i % 2 == 0 && var.kind == VariableKind::Plain => {}
                Node::Text(text) if i % 2 == 1 => texts.push(escape(text).into()),
                _ => return None,
            }
        }
        let end = if nodes.len().is_multiple_of(2) { texts.pop()? } else { "".into() };
        Some(Self::Split { between: texts.into(), end })
    }

    fn many(
        nodes: &[Node],
        place: TemplateKind,
        regexes: &Regexes,
        encoding: Encoding,
        open: bool,
    ) -> Result<Self, TemplateErrorKind> {
        let syntax = regexes.syntax;
        // Text separates values; an escaped character is data, which variables match as a mark.
        let is_marked = syntax == Syntax::Native && encoding == Encoding::Path;
        let mut expression = String::from(r"\A");
        let mut groups = 0;
        for node in nodes {
            match node {
                Node::Text(text) => expression.push_str(&regex::escape(text)),
                Node::Variable(var) => {
                    groups += 1;
                    let part = match (&var.kind, syntax, place) {
                        (VariableKind::Regex(pattern), ..) if is_marked => with_marks(pattern)?,
                        (VariableKind::Regex(pattern), ..) => in_syntax(pattern, syntax),
                        // After a raw prefix the segment extends to the end.
                        (VariableKind::Plain, Syntax::Native, TemplateKind::Path) if open => {
                            String::from("[^/]+")
                        }
                        (_, Syntax::Native, _) => String::from("(?s:.+)"),
                        (_, Syntax::Gorilla, TemplateKind::Path) => String::from("[^/]+"),
                        (_, Syntax::Gorilla, TemplateKind::Host) => String::from("[^.]+"),
                        (_, Syntax::Gorilla, TemplateKind::Query) => String::from(".*"),
                    };
                    expression.push_str(&format!("({part})"));
                }
                // A wildcard is a whole label, which has no pattern.
                Node::Wildcard(_) => {}
            }
        }
        if !open {
            expression.push_str(r"\z");
        }
        let regex = regexes.expression(expression, place)?;
        Ok(Self::Many { regex, groups })
    }

    /// Tests whether it accepts any text, or any except the empty text, so that only the range matters.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Var | Self::Rest)
    }

    /// Tests whether it accepts any text except the empty one.
    pub(crate) fn is_some(&self) -> bool {
        matches!(self, Self::Var)
    }

    /// Tests `raw[at.0..at.1]`; if it matches, passes the range of each variable to `found`.
    pub(crate) fn read(
        &self,
        raw: &str,
        at: Span,
        (encoding, values): (Encoding, &DecodedValues),
        found: &mut impl FnMut(Span),
    ) -> bool {
        let (start, stop) = (usize::from(at.0), usize::from(at.1));
        let Some(text) = raw.get(start..stop) else {
            return false;
        };
        match self {
            Self::Rest => true,
            Self::Var => {
                if !text.is_empty() {
                    found(at);
                }
                !text.is_empty()
            }
            Self::One { constraint, end } => {
                let Some(value) = text.strip_suffix(&**end).filter(|value| encoding.is_whole(value)) else {
                    return false;
                };
                let span = (at.0, at.0 + short(value.len()));
                let holds = match constraint {
                    None => !value.is_empty(),
                    Some(constraint) => values.test((value, span), encoding, |value| constraint.holds(value)),
                };
                if holds {
                    found(span);
                }
                holds
            }
            Self::Split { between, end } => {
                let text = text.strip_suffix(&**end).filter(|text| encoding.is_whole(text));
                // Most have few variables, whose ranges are set to nothing in no time.
                text.is_some_and(|text| match between.len() {
                    ..4 => read_split::<4>(text, at.0, between, found),
                    _ => read_split::<MAX_VARIABLES>(text, at.0, between, found),
                })
            }
            Self::Many { regex, groups } => values.test_marked((text, at), encoding, |value, offsets| {
                read_groups(value, (at.0, offsets), (regex, *groups), found)
            }),
        }
    }
}

impl PartialEq for SegmentPattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One { constraint, end }, Self::One { constraint: other, end: others }) => {
                (constraint, end) == (other, others)
            }
            (Self::Split { between, end }, Self::Split { between: other, end: others }) => {
                (between, end) == (other, others)
            }
            (Self::Many { regex, groups }, Self::Many { regex: other, groups: others }) => {
                (regex.as_str(), groups) == (other.as_str(), others)
            }
            _ => discriminant(self) == discriminant(other),
        }
    }
}

impl Eq for SegmentPattern {}

impl Hash for SegmentPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        discriminant(self).hash(state);
        match self {
            Self::Var | Self::Rest => {}
            Self::One { constraint, end } => (constraint, end).hash(state),
            Self::Split { between, end } => (between, end).hash(state),
            Self::Many { regex, groups } => (regex.as_str(), groups).hash(state),
        }
    }
}

/// Splits a text at the literals between its variables, of which there are `N` at most; `start` is its offset.
#[inline]
fn read_split<const N: usize>(
    text: &str,
    start: u16,
    between: &[Box<str>],
    found: &mut impl FnMut(Span),
) -> bool {
    // As in a greedy regex, each variable takes as much as the ones after it leave.
    let mut spans = [(0, 0); N];
    let mut stop = text.len();
    for (i, literal) in between.iter().enumerate().rev() {
        let Some(position) = last_before(text.as_bytes(), literal.as_bytes(), stop) else {
            return false;
        };
        spans[i + 1] = (start + short(position + literal.len()), start + short(stop));
        stop = position;
    }
    spans[0] = (start, start + short(stop));
    spans[..=between.len()].iter().for_each(|&span| found(span));
    true
}

/// Matches a value with a regex that has a group for each variable; the raw text starts at `start`, and has each byte of the
/// value at one of the offsets.
fn read_groups(
    value: &str,
    (start, offsets): (u16, Option<&[usize]>),
    (regex, groups): (&ValueRegex, usize),
    found: &mut impl FnMut(Span),
) -> bool {
    let Some(locations) = regex.captures(value) else {
        return false;
    };
    let raw_offset = |offset: usize| match offsets {
        None => offset,
        // The last one is that of the end.
        Some(offsets) => offsets.get(offset).or(offsets.last()).copied().unwrap_or(0),
    };
    for group in 1..=groups {
        let (from, to) = locations.get(group).unwrap_or((0, 0));
        found((start + short(raw_offset(from)), start + short(raw_offset(to))));
    }
    true
}

/// Returns the last position of a literal with at least one byte before and after it up to `stop`, outside of
/// escapes.
fn last_before(text: &[u8], literal: &[u8], stop: usize) -> Option<usize> {
    let last = stop.checked_sub(literal.len() + 1)?;
    (1..=last).rev().find(|&place| {
        text[place..].starts_with(literal) && !text[place.saturating_sub(2)..place].contains(&b'%')
    })
}

/// Never truncates: no text of a pattern is longer than `u16::MAX`.
fn short(offset: usize) -> u16 {
    u16::try_from(offset).unwrap_or(u16::MAX)
}
