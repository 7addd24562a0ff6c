//! AllowBlock, and the lists of clients, headers and methods.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ipnet::IpNet;

use crate::config::error::{ErrorCollector, FaultErrorKind, header_name, header_value};

/// A block list and an allow list of one kind.
#[derive(Debug, Default)]
pub(crate) struct AllowBlock<L> {
    pub(crate) block: L,
    pub(crate) allow: L,
}

impl<L> AllowBlock<L> {
    pub(crate) fn is_empty(&self, is_empty: fn(&L) -> bool) -> bool {
        is_empty(&self.block) && is_empty(&self.allow)
    }
}

pub(crate) fn passes<L>(
    lists: &AllowBlock<L>,
    is_empty: impl Fn(&L) -> bool,
    contains: impl Fn(&L) -> bool,
) -> bool {
    let blocked = !is_empty(&lists.block) && contains(&lists.block);
    !blocked && (is_empty(&lists.allow) || contains(&lists.allow))
}

/// Networks in CIDR notation (RFC 4632), or single addresses.
#[derive(Debug, Default)]
pub(crate) struct ClientList(Vec<IpNet>);

impl ClientList {
    /// Parses the networks; each invalid one is reported under `setting[index]`.
    pub(crate) fn check(setting: &str, networks: Vec<String>, errors: &mut ErrorCollector) -> Self {
        let mut list = Vec::with_capacity(networks.len());
        for (index, network) in networks.into_iter().enumerate() {
            let parsed = network.parse().or_else(|_| network.parse::<IpAddr>().map(IpNet::from));
            match parsed {
                Ok(network) => list.push(network),
                Err(_) => errors.add(format!("{setting}[{index}]"), network, FaultErrorKind::Network),
            }
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tests whether a network contains the address; an unknown address is in no list.
    pub(crate) fn contains(&self, client: Option<IpAddr>) -> bool {
        client.is_some_and(|client| self.0.iter().any(|network| network.contains(&client)))
    }
}

/// Name and value pairs; a request is in the list if any value of one of the headers is equal.
#[derive(Debug, Default)]
pub(crate) struct HeaderList(Vec<(HeaderName, HeaderValue)>);

impl HeaderList {
    /// Parses the pairs; each invalid one is reported under `setting[index]`.
    pub(crate) fn check(setting: &str, pairs: Vec<(String, String)>, errors: &mut ErrorCollector) -> Self {
        let mut list = Vec::with_capacity(pairs.len());
        for (index, (name, value)) in pairs.into_iter().enumerate() {
            let setting = format!("{setting}[{index}]");
            let name = header_name(&setting, &name, errors);
            let value = header_value(&setting, &value, errors);
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

/// Methods, compared byte by byte, as in HTTP.
#[derive(Debug, Default)]
pub(crate) struct MethodList(Vec<Method>);

impl MethodList {
    /// Parses the names; each invalid one is reported under `setting[index]`.
    pub(crate) fn check(setting: &str, names: Vec<String>, errors: &mut ErrorCollector) -> Self {
        let mut list = Vec::with_capacity(names.len());
        for (index, name) in names.into_iter().enumerate() {
            match Method::from_bytes(name.as_bytes()) {
                Ok(_) if is_lower_case(&name) => {
                    errors.add(format!("{setting}[{index}]"), name, FaultErrorKind::Method);
                }
                Ok(method) => list.push(method),
                Err(_) => errors.add(format!("{setting}[{index}]"), name, FaultErrorKind::Method),
            }
        }
        Self(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, method: &Method) -> bool {
        self.0.contains(method)
    }
}

/// A registered method (RFC 9110, section 9) in lower case, which no client sends: methods are
/// case-sensitive.
fn is_lower_case(name: &str) -> bool {
    matches!(name, "get" | "head" | "post" | "put" | "delete" | "connect" | "options" | "trace" | "patch")
}
