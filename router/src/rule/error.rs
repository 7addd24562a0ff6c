//! RuleError with carets.

use std::fmt;
use std::ops::Range;

use waylay_template::{MAX_REGEX_BYTES, TemplateErrorKind};

use crate::rule::dialect::{Dialect, Function};

/// The most bytes that the text of a rule may have.
pub const MAX_RULE_BYTES: usize = 8 * 1024;

/// The most parentheses and negations that a rule may have within each other.
pub const MAX_RULE_DEPTH: usize = 64;

/// Every fault of a rule, in the order of the text.
///
/// A fault of the grammar ends the reading; faults of single functions are all told.
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
    /// The faults, at least one.
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

/// One fault of a rule.
///
/// `Display` shows the text with a caret under the place.
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
    /// The fault.
    pub kind: RuleErrorKind,
    /// The whole rule.
    pub text: String,
    /// Where the fault lies in `text`, in bytes.
    pub span: Range<usize>,
}

/// The kinds of faults of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleErrorKind {
    /// Nothing but white space.
    Empty,
    /// Longer than [`MAX_RULE_BYTES`].
    TooLong,
    /// More than [`MAX_RULE_DEPTH`] parentheses and negations within each other.
    TooDeep,
    /// Something else stands where the grammar asks for a thing.
    Unexpected {
        /// What stands there.
        found: String,
        /// What may stand there.
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
    /// Quotes that are no quotes here: `'`, `“`, `‘`.
    WrongQuote(char),
    /// An escape in double quotes that Go does not know, or that is no UTF-8.
    BadEscape,
    /// An argument without quotes.
    Unquoted(String),
    /// A single `&` or `|`.
    SingleOperator(char),
    /// `and`, `or` or `not` for the operator.
    WordOperator {
        /// The word.
        word: String,
        /// The operator that it stands for.
        operator: &'static str,
    },
    /// A name that no function has.
    UnknownFunction {
        /// The name.
        name: String,
        /// The function that it may have meant.
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
        /// The number that was given.
        given: usize,
    },
    /// An argument without text.
    EmptyArgument,
    /// A path that does not start with `/`.
    NoLeadingSlash,
    /// A fault of the template that stands in an argument.
    Template(TemplateErrorKind),
    /// `{name:regex}`, which Traefik v2 read as a template and v3 reads as it stands.
    OldTemplate,
    /// A regex that does not compile, with the compiler's words.
    Regex(String),
    /// A regex over [`MAX_REGEX_BYTES`](crate::MAX_REGEX_BYTES) when compiled.
    RegexTooLarge,
    /// A text that is no method.
    Method(String),
    /// A text that is no header name.
    HeaderName(String),
    /// A text that is no scheme.
    Scheme(String),
    /// A text that is neither an address nor a block of them.
    Network(String),
    /// A text that is no media type.
    MediaType(String),
    /// A character that no host name has.
    Host(char),
    /// A `<…>` of vulcand's that is none of `<n>`, `<string:n>`, `<int:n>`, `<path:n>`.
    Variable(String),
    /// A guard that the table does not have.
    UnknownGuard(String),
}

impl fmt::Display for RuleErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            Self::Unquoted(text) => write!(f, "an argument stands in quotes, write `{text}` with them"),
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
                "`{name:regex}` is a template of Traefik v2; in v3 regexes stand in the functions that end in `Regexp`, without braces",
            ),
            Self::Regex(reason) => write!(f, "regex does not compile: {reason}"),
            Self::RegexTooLarge => write!(f, "regex takes more than {MAX_REGEX_BYTES} bytes when compiled"),
            Self::Method(text) => write!(f, "`{text}` is no method"),
            Self::HeaderName(text) => write!(f, "`{text}` is no header name"),
            Self::Scheme(text) => write!(f, "`{text}` is no scheme"),
            Self::Network(text) => {
                write!(f, "`{text}` is neither an IP address nor a block such as `10.0.0.0/8`")
            }
            Self::MediaType(text) => write!(f, "`{text}` is no media type such as `application/json`"),
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

// `Display` tells the whole fault, so there is no source to tell it again.
impl std::error::Error for RuleError {}

/// How much of a line is shown around the place, in characters.
const SHOWN: usize = 80;

/// The line of the place, and carets below it.
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

/// The most alternatives that one route is laid out as; what is beyond is tested one after the other.
pub const MAX_ALTERNATIVES: usize = 64;
