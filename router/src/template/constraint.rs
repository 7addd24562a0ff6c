//! A variable's regex.

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::template::ast::{Grammar, Kind, MAX_REGEX_BYTES, Place, TemplateErrorKind as Fault};

/// A compiled constraint, anchored at both ends.
#[derive(Debug, Clone)]
pub(crate) struct Constraint {
    regex: Regex,
    run: Option<Box<Run>>,
}

impl Constraint {
    /// Compiles `pattern`; refuses capturing groups and oversized automata.
    pub(crate) fn compile(pattern: &str, place: Place, grammar: Grammar) -> Result<Self, Fault> {
        let source = in_grammar(pattern, grammar);
        let hir = parse(&source, grammar).map_err(|error| Fault::Regex(first_line(&error.to_string())))?;
        if hir.properties().explicit_captures_len() > 0 {
            return Err(Fault::CapturingGroup);
        }
        let insensitive = place == Place::Host && grammar == Grammar::Native;
        let regex = build(&format!(r"\A(?:{source})\z"), grammar, insensitive)?;
        let run = if insensitive { None } else { Run::of(&hir).map(Box::new) };
        Ok(Self { regex, run })
    }

    /// Whether the whole of `value` matches.
    pub(crate) fn holds(&self, value: &str) -> bool {
        match &self.run {
            Some(run) if value.is_ascii() => run.holds(value.as_bytes()),
            _ => self.regex.is_match(value),
        }
    }
}

/// Compiles a whole expression with the size limit.
pub(crate) fn build(expression: &str, grammar: Grammar, insensitive: bool) -> Result<Regex, Fault> {
    RegexBuilder::new(expression)
        .dot_matches_new_line(grammar == Grammar::Native)
        .case_insensitive(insensitive)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => Fault::RegexTooLarge,
            other => Fault::Regex(first_line(&other.to_string())),
        })
}

/// Compiles a regex that the whole of a text must match; gorilla/mux's need not. Our own may ignore case.
pub(crate) fn whole(pattern: &str, grammar: Grammar, insensitive: bool) -> Result<Regex, Fault> {
    let source = in_grammar(pattern, grammar);
    // Alone first: `)(` is a regex only between the anchors.
    let alone = build(&source, grammar, false)?;
    match grammar {
        Grammar::Gorilla => Ok(alone),
        Grammar::Native => build(&format!(r"\A(?:{source})\z"), grammar, insensitive),
    }
}

impl Kind {
    /// Whether such a variable may match a separator, or nothing: read off the regex's HIR. A faulty
    /// regex does neither, since its fault is reported elsewhere.
    pub(crate) fn spans(&self, separator: Option<u8>, grammar: Grammar) -> bool {
        match self {
            Self::Plain => false,
            Self::Tail => true,
            Self::Pattern(pattern) => parse(&in_grammar(pattern, grammar), grammar).is_ok_and(|hir| {
                hir.properties().minimum_len() == Some(0)
                    || separator.is_some_and(|byte| may_hold(&hir, byte))
            }),
        }
    }
}

fn may_hold(hir: &Hir, byte: u8) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&byte),
        HirKind::Class(Class::Unicode(class)) => {
            let c = char::from(byte);
            class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&c))
        }
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&byte))
        }
        HirKind::Repetition(repetition) => may_hold(&repetition.sub, byte),
        HirKind::Capture(capture) => may_hold(&capture.sub, byte),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(|part| may_hold(part, byte)),
    }
}

fn parse(source: &str, grammar: Grammar) -> Result<Hir, Box<regex_syntax::Error>> {
    ParserBuilder::new()
        .dot_matches_new_line(grammar == Grammar::Native)
        .build()
        .parse(source)
        .map_err(Box::new)
}

/// A constraint of the shape `[class]{min,max}`: one table look-up a byte
/// instead of a regex search, as long as the value is ASCII.
#[derive(Debug, Clone)]
struct Run {
    set: [bool; 128],
    min: usize,
    max: usize,
}

impl Run {
    fn of(hir: &Hir) -> Option<Self> {
        let (class, min, max) = match hir.kind() {
            HirKind::Class(class) => (class, 1, 1),
            HirKind::Repetition(repetition) => match repetition.sub.kind() {
                HirKind::Class(class) => {
                    let max = repetition.max.map_or(usize::MAX, |max| max as usize);
                    (class, repetition.min as usize, max)
                }
                _ => return None,
            },
            _ => return None,
        };
        let mut set = [false; 128];
        for (byte, held) in (0u8..).zip(set.iter_mut()) {
            *held = match class {
                Class::Unicode(class) => {
                    let c = char::from(byte);
                    class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&c))
                }
                Class::Bytes(class) => {
                    class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&byte))
                }
            };
        }
        Some(Self { set, min, max })
    }

    fn holds(&self, value: &[u8]) -> bool {
        (self.min..=self.max).contains(&value.len())
            && value.iter().all(|&byte| self.set[usize::from(byte & 127)])
    }
}

/// Go's `\d \w \s \b` are ASCII, Rust's are Unicode: spell them out.
pub(crate) fn in_grammar(pattern: &str, grammar: Grammar) -> String {
    if grammar == Grammar::Native {
        return pattern.to_owned();
    }
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str(r"[\t\n\f\r ]"),
            Some('S') => out.push_str(r"[^\t\n\f\r ]"),
            Some('b') => out.push_str(r"(?-u:\b)"),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// regex's own errors draw the pattern over several lines; the last one has the reason.
fn first_line(error: &str) -> String {
    let last = error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
    last.trim().trim_start_matches("error: ").to_owned()
}
