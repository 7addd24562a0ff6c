//! One rule function to conditions.

use std::net::Ipv6Addr;

use http::Method;
use regex_syntax::hir::Look;
use waylay_template::{Syntax, TemplateKind};

use crate::request::method::MethodSet;
use crate::request::path::spelling;
use crate::route::conditions::{Conditions, HeaderText, HostText, PathRegexText, PathText, QueryText};
use crate::rule::ast::{Argument, Call};
use crate::rule::check;
use crate::rule::check::Angle;
use crate::rule::dialect::{Function as F, Language};
use crate::template::constraint::in_syntax;
use crate::template::constraint::parse;
use crate::template::encoding::{Encoding, escape};

/// What a function asks for.
#[derive(Debug)]
pub(crate) enum CallConditions {
    Always,
    Never,
    Of(Box<Conditions>),
}

/// The conditions of a call that has been checked; a guard is none of them.
pub(crate) fn call_conditions(call: &Call, language: Language) -> CallConditions {
    let mut conditions = Conditions::new();
    conditions.exact_methods = language != Language::Native;
    let text = |place: usize| call.arguments.get(place).map_or("", |argument: &Argument| &argument.text);
    let first = text(0).to_owned();
    let second = call.arguments.get(1).map(|argument| argument.text.clone());
    let of = &mut conditions;
    match call.function {
        F::Any => return CallConditions::Always,
        F::Host if language == Language::Traefik && first == "*" => return CallConditions::Always,
        F::Host => match host(&first, language) {
            Some(host) => of.hosts.push(host),
            None => return CallConditions::Never,
        },
        F::HostRegexp => of.hosts.push(HostText::Regex(regex(&first, language))),
        F::Path | F::PathPrefix => path(of, call.function == F::PathPrefix, &first, language),
        F::PathRegexp => {
            let escaped = language == Language::Vulcand;
            of.path_regexes.push(PathRegexText { regex: regex(&first, language), escaped });
        }
        F::Method => method(of, &first, language),
        F::MethodRegexp => of.method_regexes.push(regex(&first, language)),
        F::Header => of.headers.push((first, header(second, language))),
        F::HeaderRegexp => of.headers.push((first, HeaderText::Regex(regex(text(1), language)))),
        F::HeaderAll => of.headers.push((first, HeaderText::All(regex(text(1), language)))),
        F::Query | F::QueryRegexp => {
            let want = match second {
                // Traefik's key alone has no value, which is less than to be there.
                None if language == Language::Traefik => QueryText::Template(String::new()),
                None => QueryText::Present,
                Some(text) if call.function == F::QueryRegexp => QueryText::Regex(regex(&text, language)),
                Some(text) if language == Language::Traefik => QueryText::Template(literal(&text)),
                Some(text) => QueryText::Template(text),
            };
            of.queries.push((first, want));
        }
        F::Scheme => of.schemes.push(first),
        F::ClientIp => of.clients.push(first),
        F::Cookie => of.cookies.push((first, second)),
        F::ContentType => of.content_types.push(first),
        F::Accept => of.accepts.push(first),
        F::Upgrade => of.upgrades.push(first),
        F::Guard => return CallConditions::Never,
    }
    CallConditions::Of(Box::new(conditions))
}

/// A regex that matches the whole: one that searches is put between anything.
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

/// A template that stands for itself.
fn literal(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

fn header(value: Option<String>, language: Language) -> HeaderText {
    match value {
        None => HeaderText::Present,
        Some(text) if language == Language::Vulcand && text.contains('<') => {
            match angles(&text, "[^/]+", &str::to_owned) {
                Pattern::Text(text) => HeaderText::Exact(text),
                Pattern::Regex(regex) => HeaderText::Regex(regex),
            }
        }
        Some(text) => HeaderText::Exact(text),
    }
}

fn method(of: &mut Conditions, text: &str, language: Language) {
    let text = if language == Language::Traefik { text.to_ascii_uppercase() } else { text.to_owned() };
    if language == Language::Vulcand
        && let Pattern::Regex(regex) = angles(&text, "[^ ]+", &str::to_owned)
    {
        of.method_regexes.push(regex);
        return;
    }
    // What is no method is none of any request's.
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
    match (language, angles(text, "[^.]+", &str::to_owned)) {
        (Language::Vulcand, Pattern::Regex(regex)) => Some(HostText::Regex(regex)),
        // No request has such a host.
        _ => None,
    }
}

fn path(of: &mut Conditions, prefix: bool, text: &str, language: Language) {
    let template = match language {
        Language::Native => Some(text.to_owned()),
        // What is escaped in the rule is escaped in the path, and what has to be is not there as it is.
        Language::Traefik if text.contains(['%', '?', '#', '[', ']']) => None,
        Language::Traefik => Some(literal(text)),
        Language::Vulcand => templated(text, decoded),
    };
    let fits = |template: &String| {
        language == Language::Native || parse(template, TemplateKind::Path, Syntax::Native).is_ok()
    };
    if let Some(text) = template.filter(fits) {
        of.path = Some(PathText { text, prefix, raw: prefix && language != Language::Native });
        return;
    }
    let regex = match (language, angles(text, "[^/]+", &spelt)) {
        (Language::Vulcand, Pattern::Regex(regex)) => regex,
        (Language::Vulcand, Pattern::Text(text)) => regex::escape(&spelt(&text)),
        _ => regex::escape(text),
    };
    let regex = if prefix { format!("{regex}(?s:.*)") } else { regex };
    of.path_regexes.push(PathRegexText { regex, escaped: language == Language::Vulcand });
}

/// A vulcand pattern that is a text, or a regex of the whole.
enum Pattern {
    Text(String),
    Regex(String),
}

/// `name` is what a name matches, and `spell` says how text stands in requests.
fn angles(text: &str, name: &str, spell: &dyn Fn(&str) -> String) -> Pattern {
    let parts = check::parts(text).unwrap_or_default();
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

/// An escaped text as it stands in the canonical path.
fn spelt(text: &str) -> String {
    spelling(text).map_or_else(|_| text.to_owned(), |(text, _)| text.into_owned())
}

/// The text that an escaped one stands for, if it is escaped again in the same way: `%2F` is no `/`.
fn decoded(text: &str) -> Option<String> {
    let decoded = Encoding::Path.decode(text).ok()?.into_owned();
    (escape(&decoded) == spelt(text)).then_some(decoded)
}

/// A vulcand pattern as a template of ours, if all its text can stand there.
fn templated(text: &str, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let mut template = String::new();
    for part in check::parts(text).ok()? {
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
        // vulcand keeps no values, so that it takes a name twice.
        let count = names.iter().filter(|other| **other == name).count();
        let again = if count > 1 { format!("-{count}") } else { String::new() };
        template.extend(["{", tail, name, &again, regex, "}"]);
    }
    Some(template)
}
