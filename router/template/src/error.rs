//! TemplateError: what is wrong with a template, and where.

use std::fmt;
use std::ops::Range;

use crate::ast::{MAX_REGEX_BYTES, MAX_SEGMENTS, MAX_TEMPLATE_BYTES, MAX_VARIABLES};
use crate::one_line::{OneLine, is_hidden};

/// An error in a template, with its position.
///
/// `Display` prints the error, the template, and carets below the position.
///
/// ```
/// use waylay_template::{Template, TemplateErrorKind, TemplateKind};
/// let error = Template::parse("/articles/{id", TemplateKind::Path).unwrap_err();
/// assert_eq!((error.kind.clone(), error.span.clone()), (TemplateErrorKind::Unclosed, 10..13));
/// assert_eq!(error.to_string(), "\
/// variable is not closed, add `}` (a literal brace is `{{`)
///     /articles/{id
///               ^^^");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// What is wrong.
    pub kind: TemplateErrorKind,
    /// The whole template.
    pub text: String,
    /// The position in `text`, in bytes.
    pub span: Range<usize>,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateErrorKind {
    /// A `{` without its `}`.
    Unclosed,
    /// A `}` without its `{`.
    Unopened,
    /// `{}` or `{:regex}`.
    EmptyName,
    /// A name with a character that is not allowed in names.
    BadName(char),
    /// Two variables of the same name in a template, or in a route and its scopes.
    Duplicate(String),
    /// Two variables with nothing between them.
    Adjacent,
    /// A capturing group `(…)`; the variable itself is the capture.
    CapturingGroup,
    /// `^`, `$`, `\A` or `\z` inside a regex, where it never matches; at its ends it says nothing.
    Anchor,
    /// `\b` at the end of a variable with text beside it; a variable is matched without that text.
    WordBoundary,
    /// A regex that does not compile, with the message of the regex crate.
    Regex(String),
    /// A regex that takes more than [`MAX_REGEX_BYTES`] when compiled.
    RegexTooLarge,
    /// A tail, or a regex that may match a separator, before the end of a path.
    TailNotLast,
    /// A variable of a host that may match several labels, after the first label.
    TailNotFirst,
    /// An optional variable that is not the whole last segment of a path.
    OptionalNotLast,
    /// A path that does not start with `/`.
    NoLeadingSlash,
    /// A method before a path (`GET /a`): a method is another condition.
    MethodInPath,
    /// `{$}` of Go: a path is exact without it.
    EndMarker,
    /// A `.` or `..` segment, which no normalized path has.
    DotSegment,
    /// A percent escape; templates are written decoded. Only the characters `:*<>?#[(`, which other routers give a
    /// meaning, may be escaped.
    Escape,
    /// The syntax of another router, which is literal text here and would match no request.
    Foreign {
        /// The spelling that is probably meant.
        write: String,
        /// The spelling of the text itself.
        literal: String,
    },
    /// The syntax of another router in a host, which no host name has.
    ForeignHost {
        /// The spelling that is probably meant.
        write: String,
    },
    /// A `?` in a path: a query is a condition of its own.
    QueryInPath,
    /// A `#` in a path: no client sends a fragment.
    FragmentInPath,
    /// A control character.
    Control,
    /// A character that is not allowed in host names.
    BadHost(char),
    /// A port that is not a number from 0 to 65535.
    BadPort,
    /// More than [`MAX_VARIABLES`].
    TooManyVariables,
    /// More than [`MAX_SEGMENTS`].
    TooManySegments,
    /// Longer than [`MAX_TEMPLATE_BYTES`].
    TooLong,
}

impl fmt::Display for TemplateErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed => f.write_str("variable is not closed, add `}` (a literal brace is `{{`)"),
            Self::Unopened => f.write_str("`}` without `{` (a literal brace is `}}`)"),
            Self::EmptyName => f.write_str("variable has no name, write `{name}` or `{name:regex}`"),
            Self::BadName(c) => write!(
                f,
                "{c:?} is not allowed in a variable name, which has letters, digits, `_`, `-` and `.` (a literal brace is `{{{{`)"
            ),
            Self::Duplicate(name) => write!(f, "variable `{}` appears twice, rename one", OneLine(name)),
            Self::Adjacent => f.write_str("two variables need text between them"),
            Self::CapturingGroup => f.write_str("capturing group, write `(?:…)` instead of `(…)`"),
            Self::Anchor => f.write_str(
                "anchor inside a regex never matches, remove it (a variable is matched as a whole; the character is `\\^` or `\\$`)",
            ),
            Self::WordBoundary => f.write_str(
                "word boundary beside text, remove it or put the text into the regex (a variable is matched as a whole)",
            ),
            Self::Regex(error) => write!(f, "regex does not compile: {}", OneLine(error)),
            Self::RegexTooLarge => write!(
                f,
                "regex takes more than {MAX_REGEX_BYTES} bytes when compiled; `\\w` is Unicode, `(?-u:\\w)` is a letter, digit or `_` of ASCII"
            ),
            Self::TailNotLast => f.write_str(
                "a variable that spans separators must end the template and stand alone in its segment",
            ),
            Self::TailNotFirst => {
                f.write_str("a variable that spans labels must begin the host and stand alone in its label")
            }
            Self::OptionalNotLast => {
                f.write_str("an optional variable must be the whole last segment of a route's path")
            }
            Self::NoLeadingSlash => f.write_str("a path must start with `/`"),
            Self::MethodInPath => {
                f.write_str("a path must start with `/`: a method is another condition of the route, remove it here")
            }
            Self::EndMarker => {
                f.write_str("a path is exact without an end marker, remove it (the text itself is `{{$}}`)")
            }
            Self::DotSegment => f.write_str("`.` and `..` segments never match"),
            Self::Escape => f.write_str("templates are written decoded, write the character itself"),
            Self::Foreign { write, literal } => write!(
                f,
                "this is syntax of another router, write `{}` (the text itself is `{}`)",
                OneLine(write),
                OneLine(literal)
            ),
            Self::ForeignHost { write } => {
                write!(f, "this is syntax of another router, write `{}`", OneLine(write))
            }
            Self::QueryInPath => f.write_str(
                "a path has no query: add a condition on the query key, or write `{name?}` for an optional segment (`?` itself is `%3F`)",
            ),
            Self::FragmentInPath => f.write_str("a request has no fragment, remove it (`#` itself is `%23`)"),
            Self::Control => f.write_str("control characters never match"),
            Self::BadHost('*') => f.write_str(
                "`*.` (one label) and `**.` (one or more labels) are allowed only at the start of a host",
            ),
            Self::BadHost(c) => write!(f, "{c:?} is not allowed in a host name"),
            Self::BadPort => f.write_str("port is not a number from 0 to 65535"),
            Self::TooManyVariables => write!(f, "more than {MAX_VARIABLES} variables"),
            Self::TooLong => write!(f, "longer than {MAX_TEMPLATE_BYTES} bytes"),
            Self::TooManySegments => write!(f, "more than {MAX_SEGMENTS} segments"),
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.text.get(..self.span.start).unwrap_or("").chars().count();
        let marked = self.text.get(self.span.clone()).unwrap_or("").chars().count().max(1);
        writeln!(f, "{}", self.kind)?;
        // A line break would put the caret below another line, and an escape beside its place.
        writeln!(f, "    {}", self.text.replace(is_hidden, "\u{fffd}"))?;
        // No width of a format: it panics above 65,535.
        write!(f, "    {}{}", " ".repeat(before), "^".repeat(marked))
    }
}

impl std::error::Error for TemplateError {}
