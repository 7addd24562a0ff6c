//! A place in a text, drawn: the line, and carets below it.

use std::fmt;
use std::ops::Range;

/// How much of a line is shown around the place, in characters.
const SHOWN: usize = 80;

/// The line of the place, and carets below it.
pub(super) fn draw(f: &mut fmt::Formatter<'_>, text: &str, span: &Range<usize>) -> fmt::Result {
    let start = text.floor_char_boundary_of(span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = text.floor_char_boundary_of(span.end).clamp(start, line_end.max(start));
    let before: Vec<char> = text[line_start..start].chars().collect();
    let marked = text[start..end].chars().count();
    let after: Vec<char> = text[start..line_end].chars().collect();
    let cut_before = before.len().saturating_sub(SHOWN / 2);
    let kept_after = after.len().min(SHOWN);
    let clean = |c: &char| if c.is_control() { '\u{fffd}' } else { *c };
    let lead: &str = if cut_before > 0 { "…" } else { "" };
    let tail: &str = if kept_after < after.len() { "…" } else { "" };
    let shown: String = before[cut_before..].iter().chain(&after[..kept_after]).map(clean).collect();
    let indent = lead.chars().count() + before.len() - cut_before;
    writeln!(f, "    {lead}{shown}{tail}")?;
    write!(f, "    {:indent$}{}", "", "^".repeat(marked.clamp(1, kept_after.max(1))))
}

/// Spans of ours lie on boundaries; those that a user writes into the public field may not.
trait Boundary {
    fn floor_char_boundary_of(&self, at: usize) -> usize;
}

impl Boundary for str {
    fn floor_char_boundary_of(&self, at: usize) -> usize {
        let mut at = at.min(self.len());
        while !self.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}
