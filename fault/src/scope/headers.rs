//! A set of headers with wanted values.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::{Findings, Problem};

/// Name and value pairs; a request is in the list if any value of any pair's header equals.
#[derive(Debug, Default)]
pub(crate) struct HeaderList(Vec<(HeaderName, HeaderValue)>);

impl HeaderList {
    /// Reads the pairs; each bad one becomes a finding under `setting[index]`.
    pub(crate) fn check(setting: &str, pairs: Vec<(String, String)>, findings: &mut Findings) -> Self {
        let mut list = Vec::with_capacity(pairs.len());
        for (index, (name, value)) in pairs.into_iter().enumerate() {
            let setting = format!("{setting}[{index}]");
            let name = header_name(&setting, &name, findings);
            let value = header_value(&setting, &value, findings);
            list.extend(name.zip(value));
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, headers: &HeaderMap) -> bool {
        self.0.iter().any(|(name, wanted)| headers.get_all(name).iter().any(|value| value == wanted))
    }
}

pub(crate) fn header_name(setting: &str, name: &str, findings: &mut Findings) -> Option<HeaderName> {
    let parsed = HeaderName::from_bytes(name.as_bytes());
    parsed.map_err(|_| findings.add(setting, name, Problem::HeaderName)).ok()
}

pub(crate) fn header_value(setting: &str, value: &str, findings: &mut Findings) -> Option<HeaderValue> {
    // From bytes, since `from_str` refuses what lies beyond ASCII and clients may send it.
    let parsed = HeaderValue::from_bytes(value.as_bytes());
    parsed.map_err(|_| findings.add(setting, value.escape_debug(), Problem::HeaderValue)).ok()
}
