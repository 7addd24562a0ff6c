//! Reverse URLs.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Display;
use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use waylay_template::{Node, Syntax, Template, TemplateKind, VariableKind};

use crate::compile::pattern::Source;
use crate::matcher::guard::Guard;
use crate::request::peer::Peer;
use crate::request::policy::PathForm;
use crate::request::view::{NormalizedRequest, RequestView};
use crate::table::catalog::{Catalog, RouteEntry};
use crate::template::captures::{ABSENT, Captures};
use crate::template::constraint::{Constraint, may_span};
use crate::template::encoding::{Encoding, escape};

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A route and the values of its variables.
pub(crate) struct UrlFiller<'u> {
    pub(crate) catalog: &'u Catalog,
    pub(crate) facts: &'u RouteEntry,
    pub(crate) values: BTreeMap<String, String>,
}

impl UrlFiller<'_> {
    fn value(&self, name: &str) -> Result<&str, UrlError> {
        let value = self.values.get(name).map(String::as_str);
        value.ok_or_else(|| UrlError::MissingVariable(name.to_owned()))
    }

    /// The innermost host.
    pub(crate) fn host(&self) -> Result<String, UrlError> {
        self.fill(self.facts.templates.hosts.last().ok_or(UrlError::NoHost)?)
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
        let texts = &self.facts.templates;
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
        for node in &template.nodes {
            let (text, spans) = match node {
                Node::Text(text) => (text.as_str(), true),
                Node::Variable(var) if var.optional && !self.values.contains_key(&var.name) => {
                    out.truncate(out.trim_end_matches('/').len());
                    continue;
                }
                Node::Variable(var) => {
                    (self.value(&var.name)?, may_span(&var.kind, Some(b'/'), Syntax::Native))
                }
                // Many hosts: none of them is the one.
                Node::Wildcard(_) => return Err(UrlError::NoHost),
            };
            let raw = self.catalog.policy.path == PathForm::Raw && matches!(node, Node::Text(_));
            match template.kind {
                TemplateKind::Path if raw => out.push_str(text),
                // Names of hosts ignore case (RFC 4343), and are compared in lower case.
                TemplateKind::Host if self.catalog.policy.syntax == Syntax::Native => {
                    out.push_str(&text.to_ascii_lowercase());
                }
                TemplateKind::Host => out.push_str(text),
                TemplateKind::Query => out.extend(utf8_percent_encode(text, QUERY)),
                TemplateKind::Path if spans => out.push_str(&escape(text)),
                TemplateKind::Path => out.push_str(&escape(text).replace('/', "%2F")),
            }
        }
        if out.is_empty() && template.variables().any(|var| var.optional) {
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
        let read =
            NormalizedRequest::new(&request, &peer, policy, &[], host.is_some()).map_err(|_| refused())?;
        let view = RequestView::new(&request, &read, &peer, policy);
        let mut captures = Captures::new();
        let mut found = |span| captures.push(span);
        let mut holds = target.is_none() || pattern.path.matches(view.path, &mut found);
        if let (Some(own), Some(_), Some(host)) = (&pattern.host, host, &view.host) {
            holds &= own.matches(&host.name, host.port, &mut found);
        }
        let checked = |guard: &&Guard| match guard {
            Guard::Query(_) | Guard::PathRegex(_) => target.is_some(),
            // In gorilla/mux the inner host replaces the outer one when a URL is built.
            Guard::Host(_) => host.is_some() && policy.syntax == Syntax::Native,
            _ => false,
        };
        holds &= pattern.guards.iter().filter(checked).all(|guard| guard.holds(&view, &mut found));
        if !holds {
            return Err(refused());
        }
        // gorilla/mux lets a name appear twice: the values cannot all come back.
        if policy.syntax == Syntax::Gorilla {
            return Ok(());
        }
        let mut spans = captures.as_slice().iter();
        for var in &facts.templates.vars {
            let (given, text, encoding) = match var.source {
                Source::Path => (target, view.path, policy.path_encoding()),
                Source::Query => (target, view.query(), Encoding::Form),
                Source::Host => (host, view.host.map_or("", |host| &*host.name), Encoding::Plain),
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
            let same = raw.and_then(|raw| encoding.decode(raw).ok()).is_some_and(|read| {
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
        let vars = self.facts.templates.vars.iter().filter(|var| part(var.source));
        let mut vars = vars.map(|var| var.name.as_str()).filter(|name| self.values.contains_key(*name));
        let first = vars.clone().next();
        let unfit = vars.find(|name| {
            let value = self.value(name).unwrap_or("");
            value.is_empty() || matches!(value, "." | "..") || !self.fits(name, value)
        });
        self.mismatch(unfit.or(first).unwrap_or(""))
    }

    fn fits(&self, name: &str, value: &str) -> bool {
        let texts = &self.facts.templates;
        let templates =
            texts.path.iter().chain(&texts.hosts).chain(texts.queries.iter().filter_map(|(_, t)| t.as_ref()));
        let mut vars = templates.flat_map(|template| template.variables().map(|var| (template.kind, var)));
        vars.all(|(place, var)| match &var.kind {
            VariableKind::Regex(pattern) if var.name == name => {
                Constraint::compile(pattern, place, self.catalog.policy.syntax)
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
        let queries = self.facts.templates.queries.iter().filter_map(|(_, template)| template.as_ref());
        let mut others = self.facts.templates.hosts.iter().chain(queries);
        let own = others.find(|template| template.variables().any(|var| var.name == name));
        own.map_or_else(|| self.facts.template.clone(), |template| template.text.clone())
    }
}

/// The reverse of a table: names to URLs.
///
/// ```
/// use waylay_router::{Route, Table};
/// let table = Table::builder()
///     .route(Route::get("/articles/{category}/{id:[0-9]+}").name("article").value(()))
///     .build()?;
/// let urls = table.urls();
/// let url = urls.builder("article")?.set("category", "sea & sky").set("id", 42).build()?;
/// assert_eq!(url, "/articles/sea%20&%20sky/42");
/// assert!(urls.builder("article")?.set("category", "..").set("id", 42).build().is_err());
/// assert!(urls.builder("articel").unwrap_err().to_string().contains("`article`"));
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
    pub fn builder(&self, name: &str) -> Result<UrlBuilder, UrlError> {
        match self.catalog.names.get(name) {
            Some(&route) => {
                let catalog = Arc::clone(&self.catalog);
                Ok(UrlBuilder { catalog, route, scheme: None, values: BTreeMap::new() })
            }
            None => Err(UrlError::UnknownRoute {
                name: name.to_owned(),
                nearest: self
                    .catalog
                    .names
                    .keys()
                    .min_by_key(|known| (edit_distance(name, known), *known))
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
/// let item = urls.builder("item")?.set("id", 7).set("page", "a b");
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
    values: BTreeMap<String, String>,
}

impl UrlBuilder {
    /// Sets a variable of path, host or query. Without its variable, an optional segment is left out.
    pub fn set(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.values.insert(name.into(), value.to_string());
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
        let filler = self.filler()?;
        let host = filler.host_if_set()?;
        let target = filler.target()?;
        // `//name` would lead to another host.
        let native = self.catalog.policy.syntax == Syntax::Native;
        if native && target.starts_with("//") {
            return Err(filler.refused(false, true));
        }
        filler.check(host.as_deref(), Some(&target))?;
        Ok(target)
    }

    /// The host.
    ///
    /// # Errors
    /// A variable is missing, unknown, or refused by its template; or there is no one host.
    pub fn host(&self) -> Result<String, UrlError> {
        let filler = self.filler()?;
        let host = filler.host()?;
        filler.check(Some(&host), None)?;
        Ok(host)
    }

    /// Scheme, host, path and query; the scheme is the route's unless one was set.
    ///
    /// # Errors
    /// As [`build`](Self::build) and [`host`](Self::host); or no scheme is known, or none of the route's.
    pub fn absolute(&self) -> Result<String, UrlError> {
        let host = self.host()?;
        let filler = self.filler()?;
        let own = &filler.facts.templates.schemes;
        let scheme = self.scheme.as_deref().or(own.first().map(String::as_str));
        let scheme = scheme.ok_or(UrlError::NoScheme)?.to_ascii_lowercase();
        let served = own.is_empty() || own.iter().any(|own| own.eq_ignore_ascii_case(&scheme));
        if !served || scheme.parse::<Scheme>().is_err() {
            return Err(UrlError::Scheme(scheme));
        }
        let target = match filler.target() {
            Err(UrlError::NoPath) => String::new(),
            target => target?,
        };
        // What has no path is asked for as `/`.
        filler.check(Some(&host), Some(if target.is_empty() { "/" } else { &target }))?;
        Ok(format!("{scheme}://{host}{target}"))
    }

    /// The route with all its variables: those that were set, and those that it supplies itself.
    fn filler(&self) -> Result<UrlFiller<'_>, UrlError> {
        let facts = self.catalog.routes.get(self.route).ok_or(UrlError::NoPath)?;
        let mut values = self.values.clone();
        for supply in &facts.supplies {
            (supply.0)(&mut values);
        }
        let known = |name: &&String| facts.templates.vars.iter().any(|var| var.name == **name);
        // What supplies variables may make them of others; gorilla/mux takes no notice of any.
        let lenient = !facts.supplies.is_empty() || self.catalog.policy.syntax == Syntax::Gorilla;
        match self.values.keys().find(|name| !known(name)) {
            Some(name) if !lenient => Err(UrlError::UnknownVariable(name.clone())),
            _ => Ok(UrlFiller { catalog: &self.catalog, facts, values }),
        }
    }
}

/// Why a URL cannot be built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// No route has the name.
    UnknownRoute {
        /// The name that was asked for.
        name: String,
        /// The most similar name of the table.
        nearest: Option<String>,
    },
    /// A variable of the route was not set.
    MissingVariable(String),
    /// A variable was set that the route does not have.
    UnknownVariable(String),
    /// The route would not match the value, or would read another one.
    Mismatch {
        /// The variable.
        variable: String,
        /// The value.
        value: String,
        /// The template that refuses it.
        template: String,
    },
    /// The route has no path.
    NoPath,
    /// The route has no host.
    NoHost,
    /// Neither the route nor the caller names a scheme.
    NoScheme,
    /// A text that is no scheme, or none that the route is served over.
    Scheme(String),
}

impl Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRoute { name, nearest: None } => write!(f, "no route is named `{name}`"),
            Self::UnknownRoute { name, nearest: Some(nearest) } => {
                write!(f, "no route is named `{name}`, the nearest name is `{nearest}`")
            }
            Self::MissingVariable(name) => write!(f, "variable `{name}` is not set"),
            Self::UnknownVariable(name) => write!(f, "the route has no variable `{name}`"),
            Self::Mismatch { variable, value, template } => {
                write!(f, "`{template}` would not give `{value}` back for variable `{variable}`")
            }
            Self::NoPath => f.write_str("the route has no path"),
            Self::NoHost => f.write_str("the route has no host"),
            Self::NoScheme => f.write_str("no scheme is known, name one on the route or on the URL"),
            Self::Scheme(scheme) => write!(f, "the route is not served over `{scheme}`"),
        }
    }
}

impl std::error::Error for UrlError {}

/// Levenshtein's edit distance, over bytes.
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = before + usize::from(x != y);
            before = row[j + 1];
            row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
