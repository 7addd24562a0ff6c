//! Scanner: the tokens of a template, without allocation.

use std::ops::Range;

use crate::ast::Syntax;
use crate::error::{TemplateError, TemplateErrorKind};

/// One token of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'t> {
    /// Literal text; a doubled brace is a text token of one brace.
    Text(&'t str),
    /// A variable.
    Variable(VariableToken<'t>),
}

/// A variable as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableToken<'t> {
    /// The name.
    pub name: &'t str,
    /// The regex after the colon.
    pub regex: Option<&'t str>,
    /// `{*name}`: the rest of the text.
    pub is_tail: bool,
    /// `{name?}`: the segment may be missing.
    pub is_optional: bool,
    /// Its byte range in the template, braces included.
    pub span: Range<usize>,
}

/// An iterator over the tokens of a template; ends after the first error.
///
/// Only the syntax of single tokens is checked: [`Template::parse`](crate::Template::parse) checks the whole.
///
/// ```
/// use waylay_template::{Scanner, Token};
/// let mut path = String::new();
/// for token in Scanner::new("/a/{{}}/{id:[0-9]+}") {
///     match token? {
///         Token::Text(text) => path.push_str(text),
///         Token::Variable(variable) => path.push_str(&variable.name.to_uppercase()),
///     }
/// }
/// assert_eq!(path, "/a/{}/ID");
/// # Ok::<(), waylay_template::TemplateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scanner<'t> {
    text: &'t str,
    syntax: Syntax,
    at: usize,
}

impl<'t> Scanner<'t> {
    /// Returns the tokens of `text` in the native syntax.
    pub fn new(text: &'t str) -> Self {
        Self::starting_at(text, Syntax::Native, 0)
    }

    pub(crate) fn starting_at(text: &'t str, syntax: Syntax, at: usize) -> Self {
        Self { text, syntax, at }
    }

    fn error(&self, kind: TemplateErrorKind, span: Range<usize>) -> TemplateError {
        TemplateError { kind, text: self.text.to_owned(), span }
    }

    fn token(&mut self) -> Result<Token<'t>, TemplateError> {
        let text = self.text;
        let start = self.at;
        let brace = text[start..].find(['{', '}']).map_or(text.len(), |found| start + found);
        if brace > start {
            self.at = brace;
            return Ok(Token::Text(&text[start..brace]));
        }
        let own = &text[start..start + 1];
        if self.syntax == Syntax::Native && text[start + 1..].starts_with(own) {
            self.at = start + 2;
            return Ok(Token::Text(own));
        }
        if own == "}" {
            return Err(self.error(TemplateErrorKind::Unopened, start..start + 1));
        }
        let end = self.closing(start)?;
        self.at = end + 1;
        self.variable(start..end + 1).map(Token::Variable)
    }

    fn variable(&self, span: Range<usize>) -> Result<VariableToken<'t>, TemplateError> {
        let inner = &self.text[span.start + 1..span.end - 1];
        let (name, regex) = match inner.split_once(':') {
            Some((name, regex)) => (name, Some(regex)),
            None => (inner, None),
        };
        let native = self.syntax == Syntax::Native;
        let (name, is_tail) = match name.strip_prefix('*').filter(|_| native) {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (name, is_optional) = match name.strip_suffix('?').filter(|_| native && !is_tail) {
            Some(name) => (name, true),
            None => (name, false),
        };
        if name.is_empty() || regex == Some("") {
            return Err(self.error(TemplateErrorKind::EmptyName, span));
        }
        let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        if native && let Some(c) = name.chars().find(|&c| !is_allowed(c)) {
            let at = span.start + 1 + inner.find(c).unwrap_or(0);
            return Err(self.error(TemplateErrorKind::BadName(c), at..at + c.len_utf8()));
        }
        if is_tail && regex.is_some() {
            return Err(self.error(TemplateErrorKind::BadName('*'), span.start + 1..span.start + 2));
        }
        Ok(VariableToken { name, regex, is_tail, is_optional, span })
    }

    /// The position of the brace that closes the one at `start`; a regex may contain
    /// balanced braces (`{2,3}`) and, in the native syntax, escaped ones.
    pub(crate) fn closing(&self, start: usize) -> Result<usize, TemplateError> {
        let mut depth = 0usize;
        let mut bytes = self.text.bytes().enumerate().skip(start);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' if self.syntax == Syntax::Native => {
                    bytes.next();
                }
                b'{' => depth += 1,
                b'}' if depth == 1 => return Ok(at),
                b'}' => depth -= 1,
                _ => {}
            }
        }
        Err(self.error(TemplateErrorKind::Unclosed, start..self.text.len()))
    }
}

impl<'t> Iterator for Scanner<'t> {
    type Item = Result<Token<'t>, TemplateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() {
            return None;
        }
        let token = self.token();
        if token.is_err() {
            self.at = self.text.len();
        }
        Some(token)
    }
}
