//! BaseUrl: the common start of a client's URLs.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use http::Uri;
use waylay_template::OneLineWriter;

/// An error of a base URL, or of a text that is joined with it.
///
/// ```
/// use waylay_extract::{BaseUrl, BaseUrlError};
///
/// assert_eq!(BaseUrl::new("%%"), Err(BaseUrlError::InvalidBase("%%".into())));
/// let base = BaseUrl::new("http://a.example")?;
/// assert_eq!(base.join("http://b.example/"), Err(BaseUrlError::NotRelative("http://b.example/".into())));
/// # Ok::<(), BaseUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaseUrlError {
    /// The text is neither an absolute URL nor an absolute path.
    InvalidBase(String),
    /// The text has a host, and would replace the base.
    NotRelative(String),
    /// The joined text is not a URL.
    InvalidUrl(String),
}

impl fmt::Display for BaseUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut OneLineWriter(f);
        match self {
            Self::InvalidBase(text) => write!(f, "`{text}` is neither an absolute URL nor an absolute path"),
            Self::NotRelative(text) => write!(f, "`{text}` has a host, but is joined with a base URL"),
            Self::InvalidUrl(text) => write!(f, "`{text}` is not a URL"),
        }
    }
}

impl Error for BaseUrlError {}

/// The start of a client's URLs: scheme and host, path, query, or some of these.
///
/// Paths are joined with one slash and queries with one `&`, as in juju's httprequest; the base's
/// path is kept, unlike in RFC 3986, 5.2, where a leading slash drops it.
///
/// ```
/// use waylay_extract::BaseUrl;
///
/// let base = BaseUrl::new("https://a.example/v1/?key=7")?;
/// assert_eq!(base.join("/posts?page=2")?, "https://a.example/v1/posts?key=7&page=2");
/// assert_eq!(base.join("posts")?, "https://a.example/v1/posts?key=7");
/// assert_eq!(BaseUrl::new("")?.join("/posts")?, "/posts");
/// # Ok::<(), waylay_extract::BaseUrlError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseUrl {
    /// Scheme, host and path as written.
    start: String,
    query: String,
}

impl BaseUrl {
    /// Parses an absolute URL, an absolute path, or an empty text.
    ///
    /// # Errors
    ///
    /// The text is not one of these.
    pub fn new(url: &str) -> Result<Self, BaseUrlError> {
        let invalid = || BaseUrlError::InvalidBase(url.to_owned());
        let (start, query) = url.split_once('?').unwrap_or((url, ""));
        let is_valid = match Uri::try_from(url) {
            Ok(uri) => uri.scheme().is_some() || (url.starts_with('/') && !url.starts_with("//")),
            Err(_) => url.is_empty(),
        };
        if !is_valid || url.contains('#') {
            return Err(invalid());
        }
        Ok(Self { start: start.to_owned(), query: query.to_owned() })
    }

    /// Returns the base joined with a path and a query.
    ///
    /// # Errors
    ///
    /// The text has a host.
    pub fn join(&self, relative: &str) -> Result<String, BaseUrlError> {
        let (path, query) = relative.split_once('?').unwrap_or((relative, ""));
        // RFC 3986, 4.2: a host starts with two slashes, and a scheme ends with a colon in the first segment.
        let scheme = path.split('/').next().is_some_and(|first| first.contains(':'));
        if path.starts_with("//") || scheme {
            return Err(BaseUrlError::NotRelative(relative.to_owned()));
        }
        let mut url = self.start.clone();
        if !path.is_empty() {
            url.truncate(url.trim_end_matches('/').len());
            url.push('/');
            url.push_str(path.strip_prefix('/').unwrap_or(path));
        }
        for query in [&*self.query, query].into_iter().filter(|query| !query.is_empty()) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(query);
        }
        Ok(url)
    }

    /// As [`join`](Self::join), as a URI.
    pub(crate) fn uri(&self, relative: &str) -> Result<Uri, BaseUrlError> {
        let url = self.join(relative)?;
        Uri::try_from(&url).map_err(|_| BaseUrlError::InvalidUrl(url))
    }
}

impl TryFrom<&str> for BaseUrl {
    type Error = BaseUrlError;

    fn try_from(url: &str) -> Result<Self, BaseUrlError> {
        Self::new(url)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = BaseUrlError;

    fn try_from(url: String) -> Result<Self, BaseUrlError> {
        Self::new(&url)
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(url: &str) -> Result<Self, BaseUrlError> {
        Self::new(url)
    }
}

impl From<Infallible> for BaseUrlError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::BaseUrl;

    #[test]
    fn urls_are_joined_on_one_slash_and_queries_merged() {
        for (base, relative, expected) in [
            ("http://foo/", "/bar", Some("http://foo/bar")),
            ("http://foo", "bar", Some("http://foo/bar")),
            ("http://xxx", "", Some("http://xxx")),
            ("http://xxx.com", "http://foo.com", None),
            ("http://xxx.com", "//foo.com/a", None),
            ("http://xxx.com/a/b", "foo?a=45&b=c", Some("http://xxx.com/a/b/foo?a=45&b=c")),
            ("http://xxx.com", "?a=45&b=c", Some("http://xxx.com?a=45&b=c")),
            ("http://xxx.com/a?z=w", "foo?a=45&b=c", Some("http://xxx.com/a/foo?z=w&a=45&b=c")),
            ("http://xxx.com?z=w", "/a/b/c", Some("http://xxx.com/a/b/c?z=w")),
            ("http://xxx.com?z=w", "", Some("http://xxx.com?z=w")),
            ("http://xxx.com/", "/a:b/c?d=e?f", Some("http://xxx.com/a:b/c?d=e?f")),
            ("/v1", "/a", Some("/v1/a")),
            ("", "/a?b", Some("/a?b")),
        ] {
            let joined = BaseUrl::new(base).unwrap().join(relative).ok();
            assert_eq!(joined.as_deref(), expected, "{base} + {relative}");
        }
        for bad in ["%%", "a.example", "//a.example", "http://a b", "http://a#b", "ht!tp://a", "a/b"] {
            assert!(BaseUrl::new(bad).is_err(), "{bad}");
        }
    }
}
