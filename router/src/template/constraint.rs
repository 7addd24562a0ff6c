//! Constraint: the compiled regex of a variable.

use waylay_template::{
    MAX_REGEX_BYTES, Node, RegexCheck, Syntax, Template, TemplateError, TemplateErrorKind, TemplateKind,
    Variable, VariableKind,
};

use regex::RegexBuilder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition};

use crate::template::edges::{Edges, without_comments};
use crate::template::encoding::{is_reserved_pchar, marked};
use crate::template::value_regex::ValueRegex;

/// A compiled regex, anchored at both ends.
#[derive(Debug, Clone)]
pub(crate) struct Constraint {
    regex: ValueRegex,
    run: Option<Box<Run>>,
}

impl Constraint {
    /// Compiles a regex; rejects capturing groups and large automata.
    pub(crate) fn compile(
        pattern: &str,
        place: TemplateKind,
        syntax: Syntax,
    ) -> Result<Self, TemplateErrorKind> {
        let source = in_syntax(pattern, syntax);
        let hir = parse_regex(&source, syntax)
            .map_err(|error| TemplateErrorKind::Regex(first_line(&error.to_string())))?;
        if hir.properties().explicit_captures_len() > 0 {
            return Err(TemplateErrorKind::CapturingGroup);
        }
        let insensitive = place == TemplateKind::Host && syntax == Syntax::Native;
        let regex = build(&format!(r"\A(?:{source})\z"), syntax, insensitive)?;
        let run = if insensitive { None } else { Run::of(&hir).map(Box::new) };
        Ok(Self { regex, run })
    }

    /// Tests whether the whole value matches.
    pub(crate) fn holds(&self, value: &str) -> bool {
        match &self.run {
            Some(run) if value.is_ascii() => run.holds(value.as_bytes()),
            _ => self.regex.is_match(value),
        }
    }
}

/// Compiles an expression with the size limit.
pub(crate) fn build(
    expression: &str,
    syntax: Syntax,
    insensitive: bool,
) -> Result<ValueRegex, TemplateErrorKind> {
    RegexBuilder::new(expression)
        .dot_matches_new_line(syntax == Syntax::Native)
        .case_insensitive(insensitive)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .map(|regex| ValueRegex::new(regex, insensitive))
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => TemplateErrorKind::RegexTooLarge,
            other => TemplateErrorKind::Regex(first_line(&other.to_string())),
        })
}

/// Compiles a regex that must match the whole text, except in gorilla/mux. The native one may ignore case.
pub(crate) fn whole(
    pattern: &str,
    syntax: Syntax,
    insensitive: bool,
) -> Result<ValueRegex, TemplateErrorKind> {
    let source = in_syntax(pattern, syntax);
    // First alone: `)(` is a regex only between the anchors.
    let alone = build(&source, syntax, false)?;
    match syntax {
        Syntax::Gorilla => Ok(alone),
        Syntax::Native => build(&format!(r"\A(?:{source})\z"), syntax, insensitive),
    }
}

/// Returns a regex in which each character matches its [mark](marked) as well.
pub(crate) fn with_marks(pattern: &str) -> Result<String, TemplateErrorKind> {
    let hir = parse_regex(pattern, Syntax::Native)
        .map_err(|error| TemplateErrorKind::Regex(first_line(&error.to_string())))?;
    Ok(mark(&hir).to_string())
}

fn mark(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Hir::concat(
                text.chars()
                    .map(|c| mark_class(&ClassUnicode::new([ClassUnicodeRange::new(c, c)])))
                    .collect(),
            ),
            Err(_) => hir.clone(),
        },
        HirKind::Class(Class::Unicode(class)) => mark_class(class),
        HirKind::Class(Class::Bytes(class)) => match class.to_unicode_class() {
            Some(class) => mark_class(&class),
            None => hir.clone(),
        },
        HirKind::Repetition(repetition) => {
            Hir::repetition(Repetition { sub: Box::new(mark(&repetition.sub)), ..repetition.clone() })
        }
        HirKind::Capture(capture) => mark(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(mark).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(mark).collect()),
    }
}

/// A class has the marks of its own characters, and no others.
fn mark_class(class: &ClassUnicode) -> Hir {
    let is_member = |c: char| class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&c));
    let marks = |is_wanted: &dyn Fn(u8) -> bool| {
        let bytes = (0..128).filter(|byte| is_reserved_pchar(*byte) && is_wanted(*byte));
        ClassUnicode::new(bytes.map(|byte| ClassUnicodeRange::new(marked(byte), marked(byte))))
    };
    let mut class = class.clone();
    class.difference(&marks(&|byte| !is_member(char::from(byte))));
    class.union(&marks(&|byte| is_member(char::from(byte))));
    Hir::class(Class::Unicode(class))
}

/// Parses a template, checks its regexes, and removes the anchors at their ends.
pub(crate) fn parse(text: &str, kind: TemplateKind, syntax: Syntax) -> Result<Template, TemplateError> {
    let mut template = Template::parse_with(text, kind, syntax, &Regexes(syntax))?;
    for i in 0..template.nodes.len() {
        let Node::Variable(Variable { kind: VariableKind::Regex(pattern), span, .. }) = &template.nodes[i]
        else {
            continue;
        };
        let edges = Edges::of(pattern);
        if syntax == Syntax::Native && reads_neighbors(&template, i, &edges) {
            let kind = TemplateErrorKind::WordBoundary;
            return Err(TemplateError { kind, text: text.to_owned(), span: span.clone() });
        }
        let trimmed = without_comments(&edges.trim(pattern)).into_owned();
        if let Node::Variable(variable) = &mut template.nodes[i] {
            variable.kind = VariableKind::Regex(trimmed);
        }
    }
    Ok(template)
}

/// Tests whether a word boundary at an end of a variable would read the text beside it: a variable is matched
/// alone.
fn reads_neighbors(template: &Template, i: usize, edges: &Edges) -> bool {
    let text = |node: Option<&Node>| match node {
        Some(Node::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let separator = template.kind.separator().map(char::from);
    let separates = |c: char| Some(c) == separator || (template.kind == TemplateKind::Host && c == ':');
    let before = i.checked_sub(1).and_then(|before| text(template.nodes.get(before)));
    let after = text(template.nodes.get(i + 1));
    (edges.has_leading_boundary && before.is_some_and(|text| !text.ends_with(separates)))
        || (edges.has_trailing_boundary && after.is_some_and(|text| !text.starts_with(separates)))
}

/// Tests whether a variable may match a separator, or nothing.
pub(crate) fn may_span(kind: &VariableKind, separator: Option<u8>, syntax: Syntax) -> bool {
    match kind {
        VariableKind::Plain => false,
        VariableKind::Tail => true,
        VariableKind::Regex(regex) => Regexes(syntax).may_span(regex, separator),
    }
}

/// Tests whether a match of a variable may contain the separator.
pub(crate) fn may_hold_separator(kind: &VariableKind, separator: u8, syntax: Syntax) -> bool {
    match kind {
        VariableKind::Plain => false,
        VariableKind::Tail => true,
        VariableKind::Regex(regex) => {
            parse_regex(&in_syntax(regex, syntax), syntax).is_ok_and(|hir| may_hold(&hir, separator))
        }
    }
}

/// The regex checks of one syntax, for the template parser.
struct Regexes(Syntax);

impl RegexCheck for Regexes {
    fn check(&self, regex: &str, kind: TemplateKind) -> Result<(), TemplateErrorKind> {
        Constraint::compile(regex, kind, self.0)?;
        // In gorilla/mux such a variable never matches.
        if self.0 == Syntax::Native { Edges::of(regex).check() } else { Ok(()) }
    }

    /// Computed from the regex's HIR.
    fn may_span(&self, regex: &str, separator: Option<u8>) -> bool {
        parse_regex(&in_syntax(regex, self.0), self.0).is_ok_and(|hir| {
            hir.properties().minimum_len() == Some(0) || separator.is_some_and(|byte| may_hold(&hir, byte))
        })
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

fn parse_regex(source: &str, syntax: Syntax) -> Result<Hir, Box<regex_syntax::Error>> {
    ParserBuilder::new()
        .dot_matches_new_line(syntax == Syntax::Native)
        .build()
        .parse(source)
        .map_err(Box::new)
}

/// A regex of the form `[class]{min,max}`: for ASCII values, one table look-up per byte replaces the regex.
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

/// Returns a regex that can be a part of another one: without comments, which would end behind it. Of gorilla/mux it
/// also replaces `\d \w \s \b`, which are ASCII in Go and Unicode in Rust.
pub(crate) fn in_syntax(pattern: &str, syntax: Syntax) -> String {
    let pattern = &*without_comments(pattern);
    if syntax == Syntax::Native {
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

/// The errors of the regex crate have several lines; the last one has the reason.
fn first_line(error: &str) -> String {
    let last = error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
    last.trim().trim_start_matches("error: ").to_owned()
}
