//! What the arguments of a function must be like, each fault at its place.

use std::ops::Range;

use http::Method;
use http::header::HeaderName;
use http::uri::Scheme;
use regex::Regex;

use super::angle;
use super::dialect::Language;
use super::error::RuleErrorKind as Fault;
use super::function::Function as F;
use super::lex::Faulty;
use super::tree::{Argument, Call};
use crate::matcher::client::Network;
use crate::matcher::media::Media;
use crate::template::constraint;
use crate::template::host::HostPattern;
use crate::template::parse::parse;
use crate::template::piece::{Grammar, Place, TemplateErrorKind};

/// The faults of the arguments of one call, whose number has been checked.
pub(super) fn check(call: &Call, language: Language) -> Vec<Faulty> {
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
        (F::Path | F::PathPrefix, _) if native => template(argument, Place::Path),
        (F::Host, _) if native => template(argument, Place::Host),
        (F::Query, 1) if native => template(argument, Place::Query),
        (F::Host | F::HostRegexp, _) if !native && !text.is_ascii() => {
            let (at, c) = text.char_indices().find(|(_, c)| !c.is_ascii()).unwrap_or((0, ' '));
            Err((Fault::Host(c), argument.within(at..at + c.len_utf8())))
        }
        (F::Host | F::Path | F::Method, _) | (F::Header, 1) if language == Language::Vulcand => {
            let wrong = |place: Range<usize>| {
                (Fault::Variable(text[place.clone()].to_owned()), argument.within(place))
            };
            angle::parts(text).map(|_| ()).map_err(wrong)
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
fn template(argument: &Argument, place: Place) -> Result<(), Faulty> {
    let parsed = parse(&argument.text, place, Grammar::Native)
        .map_err(|error| (Fault::Template(error.kind), argument.within(error.span)))?;
    let whole = |kind: TemplateErrorKind| (Fault::Template(kind), argument.span.clone());
    if place == Place::Host {
        HostPattern::compile(&parsed, Grammar::Native).map_err(whole)?;
    }
    Ok(())
}

/// Compiles a regex: of the whole value natively, of any part of it elsewhere.
pub(super) fn regexp(text: &str, language: Language) -> Result<Regex, Fault> {
    let grammar = if language.searches() { Grammar::Gorilla } else { Grammar::Native };
    constraint::whole(text, grammar, false).map_err(|kind| match kind {
        TemplateErrorKind::RegexTooLarge => Fault::RegexTooLarge,
        _ if language == Language::Traefik && has_old_template(text) => Fault::OldTemplate,
        TemplateErrorKind::Regex(reason) => Fault::Regex(reason),
        other => Fault::Template(other),
    })
}

/// Whether `{name:…}` or `{name}` stands in a text, as Traefik v2 wrote its templates.
pub(super) fn has_old_template(text: &str) -> bool {
    text.split('{').skip(1).any(|part| {
        let name = part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        let starts = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        starts && name.is_some_and(|end| part[end..].starts_with([':', '}']))
    })
}
