//! HostList: host patterns.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};

use crate::config::error::{ErrorCollector, FaultErrorKind};

/// Host patterns, exact or with labels in front.
#[derive(Debug, Default)]
pub(crate) struct HostList(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    subdomains: Subdomains,
    /// In lower case.
    host: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subdomains {
    None,
    One,
    Many,
}

impl HostList {
    /// Parses the patterns; each invalid one is reported under `setting[index]`.
    pub(crate) fn check(setting: &str, patterns: Vec<String>, errors: &mut ErrorCollector) -> Self {
        let mut list = Vec::with_capacity(patterns.len());
        for (index, pattern) in patterns.into_iter().enumerate() {
            match parse(&pattern) {
                Some(pattern) => list.push(pattern),
                None => errors.add(format!("{setting}[{index}]"), pattern, FaultErrorKind::Host),
            }
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tests whether a pattern matches the request's host; a request without a host is in no list.
    pub(crate) fn contains(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        !self.0.is_empty()
            && host(uri, headers).is_some_and(|host| self.0.iter().any(|pattern| pattern.matches(&host)))
    }
}

fn parse(pattern: &str) -> Option<Pattern> {
    let (subdomains, host) = if let Some(host) = pattern.strip_prefix("**.") {
        (Subdomains::Many, host)
    } else if let Some(host) = pattern.strip_prefix("*.") {
        (Subdomains::One, host)
    } else {
        (Subdomains::None, pattern)
    };
    let literal = host.starts_with('[') && subdomains == Subdomains::None;
    let good = if literal {
        host.parse::<Authority>().is_ok_and(|authority| authority.host() == host)
    } else {
        let label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        host.split('.').all(label)
    };
    good.then(|| Pattern { subdomains, host: host.to_ascii_lowercase() })
}

/// Returns the host of the URI's authority, or of the `Host` header: without port and final dot, in
/// lower case.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let parse;
    let authority = match uri.authority() {
        Some(authority) => authority,
        None => {
            parse = Authority::try_from(headers.get(HOST)?.as_bytes()).ok()?;
            &parse
        }
    };
    let host = authority.host();
    Some(host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase())
}

impl Pattern {
    fn matches(&self, host: &str) -> bool {
        let subdomains = match self.subdomains {
            Subdomains::None => return host == self.host,
            _ => host.strip_suffix(&*self.host).and_then(|subdomains| subdomains.strip_suffix('.')),
        };
        subdomains.is_some_and(|subdomains| {
            !subdomains.is_empty() && (self.subdomains == Subdomains::Many || !subdomains.contains('.'))
        })
    }
}
