//! Argument checks and lints.

use std::fmt;
use std::ops::Range;

use http::Method;
use http::header::HeaderName;
use http::uri::Scheme;
use regex::Regex;
use waylay_template::{Syntax, TemplateErrorKind, TemplateKind};

use crate::request::media_type::Media;
use crate::request::peer::Network;
use crate::rule::ast::{Argument, Call};
use crate::rule::dialect::{Function as F, Language};
use crate::rule::error::{RuleErrorKind as Fault, draw};
use crate::rule::lexer::Faulty;
use crate::template::constraint;
use crate::template::constraint::parse;
use crate::template::host::HostPattern;

/// The faults of the arguments of one call, whose number has been checked.
pub(crate) fn check(call: &Call, language: Language) -> Vec<Faulty> {
    let mut faults = Vec::new();
    for (i, argument) in call.arguments.iter().enumerate() {
        if let Err((kind, span)) = fault(call.function, i, argument, language) {
            faults.push((kind, span));
        }
    }
    faults
}

fn fault(function: F, place: usize, argument: &Argument, language: Language) -> Result<(), Faulty> {
    let text = argument.text.as_str();
    let native = language == Language::Native;
    let whole = |kind: Fault| (kind, argument.span.clone());
    // Natively a value may be empty, and a scope's own path is.
    let may_be_empty = native && (place == 1 || function == F::Path);
    if text.is_empty() {
        return if may_be_empty { Ok(()) } else { Err(whole(Fault::EmptyArgument)) };
    }
    match (function, place) {
        (F::Path | F::PathPrefix, _) if !text.starts_with('/') && language != Language::Vulcand => {
            Err(whole(Fault::NoLeadingSlash))
        }
        (F::Path | F::PathPrefix, _) if native => template(argument, TemplateKind::Path),
        (F::Host, _) if native => template(argument, TemplateKind::Host),
        (F::Query, 1) if native => template(argument, TemplateKind::Query),
        (F::Host | F::HostRegexp, _) if !native && !text.is_ascii() => {
            let (at, c) = text.char_indices().find(|(_, c)| !c.is_ascii()).unwrap_or((0, ' '));
            Err((Fault::Host(c), argument.within(at..at + c.len_utf8())))
        }
        (F::Host | F::Path | F::Method, _) | (F::Header, 1) if language == Language::Vulcand => {
            let wrong = |place: Range<usize>| {
                (Fault::Variable(text[place.clone()].to_owned()), argument.within(place))
            };
            parts(text).map(|_| ()).map_err(wrong)
        }
        (F::HostRegexp | F::PathRegexp | F::MethodRegexp, _)
        | (F::HeaderRegexp | F::HeaderAll | F::QueryRegexp, 1) => {
            regexp(text, language).map(|_| ()).map_err(whole)
        }
        (F::Header | F::HeaderRegexp | F::HeaderAll, 0) => {
            text.parse::<HeaderName>().map(|_| ()).map_err(|_| whole(Fault::HeaderName(text.to_owned())))
        }
        (F::Method, _) => {
            Method::from_bytes(text.as_bytes()).map(|_| ()).map_err(|_| whole(Fault::Method(text.to_owned())))
        }
        (F::Scheme, _) => {
            text.parse::<Scheme>().map(|_| ()).map_err(|_| whole(Fault::Scheme(text.to_owned())))
        }
        (F::ClientIp, _) => {
            text.parse::<Network>().map(|_| ()).map_err(|_| whole(Fault::Network(text.to_owned())))
        }
        (F::ContentType | F::Accept, _) => {
            text.parse::<Media>().map(|_| ()).map_err(|_| whole(Fault::MediaType(text.to_owned())))
        }
        _ => Ok(()),
    }
}

/// A template of ours; its fault lies somewhere in the argument.
fn template(argument: &Argument, place: TemplateKind) -> Result<(), Faulty> {
    let parsed = parse(&argument.text, place, Syntax::Native)
        .map_err(|error| (Fault::Template(error.kind), argument.within(error.span)))?;
    let whole = |kind: TemplateErrorKind| (Fault::Template(kind), argument.span.clone());
    if place == TemplateKind::Host {
        HostPattern::compile(&parsed, Syntax::Native).map_err(whole)?;
    }
    Ok(())
}

/// Compiles a regex: of the whole value natively, of any part of it elsewhere.
pub(crate) fn regexp(text: &str, language: Language) -> Result<Regex, Fault> {
    let syntax = if language.searches() { Syntax::Gorilla } else { Syntax::Native };
    constraint::whole(text, syntax, false).map_err(|kind| match kind {
        TemplateErrorKind::RegexTooLarge => Fault::RegexTooLarge,
        _ if language == Language::Traefik && has_old_template(text) => Fault::OldTemplate,
        TemplateErrorKind::Regex(reason) => Fault::Regex(reason),
        other => Fault::Template(other),
    })
}

/// Whether `{name:…}` or `{name}` stands in a text, as Traefik v2 wrote its templates.
pub(crate) fn has_old_template(text: &str) -> bool {
    text.split('{').skip(1).any(|part| {
        let name = part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        let starts = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        starts && name.is_some_and(|end| part[end..].starts_with([':', '}']))
    })
}

/// Something in a rule that is legal and hardly meant.
///
/// ```
/// use waylay_router::rule::{Rule, RuleLintKind};
/// let rule = Rule::parse("Method(`get`)")?;
/// let lint = &rule.lints()[0];
/// assert_eq!((lint.kind, lint.span.clone()), (RuleLintKind::LowerCaseMethod, 7..12));
/// # Ok::<(), waylay_router::rule::RuleErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLint {
    /// What is strange.
    pub kind: RuleLintKind,
    /// The whole rule.
    pub text: String,
    /// Where it stands in `text`, in bytes.
    pub span: Range<usize>,
}

/// The kinds of strange things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RuleLintKind {
    /// A regex that searches and has not both `^` and `$`.
    Unanchored,
    /// `{name:regex}` or `{name}` where the dialect takes the braces as they stand.
    OldTemplate,
    /// `Query(k=v)`, Traefik v2's form of `Query(k, v)`.
    OldQuery,
    /// A method in lower case, which is another method (RFC 9110 §9.1).
    LowerCaseMethod,
    /// A path that does not start with `/`, so that no request has it.
    NoLeadingSlash,
}

impl fmt::Display for RuleLintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unanchored => "the regex may match a part only, write `^…$` if the whole is meant",
            Self::OldTemplate => {
                "the braces stand for themselves here; Traefik v2 read a template, v3 wants a function that ends in `Regexp`"
            }
            Self::OldQuery => "the whole text is the key here; write the value as second argument",
            Self::LowerCaseMethod => "methods are compared with case, and those of RFC 9110 are upper case",
            Self::NoLeadingSlash => "no request has a path without `/` in front",
        })
    }
}

impl fmt::Display for RuleLint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.kind)?;
        draw(f, &self.text, &self.span)
    }
}

/// What is strange about one call, with the places.
pub(crate) fn lint(call: &Call, language: Language) -> Vec<(RuleLintKind, Range<usize>)> {
    let mut lints = Vec::new();
    for (i, argument) in call.arguments.iter().enumerate() {
        let text = argument.text.as_str();
        let kind = match (call.function, i) {
            (F::HostRegexp | F::PathRegexp | F::MethodRegexp, _) | (F::HeaderRegexp | F::QueryRegexp, 1)
                if language.searches() && !(text.starts_with('^') && text.ends_with('$')) =>
            {
                RuleLintKind::Unanchored
            }
            (F::Host | F::Path | F::PathPrefix, _)
                if language == Language::Traefik && has_old_template(text) =>
            {
                RuleLintKind::OldTemplate
            }
            (F::Query, 0)
                if language == Language::Traefik && text.contains('=') && call.arguments.len() == 1 =>
            {
                RuleLintKind::OldQuery
            }
            // Traefik itself puts the rule's methods into upper case.
            (F::Method, _) if language != Language::Traefik && is_lower(text) => {
                RuleLintKind::LowerCaseMethod
            }
            (F::Path, _) if language == Language::Vulcand && !text.starts_with(['/', '<']) => {
                RuleLintKind::NoLeadingSlash
            }
            _ => continue,
        };
        lints.push((kind, argument.span.clone()));
    }
    lints
}

fn is_lower(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// One part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Angle<'t> {
    Text(&'t str),
    Name(&'t str),
    Digits(&'t str),
    Rest(&'t str),
}

/// Reads a pattern; a `<` without its `>` stands for itself.
///
/// # Errors
/// The place of a `<…>` that is none of vulcand's.
pub(crate) fn parts(text: &str) -> Result<Vec<Angle<'_>>, Range<usize>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some((start, length)) =
        text[at..].find('<').and_then(|open| Some((at + open, text[at + open..].find('>')? + 1)))
    {
        if start > at {
            parts.push(Angle::Text(&text[at..start]));
        }
        at = start + length;
        let inner = &text[start + 1..at - 1];
        parts.push(match inner.split_once(':') {
            _ if inner.is_empty() => return Err(start..at),
            None => Angle::Name(inner),
            Some((_, name)) if name.is_empty() || name.contains(':') => return Err(start..at),
            Some(("string", name)) => Angle::Name(name),
            Some(("int", name)) => Angle::Digits(name),
            Some(("path", name)) => Angle::Rest(name),
            Some(_) => return Err(start..at),
        });
    }
    if at < text.len() {
        parts.push(Angle::Text(&text[at..]));
    }
    Ok(parts)
}
