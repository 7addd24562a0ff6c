//! UrlsExt, Link: URLs from structs, by route name.

use std::error::Error;
use std::fmt;
use std::fmt::Display;

use waylay_router::{UrlBuilder, UrlError, Urls};

use crate::write::into_request::{IntoRequest, writer};
use crate::write::path::decoded;
use crate::write::writer::WriteError;

/// Typed URLs: a struct has the variables and the query.
///
/// ```
/// use waylay_extract::{Extract, IntoRequest, RouterExt, UrlsExt};
/// use waylay_router::Router;
///
/// #[derive(Extract, IntoRequest)]
/// #[route(GET "/articles/{category}/{id:[0-9]+}")]
/// struct Show {
///     #[param]
///     category: String,
///     #[param]
///     id: String,
///     #[query]
///     page: Option<u32>,
/// }
///
/// async fn show(show: Show) -> String {
///     show.category
/// }
///
/// let router = Router::builder().endpoint(show).build()?;
/// let urls = router.urls();
/// let show = Show { category: "sea & sky".into(), id: "7".into(), page: Some(2) };
/// assert_eq!(urls.to(&show)?.build()?, "/articles/sea%20&%20sky/7?page=2");
///
/// let show = Show { id: "seven".into(), ..show };
/// assert!(urls.to(&show)?.build().is_err()); // the route would not match it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait UrlsExt {
    /// Returns the URL of the route that [`RouterExt::endpoint`](crate::RouterExt::endpoint) adds for the struct.
    ///
    /// # Errors
    ///
    /// A value cannot be written, or the router has no such route.
    fn to<T: IntoRequest>(&self, value: &T) -> Result<Link, LinkError>;

    /// As [`to`](Self::to) by the route's name, if another one was set, or the scope has a name.
    ///
    /// # Errors
    ///
    /// A value cannot be written, or the router has no route of the name.
    fn to_named<T: IntoRequest>(&self, name: &str, value: &T) -> Result<Link, LinkError>;
}

impl UrlsExt for Urls {
    fn to<T: IntoRequest>(&self, value: &T) -> Result<Link, LinkError> {
        const { assert!(T::TARGET.is_some(), "write `#[route(METHOD \"/template\")]` on the struct") };
        let name = T::TARGET.map(|target| target.name());
        self.to_named(&name.unwrap_or_default(), value)
    }

    fn to_named<T: IntoRequest>(&self, name: &str, value: &T) -> Result<Link, LinkError> {
        let (params, query) = writer(value).pieces().map_err(LinkError::Write)?;
        let mut url = self.builder(name).map_err(LinkError::Url)?;
        for param in &params {
            url = url.set(&param.name, decoded(param));
        }
        Ok(Link { url, query })
    }
}

/// The URL of a route with a struct's values. Variables of scopes can be added.
///
/// ```
/// use waylay_extract::{Extract, IntoRequest, RouterExt, UrlsExt};
/// use waylay_router::{Router, Scope};
///
/// #[derive(Extract, IntoRequest)]
/// #[route(GET "/stats")]
/// struct Stats {
///     #[query]
///     page: u32,
/// }
///
/// let api = Scope::new().name("api").host("{tenant}.example.com").endpoint(async |_: Stats| "");
/// let router = Router::builder().scope(api).build()?;
/// let link = router.urls().to_named("api.GET /stats", &Stats { page: 2 })?.set("tenant", "acme");
/// assert_eq!(link.scheme("https").absolute()?, "https://acme.example.com/stats?page=2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is built before `build`, `host` or `absolute`"]
pub struct Link {
    url: UrlBuilder,
    query: String,
}

impl Link {
    /// Sets a variable that the struct does not have.
    pub fn set(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.url = self.url.set(name, value);
        self
    }

    /// Sets the scheme of [`absolute`](Self::absolute).
    pub fn scheme(mut self, scheme: impl Into<String>) -> Self {
        self.url = self.url.scheme(scheme);
        self
    }

    /// Returns the path and the query, encoded.
    ///
    /// # Errors
    ///
    /// The route would not match a value, or has a variable that is not set.
    pub fn build(&self) -> Result<String, LinkError> {
        self.url.build().map(|url| self.with_query(url)).map_err(LinkError::Url)
    }

    /// Returns the host.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); or the route has no host.
    pub fn host(&self) -> Result<String, LinkError> {
        self.url.host().map_err(LinkError::Url)
    }

    /// Returns scheme, host, path and query.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build) and [`host`](Self::host); or no scheme is known.
    pub fn absolute(&self) -> Result<String, LinkError> {
        self.url.absolute().map(|url| self.with_query(url)).map_err(LinkError::Url)
    }

    /// The route may require query pairs, which are in the URL already.
    fn with_query(&self, mut url: String) -> String {
        if !self.query.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&self.query);
        }
        url
    }
}

/// An error of a URL from a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// A value cannot be written.
    Write(WriteError),
    /// The router cannot build the URL.
    Url(UrlError),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write(_) => "a value cannot be written into a URL",
            Self::Url(_) => "the route cannot be built",
        })
    }
}

impl Error for LinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Write(error) => Some(error),
            Self::Url(error) => Some(error),
        }
    }
}
