//! OneLine: text from outside, printed so that it changes nothing around it.
//!
//! The same as in `waylay-template`, on which this crate depends only with feature `router`; a test compares them.

use std::fmt;

/// Tests for a character that a terminal, a log or an editor obeys instead of showing: controls of ASCII and Latin-1, separators
/// of lines, marks and overrides of the writing direction, invisible operators and tags.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Prints a text with its hidden characters escaped as in Rust, so that it cannot forge a line of a log, move the
/// cursor of a terminal, or turn the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OneLine<'t>(pub(crate) &'t str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(is_hidden) {
            match piece.char_indices().next_back() {
                Some((at, c)) if is_hidden(c) => write!(f, "{}{}", &piece[..at], c.escape_default())?,
                _ => f.write_str(piece)?,
            }
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "router"))]
mod tests {
    use super::OneLine;

    #[test]
    fn is_that_of_the_router() {
        for c in '\0'..=char::MAX {
            let text = format!("a{c}b");
            assert_eq!(OneLine(&text).to_string(), waylay_router::OneLine(&text).to_string());
        }
    }
}
