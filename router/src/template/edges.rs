//! Edges: the assertions in a variable's regex, and the regex without those at its ends.

use std::borrow::Cow;
use std::ops::Range;

use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Assertion, AssertionKind, Ast, RepetitionKind, RepetitionRange, WithComments};
use waylay_template::TemplateErrorKind;

/// The assertions of a regex that depend on what precedes or follows the value.
///
/// A variable is matched as a whole, so `^` and `$` at its ends say nothing. Inside a larger regex (a segment
/// with several variables, the automaton of a whole path) they would, and never hold: they are removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Edges {
    /// The anchors at the ends and their replacements.
    removed: Vec<(Range<usize>, &'static str)>,
    /// Whether an anchor is anywhere else.
    pub(crate) has_inner_anchor: bool,
    /// Whether a word boundary begins the regex, so that its result depends on the text before the value.
    pub(crate) has_leading_boundary: bool,
    /// The same for the end.
    pub(crate) has_trailing_boundary: bool,
}

/// The position of a part of a regex.
#[derive(Clone, Copy)]
struct Position {
    is_start: bool,
    is_end: bool,
    is_repeated: bool,
}

impl Edges {
    /// Returns the edges of a regex; of one that does not parse, none.
    pub(crate) fn of(pattern: &str) -> Self {
        let mut edges = Self::default();
        if let Ok(ast) = Parser::new().parse(pattern) {
            edges.visit(&ast, Position { is_start: true, is_end: true, is_repeated: false });
        }
        edges
    }

    /// Returns the regex without its anchors.
    pub(crate) fn trim<'p>(&self, pattern: &'p str) -> Cow<'p, str> {
        if self.removed.is_empty() {
            return Cow::Borrowed(pattern);
        }
        let mut out = String::with_capacity(pattern.len());
        let mut at = 0;
        for (span, replacement) in &self.removed {
            out.push_str(&pattern[at..span.start]);
            out.push_str(replacement);
            at = span.end;
        }
        out.push_str(&pattern[at..]);
        Cow::Owned(out)
    }

    /// Returns an error for an anchor that is not at an end.
    pub(crate) fn check(&self) -> Result<(), TemplateErrorKind> {
        if self.has_inner_anchor { Err(TemplateErrorKind::Anchor) } else { Ok(()) }
    }

    /// Parts are visited from left to right.
    fn visit(&mut self, ast: &Ast, position: Position) {
        match ast {
            Ast::Assertion(assertion) => self.assertion(assertion, position),
            Ast::Group(group) => self.visit(&group.ast, Position { is_repeated: false, ..position }),
            Ast::Alternation(parts) => {
                parts
                    .asts
                    .iter()
                    .for_each(|part| self.visit(part, Position { is_repeated: false, ..position }));
            }
            Ast::Repetition(repetition) => {
                // Of several repetitions, only the first is at the start and only the last at the end.
                let once = matches!(
                    repetition.op.kind,
                    RepetitionKind::ZeroOrOne
                        | RepetitionKind::Range(
                            RepetitionRange::Exactly(1) | RepetitionRange::Bounded(0 | 1, 1)
                        )
                );
                let (is_start, is_end) = (position.is_start && once, position.is_end && once);
                self.visit(&repetition.ast, Position { is_start, is_end, is_repeated: true });
            }
            Ast::Concat(concat) => {
                let parts = &concat.asts;
                for (i, part) in parts.iter().enumerate() {
                    let is_start = position.is_start && parts[..i].iter().all(is_empty);
                    let is_end = position.is_end && parts[i + 1..].iter().all(is_empty);
                    self.visit(part, Position { is_start, is_end, is_repeated: false });
                }
            }
            _ => {}
        }
    }

    fn assertion(&mut self, assertion: &Assertion, position: Position) {
        let at_edge = match assertion.kind {
            AssertionKind::StartLine | AssertionKind::StartText => position.is_start,
            AssertionKind::EndLine | AssertionKind::EndText => position.is_end,
            _ => {
                self.has_leading_boundary |= position.is_start;
                self.has_trailing_boundary |= position.is_end;
                return;
            }
        };
        self.has_inner_anchor |= !at_edge;
        if at_edge {
            // What is repeated needs something in its place.
            let replacement = if position.is_repeated { "(?:)" } else { "" };
            let span = assertion.span.start.offset..assertion.span.end.offset;
            self.removed.push((span, replacement));
        }
    }
}

/// Returns a regex without the comments of `(?x)`.
pub(crate) fn without_comments(pattern: &str) -> Cow<'_, str> {
    let parsed = match pattern.contains('#') {
        true => Parser::new().parse_with_comments(pattern),
        false => return Cow::Borrowed(pattern),
    };
    let Ok(WithComments { comments, .. }) = parsed else { return Cow::Borrowed(pattern) };
    let spans = comments.iter().map(|comment| comment.span.start.offset..comment.span.end.offset);
    Edges { removed: spans.map(|span| (span, "\n")).collect(), ..Edges::default() }
        .trim(pattern)
        .into_owned()
        .into()
}

/// Tests whether a part matches the empty text only.
fn is_empty(ast: &Ast) -> bool {
    match ast {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => true,
        Ast::Group(group) => is_empty(&group.ast),
        Ast::Repetition(repetition) => is_empty(&repetition.ast),
        Ast::Alternation(parts) => parts.asts.iter().all(is_empty),
        Ast::Concat(parts) => parts.asts.iter().all(is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Edges, without_comments};

    #[test]
    fn anchors_at_the_ends_are_removed() {
        for (pattern, wanted) in [
            ("^[0-9]+$", Some("[0-9]+")),
            (r"\A[0-9]+\z", Some("[0-9]+")),
            ("^^a$$", Some("a")),
            ("(?i)^a$", Some("(?i)a")),
            ("^a|b$", Some("a|b")),
            ("^a|^b", Some("a|b")),
            ("(?:^a|b)c", Some("(?:a|b)c")),
            ("(?:^|x)a(?:y|$)", Some("(?:|x)a(?:y|)")),
            ("(?:^a)?b", Some("(?:a)?b")),
            ("^?a", Some("(?:)?a")),
            ("(?m)^a$", Some("(?m)a")),
            (r"[$^]\^\$", Some(r"[$^]\^\$")),
            ("a(", Some("a(")),
            ("a^b", None),
            ("a$b", None),
            ("$a", None),
            ("a^", None),
            ("(?:^a)+", None),
            ("a*^b", None),
            (r"a\zb", None),
        ] {
            let edges = Edges::of(pattern);
            let trimmed = edges.check().is_ok().then(|| edges.trim(pattern).into_owned());
            assert_eq!(trimmed.as_deref(), wanted, "{pattern}");
        }
    }

    #[test]
    fn comments_are_removed() {
        for (pattern, wanted) in [
            ("(?x) [0-9]+ # digits", "(?x) [0-9]+ \n"),
            ("(?x)a # one\nb # two\n", "(?x)a \nb \n"),
            ("a#b", "a#b"),
            (r"(?x)a\# [#]", r"(?x)a\# [#]"),
            ("(#", "(#"),
        ] {
            assert_eq!(without_comments(pattern), wanted, "{pattern}");
        }
    }

    #[test]
    fn word_boundaries_at_the_ends() {
        for (pattern, wanted) in [
            (r"\ba", (true, false)),
            (r"a\b", (false, true)),
            (r"a\b-\bb", (false, false)),
            (r"(?:x|\Ba)b", (true, false)),
            (r"a\>", (false, true)),
        ] {
            let edges = Edges::of(pattern);
            assert_eq!((edges.has_leading_boundary, edges.has_trailing_boundary), wanted, "{pattern}");
        }
    }
}
