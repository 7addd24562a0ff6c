//! Names to URLs; every URL that is built matches its route.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use http::uri::Scheme;

use crate::catalog::Catalog;
use crate::fill::Filling;
use crate::template::piece::Grammar;
use crate::unbuilt::{UrlError, distance};

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
                let catalog = Arc::clone(&self.catalog);
                Ok(UrlBuilder { catalog, route, scheme: None, values: BTreeMap::new() })
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
        let filling = self.filling()?;
        let host = filling.host_if_set()?;
        let target = filling.target()?;
        // `//name` would lead to another host.
        let native = self.catalog.policy.grammar == Grammar::Native;
        if native && target.starts_with("//") {
            return Err(filling.refused(false, true));
        }
        filling.check(host.as_deref(), Some(&target))?;
        Ok(target)
    }

    /// The host.
    ///
    /// # Errors
    /// A variable is missing, unknown, or refused by its template; or there is no one host.
    pub fn host(&self) -> Result<String, UrlError> {
        let filling = self.filling()?;
        let host = filling.host()?;
        filling.check(Some(&host), None)?;
        Ok(host)
    }

    /// Scheme, host, path and query; the scheme is the route's unless one was set.
    ///
    /// # Errors
    /// As [`build`](Self::build) and [`host`](Self::host); or no scheme is known, or none of the route's.
    pub fn absolute(&self) -> Result<String, UrlError> {
        let host = self.host()?;
        let filling = self.filling()?;
        let own = &filling.facts.texts.schemes;
        let scheme = self.scheme.as_deref().or(own.first().map(String::as_str));
        let scheme = scheme.ok_or(UrlError::NoScheme)?.to_ascii_lowercase();
        let served = own.is_empty() || own.iter().any(|own| own.eq_ignore_ascii_case(&scheme));
        if !served || scheme.parse::<Scheme>().is_err() {
            return Err(UrlError::Scheme(scheme));
        }
        let target = match filling.target() {
            Err(UrlError::NoPath) => String::new(),
            target => target?,
        };
        // What has no path is asked for as `/`.
        filling.check(Some(&host), Some(if target.is_empty() { "/" } else { &target }))?;
        Ok(format!("{scheme}://{host}{target}"))
    }

    /// The route with all its variables: those that were set, and those that it supplies itself.
    fn filling(&self) -> Result<Filling<'_>, UrlError> {
        let facts = self.catalog.routes.get(self.route).ok_or(UrlError::NoPath)?;
        let mut values = self.values.clone();
        for supply in &facts.supplies {
            (supply.0)(&mut values);
        }
        let known = |name: &&String| facts.texts.vars.iter().any(|var| var.name == **name);
        // What supplies variables may make them of others; gorilla/mux takes no notice of any.
        let lenient = !facts.supplies.is_empty() || self.catalog.policy.grammar == Grammar::Gorilla;
        match self.values.keys().find(|name| !known(name)) {
            Some(name) if !lenient => Err(UrlError::UnknownVariable(name.clone())),
            _ => Ok(Filling { catalog: &self.catalog, facts, values }),
        }
    }
}
