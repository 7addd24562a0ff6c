//! OneLine: text from outside, printed so that it changes nothing around it.

use std::fmt;

/// Tests for a character that a terminal, a log or an editor obeys instead of showing: controls of ASCII and Latin-1, separators
/// of lines, marks and overrides of the writing direction, invisible operators and tags.
///
/// ```
/// use waylay_template::is_hidden;
/// assert!("\u{1b}\n\u{85}\u{2028}\u{202e}\u{2066}\u{feff}".chars().all(is_hidden));
/// assert!(!"a é `\" \u{200d}".chars().any(is_hidden));
/// ```
pub fn is_hidden(c: char) -> bool {
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

/// Prints a text with its [hidden](is_hidden) characters escaped as in Rust, so that it cannot forge a line of a log, move the
/// cursor of a terminal, or turn the text around it.
///
/// ```
/// use waylay_template::OneLine;
/// assert_eq!(OneLine("a\nroute `b` is fine \u{1b}[31m\u{202e}c").to_string(), r"a\nroute `b` is fine \u{1b}[31m\u{202e}c");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneLine<'t>(pub &'t str);

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

/// A writer that prints everything in [one line](OneLine).
///
/// ```
/// use waylay_template::OneLineWriter;
/// let mut line = String::new();
/// write!(OneLineWriter(&mut line), "{}", "a\nb")?;
/// assert_eq!(line, r"a\nb");
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[derive(Debug)]
pub struct OneLineWriter<W>(pub W);

impl<W: fmt::Write> fmt::Write for OneLineWriter<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write!(self.0, "{}", OneLine(text))
    }
}

impl<W: fmt::Write> OneLineWriter<W> {
    /// Writes formatted text, as `write!` does.
    ///
    /// # Errors
    /// That of the inner writer.
    pub fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        fmt::Write::write_fmt(self, text)
    }

    /// Writes a text.
    ///
    /// # Errors
    /// That of the inner writer.
    pub fn write_str(&mut self, text: &str) -> fmt::Result {
        fmt::Write::write_str(self, text)
    }
}
