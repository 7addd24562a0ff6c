//! Calls of rule functions to conditions.

use std::net::Ipv6Addr;

use http::Method;
use regex_syntax::hir::Look;
use waylay_template::{Syntax, TemplateKind, escape_literal};

use crate::request::method::MethodSet;
use crate::request::path::normalize;
use crate::route::conditions::{Condition, Conditions, HeaderText, HostText, PathText, QueryText};
use crate::rule::ast::{Argument, Call};
use crate::rule::dialect::{Angle, Language, angle_parts};
use crate::rule::function::Function as F;
use crate::template::constraint::in_syntax;
use crate::template::constraint::parse;
use crate::template::encoding::{Encoding, escape};

/// The conditions of one call.
#[derive(Debug)]
pub(crate) enum CallConditions {
    Always,
    Never,
    Of(Box<Conditions>),
}

/// Returns the conditions of a call that has been checked; a guard has none.
pub(crate) fn call_conditions(call: &Call, language: Language) -> CallConditions {
    let mut conditions = Conditions::new();
    conditions.exact_methods = language != Language::Native;
    let mut arguments = call.arguments.iter().map(|argument: &Argument| argument.text.clone());
    let first = arguments.next().unwrap_or_default();
    let second = arguments.next();
    match call.function {
        F::Any => return CallConditions::Always,
        F::Host if language == Language::Traefik && first == "*" => return CallConditions::Always,
        F::Host => match host(&first, language) {
            Some(host) => conditions.hosts.push(host),
            None => return CallConditions::Never,
        },
        F::HostRegexp => conditions.hosts.push(HostText::Regex(regex(&first, language))),
        F::Path | F::PathPrefix => {
            path(&mut conditions, call.function == F::PathPrefix, &first, language);
        }
        F::Method => method(&mut conditions, &first, language),
        function => match condition(function, first, second, language) {
            Some(condition) => conditions.add(condition),
            None => return CallConditions::Never,
        },
    }
    CallConditions::Of(Box::new(conditions))
}

/// The condition of a function, with the arguments of other dialects translated.
fn condition(function: F, first: String, second: Option<String>, language: Language) -> Option<Condition> {
    let native = language == Language::Native;
    let second_regex = |second: Option<String>| second.map(|text| regex(&text, language));
    match function {
        F::PathRegexp if !native => {
            let escaped = language == Language::Vulcand;
            Some(Condition::PathRegex { regex: regex(&first, language), escaped })
        }
        F::MethodRegexp if !native => Some(Condition::MethodRegex(regex(&first, language))),
        F::Header if language == Language::Vulcand => Some(Condition::Header(first, header(second))),
        F::Header if !native => {
            Some(Condition::Header(first, second.map_or(HeaderText::Present, HeaderText::Exact)))
        }
        F::HeaderRegexp | F::HeaderAll if !native => {
            Condition::from_call(function, first, second_regex(second))
        }
        // Traefik's key alone requires an empty value, which is less than any value.
        F::Query | F::QueryRegexp if language == Language::Traefik && second.is_none() => {
            Some(Condition::Query(first, QueryText::Template(String::new())))
        }
        F::QueryRegexp if !native => Condition::from_call(function, first, second_regex(second)),
        F::Query if language == Language::Traefik => {
            Condition::from_call(function, first, second.map(|text| literal(&text)))
        }
        _ => Condition::from_call(function, first, second),
    }
}

/// Returns a regex for the whole value: text may surround the match of a regex that searches.
fn regex(text: &str, language: Language) -> String {
    if !language.searches() {
        return text.to_owned();
    }
    let source = in_syntax(text, Syntax::Gorilla);
    let hir = regex_syntax::parse(&source).ok();
    let routes = hir.map(|hir| {
        let properties = hir.properties();
        (properties.look_set_prefix().contains(Look::Start), properties.look_set_suffix().contains(Look::End))
    });
    let (starts, ends) = routes.unwrap_or_default();
    let (before, after) = (if starts { "" } else { "(?s:.*?)" }, if ends { "" } else { "(?s:.*)" });
    format!("{before}(?-is:{source}){after}")
}

/// Returns a template that matches exactly this text.
fn literal(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// The value of a vulcand header condition.
fn header(value: Option<String>) -> HeaderText {
    match value {
        None => HeaderText::Present,
        Some(text) if text.contains('<') => match vulcand_pattern(&text, "[^/]+", &str::to_owned) {
            Pattern::Text(text) => HeaderText::Exact(text),
            Pattern::Regex(regex) => HeaderText::Regex(regex),
        },
        Some(text) => HeaderText::Exact(text),
    }
}

fn method(of: &mut Conditions, text: &str, language: Language) {
    let text = if language == Language::Traefik { text.to_ascii_uppercase() } else { text.to_owned() };
    if language == Language::Vulcand
        && let Pattern::Regex(regex) = vulcand_pattern(&text, "[^ ]+", &str::to_owned)
    {
        of.add(Condition::MethodRegex(regex));
        return;
    }
    // A text that is not a method matches no request.
    of.methods = Some(Method::from_bytes(text.as_bytes()).into_iter().collect::<MethodSet>());
}

fn host(text: &str, language: Language) -> Option<HostText> {
    let template = match language {
        Language::Native => text.to_owned(),
        Language::Traefik if text.parse::<Ipv6Addr>().is_ok() => format!("[{text}]"),
        Language::Traefik => text.to_owned(),
        Language::Vulcand => templated(text, |text| Some(text.to_owned())).unwrap_or_default(),
    };
    let braces = language == Language::Traefik && text.contains(['{', '}']);
    if !braces && !template.is_empty() && parse(&template, TemplateKind::Host, Syntax::Native).is_ok() {
        return Some(HostText::Template(template));
    }
    match (language, vulcand_pattern(text, "[^.]+", &str::to_owned)) {
        (Language::Vulcand, Pattern::Regex(regex)) => Some(HostText::Regex(regex)),
        // No request has such a host.
        _ => None,
    }
}

fn path(of: &mut Conditions, prefix: bool, text: &str, language: Language) {
    let template = match language {
        Language::Native => Some(text.to_owned()),
        // Traefik compares escaped paths: an escape in the rule matches that escape, and a character that
        // must be escaped matches nothing.
        Language::Traefik if text.contains(['%', '?', '#', '[', ']']) => None,
        Language::Traefik => Some(literal(&escape_literal(text))),
        Language::Vulcand => templated(text, decoded),
    };
    let fits = |template: &String| {
        language == Language::Native || parse(template, TemplateKind::Path, Syntax::Native).is_ok()
    };
    if let Some(text) = template.filter(fits) {
        of.path = Some(PathText { text, prefix, raw: prefix && language != Language::Native });
        return;
    }
    let regex = match (language, vulcand_pattern(text, "[^/]+", &canonical_text)) {
        (Language::Vulcand, Pattern::Regex(regex)) => regex,
        (Language::Vulcand, Pattern::Text(text)) => regex::escape(&canonical_text(&text)),
        _ => regex::escape(text),
    };
    let regex = if prefix { format!("{regex}(?s:.*)") } else { regex };
    of.add(Condition::PathRegex { regex, escaped: language == Language::Vulcand });
}

/// A vulcand pattern: a text, or a regex for the whole value.
enum Pattern {
    Text(String),
    Regex(String),
}

/// Parses a vulcand pattern; `name` is the regex of a name, and `spell` returns a text in the form that
/// requests have.
fn vulcand_pattern(text: &str, name: &str, spell: &dyn Fn(&str) -> String) -> Pattern {
    let parts = angle_parts(text).unwrap_or_default();
    if !parts.iter().any(|part| !matches!(part, Angle::Text(_))) {
        return Pattern::Text(text.to_owned());
    }
    let parts = parts.into_iter().map(|part| match part {
        Angle::Text(text) => regex::escape(&spell(text)),
        Angle::Name(_) => name.to_owned(),
        Angle::Digits(_) => "[0-9]+".to_owned(),
        Angle::Rest(_) => "(?s:.+)".to_owned(),
    });
    Pattern::Regex(parts.collect())
}

/// Returns an escaped text in the form of the canonical path.
fn canonical_text(text: &str) -> String {
    normalize(text).map_or_else(|_| text.to_owned(), |(text, _)| text.into_owned())
}

/// Decodes a text, if encoding the result gives the same text: `%2F` is not `/`.
fn decoded(text: &str) -> Option<String> {
    let decoded = Encoding::Path.decode(text).ok()?.into_owned();
    (escape(&decoded) == canonical_text(text)).then(|| escape_literal(&decoded))
}

/// Returns a vulcand pattern as a native template, if all its text is allowed there.
fn templated(text: &str, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let mut template = String::new();
    for part in angle_parts(text).ok()? {
        let (name, tail, regex) = match part {
            Angle::Text(text) => {
                template.push_str(&literal(&read(text)?));
                continue;
            }
            Angle::Name(name) => (name, "", ""),
            Angle::Digits(name) => (name, "", ":[0-9]+"),
            Angle::Rest(name) => (name, "*", ""),
        };
        names.push(name);
        // vulcand captures no values, so a name may appear twice.
        let count = names.iter().filter(|other| **other == name).count();
        let again = if count > 1 { format!("-{count}") } else { String::new() };
        template.extend(["{", tail, name, &again, regex, "}"]);
    }
    Some(template)
}
