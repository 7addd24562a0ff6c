//! Host lists.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};

use crate::config::error::{ErrorCollector, FaultErrorKind};

/// Hosts, each with labels in front of it or without.
#[derive(Debug, Default)]
pub(crate) struct HostList(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    front: Front,
    /// In lower case.
    host: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Front {
    Nothing,
    OneLabel,
    Labels,
}

impl HostList {
    /// Reads the patterns; each bad one becomes a finding under `setting[index]`.
    pub(crate) fn check(setting: &str, patterns: Vec<String>, errors: &mut ErrorCollector) -> Self {
        let mut list = Vec::with_capacity(patterns.len());
        for (index, pattern) in patterns.into_iter().enumerate() {
            match read(&pattern) {
                Some(pattern) => list.push(pattern),
                None => errors.add(format!("{setting}[{index}]"), pattern, FaultErrorKind::FaultHandle),
            }
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any pattern holds the host that this request is for; a request without one is in
    /// no list.
    pub(crate) fn contains(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        !self.0.is_empty()
            && host(uri, headers).is_some_and(|host| self.0.iter().any(|pattern| pattern.holds(&host)))
    }
}

fn read(pattern: &str) -> Option<Pattern> {
    let (front, host) = if let Some(host) = pattern.strip_prefix("**.") {
        (Front::Labels, host)
    } else if let Some(host) = pattern.strip_prefix("*.") {
        (Front::OneLabel, host)
    } else {
        (Front::Nothing, pattern)
    };
    let literal = host.starts_with('[') && front == Front::Nothing;
    let good = if literal {
        host.parse::<Authority>().is_ok_and(|authority| authority.host() == host)
    } else {
        let label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        host.split('.').all(label)
    };
    good.then(|| Pattern { front, host: host.to_ascii_lowercase() })
}

/// The host of the URI's authority, else of the `Host` header: without port and final dot, in
/// lower case.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let read;
    let authority = match uri.authority() {
        Some(authority) => authority,
        None => {
            read = Authority::try_from(headers.get(HOST)?.as_bytes()).ok()?;
            &read
        }
    };
    let host = authority.host();
    Some(host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase())
}

impl Pattern {
    fn holds(&self, host: &str) -> bool {
        let front = match self.front {
            Front::Nothing => return host == self.host,
            _ => host.strip_suffix(&*self.host).and_then(|front| front.strip_suffix('.')),
        };
        front.is_some_and(|front| !front.is_empty() && (self.front == Front::Labels || !front.contains('.')))
    }
}
