//! What one segment accepts.

use regex::Regex;

use crate::template::ast::{Grammar, Kind, MAX_VARIABLES, Piece, Place, TemplateErrorKind as Fault};
use crate::template::captures::Span;
use crate::template::constraint::{Constraint, build, in_grammar};
use crate::template::encoding::{Coding, escape};

/// The text of one hole, and where its variables lie.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    /// One variable without a constraint: the whole text.
    Var,
    /// One variable, then literal text.
    One { constraint: Option<Box<Constraint>>, end: Box<str> },
    /// Several variables without constraints, with text between them and perhaps behind them.
    Split { between: Box<[Box<str>]>, end: Box<str> },
    /// All else: a regex with a group for each variable.
    Many { regex: Regex, groups: usize },
    /// No text is asked for: the rest of a prefix.
    Rest,
}

impl Slot {
    /// Compiles the pieces of one hole; `open` leaves the end unanchored.
    pub(crate) fn compile(
        pieces: &[Piece],
        place: Place,
        grammar: Grammar,
        coding: Coding,
        open: bool,
    ) -> Result<Self, Fault> {
        let gorilla = grammar == Grammar::Gorilla;
        match pieces {
            [] => return Ok(Self::Rest),
            [Piece::Var(var)] if !open => match &var.kind {
                Kind::Tail => return Ok(Self::Var),
                Kind::Plain if !gorilla || place == Place::Path => return Ok(Self::Var),
                Kind::Plain => {}
                Kind::Pattern(pattern) => {
                    let constraint = Some(Box::new(Constraint::compile(pattern, place, grammar)?));
                    return Ok(Self::One { constraint, end: "".into() });
                }
            },
            // Only a path's own text is compared as it stands: hosts ignore case, queries are decoded.
            [Piece::Var(var), Piece::Text(end)] if !open && !gorilla && place == Place::Path => {
                let constraint = match &var.kind {
                    Kind::Pattern(pattern) => Some(Box::new(Constraint::compile(pattern, place, grammar)?)),
                    _ => None,
                };
                let end = if coding == Coding::Path { escape(end) } else { end.clone() };
                return Ok(Self::One { constraint, end: end.into() });
            }
            _ if !open && coding == Coding::Path => {
                if let Some(split) = Self::split(pieces) {
                    return Ok(split);
                }
            }
            _ => {}
        }
        Self::many(pieces, place, grammar, open)
    }

    /// Plain variables and text in turn, a variable first.
    fn split(pieces: &[Piece]) -> Option<Self> {
        let mut texts = Vec::new();
        for (i, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Var(var) if i % 2 == 0 && var.kind == Kind::Plain => {}
                Piece::Text(text) if i % 2 == 1 => texts.push(escape(text).into()),
                _ => return None,
            }
        }
        let end = if pieces.len().is_multiple_of(2) { texts.pop()? } else { "".into() };
        Some(Self::Split { between: texts.into(), end })
    }

    fn many(pieces: &[Piece], place: Place, grammar: Grammar, open: bool) -> Result<Self, Fault> {
        let mut expression = String::from(r"\A");
        let mut groups = 0;
        for piece in pieces {
            match piece {
                Piece::Text(text) => expression.push_str(&regex::escape(text)),
                Piece::Var(var) => {
                    groups += 1;
                    let part = match (&var.kind, grammar, place) {
                        (Kind::Pattern(pattern), ..) => in_grammar(pattern, grammar),
                        // Behind a raw prefix the hole goes on to the end.
                        (Kind::Plain, Grammar::Native, Place::Path) if open => String::from("[^/]+"),
                        (_, Grammar::Native, _) => String::from("(?s:.+)"),
                        (_, Grammar::Gorilla, Place::Path) => String::from("[^/]+"),
                        (_, Grammar::Gorilla, Place::Host) => String::from("[^.]+"),
                        (_, Grammar::Gorilla, Place::Query) => String::from(".*"),
                    };
                    expression.push_str(&format!("({part})"));
                }
                // They stand alone in their label, which asks no slot.
                Piece::Wild(_) => {}
            }
        }
        if !open {
            expression.push_str(r"\z");
        }
        let insensitive = place == Place::Host && grammar == Grammar::Native;
        let regex = build(&expression, grammar, insensitive)?;
        Ok(Self::Many { regex, groups })
    }

    /// Whether it takes any text, or any but none, so that only the trie's range matters.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Var | Self::Rest)
    }

    /// Whether it takes any text but none.
    pub(crate) fn is_some(&self) -> bool {
        matches!(self, Self::Var)
    }

    /// Tests `raw[at.0..at.1]`; if it holds, hands over the range of each variable.
    pub(crate) fn read(&self, raw: &str, at: Span, coding: Coding, found: &mut impl FnMut(Span)) -> bool {
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
                let Some(value) = text.strip_suffix(&**end).filter(|value| coding.is_whole(value)) else {
                    return false;
                };
                let holds = match constraint {
                    None => !value.is_empty(),
                    Some(constraint) => coding.decode(value).is_ok_and(|value| constraint.holds(&value)),
                };
                if holds {
                    found((at.0, at.0 + short(value.len())));
                }
                holds
            }
            Self::Split { between, end } => {
                let Some(text) = text.strip_suffix(&**end).filter(|text| coding.is_whole(text)) else {
                    return false;
                };
                // As a greedy regex would: each variable takes as much as the ones behind it leave.
                let mut spans = [(0, 0); MAX_VARIABLES];
                let mut stop = text.len();
                for (i, literal) in between.iter().enumerate().rev() {
                    let Some(place) = last_before(text.as_bytes(), literal.as_bytes(), stop) else {
                        return false;
                    };
                    spans[i + 1] = (at.0 + short(place + literal.len()), at.0 + short(stop));
                    stop = place;
                }
                spans[0] = (at.0, at.0 + short(stop));
                spans[..=between.len()].iter().for_each(|&span| found(span));
                true
            }
            Self::Many { regex, groups } => {
                let Some((value, places)) = coding.decode_mapped(text) else {
                    return false;
                };
                let mut locations = regex.capture_locations();
                if regex.captures_read(&mut locations, &value).is_none() {
                    return false;
                }
                for group in 1..=*groups {
                    let (from, to) = locations.get(group).unwrap_or((0, 0));
                    let place = |offset: usize| match &places {
                        None => offset,
                        Some(places) => places.get(offset).copied().unwrap_or(text.len()),
                    };
                    found((at.0 + short(place(from)), at.0 + short(place(to))));
                }
                true
            }
        }
    }
}

/// The last place of a literal that leaves at least a byte on both sides before `stop`, and cuts no escape.
fn last_before(text: &[u8], literal: &[u8], stop: usize) -> Option<usize> {
    let last = stop.checked_sub(literal.len() + 1)?;
    (1..=last).rev().find(|&place| {
        text[place..].starts_with(literal) && !text[place.saturating_sub(2)..place].contains(&b'%')
    })
}

/// Offsets fit: no text that reaches a slot is longer than `u16::MAX`.
fn short(offset: usize) -> u16 {
    u16::try_from(offset).unwrap_or(u16::MAX)
}
