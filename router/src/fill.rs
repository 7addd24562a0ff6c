//! Templates filled with values, and read back as a request would be read.

use std::collections::BTreeMap;

use http::uri::Authority;
use http::{Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::captures::Captures;
use crate::catalog::{Catalog, Facts};
use crate::matcher::guard::Guard;
use crate::pattern::Source;
use crate::peer::Peer;
use crate::policy::PathForm;
use crate::template::constraint::Constraint;
use crate::template::decode::Coding;
use crate::template::piece::{Grammar, Kind, Piece, Place, Template};
use crate::template::slot::{ABSENT, escape};
use crate::unbuilt::UrlError;
use crate::view::{Read, View};

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A route and the values of its variables.
pub(crate) struct Filling<'u> {
    pub(crate) catalog: &'u Catalog,
    pub(crate) facts: &'u Facts,
    pub(crate) values: BTreeMap<String, String>,
}

impl Filling<'_> {
    fn value(&self, name: &str) -> Result<&str, UrlError> {
        let value = self.values.get(name).map(String::as_str);
        value.ok_or_else(|| UrlError::MissingVariable(name.to_owned()))
    }

    /// The innermost host.
    pub(crate) fn host(&self) -> Result<String, UrlError> {
        self.fill(self.facts.texts.hosts.last().ok_or(UrlError::NoHost)?)
    }

    /// The innermost host, if it is one and all its variables are there.
    pub(crate) fn host_if_set(&self) -> Result<Option<String>, UrlError> {
        match self.host() {
            Err(UrlError::NoHost | UrlError::MissingVariable(_)) => Ok(None),
            host => host.map(Some),
        }
    }

    /// Path and query.
    pub(crate) fn target(&self) -> Result<String, UrlError> {
        let texts = &self.facts.texts;
        let mut target = match &texts.path {
            Some(path) => self.fill(path)?,
            // A query alone is a reference to whatever path it is read at.
            None if !texts.queries.is_empty() => String::new(),
            None => return Err(UrlError::NoPath),
        };
        for (i, (key, template)) in texts.queries.iter().enumerate() {
            target.push(if i == 0 { '?' } else { '&' });
            target.extend(utf8_percent_encode(key, QUERY));
            if let Some(template) = template {
                target.push('=');
                target.push_str(&self.fill(template)?);
            }
        }
        Ok(target)
    }

    /// Text and values, each escaped as its place asks.
    fn fill(&self, template: &Template) -> Result<String, UrlError> {
        let mut out = String::new();
        for piece in &template.pieces {
            let (text, spans) = match piece {
                Piece::Text(text) => (text.as_str(), true),
                Piece::Var(var) if var.optional && !self.values.contains_key(&var.name) => {
                    out.truncate(out.trim_end_matches('/').len());
                    continue;
                }
                Piece::Var(var) => (self.value(&var.name)?, var.kind.spans(Some(b'/'), Grammar::Native)),
                // Many hosts: none of them is the one.
                Piece::Wild(_) => return Err(UrlError::NoHost),
            };
            let raw = self.catalog.policy.path == PathForm::Raw && matches!(piece, Piece::Text(_));
            match template.place {
                Place::Path if raw => out.push_str(text),
                // Names of hosts ignore case (RFC 4343), and are compared in lower case.
                Place::Host if self.catalog.policy.grammar == Grammar::Native => {
                    out.push_str(&text.to_ascii_lowercase());
                }
                Place::Host => out.push_str(text),
                Place::Query => out.extend(utf8_percent_encode(text, QUERY)),
                Place::Path if spans => out.push_str(&escape(text)),
                Place::Path => out.push_str(&escape(text).replace('/', "%2F")),
            }
        }
        if out.is_empty() && template.vars().any(|var| var.optional) {
            out.push('/');
        }
        Ok(out)
    }

    /// Reads the parts of the URL as a request would be read, and compares what comes out with what
    /// went in. A part that is not given is not checked.
    pub(crate) fn check(&self, host: Option<&str>, target: Option<&str>) -> Result<(), UrlError> {
        let facts = self.facts;
        let pattern = &self.catalog.patterns[facts.rank];
        let refused = || self.refused(host.is_some(), target.is_some());
        let text = target.unwrap_or("/");
        let slash = if text.starts_with('/') { "" } else { "/" };
        let uri: Uri =
            format!("http://{}{slash}{text}", host.unwrap_or("h")).parse().map_err(|_| refused())?;
        // A host such as `evil/x` would become a part of the path.
        if uri.authority().map(Authority::as_str) != host.or(Some("h")) {
            return Err(refused());
        }
        let request = Request::get(uri).body(()).map_err(|_| refused())?;
        let peer = Peer::default();
        let policy = &self.catalog.policy;
        let read = Read::new(&request, &peer, policy, &[], host.is_some()).map_err(|_| refused())?;
        let view = View::new(&request, &read, &peer, policy);
        let mut captures = Captures::new();
        let mut found = |span| captures.push(span);
        let mut holds = target.is_none() || pattern.path.matches(view.path, &mut found);
        if let (Some(own), Some(_), Some(host)) = (&pattern.host, host, &view.host) {
            holds &= own.matches(&host.name, host.port, &mut found);
        }
        let checked = |guard: &&Guard| match guard {
            Guard::Query(_) | Guard::PathRegex(_) => target.is_some(),
            // In gorilla/mux the inner host replaces the outer one when a URL is built.
            Guard::Host(_) => host.is_some() && policy.grammar == Grammar::Native,
            _ => false,
        };
        holds &= pattern.guards.iter().filter(checked).all(|guard| guard.holds(&view, &mut found));
        if !holds {
            return Err(refused());
        }
        // gorilla/mux lets a name appear twice: the values cannot all come back.
        if policy.grammar == Grammar::Gorilla {
            return Ok(());
        }
        let mut spans = captures.as_slice().iter();
        for var in &facts.texts.vars {
            let (given, text, coding) = match var.source {
                Source::Path => (target, view.path, policy.path_coding()),
                Source::Query => (target, view.query(), Coding::Form),
                Source::Host => (host, view.host.map_or("", |host| &*host.name), Coding::Plain),
            };
            if given.is_none() {
                continue;
            }
            let span = spans.next();
            if span == Some(&ABSENT) && !self.values.contains_key(&var.name) {
                continue;
            }
            let raw = span.and_then(|span| text.get(usize::from(span.0)..usize::from(span.1)));
            let value = self.value(&var.name)?;
            let same = raw.and_then(|raw| coding.decode(raw).ok()).is_some_and(|read| {
                read == value || (var.source == Source::Host && read.eq_ignore_ascii_case(value))
            });
            if !same {
                return Err(self.mismatch(&var.name));
            }
        }
        Ok(())
    }

    /// Names the variable of host or target that does not fit alone, else the first.
    pub(crate) fn refused(&self, host: bool, target: bool) -> UrlError {
        let part = |source: Source| if source == Source::Host { host } else { target };
        let vars = self.facts.texts.vars.iter().filter(|var| part(var.source));
        let mut vars = vars.map(|var| var.name.as_str()).filter(|name| self.values.contains_key(*name));
        let first = vars.clone().next();
        let unfit = vars.find(|name| {
            let value = self.value(name).unwrap_or("");
            value.is_empty() || matches!(value, "." | "..") || !self.fits(name, value)
        });
        self.mismatch(unfit.or(first).unwrap_or(""))
    }

    fn fits(&self, name: &str, value: &str) -> bool {
        let texts = &self.facts.texts;
        let templates =
            texts.path.iter().chain(&texts.hosts).chain(texts.queries.iter().filter_map(|(_, t)| t.as_ref()));
        let mut vars = templates.flat_map(|template| template.vars().map(|var| (template.place, var)));
        vars.all(|(place, var)| match &var.kind {
            Kind::Pattern(pattern) if var.name == name => {
                Constraint::compile(pattern, place, self.catalog.policy.grammar)
                    .is_ok_and(|constraint| constraint.holds(value))
            }
            _ => true,
        })
    }

    fn mismatch(&self, name: &str) -> UrlError {
        UrlError::Mismatch {
            variable: name.to_owned(),
            value: self.value(name).unwrap_or("").to_owned(),
            template: self.template_of(name),
        }
    }

    /// The template that a variable stands in.
    fn template_of(&self, name: &str) -> String {
        let queries = self.facts.texts.queries.iter().filter_map(|(_, template)| template.as_ref());
        let mut others = self.facts.texts.hosts.iter().chain(queries);
        let own = others.find(|template| template.vars().any(|var| var.name == name));
        own.map_or_else(|| self.facts.template.clone(), |template| template.text.clone())
    }
}
