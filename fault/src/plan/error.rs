//! PlanErrors: everything that is wrong with a document, each with its place.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::config::one_line::{OneLine, is_hidden};

/// Everything that is wrong with a plan. Its text shows each error with line, column and caret.
///
/// ```
/// # #[cfg(feature = "toml")] {
/// use waylay_fault::FaultPlan;
///
/// let text = "version = 1\nenvironments = [\"staging\"]\nfault = [{ name = \"a\", participation = 2, errror = 503 }]\n";
/// let errors = FaultPlan::from_toml(text).unwrap_err();
/// assert_eq!(errors.to_string(), "\
/// 2 errors in the plan
/// 3:40: 2 is out of range; `participation` is a share from 0 to 1
///   |
/// 3 | fault = [{ name = \"a\", participation = 2, errror = 503 }]
///   |                                        ^
/// 3:43: `errror` is not a key of a fault; did you mean `error`?
///   |
/// 3 | fault = [{ name = \"a\", participation = 2, errror = 503 }]
///   |                                           ^^^^^^");
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanErrors {
    text: Arc<str>,
    errors: Vec<PlanError>,
    /// How many more there are than are kept.
    more: usize,
}

/// One error of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    span: Range<usize>,
    line: usize,
    column: usize,
    message: String,
}

impl PlanErrors {
    /// Returns the errors in the order of the text, at most 100.
    pub fn iter(&self) -> std::slice::Iter<'_, PlanError> {
        self.errors.iter()
    }
}

impl<'a> IntoIterator for &'a PlanErrors {
    type Item = &'a PlanError;
    type IntoIter = std::slice::Iter<'a, PlanError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PlanError {
    /// Returns the line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the column in characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Returns the range of the text, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Returns what is wrong, and the way out.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        // The error of a rule has several lines, with a caret.
        let mut lines = self.message.split('\n');
        write!(f, "{}", OneLine(lines.next().unwrap_or_default()))?;
        lines.try_for_each(|line| write!(f, "\n{}", OneLine(line)))
    }
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors.len() + self.more;
        write!(f, "{count} error{} in the plan", if count == 1 { "" } else { "s" })?;
        for error in &self.errors {
            write!(f, "\n{error}\n")?;
            write_excerpt(f, &self.text, error)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for PlanErrors {}

/// The line of the error, cut to what a screen holds, with a caret below.
fn write_excerpt(f: &mut fmt::Formatter<'_>, text: &str, error: &PlanError) -> fmt::Result {
    const WIDTH: usize = 100;
    let line_start = text[..error.span.start].rfind('\n').map_or(0, |at| at + 1);
    let line = &text[line_start..];
    let line = line.split('\n').next().unwrap_or_default().trim_end_matches('\r');
    // What comes before the column stays in sight.
    let skip = (error.column - 1).saturating_sub(WIDTH / 2);
    let shown: String =
        line.chars().skip(skip).take(WIDTH).map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect();
    let marked = text[error.span.clone()].split('\n').next().unwrap_or_default().chars().count();
    let before = error.column - 1 - skip;
    let marked = marked.clamp(1, WIDTH.saturating_sub(before).max(1));
    let number = error.line.to_string();
    let margin = " ".repeat(number.len());
    write!(f, "{margin} |\n{number} | {shown}\n{margin} | {}{}", " ".repeat(before), "^".repeat(marked))
}

/// The errors of one document, gathered.
#[derive(Debug, Default)]
pub(crate) struct ErrorList {
    errors: Vec<(Range<usize>, String)>,
    more: usize,
}

/// The most errors that are reported: a hostile document cannot fill the memory with them.
const MAX_ERRORS: usize = 100;

impl ErrorList {
    pub(crate) fn add(&mut self, span: Range<usize>, message: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push((span, message.into()));
        } else {
            self.more += 1;
        }
    }

    /// Adds an error that would otherwise come once for each of many values.
    pub(crate) fn add_once(&mut self, span: Range<usize>, message: String) {
        if self.errors.iter().all(|(_, known)| *known != message) {
            self.add(span, message);
        }
    }

    /// Takes over the errors of another pass.
    pub(crate) fn append(&mut self, other: Self) {
        self.more += other.more;
        other.errors.into_iter().for_each(|(span, message)| self.add(span, message));
    }

    pub(crate) fn len(&self) -> usize {
        self.errors.len() + self.more
    }

    /// The value, if there are no errors.
    pub(crate) fn or<T>(mut self, text: &str, value: Option<T>) -> Result<T, PlanErrors> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => {
                if self.errors.is_empty() {
                    self.add(0..0, "the plan cannot be read");
                }
                self.errors.sort_by_key(|(span, _)| span.start);
                let errors =
                    self.errors.into_iter().map(|(span, message)| place(text, span, message)).collect();
                Err(PlanErrors { text: text.into(), errors, more: self.more })
            }
        }
    }
}

fn place(text: &str, span: Range<usize>, message: String) -> PlanError {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    let end = floor(span.end).max(start);
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    PlanError {
        line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        span: start..end,
        message,
    }
}
