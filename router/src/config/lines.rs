//! Lines: the lines of a text, indexed once, for the places of errors and items.

/// The starts of the lines of a text: a place is found by binary search, whatever the length of the text.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The offset of each line's first byte.
    starts: Vec<usize>,
}

/// A place in a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    /// In bytes.
    pub(crate) column: u32,
}

impl Lines {
    pub(crate) fn new(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// Returns the place of an offset.
    pub(crate) fn place(&self, at: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let column = at.saturating_sub(self.starts[line - 1]) + 1;
        Place { line: short(line), column: short(column) }
    }
}

impl Place {
    /// Returns the place of a line and column, as a parser counts them, in a text that begins here.
    #[cfg(feature = "json")]
    pub(crate) fn within(self, line: usize, column: usize) -> Self {
        match line {
            // A value that was parsed before has no place.
            0 => self,
            1 => Self { column: self.column.saturating_add(short(column.saturating_sub(1))), ..self },
            _ => Self { line: self.line.saturating_add(short(line - 1)), column: short(column.max(1)) },
        }
    }
}

fn short(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Lines, Place};

    /// Every offset, compared with a count from the start.
    #[test]
    fn places() {
        for text in ["", "\n", "a", "a\n", "\n\n", "ab\ncd\n\ne", "\r\nx\r\n"] {
            let lines = Lines::new(text);
            for at in 0..=text.len() {
                let before = &text[..at];
                let line = before.matches('\n').count() + 1;
                let column = at - before.rfind('\n').map_or(0, |end| end + 1) + 1;
                let wanted = Place { line: line as u32, column: column as u32 };
                assert_eq!(lines.place(at), wanted, "{text:?} {at}");
            }
        }
    }
}
