//! Conditions as written to guards, with every fault of them.

use http::HeaderName;
use http::uri::Scheme;
use regex::Regex;

use crate::conditions::{Conditions, HeaderText, QueryText};
use crate::error::BuildErrorKind as Fault;
use crate::matcher::client::Network;
use crate::matcher::guard::{Guard, HeaderWant};
use crate::matcher::media::{Media, NotAMedia};
use crate::matcher::query::{QueryGuard, QueryWant};
use crate::matcher::whole::WholePath;
use crate::template::constraint;
use crate::template::decode::Coding;
use crate::template::parse::parse;
use crate::template::piece::{Grammar, Place, Template};
use crate::template::slot::Slot;

/// A guard, and the template of its variables.
pub(crate) type Made = (Guard, Option<Template>);

/// The guards of one set of conditions, in the order of writing; the host and the methods are not among them.
pub(crate) fn guards(conditions: &Conditions, grammar: Grammar, faults: &mut Vec<Fault>) -> Vec<Made> {
    let mut checks = Checks { grammar, faults, made: Vec::new() };
    checks.all(conditions);
    checks.made
}

/// Reads a network.
pub(crate) fn network(text: &str) -> Result<Network, Fault> {
    text.parse().map_err(|_| Fault::Network(text.to_owned()))
}

struct Checks<'f> {
    grammar: Grammar,
    faults: &'f mut Vec<Fault>,
    made: Vec<Made>,
}

impl Checks<'_> {
    fn all(&mut self, conditions: &Conditions) {
        if !conditions.schemes.is_empty() {
            let schemes = conditions.schemes.iter().filter_map(|text| self.scheme(text)).collect();
            self.push(Guard::Scheme(schemes));
        }
        for (name, want) in &conditions.headers {
            self.header(name, want);
        }
        for (key, text) in &conditions.queries {
            self.query(key, text);
        }
        for (name, value) in &conditions.cookies {
            self.push(Guard::Cookie(name.clone(), value.clone()));
        }
        if !conditions.content_types.is_empty() {
            let media = self.media(&conditions.content_types);
            self.push(Guard::ContentType(media));
        }
        if !conditions.accepts.is_empty() {
            let media = self.media(&conditions.accepts);
            self.push(Guard::Accept(media));
        }
        if !conditions.upgrades.is_empty() {
            self.push(Guard::Upgrade(conditions.upgrades.clone()));
        }
        if !conditions.clients.is_empty() {
            let networks = conditions.clients.iter().map(|text| network(text));
            let networks = networks.filter_map(|network| self.kept(network)).collect();
            self.push(Guard::Client(networks));
        }
        for text in &conditions.path_regexes {
            let regex = self.regex(&text.regex);
            let fault = |reason| Fault::PathRegex { regex: text.regex.clone(), reason };
            if let Some(regex) = self.kept(regex.map_err(fault)) {
                self.push(Guard::PathRegex(WholePath { regex, escaped: text.escaped }));
            }
        }
        for text in &conditions.method_regexes {
            let regex = self.regex(text);
            let fault = |reason| Fault::MethodRegex { regex: text.clone(), reason };
            if let Some(regex) = self.kept(regex.map_err(fault)) {
                self.push(Guard::MethodRegex(regex));
            }
        }
        for custom in &conditions.custom {
            self.push(Guard::Custom(custom.clone()));
        }
    }

    fn push(&mut self, guard: Guard) {
        self.made.push((guard, None));
    }

    fn kept<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.faults.push(fault)).ok()
    }

    fn scheme(&mut self, text: &str) -> Option<Scheme> {
        let scheme = text.to_ascii_lowercase().parse();
        self.kept(scheme.map_err(|_| Fault::Scheme(text.to_owned())))
    }

    fn media(&mut self, texts: &[String]) -> Vec<Media> {
        let parsed =
            texts.iter().map(|text| text.parse().map_err(|NotAMedia| Fault::MediaType(text.clone())));
        parsed.filter_map(|media| self.kept(media)).collect()
    }

    fn header(&mut self, name: &str, want: &HeaderText) {
        let header = name.parse::<HeaderName>().map_err(|_| Fault::HeaderName(name.to_owned()));
        let gorilla = self.grammar == Grammar::Gorilla;
        let mut regex = |text: &String| {
            let fault = |reason| Fault::HeaderRegex { regex: text.clone(), reason };
            self.regex(text).map_err(fault)
        };
        let want = match want {
            HeaderText::Present => Ok(HeaderWant::Present),
            HeaderText::Absent => Ok(HeaderWant::Absent),
            HeaderText::Exact(text) if gorilla && text.is_empty() => Ok(HeaderWant::Present),
            HeaderText::Exact(text) => Ok(HeaderWant::Exact(text.clone())),
            HeaderText::Regex(text) => regex(text).map(HeaderWant::Regex),
            HeaderText::All(text) => regex(text).map(HeaderWant::All),
        };
        if let (Some(header), Some(want)) = (self.kept(header), self.kept(want)) {
            self.push(Guard::Header(header, want));
        }
    }

    fn regex(&mut self, text: &str) -> Result<Regex, String> {
        constraint::whole(text, self.grammar, false).map_err(|kind| kind.to_string())
    }

    fn query(&mut self, key: &str, text: &QueryText) {
        let gorilla = self.grammar == Grammar::Gorilla;
        let (want, template) = match text {
            QueryText::Absent => (QueryWant::Absent, None),
            QueryText::Present => (QueryWant::Present, None),
            QueryText::Template(text) if gorilla && text.is_empty() => (QueryWant::Present, None),
            QueryText::Regex(text) => {
                let regex = self.regex(text);
                let fault = |reason| Fault::QueryRegex { regex: text.clone(), reason };
                let Some(regex) = self.kept(regex.map_err(fault)) else { return };
                (QueryWant::Regex(regex), None)
            }
            QueryText::Template(text) => {
                let template = parse(text, Place::Query, self.grammar).map_err(Fault::Template);
                let Some(template) = self.kept(template) else { return };
                let want = match template.literal() {
                    Some(literal) => QueryWant::Exact(literal.to_owned()),
                    None => {
                        let slot =
                            Slot::compile(&template.pieces, Place::Query, self.grammar, Coding::Form, false);
                        let slot = slot.map_err(|kind| Fault::whole(kind, &template.text));
                        let Some(slot) = self.kept(slot) else { return };
                        QueryWant::Template(slot)
                    }
                };
                (want, Some(template))
            }
        };
        self.made.push((Guard::Query(QueryGuard { key: key.to_owned(), want }), template));
    }
}
