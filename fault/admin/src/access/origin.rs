//! The host and the origin of a request, against DNS rebinding and forged requests of other sites.

use std::net::IpAddr;

use http::header::{FORWARDED, HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method};

/// What a request says about its way here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RequestOrigin {
    authority: Authority,
    /// Whether a proxy says that it passed the request on.
    pub(crate) is_forwarded: bool,
}

/// Headers by which proxies tell where a request came from.
const FORWARDING: [HeaderName; 5] = [
    FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("via"),
];

impl RequestOrigin {
    /// Reads the one host of a request (RFC 9112, section 3.2); an error is the reason.
    pub(crate) fn of(parts: &Parts) -> Result<Self, &'static str> {
        let line = single(&parts.headers, &HOST)?.map(str::parse::<Authority>);
        let authority = match (parts.uri.authority(), line) {
            (_, Some(Err(_))) => return Err("the header `host` is not a host"),
            (Some(target), Some(Ok(line))) if !same(target.as_str(), line.as_str()) => {
                return Err("the target and the header `host` name different hosts");
            }
            (Some(target), _) => target.clone(),
            (None, Some(Ok(line))) => line,
            (None, None) => return Err("the request has no host"),
        };
        if authority.as_str().contains('@') {
            return Err("a host has no user information");
        }
        let is_forwarded = FORWARDING.iter().any(|name| parts.headers.contains_key(name));
        Ok(Self { authority, is_forwarded })
    }

    pub(crate) fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// Tests whether the host is a loopback address or `localhost`. A page of another site whose name resolves to
    /// this machine (DNS rebinding) sends that name.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }

    /// Checks that no page of another origin sent the request; an error is the reason.
    ///
    /// Browsers send `Origin` with each change and with each request across origins, and `Sec-Fetch-Site` with every
    /// request; other clients send neither. A link from elsewhere may open the page itself, which does nothing.
    pub(crate) fn check_page(&self, parts: &Parts) -> Result<(), &'static str> {
        if let Some(origin) = single(&parts.headers, &ORIGIN)? {
            let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            if !host.is_some_and(|host| same(host, self.authority.as_str())) {
                return Err("the header `origin` is that of another site");
            }
        }
        let header = |name: &'static str| single(&parts.headers, &HeaderName::from_static(name));
        let is_link = parts.method == Method::GET && header("sec-fetch-mode")? == Some("navigate");
        match header("sec-fetch-site")? {
            None | Some("same-origin" | "none") => Ok(()),
            Some(_) if is_link && parts.uri.path() == "/" => Ok(()),
            Some(_) => Err("the request was sent by a page of another site"),
        }
    }
}

/// Returns the value of a header that has one line at most.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, &'static str> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    match (line.to_str(), lines.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err("a header that has one line at most is repeated or not ASCII"),
    }
}

/// Compares two authorities; the default port of HTTP may be left out.
fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.strip_suffix(":80").unwrap_or(text).to_ascii_lowercase();
    plain(one) == plain(other)
}
