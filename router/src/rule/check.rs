//! Argument checks of rule functions.

use std::ops::Range;

use waylay_template::{Syntax, TemplateErrorKind, TemplateKind};

use crate::rule::ast::{Argument, Call};
use crate::rule::dialect::{Language, angle_parts, has_old_template};
use crate::rule::error::RuleErrorKind;
use crate::rule::function::Function as F;
use crate::rule::lexer::SpannedError;
use crate::template::constraint::{self, Regexes, parse};
use crate::template::host::HostPattern;
use crate::template::value_regex::ValueRegex;

/// Returns the errors of the arguments of one call; their number has been checked.
pub(crate) fn check(call: &Call, language: Language) -> Vec<SpannedError> {
    let mut errors = Vec::new();
    for (i, argument) in call.arguments.iter().enumerate() {
        if let Err((kind, span)) = check_argument(call.function, i, argument, language) {
            errors.push((kind, span));
        }
    }
    errors
}

fn check_argument(
    function: F,
    index: usize,
    argument: &Argument,
    language: Language,
) -> Result<(), SpannedError> {
    let text = argument.text.as_str();
    let native = language == Language::Native;
    let whole = |kind: RuleErrorKind| (kind, argument.span.clone());
    // Natively a value may be empty, and so may the path of a route in a scope.
    let may_be_empty = native && (index == 1 || function == F::Path);
    if text.is_empty() {
        return if may_be_empty { Ok(()) } else { Err(whole(RuleErrorKind::EmptyArgument)) };
    }
    match (function, index) {
        (F::Path | F::PathPrefix, _) if !text.starts_with('/') && language != Language::Vulcand => {
            Err(whole(RuleErrorKind::NoLeadingSlash))
        }
        (F::Path | F::PathPrefix, _) if native => template(argument, TemplateKind::Path),
        (F::Host, _) if native => template(argument, TemplateKind::Host),
        (F::Query, 1) if native => template(argument, TemplateKind::Query),
        (F::Host | F::HostRegexp, _) if !native && !text.is_ascii() => {
            let (at, c) = text.char_indices().find(|(_, c)| !c.is_ascii()).unwrap_or((0, ' '));
            Err((RuleErrorKind::Host(c), argument.within(at..at + c.len_utf8())))
        }
        (F::Host | F::Path | F::Method, _) | (F::Header, 1) if language == Language::Vulcand => {
            let wrong = |index: Range<usize>| {
                (RuleErrorKind::Variable(text[index.clone()].to_owned()), argument.within(index))
            };
            angle_parts(text).map(|_| ()).map_err(wrong)
        }
        (F::HostRegexp | F::PathRegexp | F::MethodRegexp, _)
        | (F::HeaderRegexp | F::HeaderAll | F::QueryRegexp, 1) => {
            regexp(text, language).map(|_| ()).map_err(whole)
        }
        _ => match function.argument_type(index) {
            Some(argument_type) if !(argument_type.accepts)(text) => {
                let expected = argument_type.expected;
                Err(whole(RuleErrorKind::Argument { text: text.to_owned(), expected }))
            }
            _ => Ok(()),
        },
    }
}

/// Checks a native template; the error has its span in the argument.
fn template(argument: &Argument, index: TemplateKind) -> Result<(), SpannedError> {
    let parsed = parse(&argument.text, index, Syntax::Native)
        .map_err(|error| (RuleErrorKind::Template(error.kind), argument.within(error.span)))?;
    let whole = |kind: TemplateErrorKind| (RuleErrorKind::Template(kind), argument.span.clone());
    if index == TemplateKind::Host {
        HostPattern::compile(&parsed, &Regexes::new(Syntax::Native)).map_err(whole)?;
    }
    Ok(())
}

/// Compiles a regex: for the whole value natively, for any part of it in other dialects.
pub(crate) fn regexp(text: &str, language: Language) -> Result<ValueRegex, RuleErrorKind> {
    let syntax = if language.searches() { Syntax::Gorilla } else { Syntax::Native };
    constraint::whole(text, syntax, false).map_err(|kind| match kind {
        TemplateErrorKind::RegexTooLarge => RuleErrorKind::RegexTooLarge,
        _ if language == Language::Traefik && has_old_template(text) => RuleErrorKind::OldTemplate,
        _ if language == Language::Native && has_old_template(text) => RuleErrorKind::TemplateInRegex,
        TemplateErrorKind::Regex(reason) => RuleErrorKind::Regex(reason),
        other => RuleErrorKind::Template(other),
    })
}
