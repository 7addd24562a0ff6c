//! Names to URLs; every URL that is built matches its route.

use std::fmt::Display;
use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::captures::Captures;
use crate::catalog::{Catalog, Facts};
use crate::matcher::guard::Guard;
use crate::pattern::Source;
use crate::policy::PathForm;
use crate::template::constraint::Constraint;
use crate::template::decode::Coding;
use crate::template::piece::{Grammar, Kind, Piece, Place, Template};
use crate::template::slot::escape;
use crate::unbuilt::{UrlError, distance};
use crate::view::{Peer, Read, View};

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The reverse of a table: names to URLs.
///
/// ```
/// use waylay_router::{Route, Table};
/// let table = Table::builder()
///     .route(Route::get("/articles/{category}/{id:[0-9]+}").name("article").value(()))
///     .build()?;
/// let urls = table.urls();
/// let url = urls.get("article")?.set("category", "sea & sky").set("id", 42).build()?;
/// assert_eq!(url, "/articles/sea%20&%20sky/42");
/// assert!(urls.get("article")?.set("category", "..").set("id", 42).build().is_err());
/// assert!(urls.get("articel").unwrap_err().to_string().contains("`article`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Urls {
    catalog: Arc<Catalog>,
}

impl Urls {
    pub(crate) fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog }
    }

    /// Starts the URL of a named route.
    ///
    /// # Errors
    /// [`UrlError::UnknownRoute`], with the nearest name that there is.
    pub fn get(&self, name: &str) -> Result<UrlBuilder, UrlError> {
        match self.catalog.names.get(name) {
            Some(&route) => {
                Ok(UrlBuilder { catalog: Arc::clone(&self.catalog), route, scheme: None, values: Vec::new() })
            }
            None => Err(UrlError::UnknownRoute {
                name: name.to_owned(),
                nearest: self
                    .catalog
                    .names
                    .keys()
                    .min_by_key(|known| (distance(name, known), *known))
                    .cloned(),
            }),
        }
    }
}

/// A URL whose variables are being filled in.
///
/// ```
/// use waylay_router::{Route, Table, UrlError};
/// let route = Route::get("/{id:[0-9]+}").host("{tenant}.example.com").scheme("https").query("page", "{page}");
/// let urls = Table::builder().route(route.name("item").value(())).build()?.urls();
/// let item = urls.get("item")?.set("id", 7).set("page", "a b");
/// assert_eq!(item.build()?, "/7?page=a%20b");
/// assert_eq!(item.host(), Err(UrlError::MissingVariable("tenant".into())));
/// assert_eq!(item.set("tenant", "acme").absolute()?, "https://acme.example.com/7?page=a%20b");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is built before `build`, `host` or `absolute`"]
pub struct UrlBuilder {
    catalog: Arc<Catalog>,
    route: usize,
    scheme: Option<String>,
    values: Vec<(String, String)>,
}

impl UrlBuilder {
    /// Sets a variable of path, host or query.
    pub fn set(mut self, name: impl Into<String>, value: impl Display) -> Self {
        let name = name.into();
        self.values.retain(|(known, _)| *known != name);
        self.values.push((name, value.to_string()));
        self
    }

    /// Sets the scheme of [`absolute`](Self::absolute).
    pub fn scheme(mut self, scheme: impl Into<String>) -> Self {
        self.scheme = Some(scheme.into());
        self
    }

    /// The path and the query, escaped.
    ///
    /// # Errors
    /// A variable is missing, unknown, or refused by its template; or there is no path.
    pub fn build(&self) -> Result<String, UrlError> {
        let facts = self.facts()?;
        let host = match facts.texts.hosts.last() {
            Some(host) if self.has_all(host) => Some(self.fill(host)?),
            _ => None,
        };
        let target = self.target(facts)?;
        // `//name` would lead to another host.
        let native = self.catalog.policy.grammar == Grammar::Native;
        if native && target.starts_with("//") {
            return Err(self.refused(facts, false, true));
        }
        self.check(facts, host.as_deref(), Some(&target))?;
        Ok(target)
    }

    /// The host.
    ///
    /// # Errors
    /// A variable is missing, unknown, or refused by its template; or there is no host.
    pub fn host(&self) -> Result<String, UrlError> {
        let facts = self.facts()?;
        let template = facts.texts.hosts.last().ok_or(UrlError::NoHost)?;
        let host = self.fill(template)?;
        self.check(facts, Some(&host), None)?;
        Ok(host)
    }

    /// Scheme, host, path and query; the scheme is the route's unless one was set.
    ///
    /// # Errors
    /// As [`build`](Self::build) and [`host`](Self::host); or no scheme is known, or none of the route's.
    pub fn absolute(&self) -> Result<String, UrlError> {
        let facts = self.facts()?;
        let host = self.host()?;
        let scheme = self.scheme.as_deref().or(facts.texts.schemes.first().map(String::as_str));
        let scheme = scheme.ok_or(UrlError::NoScheme)?.to_ascii_lowercase();
        let own = &facts.texts.schemes;
        let served = own.is_empty() || own.iter().any(|own| own.eq_ignore_ascii_case(&scheme));
        if !served || scheme.parse::<Scheme>().is_err() {
            return Err(UrlError::Scheme(scheme));
        }
        let target = match self.target(facts) {
            Err(UrlError::NoPath) => String::new(),
            target => target?,
        };
        self.check(
            facts,
            Some(&host),
            Some(&target).filter(|target| !target.is_empty()).map(String::as_str),
        )?;
        Ok(format!("{scheme}://{host}{target}"))
    }

    fn facts(&self) -> Result<&Facts, UrlError> {
        let facts = self.catalog.routes.get(self.route).ok_or(UrlError::NoPath)?;
        let known = |name: &str| facts.texts.vars.iter().any(|(var, _)| var == name);
        match self.values.iter().find(|(name, _)| !known(name)) {
            Some((name, _)) if self.catalog.policy.grammar == Grammar::Native => {
                Err(UrlError::UnknownVariable(name.clone()))
            }
            _ => Ok(facts),
        }
    }

    fn value(&self, name: &str) -> Result<&str, UrlError> {
        let found = self.values.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| UrlError::MissingVariable(name.to_owned()))
    }

    fn has_all(&self, template: &Template) -> bool {
        template.vars().all(|var| self.value(&var.name).is_ok())
    }

    fn target(&self, facts: &Facts) -> Result<String, UrlError> {
        let mut target = match &facts.texts.path {
            Some(path) => self.fill(path)?,
            // A query alone is a reference to whatever path it is read at.
            None if !facts.texts.queries.is_empty() => String::new(),
            None => return Err(UrlError::NoPath),
        };
        for (i, (key, template)) in facts.texts.queries.iter().enumerate() {
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
                Piece::Var(var) => (self.value(&var.name)?, var.kind.spans(Some(b'/'), Grammar::Native)),
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
        Ok(out)
    }

    /// Reads the parts of the URL as a request would be read, and compares what comes out with what
    /// went in. A part that is not given is not checked.
    fn check(&self, facts: &Facts, host: Option<&str>, target: Option<&str>) -> Result<(), UrlError> {
        let pattern = &self.catalog.patterns[facts.rank];
        let refused = || self.refused(facts, host.is_some(), target.is_some());
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
        let read = Read::new(&request, policy, host.is_some()).map_err(|_| refused())?;
        let view = View::new(&request, &read, &peer, policy);
        let mut captures = Captures::new();
        let mut found = |span| captures.push(span);
        let mut holds = target.is_none() || pattern.path.matches(view.path, &mut found);
        if let (Some(own), Some(_), Some(host)) = (&pattern.host, host, &view.host) {
            holds &= own.matches(&host.name, host.port, &mut found);
        }
        let checked = |guard: &&Guard| match guard {
            Guard::Query(_) => target.is_some(),
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
        for (name, source) in &facts.texts.vars {
            let (given, text, coding) = match source {
                Source::Path => (target, view.path, policy.path_coding()),
                Source::Query => (target, view.query(), Coding::Form),
                Source::Host => (host, view.host.map_or("", |host| &*host.name), Coding::Plain),
            };
            if given.is_none() {
                continue;
            }
            let raw = spans.next().and_then(|span| text.get(usize::from(span.0)..usize::from(span.1)));
            let value = self.value(name)?;
            let same = raw.and_then(|raw| coding.decode(raw).ok()).is_some_and(|read| {
                read == value || (*source == Source::Host && read.eq_ignore_ascii_case(value))
            });
            if !same {
                return Err(self.mismatch(facts, name));
            }
        }
        Ok(())
    }

    /// Names the variable of host or target that does not fit alone, else the first.
    fn refused(&self, facts: &Facts, host: bool, target: bool) -> UrlError {
        let part = |source: Source| if source == Source::Host { host } else { target };
        let mut vars =
            facts.texts.vars.iter().filter(|(_, source)| part(*source)).map(|(name, _)| name.as_str());
        let first = vars.clone().next();
        let unfit = vars.find(|name| {
            let value = self.value(name).unwrap_or("");
            value.is_empty() || matches!(value, "." | "..") || !self.fits(facts, name, value)
        });
        self.mismatch(facts, unfit.or(first).unwrap_or(""))
    }

    fn fits(&self, facts: &Facts, name: &str, value: &str) -> bool {
        let texts = &facts.texts;
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

    fn mismatch(&self, facts: &Facts, name: &str) -> UrlError {
        UrlError::Mismatch {
            variable: name.to_owned(),
            value: self.value(name).unwrap_or("").to_owned(),
            template: self.template_of(facts, name),
        }
    }

    /// The template that a variable stands in.
    fn template_of(&self, facts: &Facts, name: &str) -> String {
        let queries = facts.texts.queries.iter().filter_map(|(_, template)| template.as_ref());
        let mut others = facts.texts.hosts.iter().chain(queries);
        let own = others.find(|template| template.vars().any(|var| var.name == name));
        own.map_or_else(|| facts.template.clone(), |template| template.text.clone())
    }
}
