//! Urls: reverse URLs from route names.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Display;
use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use waylay_template::{Node, OneLineWriter, Syntax, Template, TemplateKind, VariableKind};

use crate::compile::pattern::Source;
use crate::matcher::guard::Guard;
use crate::request::peer::{Peer, TrustedProxies};
use crate::request::policy::PathForm;
use crate::request::view::{NormalizedRequest, RequestView};
use crate::table::catalog::{Catalog, RouteEntry};
use crate::template::captures::{ABSENT, SpanList};
use crate::template::constraint::{Constraint, may_span};
use crate::template::encoding::{Encoding, escape, is_reserved_pchar};

const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A route and the values of its variables.
pub(crate) struct UrlFiller<'u> {
    pub(crate) catalog: &'u Catalog,
    pub(crate) entry: &'u RouteEntry,
    pub(crate) values: BTreeMap<String, String>,
}

impl UrlFiller<'_> {
    fn value(&self, name: &str) -> Result<&str, UrlError> {
        let value = self.values.get(name).map(String::as_str);
        value.ok_or_else(|| UrlError::MissingVariable(name.to_owned()))
    }

    /// Returns the innermost host.
    pub(crate) fn host(&self) -> Result<String, UrlError> {
        self.fill(self.entry.templates.hosts.last().ok_or(UrlError::NoHost)?)
    }

    /// Returns the innermost host, if it is a single one and all its variables are set.
    pub(crate) fn host_if_set(&self) -> Result<Option<String>, UrlError> {
        match self.host() {
            Err(UrlError::NoHost | UrlError::MissingVariable(_)) => Ok(None),
            host => host.map(Some),
        }
    }

    /// Returns path and query.
    pub(crate) fn target(&self) -> Result<String, UrlError> {
        let templates = &self.entry.templates;
        let mut target = match &templates.path {
            Some(path) => self.fill(path)?,
            // A query alone is a reference relative to any path.
            None if !templates.queries.is_empty() => String::new(),
            None => return Err(UrlError::NoPath),
        };
        for (i, (key, template)) in templates.queries.iter().enumerate() {
            target.push(if i == 0 { '?' } else { '&' });
            target.extend(utf8_percent_encode(key, QUERY));
            if let Some(template) = template {
                target.push('=');
                target.push_str(&self.fill(template)?);
            }
        }
        Ok(target)
    }

    /// Fills a template with the values, each encoded for its position.
    fn fill(&self, template: &Template) -> Result<String, UrlError> {
        let mut out = String::new();
        for (i, node) in template.nodes.iter().enumerate() {
            let (text, spans) = match node {
                Node::Text(text) => (text.as_str(), true),
                Node::Variable(var) if var.optional && !self.values.contains_key(&var.name) => {
                    out.truncate(out.trim_end_matches('/').len());
                    continue;
                }
                Node::Variable(var) => {
                    (self.value(&var.name)?, may_span(&var.kind, Some(b'/'), Syntax::Native))
                }
                // A wildcard is not a single host.
                Node::Wildcard(_) => return Err(UrlError::NoHost),
            };
            let raw = self.catalog.policy.path == PathForm::Raw && matches!(node, Node::Text(_));
            match template.kind {
                TemplateKind::Path if raw => out.push_str(text),
                // Host names ignore case (RFC 4343), and are compared in lower case.
                TemplateKind::Host if self.catalog.policy.syntax == Syntax::Native => {
                    out.push_str(&text.to_ascii_lowercase());
                }
                TemplateKind::Host => out.push_str(text),
                TemplateKind::Query => out.extend(utf8_percent_encode(text, QUERY)),
                TemplateKind::Path if spans => out.push_str(&escape(text)),
                TemplateKind::Path => {
                    let separators = self.separators(template, i);
                    out.extend(escape(text).chars().map(|c| match u8::try_from(c) {
                        Ok(byte) if c == '/' || separators.contains(&c) => format!("%{byte:02X}"),
                        _ => c.to_string(),
                    }));
                }
            }
        }
        if out.is_empty() && template.variables().any(|var| var.optional) {
            out.push('/');
        }
        Ok(out)
    }

    /// Returns the characters of the text around a variable that would separate its value if it had them unescaped.
    fn separators(&self, template: &Template, variable: usize) -> Vec<char> {
        if self.catalog.policy.path_encoding() != Encoding::Path {
            return Vec::new();
        }
        let mut texts = Vec::new();
        for node in &template.nodes[variable..] {
            let Node::Text(text) = node else { continue };
            texts.extend(text.split('/').next());
            if text.contains('/') {
                break;
            }
        }
        for node in template.nodes[..variable].iter().rev() {
            let Node::Text(text) = node else { continue };
            texts.extend(text.rsplit('/').next());
            if text.contains('/') {
                break;
            }
        }
        let is_reserved = |c: &char| u8::try_from(*c).is_ok_and(is_reserved_pchar);
        texts.into_iter().flat_map(str::chars).filter(is_reserved).collect()
    }

    /// Parses the URL as a request, and compares its captures with the values. A part that is not given is
    /// not checked.
    pub(crate) fn check(&self, host: Option<&str>, target: Option<&str>) -> Result<(), UrlError> {
        let rejected = || self.rejected(host.is_some(), target.is_some());
        let request = request(host, target).ok_or_else(rejected)?;
        let peer = Peer::default();
        let policy = &self.catalog.policy;
        let normalized =
            NormalizedRequest::new(&request, &peer, policy, &TrustedProxies::default(), host.is_some())
                .map_err(|_| rejected())?;
        let view = RequestView::new(&request, &normalized, &peer, policy);
        let captures = self.captures(&view, host, target).ok_or_else(rejected)?;
        // gorilla/mux allows a name twice: one value cannot be compared with two captures.
        if policy.syntax == Syntax::Gorilla {
            return Ok(());
        }
        self.compare(&captures, &view, host, target)
    }

    /// Matches the request of a URL with the route.
    fn captures(&self, view: &RequestView<'_>, host: Option<&str>, target: Option<&str>) -> Option<SpanList> {
        let pattern = &self.catalog.patterns[self.entry.rank];
        let mut captures = SpanList::new();
        let mut found = |span| captures.push(span);
        let mut holds = target.is_none() || pattern.path.matches(view.path_values(), &mut found);
        if let (Some(own), Some(_), Some(host)) = (&pattern.host, host, &view.host) {
            holds &= own.matches(host.name, host.port, &mut found);
        }
        let checked = |guard: &&Guard| match guard {
            Guard::Query(_) | Guard::PathRegex(_) => target.is_some(),
            // In gorilla/mux the inner host replaces the outer one when a URL is built.
            Guard::Host(_) => host.is_some() && view.policy.syntax == Syntax::Native,
            _ => false,
        };
        holds &= pattern.guards.iter().filter(checked).all(|guard| guard.holds(view, &mut found));
        holds.then_some(captures)
    }

    /// Compares the captures of a URL with the values that it was built from.
    fn compare(
        &self,
        captures: &SpanList,
        view: &RequestView<'_>,
        host: Option<&str>,
        target: Option<&str>,
    ) -> Result<(), UrlError> {
        let mut spans = captures.as_slice().iter();
        for var in &self.entry.templates.vars {
            let (given, text, encoding) = match var.source {
                Source::Path => (target, view.path, view.policy.path_encoding()),
                Source::Query => (target, view.query(), Encoding::Form),
                Source::Host => (host, view.host.map_or("", |host| host.name), Encoding::Plain),
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

    /// Returns the error for the variable of host or target whose value does not fit, else for the first.
    pub(crate) fn rejected(&self, host: bool, target: bool) -> UrlError {
        let part = |source: Source| if source == Source::Host { host } else { target };
        let vars = self.entry.templates.vars.iter().filter(|var| part(var.source));
        let mut vars = vars.map(|var| var.name.as_str()).filter(|name| self.values.contains_key(*name));
        let first = vars.clone().next();
        let unfit = vars.find(|name| {
            let value = self.value(name).unwrap_or("");
            value.is_empty() || matches!(value, "." | "..") || !self.fits(name, value)
        });
        self.mismatch(unfit.or(first).unwrap_or(""))
    }

    fn fits(&self, name: &str, value: &str) -> bool {
        let templates = &self.entry.templates;
        let templates = templates
            .path
            .iter()
            .chain(&templates.hosts)
            .chain(templates.queries.iter().filter_map(|(_, t)| t.as_ref()));
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

    /// Returns the template of a variable.
    fn template_of(&self, name: &str) -> String {
        let queries = self.entry.templates.queries.iter().filter_map(|(_, template)| template.as_ref());
        let mut others = self.entry.templates.hosts.iter().chain(queries);
        let own = others.find(|template| template.variables().any(|var| var.name == name));
        own.map_or_else(|| self.entry.template.clone(), |template| template.text.clone())
    }
}

/// Returns the request of a URL, if host and target form one.
fn request(host: Option<&str>, target: Option<&str>) -> Option<Request<()>> {
    let text = target.unwrap_or("/");
    let slash = if text.starts_with('/') { "" } else { "/" };
    let uri: Uri = format!("http://{}{slash}{text}", host.unwrap_or("h")).parse().ok()?;
    // A host such as `evil/x` would become a part of the path.
    if uri.authority().map(Authority::as_str) != host.or(Some("h")) {
        return None;
    }
    Request::get(uri).body(()).ok()
}

/// The URL builders of a table, by route name.
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

    /// Returns a builder for the URL of a named route.
    ///
    /// # Errors
    /// [`UrlError::UnknownRoute`], with the most similar name.
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
                    .min_by_key(|known| (strsim::levenshtein(name, known), *known))
                    .cloned(),
            }),
        }
    }
}

/// A builder of one URL.
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
    /// Sets a variable of path, host or query. An optional segment without its variable is omitted.
    pub fn set(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.values.insert(name.into(), value.to_string());
        self
    }

    /// Sets the scheme of [`absolute`](Self::absolute).
    pub fn scheme(mut self, scheme: impl Into<String>) -> Self {
        self.scheme = Some(scheme.into());
        self
    }

    /// Returns path and query, encoded.
    ///
    /// # Errors
    /// A variable is missing, unknown, or does not match its template; or the route has no path.
    pub fn build(&self) -> Result<String, UrlError> {
        let filler = self.filler()?;
        let host = filler.host_if_set()?;
        let target = filler.target()?;
        // `//name` would refer to another host.
        let native = self.catalog.policy.syntax == Syntax::Native;
        if native && target.starts_with("//") {
            return Err(filler.rejected(false, true));
        }
        filler.check(host.as_deref(), Some(&target))?;
        Ok(target)
    }

    /// Returns the host.
    ///
    /// # Errors
    /// A variable is missing, unknown, or does not match its template; or the route has not exactly one host.
    pub fn host(&self) -> Result<String, UrlError> {
        let filler = self.filler()?;
        let host = filler.host()?;
        filler.check(Some(&host), None)?;
        Ok(host)
    }

    /// Returns scheme, host, path and query; the scheme is the route's unless one was set.
    ///
    /// # Errors
    /// Those of [`build`](Self::build) and [`host`](Self::host); or the scheme is unknown, or not one of the
    /// route's.
    pub fn absolute(&self) -> Result<String, UrlError> {
        let host = self.host()?;
        let filler = self.filler()?;
        let own = &filler.entry.templates.schemes;
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
        // A URL without a path requests `/`.
        filler.check(Some(&host), Some(if target.is_empty() { "/" } else { &target }))?;
        Ok(format!("{scheme}://{host}{target}"))
    }

    /// Returns the route with all its variables: those that were set and those that it supplies.
    fn filler(&self) -> Result<UrlFiller<'_>, UrlError> {
        let entry = self.catalog.routes.get(self.route).ok_or(UrlError::NoPath)?;
        let mut values = self.values.clone();
        for supply in &entry.supplies {
            (supply.0)(&mut values);
        }
        let known = |name: &&String| entry.templates.vars.iter().any(|var| var.name == **name);
        // A supplier may read variables that the route does not have; gorilla/mux ignores all of these.
        let lenient = !entry.supplies.is_empty() || self.catalog.policy.syntax == Syntax::Gorilla;
        match self.values.keys().find(|name| !known(name)) {
            Some(name) if !lenient => Err(UrlError::UnknownVariable(name.clone())),
            _ => Ok(UrlFiller { catalog: &self.catalog, entry, values }),
        }
    }
}

/// The reason for not building a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// No route has the name.
    UnknownRoute {
        /// The name.
        name: String,
        /// The most similar name of the table.
        nearest: Option<String>,
    },
    /// A variable of the route was not set.
    MissingVariable(String),
    /// A variable was set that the route does not have.
    UnknownVariable(String),
    /// The route would not match the value, or would capture another one.
    Mismatch {
        /// The variable.
        variable: String,
        /// The value.
        value: String,
        /// The template that does not match it.
        template: String,
    },
    /// The route has no path.
    NoPath,
    /// The route has no host.
    NoHost,
    /// Neither the route nor the caller sets a scheme.
    NoScheme,
    /// A text that is not a scheme, or not one of the route's.
    Scheme(String),
}

impl Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut OneLineWriter(f);
        match self {
            Self::UnknownRoute { name, nearest: None } => write!(f, "no route is named `{name}`"),
            Self::UnknownRoute { name, nearest: Some(nearest) } => {
                write!(f, "no route is named `{name}`, the nearest name is `{nearest}`")
            }
            Self::MissingVariable(name) => write!(f, "variable `{name}` is not set"),
            Self::UnknownVariable(name) => write!(f, "the route has no variable `{name}`"),
            Self::Mismatch { variable, value, template } => {
                write!(f, "`{template}` does not match `{value}` for variable `{variable}`")
            }
            Self::NoPath => f.write_str("the route has no path"),
            Self::NoHost => f.write_str("the route has no host"),
            Self::NoScheme => f.write_str("no scheme is known, name one on the route or on the URL"),
            Self::Scheme(scheme) => write!(f, "the route is not served over `{scheme}`"),
        }
    }
}

impl std::error::Error for UrlError {}
