//! Template::parse: template text to its syntax tree, with every check of the grammar.

use std::ops::Range;

use crate::ast::{
    MAX_SEGMENTS, MAX_TEMPLATE_BYTES, MAX_VARIABLES, Node, Syntax, Template, TemplateKind, Variable,
    VariableKind, Wildcard,
};
use crate::error::{TemplateError, TemplateErrorKind};
use crate::foreign;
use crate::foreign::unescaped;
use crate::scanner::{Scanner, Token, VariableToken};

/// What the parser asks about the regex of a variable; this crate compiles none.
pub trait RegexCheck {
    /// Checks a regex of a template of this kind.
    ///
    /// # Errors
    /// What is wrong with the regex.
    fn check(&self, regex: &str, kind: TemplateKind) -> Result<(), TemplateErrorKind>;

    /// Tests whether a match may be empty or contain the separator. False for an invalid regex.
    fn may_span(&self, regex: &str, separator: Option<u8>) -> bool;
}

/// A [`RegexCheck`] that accepts every regex and takes it for one part between separators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unchecked;

impl RegexCheck for Unchecked {
    fn check(&self, _regex: &str, _kind: TemplateKind) -> Result<(), TemplateErrorKind> {
        Ok(())
    }

    fn may_span(&self, _regex: &str, _separator: Option<u8>) -> bool {
        false
    }
}

impl Template {
    /// Parses a template in the native syntax, without a look into its regexes.
    ///
    /// # Errors
    /// The first error of the text.
    pub fn parse(text: &str, kind: TemplateKind) -> Result<Self, TemplateError> {
        Self::parse_with(text, kind, Syntax::Native, &Unchecked)
    }

    /// Parses a template in a syntax, and checks its regexes.
    ///
    /// # Errors
    /// The first error of the text.
    pub fn parse_with(
        text: &str,
        kind: TemplateKind,
        syntax: Syntax,
        regexes: &impl RegexCheck,
    ) -> Result<Self, TemplateError> {
        let template = Self::read(text, kind, syntax)?;
        check(&template, syntax, regexes)?;
        Ok(template)
    }

    /// Parses a template without the rules that need the whole of it: for a text that has been checked, and for the joined
    /// text of [`join`](Self::join).
    ///
    /// # Errors
    /// The first error of a single token.
    ///
    /// ```
    /// # use waylay_template::{Syntax, Template, TemplateKind};
    /// let [users, id] = ["/users/", "/{id}"].map(|text| Template::parse(text, TemplateKind::Path).unwrap());
    /// let joined = users.join(&id);
    /// let read = Template::read(&joined.text, TemplateKind::Path, Syntax::Native)?;
    /// assert_eq!((read.text.as_str(), read.nodes.len()), ("/users/{id}", 2));
    /// # Ok::<(), waylay_template::TemplateError>(())
    /// ```
    pub fn read(text: &str, kind: TemplateKind, syntax: Syntax) -> Result<Self, TemplateError> {
        read(text, kind, syntax)
    }

    /// Checks the rules that a path as a whole obeys, the prefixes of its scopes included.
    ///
    /// # Errors
    /// [`TooLong`](TemplateErrorKind::TooLong), [`TooManySegments`](TemplateErrorKind::TooManySegments) or
    /// [`DotSegment`](TemplateErrorKind::DotSegment).
    pub fn check_path(&self) -> Result<(), TemplateErrorKind> {
        if self.text.len() > MAX_TEMPLATE_BYTES {
            return Err(TemplateErrorKind::TooLong);
        }
        if self.slash_count() > MAX_SEGMENTS {
            return Err(TemplateErrorKind::TooManySegments);
        }
        let last = self.nodes.len().saturating_sub(1);
        for (i, node) in self.nodes.iter().enumerate() {
            let Node::Text(text) = node else { continue };
            // Text that touches a variable is not a segment by itself.
            let to = if i == last { text.len() } else { text.rfind('/').unwrap_or(0) };
            if text[..to].split('/').skip(1).any(|part| matches!(part, "." | "..")) {
                return Err(TemplateErrorKind::DotSegment);
            }
        }
        Ok(())
    }
}

fn read(text: &str, kind: TemplateKind, syntax: Syntax) -> Result<Template, TemplateError> {
    let mut nodes = Vec::new();
    let mut start = 0;
    if kind == TemplateKind::Host
        && syntax == Syntax::Native
        && let Some((wildcard, length)) = wildcard(text)
    {
        nodes.push(Node::Wildcard(wildcard));
        start = length;
    }
    let has_escapes = kind == TemplateKind::Path && syntax == Syntax::Native;
    for token in Scanner::starting_at(text, syntax, start) {
        let token = token.map_err(|error| match syntax {
            Syntax::Native => foreign::explain(error, kind),
            Syntax::Gorilla => error,
        })?;
        match (token, nodes.last_mut()) {
            (Token::Text(more), Some(Node::Text(text))) if has_escapes => text.push_str(&unescaped(more)),
            (Token::Text(text), _) if has_escapes => nodes.push(Node::Text(unescaped(text).into_owned())),
            (Token::Text(more), Some(Node::Text(text))) => text.push_str(more),
            (Token::Text(text), _) => nodes.push(Node::Text(text.to_owned())),
            (Token::Variable(token), _) => nodes.push(Node::Variable(variable(token))),
        }
    }
    nodes.shrink_to_fit();
    Ok(Template { text: text.to_owned(), kind, nodes })
}

fn variable(token: VariableToken<'_>) -> Variable {
    let kind = match token.regex {
        Some(regex) => VariableKind::Regex(regex.to_owned()),
        None if token.is_tail => VariableKind::Tail,
        None => VariableKind::Plain,
    };
    Variable { name: token.name.to_owned(), kind, optional: token.is_optional, span: token.span }
}

/// `*` or `**` as the first label of a host, and its length.
fn wildcard(text: &str) -> Option<(Wildcard, usize)> {
    let (wildcard, after) = match text.strip_prefix("**") {
        Some(after) => (Wildcard::Many, after),
        None => (Wildcard::One, text.strip_prefix('*')?),
    };
    let is_label = after.is_empty() || after.starts_with(['.', ':']);
    is_label.then_some((wildcard, text.len() - after.len()))
}

fn error(template: &Template, kind: TemplateErrorKind, span: &Range<usize>) -> TemplateError {
    TemplateError { kind, text: template.text.clone(), span: span.clone() }
}

/// The rules that need the whole template.
fn check(template: &Template, syntax: Syntax, regexes: &impl RegexCheck) -> Result<(), TemplateError> {
    let whole = 0..template.text.len();
    if template.text.len() > MAX_TEMPLATE_BYTES {
        return Err(error(template, TemplateErrorKind::TooLong, &whole));
    }
    let variables: Vec<&Variable> = template.variables().collect();
    if syntax == Syntax::Native
        && let Some((kind, span)) = foreign::find(template)
    {
        return Err(error(template, kind, &span));
    }
    for (i, variable) in variables.iter().enumerate() {
        if let VariableKind::Regex(regex) = &variable.kind {
            regexes.check(regex, template.kind).map_err(|kind| error(template, kind, &variable.span))?;
        }
        if syntax == Syntax::Native && variables[..i].iter().any(|other| other.name == variable.name) {
            return Err(error(template, TemplateErrorKind::Duplicate(variable.name.clone()), &variable.span));
        }
        if variable.optional && template.kind != TemplateKind::Path {
            return Err(error(template, TemplateErrorKind::OptionalNotLast, &variable.span));
        }
    }
    if variables.len() > MAX_VARIABLES {
        return Err(error(template, TemplateErrorKind::TooManyVariables, &whole));
    }
    let native = syntax == Syntax::Native;
    match template.kind {
        TemplateKind::Path => check_path(template, native, regexes),
        TemplateKind::Host if native => check_host(template, regexes),
        TemplateKind::Query if native => check_adjacent(template),
        TemplateKind::Host | TemplateKind::Query => Ok(()),
    }
}

/// Tests whether a variable may match several parts, or nothing.
fn may_span(variable: &Variable, kind: TemplateKind, regexes: &impl RegexCheck) -> bool {
    match &variable.kind {
        VariableKind::Plain => false,
        VariableKind::Tail => true,
        VariableKind::Regex(regex) => regexes.may_span(regex, kind.separator()),
    }
}

fn check_path(template: &Template, native: bool, regexes: &impl RegexCheck) -> Result<(), TemplateError> {
    let text = &template.text;
    if !text.is_empty() && !text.starts_with('/') {
        if let Some(method) = foreign::method(text) {
            return Err(error(template, TemplateErrorKind::MethodInPath, &method));
        }
        let first = text.chars().next().map_or(0, char::len_utf8);
        return Err(error(template, TemplateErrorKind::NoLeadingSlash, &(0..first)));
    }
    if !native {
        return Ok(());
    }
    for (i, node) in template.nodes.iter().enumerate() {
        match node {
            Node::Text(literal) => check_literal(template, literal)?,
            Node::Variable(variable) => {
                check_next(template, i, variable)?;
                let before = template.nodes.get(i.wrapping_sub(1));
                let begins = matches!(before, Some(Node::Text(before)) if before.ends_with('/'));
                let is_last = begins && i + 1 == template.nodes.len();
                let spans = may_span(variable, TemplateKind::Path, regexes);
                if spans && !is_last {
                    return Err(error(template, TemplateErrorKind::TailNotLast, &variable.span));
                }
                if variable.optional && (!is_last || spans) {
                    return Err(error(template, TemplateErrorKind::OptionalNotLast, &variable.span));
                }
            }
            Node::Wildcard(_) => {}
        }
    }
    template.check_path().map_err(|kind| error(template, kind, &(0..text.len())))
}

/// Literal text of a path has neither control characters nor escapes.
fn check_literal(template: &Template, literal: &str) -> Result<(), TemplateError> {
    let position = |needle: &str| {
        let start = template.text.find(needle).unwrap_or(0);
        start..start + needle.len()
    };
    if let Some(c) = literal.chars().find(|c| c.is_control()) {
        return Err(error(template, TemplateErrorKind::Control, &position(c.encode_utf8(&mut [0; 4]))));
    }
    let is_escape =
        |bytes: &[u8]| bytes[0] == b'%' && bytes[1].is_ascii_hexdigit() && bytes[2].is_ascii_hexdigit();
    if let Some(start) = literal.as_bytes().windows(3).position(is_escape) {
        return Err(error(template, TemplateErrorKind::Escape, &position(&literal[start..start + 3])));
    }
    Ok(())
}

fn check_host(template: &Template, regexes: &impl RegexCheck) -> Result<(), TemplateError> {
    let text = &template.text;
    for (i, node) in template.nodes.iter().enumerate() {
        let next = template.nodes.get(i + 1);
        match node {
            Node::Text(literal) => {
                // A port is a number and ends the template.
                if next.is_some() && literal.contains(':') {
                    let start = text.find(':').unwrap_or(0);
                    return Err(error(template, TemplateErrorKind::BadPort, &(start..text.len())));
                }
                let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
                if let Some(c) = literal.chars().find(|&c| !is_allowed(c)) {
                    let start = text.find(c).unwrap_or(0);
                    let span = start..start + c.len_utf8();
                    return Err(error(template, TemplateErrorKind::BadHost(c), &span));
                }
            }
            Node::Variable(variable) => {
                check_next(template, i, variable)?;
                let ends = match next {
                    None => true,
                    Some(Node::Text(after)) => after.starts_with(['.', ':']),
                    Some(_) => false,
                };
                if may_span(variable, TemplateKind::Host, regexes) && !(i == 0 && ends) {
                    return Err(error(template, TemplateErrorKind::TailNotFirst, &variable.span));
                }
            }
            Node::Wildcard(_) => {}
        }
    }
    Ok(())
}

fn check_adjacent(template: &Template) -> Result<(), TemplateError> {
    for (i, node) in template.nodes.iter().enumerate() {
        if let Node::Variable(variable) = node {
            check_next(template, i, variable)?;
        }
    }
    Ok(())
}

/// Two variables need text between them.
fn check_next(template: &Template, i: usize, variable: &Variable) -> Result<(), TemplateError> {
    match template.nodes.get(i + 1) {
        Some(Node::Variable(_)) => Err(error(template, TemplateErrorKind::Adjacent, &variable.span)),
        _ => Ok(()),
    }
}
