//! Template: text, variables, wildcards; TemplateError.

use std::fmt;
use std::ops::Range;

/// The most variables that one route may have, over path, host and query.
pub const MAX_VARIABLES: usize = 32;

/// The most bytes that a path or host template may have, its scopes' included.
pub const MAX_TEMPLATE_BYTES: usize = 1024;

/// The most segments that one path template may have.
pub const MAX_SEGMENTS: usize = 64;

/// The most bytes that one compiled constraint may take.
pub const MAX_REGEX_BYTES: usize = 256 * 1024;

/// What a template describes; it decides the separator and what text is legal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// A request path: segments divided by `/`.
    Path,
    /// A host name: labels divided by `.`.
    Host,
    /// The value of one query key: not divided.
    Query,
}

impl Place {
    /// The byte that a plain variable never crosses.
    pub(crate) fn separator(self) -> Option<u8> {
        match self {
            Place::Path => Some(b'/'),
            Place::Host => Some(b'.'),
            Place::Query => None,
        }
    }
}

/// Whose template grammar is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Grammar {
    /// waylay's own: whole-segment tails, doubled braces, no capturing groups.
    #[default]
    Native,
    /// gorilla/mux's: a constraint may span separators anywhere.
    Gorilla,
}

/// One part of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Piece {
    /// Literal text, decoded.
    Text(String),
    /// A variable.
    Var(Var),
    /// Text that is asked for and not kept; in hosts.
    Wild(Wild),
}

/// What a part of a host without a name accepts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Wild {
    /// `*`: one label.
    One,
    /// `**`: one label or more.
    Many,
    /// What the regex matches as a whole, in place of a template.
    Regex(String),
}

/// A named hole in a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Var {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Whether its segment may be left out.
    pub(crate) optional: bool,
    pub(crate) span: (usize, usize),
}

/// What a variable accepts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// One non-empty part between separators.
    Plain,
    /// What the regex matches as a whole.
    Pattern(String),
    /// Everything that is left, at least one byte.
    Tail,
}

/// A parsed path, host or query template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) text: String,
    pub(crate) place: Place,
    pub(crate) pieces: Vec<Piece>,
}

impl Template {
    /// Its variables, in order.
    pub(crate) fn vars(&self) -> impl Iterator<Item = &Var> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Var(var) => Some(var),
            Piece::Text(_) | Piece::Wild(_) => None,
        })
    }

    /// A host that a regex describes.
    pub(crate) fn of_regex(regex: &str) -> Self {
        let pieces = vec![Piece::Wild(Wild::Regex(regex.to_owned()))];
        Self { text: format!("~{regex}"), place: Place::Host, pieces }
    }

    /// The same path without its optional segment, if it has one.
    pub(crate) fn shortened(&self) -> Option<Template> {
        let at = self.pieces.iter().position(|piece| matches!(piece, Piece::Var(var) if var.optional))?;
        let mut short = Template { pieces: self.pieces[..at].to_vec(), ..self.clone() };
        short.cut_slashes();
        let after = match &self.pieces[at + 1..] {
            [Piece::Text(text)] => text.as_str(),
            _ => "",
        };
        let after = if short.pieces.is_empty() { "/" } else { after };
        if let Some(Piece::Text(text)) = short.pieces.last_mut() {
            text.push_str(after);
        } else if !after.is_empty() {
            short.pieces.push(Piece::Text(after.to_owned()));
        }
        Some(short)
    }

    /// How many segments it has, an empty last one left out.
    pub(crate) fn segments(&self) -> usize {
        let slashes = |text: &str| text.bytes().filter(|&byte| byte == b'/').count();
        let own =
            self.pieces.iter().map(|piece| if let Piece::Text(text) = piece { slashes(text) } else { 0 });
        let last = match self.pieces.last() {
            Some(Piece::Text(text)) => text.len() - text.trim_end_matches('/').len(),
            _ => 0,
        };
        own.sum::<usize>() - last
    }

    /// Cuts the separators off the end.
    fn cut_slashes(&mut self) {
        if let Some(Piece::Text(text)) = self.pieces.last_mut() {
            text.truncate(text.trim_end_matches('/').len());
            if text.is_empty() {
                self.pieces.pop();
            }
        }
    }

    /// The text, if there is no variable.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The same path with the final slash put on or off; nothing for `/` and what has no end of its own.
    pub(crate) fn other_slash(&self) -> Option<Template> {
        let mut other = self.clone();
        match other.pieces.last_mut()? {
            Piece::Text(text) if self.pieces.len() == 1 && text == "/" => return None,
            Piece::Text(text) if text.ends_with('/') => {
                text.pop();
                other.text.pop();
                if text.is_empty() {
                    other.pieces.pop();
                }
                return Some(other);
            }
            Piece::Text(text) => text.push('/'),
            Piece::Var(var) if var.kind == Kind::Tail => return None,
            Piece::Var(_) | Piece::Wild(_) => other.pieces.push(Piece::Text("/".to_owned())),
        }
        other.text.push('/');
        Some(other)
    }

    /// Whether nothing can follow but itself: gorilla/mux asks for a parent's final `/` as well.
    pub(crate) fn ends_open(&self, child: &Template) -> bool {
        self.text.ends_with('/') && child.pieces.is_empty()
    }

    /// `self` with the final separators cut, then `child`.
    pub(crate) fn join(&self, child: &Template) -> Template {
        let mut joined = self.clone();
        joined.cut_slashes();
        let mut pieces = joined.pieces;
        for piece in &child.pieces {
            match (pieces.last_mut(), piece) {
                (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(text),
                _ => pieces.push(piece.clone()),
            }
        }
        let text = format!("{}{}", self.text.trim_end_matches('/'), child.text);
        Template { text, place: self.place, pieces }
    }
}

/// What is wrong with a template, and where.
///
/// `Display` shows the text with a caret under the place.
///
/// ```
/// use waylay_router::{Route, Table};
/// let errors = Table::builder().route(Route::get("/articles/{id").value(())).build().unwrap_err();
/// let shown = errors.to_string();
/// assert!(shown.contains("variable is not closed"), "{shown}");
/// assert!(shown.contains("/articles/{id\n"), "{shown}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The fault.
    pub kind: TemplateErrorKind,
    /// The whole template.
    pub text: String,
    /// Where the fault lies in `text`, in bytes.
    pub span: Range<usize>,
}

/// The kinds of template faults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateErrorKind {
    /// A `{` without its `}`.
    Unclosed,
    /// A `}` without its `{`.
    Unopened,
    /// `{}` or `{:regex}`.
    EmptyName,
    /// A name with a character that names may not have.
    BadName(char),
    /// Two variables of one name in a template, or in a route and its scopes.
    Duplicate(String),
    /// Two variables with nothing between them.
    Adjacent,
    /// A `(…)` group that captures; the variable itself is the capture.
    CapturingGroup,
    /// A regex that does not compile, with the compiler's words.
    Regex(String),
    /// A regex over [`MAX_REGEX_BYTES`] when compiled.
    RegexTooLarge,
    /// A tail, or a constraint that may match a separator, before the end.
    TailNotLast,
    /// A host's variable that spans labels, anywhere but in front.
    TailNotFirst,
    /// An optional variable that is not the whole last segment of a route's path.
    OptionalNotLast,
    /// A path that does not start with `/`.
    NoLeadingSlash,
    /// A `.` or `..` segment: no request that passes the policy can match it.
    DotSegment,
    /// A percent escape: templates are written decoded.
    Escape,
    /// A control character.
    Control,
    /// A character that no host name has.
    BadHost(char),
    /// A port that is no number up to 65535.
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
            Self::BadName(c) => write!(f, "{c:?} may not stand in a variable's name"),
            Self::Duplicate(name) => write!(f, "variable `{name}` appears twice, rename one"),
            Self::Adjacent => f.write_str("two variables need text between them"),
            Self::CapturingGroup => f.write_str("capturing group, write `(?:…)` instead of `(…)`"),
            Self::Regex(error) => write!(f, "regex does not compile: {error}"),
            Self::RegexTooLarge => write!(f, "regex takes more than {MAX_REGEX_BYTES} bytes when compiled"),
            Self::TailNotLast => f.write_str(
                "a variable that spans separators must end the template and stand alone in its segment",
            ),
            Self::TailNotFirst => {
                f.write_str("a variable that spans labels must begin the host and stand alone in its label")
            }
            Self::OptionalNotLast => {
                f.write_str("an optional variable must be the whole last segment of a route's path")
            }
            Self::NoLeadingSlash => f.write_str("a path starts with `/`"),
            Self::DotSegment => f.write_str("`.` and `..` segments never match"),
            Self::Escape => f.write_str("templates are written decoded, write the character itself"),
            Self::Control => f.write_str("control characters never match"),
            Self::BadHost('*') => {
                f.write_str("`*.` (one label) and `**.` (one or more) stand in front of a host only")
            }
            Self::BadHost(c) => write!(f, "{c:?} may not stand in a host name"),
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
        // A line break would put the caret below another line.
        let shown = self.text.replace(char::is_control, "\u{fffd}");
        writeln!(f, "    {shown}")?;
        write!(f, "    {:before$}{}", "", "^".repeat(marked))
    }
}

impl std::error::Error for TemplateError {}
