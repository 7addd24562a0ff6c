//! RuleError: errors of rules, with carets.

use std::fmt;
use std::ops::Range;

use waylay_template::{OneLineWriter, TemplateErrorKind, is_hidden};

use crate::rule::dialect::Dialect;
use crate::rule::function::Function;

/// The most bytes that the text of a rule may have.
pub const MAX_RULE_BYTES: usize = 8 * 1024;

/// The most nested parentheses and negations that a rule may have.
pub const MAX_RULE_DEPTH: usize = 64;

/// All errors of a rule, in the order of the text.
///
/// A syntax error ends parsing; errors of functions and arguments are all reported.
///
/// ```
/// use waylay_router::rule::Rule;
/// let errors = Rule::parse("Hots(`a.example.com`) && Path(`admin`)").unwrap_err();
/// assert_eq!(errors.iter().count(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleErrors {
    pub(crate) errors: Vec<RuleError>,
}

impl RuleErrors {
    /// Returns the errors, at least one.
    pub fn iter(&self) -> impl Iterator<Item = &RuleError> {
        self.errors.iter()
    }
}

impl IntoIterator for RuleErrors {
    type Item = RuleError;
    type IntoIter = std::vec::IntoIter<RuleError>;

    fn into_iter(self) -> Self::IntoIter {
        self.errors.into_iter()
    }
}

impl fmt::Display for RuleErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleErrors {}

/// One error of a rule.
///
/// `Display` prints the error, the rule, and carets below the position.
///
/// ```
/// use waylay_router::rule::{Rule, RuleErrorKind};
/// let errors = Rule::parse("PathPrefx(`/api`)").unwrap_err();
/// let error = errors.iter().next().unwrap();
/// assert_eq!(error.span, 0..9);
/// assert_eq!(error.to_string(), "\
/// no function is called `PathPrefx`, did you mean `PathPrefix`?
///     PathPrefx(`/api`)
///     ^^^^^^^^^");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// What is wrong.
    pub kind: RuleErrorKind,
    /// The whole rule.
    pub text: String,
    /// The position in `text`, in bytes.
    pub span: Range<usize>,
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleErrorKind {
    /// Only white space.
    Empty,
    /// Longer than [`MAX_RULE_BYTES`].
    TooLong,
    /// More than [`MAX_RULE_DEPTH`] nested parentheses and negations.
    TooDeep,
    /// An unexpected token.
    Unexpected {
        /// The token.
        found: String,
        /// What the grammar allows instead.
        expected: &'static str,
    },
    /// A `(` without its `)`.
    Unclosed,
    /// A `)` without its `(`.
    Unopened,
    /// A quote without its end.
    UnclosedQuote(char),
    /// A `/*` without its `*/`.
    UnclosedComment,
    /// A character that is not a quote in rules: `'`, `“`, `‘`.
    WrongQuote(char),
    /// An escape in double quotes that Go does not have, or that is not UTF-8.
    BadEscape,
    /// An argument without quotes.
    Unquoted(String),
    /// A single `&` or `|`.
    SingleOperator(char),
    /// `and`, `or` or `not` instead of the operator.
    WordOperator {
        /// The word.
        word: String,
        /// The operator.
        operator: &'static str,
    },
    /// An unknown function.
    UnknownFunction {
        /// The name.
        name: String,
        /// The function with the most similar name.
        nearest: Option<Function>,
    },
    /// An operator or a function that the dialect does not have.
    NotInDialect {
        /// The operator or function.
        what: String,
        /// The dialect.
        dialect: Dialect,
    },
    /// A wrong number of arguments.
    Arity {
        /// The function.
        function: Function,
        /// The least and the greatest number.
        wanted: (usize, usize),
        /// The given number.
        given: usize,
    },
    /// An empty argument.
    EmptyArgument,
    /// A path that does not start with `/`.
    NoLeadingSlash,
    /// An error in a template.
    Template(TemplateErrorKind),
    /// `{name:regex}`, a template in Traefik v2 and literal text in v3.
    OldTemplate,
    /// `{name:regex}` in a regex of the native language, where only the arguments of `Host` and `Path` are templates.
    TemplateInRegex,
    /// A regex that does not compile, with the message of the regex crate.
    Regex(String),
    /// A regex that takes more than [`MAX_REGEX_BYTES`](crate::MAX_REGEX_BYTES) when compiled.
    RegexTooLarge,
    /// An argument of the wrong type.
    Argument {
        /// The text of the argument.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A character that is not allowed in host names.
    Host(char),
    /// A `<…>` other than vulcand's `<n>`, `<string:n>`, `<int:n>`, `<path:n>`.
    Variable(String),
    /// A guard that the table does not have.
    UnknownGuard(String),
}

impl fmt::Display for RuleErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut OneLineWriter(f);
        match self {
            Self::Empty => f.write_str("the rule is empty, write `Any()` for every request"),
            Self::TooLong => write!(f, "the rule is longer than {MAX_RULE_BYTES} bytes"),
            Self::TooDeep => {
                write!(f, "more than {MAX_RULE_DEPTH} parentheses and negations within each other")
            }
            Self::Unexpected { found, expected } => write!(f, "expected {expected}, found {found}"),
            Self::Unclosed => f.write_str("parenthesis is not closed, add `)`"),
            Self::Unopened => f.write_str("`)` without `(`"),
            Self::UnclosedQuote(quote) => write!(f, "text is not closed, add {quote}"),
            Self::UnclosedComment => f.write_str("comment is not closed, add `*/`"),
            Self::WrongQuote(quote) => {
                write!(f, "{quote} is no quote here, write `text` or \"text\"")
            }
            Self::BadEscape => f.write_str("no such escape, write the text in back quotes"),
            Self::Unquoted(text) => write!(f, "an argument needs quotes, write `{text}` with them"),
            Self::SingleOperator(c) => write!(f, "write `{c}{c}`"),
            Self::WordOperator { word, operator } => write!(f, "write `{operator}` for `{word}`"),
            Self::UnknownFunction { name, nearest } => {
                write!(f, "no function is called `{name}`")?;
                match nearest {
                    Some(nearest) => write!(f, ", did you mean `{nearest}`?"),
                    None => Ok(()),
                }
            }
            Self::NotInDialect { what, dialect } => write!(f, "the dialect {dialect} has no `{what}`"),
            Self::Arity { function, wanted: (low, high), given } => {
                let range = if low == high { low.to_string() } else { format!("{low} or {high}") };
                let plural = if *high == 1 { "" } else { "s" };
                write!(f, "`{function}` takes {range} argument{plural}, not {given}")?;
                match high {
                    1 if *given > 1 => write!(f, "; write `{function}(…) || {function}(…)`"),
                    _ => Ok(()),
                }
            }
            Self::EmptyArgument => f.write_str("the argument is empty"),
            Self::NoLeadingSlash => f.write_str("a path must start with `/`"),
            Self::Template(kind) => write!(f, "{kind}"),
            Self::OldTemplate => f.write_str(
                "`{name:regex}` is a template of Traefik v2; in v3 regexes are arguments of the functions that end in `Regexp`, without braces",
            ),
            Self::TemplateInRegex => f.write_str(
                "`{name:regex}` is a template, which a function without `Regexp` takes; a regex has no variables",
            ),
            Self::Regex(reason) => write!(f, "regex does not compile: {reason}"),
            Self::RegexTooLarge => write!(f, "{}", TemplateErrorKind::RegexTooLarge),
            Self::Argument { text, expected } => write!(f, "`{text}` is not {expected}"),
            Self::Host(c) => write!(f, "{c:?} is not allowed in a host name, write the A-label (`xn--…`)"),
            Self::Variable(text) => {
                write!(f, "`{text}` is none of `<n>`, `<string:n>`, `<int:n>` and `<path:n>`")
            }
            Self::UnknownGuard(name) => write!(f, "the table has no guard `{name}`"),
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.kind)?;
        draw(f, &self.text, &self.span)
    }
}

// `Display` prints the whole error, so `source` has nothing to add.
impl std::error::Error for RuleError {}

/// The most characters of a line that are printed around the position.
const SHOWN: usize = 80;

/// Prints the line of the position, and carets below it.
pub(crate) fn draw(f: &mut fmt::Formatter<'_>, text: &str, span: &Range<usize>) -> fmt::Result {
    let start = text.floor_char_boundary_of(span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = text.floor_char_boundary_of(span.end).clamp(start, line_end.max(start));
    let before: Vec<char> = text[line_start..start].chars().collect();
    let marked = text[start..end].chars().count();
    let after: Vec<char> = text[start..line_end].chars().collect();
    let cut_before = before.len().saturating_sub(SHOWN / 2);
    let kept_after = after.len().min(SHOWN);
    let clean = |c: &char| if is_hidden(*c) { '\u{fffd}' } else { *c };
    let lead: &str = if cut_before > 0 { "…" } else { "" };
    let tail: &str = if kept_after < after.len() { "…" } else { "" };
    let shown: String = before[cut_before..].iter().chain(&after[..kept_after]).map(clean).collect();
    let indent = lead.chars().count() + before.len() - cut_before;
    writeln!(f, "    {lead}{shown}{tail}")?;
    write!(f, "    {:indent$}{}", "", "^".repeat(marked.clamp(1, kept_after.max(1))))
}

/// Our spans are on character boundaries; those that a user writes into the public field may not be.
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

/// The most alternatives of one route that are indexed; further ones are tested as a formula.
pub const MAX_ALTERNATIVES: usize = 64;
